#include "services/enrollment/evidence_kind.h"

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::enrollment {

absl::string_view EvidenceKindName(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kSingleUse:
      return "single-use";
    case EvidenceKind::kBoot:
      return "boot";
    case EvidenceKind::kReusable:
      return "reusable";
    case EvidenceKind::kLab:
      return "lab";
    case EvidenceKind::kKubernetes:
      return "kubernetes";
    case EvidenceKind::kApproval:
      return "approval";
  }
  return "";
}

EvidenceKind EvidenceKindOf(evidence::TokenKind kind) { return static_cast<EvidenceKind>(kind); }

absl::StatusOr<EvidenceKind> EvidenceKindFromStored(int stored) {
  const auto kind = static_cast<EvidenceKind>(stored);
  if (!EvidenceKindName(kind).empty()) return kind;
  return base::Refusal(absl::StatusCode::kInternal, base::kInternal,
                       absl::StrCat("a stored kind of evidence is ", stored));
}

int StrengthOffered(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kApproval:
    case EvidenceKind::kBoot:
      return 5;
    case EvidenceKind::kSingleUse:
      return 4;
    case EvidenceKind::kKubernetes:
      return 3;
    case EvidenceKind::kReusable:
      return 2;
    case EvidenceKind::kLab:
      return 1;
  }
  return 0;
}

int StrengthHeld(EvidenceKind kind) { return kind == EvidenceKind::kApproval ? 0 : StrengthOffered(kind); }

}  // namespace signet::enrollment
