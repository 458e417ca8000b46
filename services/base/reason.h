// Why something was refused, for programs: travels beside the message of an absl::Status, becomes a
// google.rpc.ErrorInfo at the gRPC edge, the `reason` of an audit record and a metric's label, so that nobody parses
// sentences.
#ifndef SIGNET_SERVICES_BASE_REASON_H_
#define SIGNET_SERVICES_BASE_REASON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signet::base {

// A refusal with a reason (UPPER_SNAKE_CASE, see the constants below) and, optionally, the command to type next.
// `message`: lower case, names the field and the limit, holds no secret.
absl::Status Refusal(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                     absl::string_view next = "");

// The reason of a status made by Refusal; empty for any other.
std::string ReasonOf(const absl::Status& status);
// The command to type next; empty when there is none.
std::string NextOf(const absl::Status& status);

// The same refusal, marked: whoever asked proved to be the node in whose name it asked. Bounds how its refusals are
// counted, kept and shown; opens nothing.
absl::Status Proven(absl::Status status);
bool IsProven(const absl::Status& status);

// Requests that are wrong in themselves.
inline constexpr char kMalformed[] = "MALFORMED";       // not parseable, too large, unset, out of range
inline constexpr char kCsrRefused[] = "CSR_REFUSED";    // parseable, but asks for what is never given
inline constexpr char kKeyRefused[] = "KEY_REFUSED";    // algorithm, size or a known-weak key
inline constexpr char kNameRefused[] = "NAME_REFUSED";  // not a node name, or two names that disagree
// Who is asking.
inline constexpr char kAccessDenied[] = "ACCESS_DENIED";        // the caller's role may not call this
inline constexpr char kEvidenceMissing[] = "EVIDENCE_MISSING";  // no statement in the CSR
inline constexpr char kEvidenceInvalid[] = "EVIDENCE_INVALID";  // signature or binding does not hold
inline constexpr char kEvidenceExpired[] = "EVIDENCE_EXPIRED";
inline constexpr char kEvidenceFromFuture[] = "EVIDENCE_FROM_FUTURE";  // clock skew is the likely cause
inline constexpr char kWrongCluster[] = "WRONG_CLUSTER";
inline constexpr char kWrongNode[] = "WRONG_NODE";  // evidence for one node used for another
inline constexpr char kWrongDaemon[] = "WRONG_DAEMON";
inline constexpr char kTokenUnknown[] = "TOKEN_UNKNOWN";
inline constexpr char kTokenUsed[] = "TOKEN_USED";  // single use, by another identity key
inline constexpr char kTokenExpired[] = "TOKEN_EXPIRED";
inline constexpr char kTokenRevoked[] = "TOKEN_REVOKED";
inline constexpr char kTokenSuperseded[] = "TOKEN_SUPERSEDED";        // the node enrolled with a newer one
inline constexpr char kTokenWeak[] = "TOKEN_WEAK";                    // a lab token under 128 bits
inline constexpr char kIdentityUnknown[] = "IDENTITY_UNKNOWN";        // a key no enrolment admitted, and no token
inline constexpr char kIdentitySuperseded[] = "IDENTITY_SUPERSEDED";  // two hosts share this name, or a clone
inline constexpr char kNodeBlocked[] = "NODE_BLOCKED";
inline constexpr char kSequenceRegressed[] = "SEQUENCE_REGRESSED";  // clone suspected
inline constexpr char kWeakerEvidence[] = "WEAKER_EVIDENCE";        // never falls back to less
inline constexpr char kTooManyNewKeys[] = "TOO_MANY_NEW_KEYS";
inline constexpr char kTooManyRequests[] = "TOO_MANY_REQUESTS";  // of one key, or of callers that proved nothing
inline constexpr char kIdentityEnded[] = "IDENTITY_ENDED";       // by a block, `node forget` or `cert revoke`
inline constexpr char kPodHasKey[] = "POD_HAS_KEY";              // a pod's first identity key is its only one
inline constexpr char kPodRefused[] = "POD_REFUSED";             // Kubernetes or the allow-list says no
inline constexpr char kNotYourNode[] = "NOT_YOUR_NODE";          // a provisioner beyond its hostlist
// The server's own state.
inline constexpr char kNotFound[] = "NOT_FOUND";
inline constexpr char kAlreadyExists[] = "ALREADY_EXISTS";
inline constexpr char kGateClosed[] = "GATE_CLOSED";  // details name the blockers
inline constexpr char kOverloaded[] = "OVERLOADED";
inline constexpr char kDeadlineTooShort[] = "DEADLINE_TOO_SHORT";
inline constexpr char kKubernetesUnavailable[] = "KUBERNETES_UNAVAILABLE";
inline constexpr char kStoreUnavailable[] = "STORE_UNAVAILABLE";
inline constexpr char kConfiguration[] = "CONFIGURATION";
inline constexpr char kInternal[] = "INTERNAL";

}  // namespace signet::base

#endif  // SIGNET_SERVICES_BASE_REASON_H_
