// The audit log: written in the same transaction as what it records.
#ifndef SIGNET_SERVICES_AUDIT_AUDIT_LOG_H_
#define SIGNET_SERVICES_AUDIT_AUDIT_LOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/clock.h"
#include "services/keys/signer.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"

namespace signet::audit {

// On whose behalf something is done; made at the edge, handed down, written into every record.
struct Origin {
  std::string actor;        // "socket:admin", "tls:signet://alpha/admin/jane", "signetd"
  std::string request_id;   // 16 hex digits
  std::string role = {};    // "admin", "provisioner", …: an engine that gives a role less than all asks for it
  std::string name = {};    // the name beside the role in the control certificate; empty on a socket
  std::string serial = {};  // of that certificate, hex; empty without one: who acts on it asks whether it still holds
};

struct Event {
  Origin origin;
  std::string action;   // "certificate.sign", "token.create", …
  std::string subject;  // a node, a token id, a hostlist
  std::string reason;   // empty: done. Otherwise refused, with this reason
  std::string message;
  std::map<std::string, std::string> facts;  // never a secret
};

// Refused when `status` is an error: its reason and message become the event's.
Event RefusedEvent(Origin origin, absl::string_view action, absl::string_view subject, const absl::Status& status);

struct Verdict {
  uint64_t records = 0;
  uint64_t checkpoints = 0;
  uint64_t first_bad_sequence = 0;  // 0: all good
  std::string fault;
};

// Thread-safe: state lives in the store.
class AuditLog {
 public:
  // `audit_key` signs checkpoints, every `checkpoint_every` records. References must outlive this.
  AuditLog(std::string cluster, std::shared_ptr<const keys::Signer> audit_key, base::Clock& clock,
           telemetry::Logger& logger, uint64_t checkpoint_every = 256);

  // Appends within the caller's transaction. An error must fail the transaction: an unwritable audit stops signing.
  absl::Status Append(store::Tables& tables, const Event& event) const;
  // Appends in a transaction of its own.
  absl::Status Record(store::Store& store, const Event& event) const;
  // Signs a checkpoint over the last record unless there is one. Called at shutdown. Every checkpoint also goes to the
  // log stream, as "audit.checkpoint" with cluster, sequence, sha256 (hex), time_ms and signature (base64): all that
  // verifying it takes. The line is written before the commit: one whose transaction then failed ("store.commit_failed"
  // follows it) stands for nothing.
  absl::Status Checkpoint(store::Tables& tables) const;
  // Walks the whole log: sequence without gap, hashes, checkpoint signatures, a tail shorter than the newest
  // checkpoint.
  absl::StatusOr<Verdict> Verify(const store::Store& store) const;

 private:
  std::string cluster_;
  std::shared_ptr<const keys::Signer> audit_key_;
  base::Clock& clock_;
  telemetry::Logger& logger_;
  uint64_t checkpoint_every_;
};

}  // namespace signet::audit

#endif  // SIGNET_SERVICES_AUDIT_AUDIT_LOG_H_
