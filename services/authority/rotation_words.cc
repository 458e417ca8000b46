#include "services/authority/rotation_words.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/audit/text.h"
#include "services/authority/gate_words.h"
#include "services/base/reason.h"

namespace signet::authority {
namespace {

constexpr char kPrepareCommand[] = "signetctl authority prepare";

store::AuthorityState From(Verb verb) {
  switch (verb) {
    case Verb::kActivate:
    case Verb::kWithdraw:
      return store::AuthorityState::kPrepared;
    case Verb::kRollback:
    case Verb::kRevoke:
      return store::AuthorityState::kRetired;
    case Verb::kDestroy:
      break;
  }
  return store::AuthorityState::kRevoked;
}

store::AuthorityState To(Verb verb) {
  switch (verb) {
    case Verb::kActivate:
    case Verb::kRollback:
      return store::AuthorityState::kActive;
    case Verb::kWithdraw:
    case Verb::kRevoke:
      return store::AuthorityState::kRevoked;
    case Verb::kDestroy:
      break;
  }
  return store::AuthorityState::kDestroyed;
}

struct Legal {
  std::string what;
  std::string next;
};

Legal LegalFrom(const store::AuthorityRow& row) {
  switch (row.state) {
    case store::AuthorityState::kPrepared:
      return {"what is prepared is activated, or withdrawn",
              absl::StrCat(VerbCommand(Verb::kActivate, row), ", or ", VerbCommand(Verb::kWithdraw, row))};
    case store::AuthorityState::kActive:
      return {"the one that signs retires when another is activated", kPrepareCommand};
    case store::AuthorityState::kRetired:
      return {"what is retired is rolled back to, or revoked",
              absl::StrCat(VerbCommand(Verb::kRollback, row), ", or ", VerbCommand(Verb::kRevoke, row))};
    case store::AuthorityState::kRevoked:
      return {"what is revoked does not come back, and can only be destroyed", VerbCommand(Verb::kDestroy, row)};
    case store::AuthorityState::kDestroyed:
      break;
  }
  return {"what is destroyed stays so", kPrepareCommand};
}

}  // namespace

absl::Status Illegal(absl::string_view what, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, what, next);
}

absl::Status Malformed(absl::string_view what) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, what);
}

absl::Status CheckReason(absl::string_view field, absl::string_view reason) {
  const bool control = std::any_of(reason.begin(), reason.end(),
                                   [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
  if (!absl::StripAsciiWhitespace(reason).empty() && !control &&
      absl::string_view(audit::FitText(reason, kMostReasonBytes)) == reason) {
    return absl::OkStatus();
  }
  return Malformed(absl::StrCat(field, ": must be 1 to ", kMostReasonBytes,
                                " bytes of printable UTF-8, for who reads the audit log"));
}

absl::string_view StateName(store::AuthorityState state) {
  constexpr absl::string_view kNames[] = {"PREPARED", "ACTIVE", "RETIRED", "REVOKED", "DESTROYED"};
  return kNames[static_cast<int>(state) - 1];
}

absl::string_view VerbName(Verb verb) {
  constexpr absl::string_view kNames[] = {"activate", "rollback", "withdraw", "revoke", "destroy"};
  return kNames[static_cast<int>(verb) - 1];
}

std::string VerbCommand(Verb verb, const store::AuthorityRow& row) {
  return absl::StrCat("signetctl authority ", VerbName(verb), " ", ShortId(row.id));
}

std::string Described(const store::AuthorityRow& row) { return absl::StrCat(NameOf(row), " (", ShortId(row.id), ")"); }

bool IsTaken(Verb verb, const store::AuthorityRow& row) {
  // Who never retired was never rolled back to: whoever says so means another one.
  if (verb == Verb::kRollback && row.retired_at == absl::InfinitePast()) return false;
  return row.state == To(verb);
}

absl::Status CheckLegal(Verb verb, const store::AuthorityRow& row) {
  if (row.purpose != store::Purpose::kSlurm) {
    return Illegal(absl::StrCat("authority ", Described(row), " signs Signet's own TLS, which is not rotated"),
                   "signetctl authority list");
  }
  if (row.state == From(verb)) return absl::OkStatus();
  const Legal legal = LegalFrom(row);
  return Illegal(
      absl::StrCat(VerbName(verb), ": authority ", Described(row), " is ", StateName(row.state), ": ", legal.what),
      legal.next);
}

}  // namespace signet::authority
