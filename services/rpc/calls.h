// What every call passes before and after its handler, in one place (gRPC 1.51's interceptors cannot refuse a call):
// request id → caller → access table → limits → deadline left? → handler → status → metrics, log line, audit of a
// refusal.
#ifndef SIGNET_SERVICES_RPC_CALLS_H_
#define SIGNET_SERVICES_RPC_CALLS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "services/audit/audit_log.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/base/random.h"
#include "services/rpc/access.h"
#include "services/rpc/caller.h"
#include "services/rpc/limits.h"
#include "services/rpc/token_bucket.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"
#include "services/telemetry/metrics.h"

namespace signet::rpc {

// One method of proto/signet/v1, as this edge sees it.
struct Method {
  absl::string_view name;    // "signet.v1.CertAuthority.SignCertificate"
  absl::string_view action;  // "certificate.sign": AuditRecord.action
  bool audited = true;       // a refusal by its handler is written into the audit log; false for reads
  bool limited = false;      // its engine bounds the refusals that prove nothing (enrollment::RequestLimits)
};

// What a call asks for, as far as it can be told; untrusted text.
struct Subject {
  std::string text = {};    // for log and audit
  std::string node = {};    // in whose name it asks: its refusal is kept beside that node; may be no node name at all
  std::string key_id = {};  // hex, of the identity key in the request; may be empty
};
inline Subject NoSubject() { return {}; }

// What is known of a call before it is judged.
struct Arrival {
  Listener listener = Listener::kNetwork;
  std::shared_ptr<const grpc::AuthContext> auth;
  absl::Time deadline = absl::InfiniteFuture();  // by this host's real clock
  std::vector<std::string> authorization = {};   // a secret: the values of that metadata key
  std::string peer = {};                         // the address, without its port; empty where it does not matter
};
Arrival ArrivalOf(Listener listener, const grpc::ServerContext& context);

// Denials, and refusals by handlers of callers that may not administrate, written into the audit log one by one;
// beyond, they are counted and summarised: an fsync for each is a weapon.
inline constexpr double kAuditedDenialsPerSecond = 50;

// Thread-safe.
class Calls {
 public:
  // References must outlive this.
  struct Parts {
    const Callers& callers;
    const AccessTable& access;
    const audit::AuditLog& audit;
    store::Store& store;
    const base::Clock& clock;
    base::Random& random;
    telemetry::Logger& logger;
    telemetry::Metrics& metrics;
  };
  Calls(const Parts& parts, const Limits& limits);

  // Runs `handler` when the caller may and the server can. `subject` is asked when it refused: then one audit record
  // says so, and, in the same transaction, one row beside the node. What load refused is counted only. Of callers
  // without a role, who may be anybody, nothing is logged one by one either, but at level debug.
  grpc::Status Run(const Arrival& arrival, const Method& method, absl::FunctionRef<Subject()> subject,
                   absl::FunctionRef<absl::Status(const audit::Origin&)> handler);

  // Counts and logs what went wrong beside a call without failing it.
  void NoteIgnored(absl::string_view event, const audit::Origin& origin, const absl::Status& status);
  // Takes over limits.max_concurrent_calls.
  void SetLimits(const Limits& limits);
  // Logs and records how many were only counted since the last time: denials ("access.deny"), and what load or a part
  // that was away refused ("request.shed", its facts the number of each reason). Once a minute.
  void Summarise();

 private:
  absl::Status Judge(const Arrival& arrival, const Method& method, const Caller& caller) const;
  // False when it was only counted.
  bool RecordRefusal(const Caller& caller, const audit::Origin& origin, const Method& method, const Subject& asked,
                     const absl::Status& status);
  bool RecordDenial(const Caller& caller, const audit::Origin& origin, const Method& method,
                    const absl::Status& status);
  // `kept`: the row beside the node, if it has one.
  void Record(const audit::Event& event, const std::optional<store::RefusalRow>& kept = std::nullopt);
  void CountShed(absl::string_view reason);
  void SummariseShed();
  void SummariseDenials();

  const Parts parts_;
  std::atomic<int64_t> max_concurrent_;
  std::atomic<int64_t> running_ = 0;
  TokenBucket denials_;
  std::atomic<int64_t> unrecorded_denials_ = 0;
  base::Mutex shed_mutex_;
  std::map<std::string, int64_t, std::less<>> shed_ ABSL_GUARDED_BY(shed_mutex_);  // by reason
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_CALLS_H_
