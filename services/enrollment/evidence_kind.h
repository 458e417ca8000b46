// What can admit an identity key, and what weighs more.
#ifndef SIGNET_SERVICES_ENROLLMENT_EVIDENCE_KIND_H_
#define SIGNET_SERVICES_ENROLLMENT_EVIDENCE_KIND_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/evidence/token.h"

namespace signet::enrollment {

// The numbers are stored and stand in proto/; the first four are evidence::TokenKind's.
enum class EvidenceKind { kSingleUse = 1, kBoot = 2, kReusable = 3, kLab = 4, kKubernetes = 5, kApproval = 6 };

// "single-use", "boot", "reusable", "lab", "kubernetes", "approval".
absl::string_view EvidenceKindName(EvidenceKind kind);
EvidenceKind EvidenceKindOf(evidence::TokenKind kind);
// INTERNAL for a number that is none.
absl::StatusOr<EvidenceKind> EvidenceKindFromStored(int stored);

// "Never weaker" compares these: boot > single-use > Kubernetes > reusable > lab. An approval is an administrator's act
// on one key: it weighs as much as the strongest, and nothing is too weak to follow it (0 when it is held).
int StrengthOffered(EvidenceKind kind);
int StrengthHeld(EvidenceKind kind);

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_EVIDENCE_KIND_H_
