#include "services/rpc/calls.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "services/audit/text.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"
#include "services/rpc/reply_status.h"

namespace signet::rpc {
namespace {

constexpr std::size_t kMaxLoggedBytes = 256;
constexpr std::size_t kMaxKeptText = 1024;
constexpr std::size_t kMaxKeyId = 64;

// Counts a running call for a scope.
class Running {
 public:
  explicit Running(std::atomic<int64_t>& count) : count_(count), before_(count.fetch_add(1)) {}
  ~Running() { count_.fetch_sub(1); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  int64_t before() const { return before_; }

 private:
  std::atomic<int64_t>& count_;
  const int64_t before_;
};

// "CertAuthority.SignCertificate"
absl::string_view ShortName(const Method& method) { return absl::StripPrefix(method.name, "signet.v1."); }

// A refusal that was decided, and not one that load or a part that is away made: those are counted, since an fsync for
// each is a weapon, and a broken store cannot keep them either.
bool WasDecided(const absl::Status& status) {
  if (base::ReasonOf(status) == base::kTooManyNewKeys) return true;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kAborted:
      return false;
    default:
      return true;
  }
}

std::string CodeName(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

// What a caller wrote, fit for a log line and a protobuf string.
std::string Printable(absl::string_view text) { return absl::CHexEscape(text.substr(0, kMaxLoggedBytes)); }

// What is kept of a refusal beside its node; none when nobody can have meant a node.
std::optional<store::RefusalRow> KeptRefusal(const Subject& subject, const audit::Event& event,
                                             const absl::Status& status, absl::Time now) {
  if (!names::CheckNodeName(subject.node).ok()) return std::nullopt;
  store::RefusalRow row;
  row.node = subject.node;
  row.at = now;
  row.action = event.action;
  row.reason = event.reason;
  row.message = audit::FitText(status.message(), kMaxKeptText);
  row.next = audit::FitText(base::NextOf(status), kMaxKeptText);
  if (IsServerFault(status)) {
    row.message = "internal error of signetd";
    row.next = absl::StrCat("journalctl -u signetd | grep ", event.origin.request_id);
  }
  row.actor = event.origin.actor;
  row.request_id = event.origin.request_id;
  row.key_id = audit::FitText(subject.key_id, kMaxKeyId);
  row.proven = base::IsProven(status);
  return row;
}

}  // namespace

Arrival ArrivalOf(Listener listener, const grpc::ServerContext& context) {
  Arrival arrival{listener, context.auth_context(), absl::FromChrono(context.deadline())};
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  for (auto entry = first; entry != last; ++entry) {
    arrival.authorization.emplace_back(entry->second.data(), entry->second.size());
  }
  // "ipv4:192.0.2.1:35000"; another connection is no other peer.
  const std::string peer = context.peer();
  arrival.peer = peer.substr(0, peer.rfind(':'));
  return arrival;
}

Calls::Calls(const Parts& parts, const Limits& limits)
    : parts_(parts), max_concurrent_(limits.max_concurrent_calls), denials_(kAuditedDenialsPerSecond, parts.clock) {}

void Calls::SetLimits(const Limits& limits) { max_concurrent_.store(limits.max_concurrent_calls); }

absl::Status Calls::Judge(const Arrival& arrival, const Method& method, const Caller& caller) const {
  if (parts_.access.Allows(method.name, caller.role)) {
    if (arrival.deadline - absl::Now() >= kLeastTimeLeft) return absl::OkStatus();
    return base::Refusal(absl::StatusCode::kDeadlineExceeded, base::kDeadlineTooShort,
                         absl::StrCat("under ", absl::FormatDuration(kLeastTimeLeft), " left when the call arrived"));
  }
  if (!caller.undecided.ok()) return caller.undecided;
  std::string message = absl::StrCat(caller.actor, " may not call ", ShortName(method));
  if (!caller.fault.empty()) absl::StrAppend(&message, ": ", caller.fault);
  return base::Refusal(absl::StatusCode::kPermissionDenied, base::kAccessDenied, message,
                       "on signetd's host, as root: signetctl client issue");
}

grpc::Status Calls::Run(const Arrival& arrival, const Method& method, absl::FunctionRef<Subject()> subject,
                        absl::FunctionRef<absl::Status(const audit::Origin&)> handler) {
  const auto began = std::chrono::steady_clock::now();
  const std::string request_id = absl::BytesToHexString(parts_.random.Bytes(8));
  // Where anybody may call, a token changes nothing: then Kubernetes is not asked about it.
  const bool for_anybody = parts_.access.Allows(method.name, v1::ROLE_PUBLIC);
  const Caller caller =
      parts_.callers.Identify(arrival.listener, arrival.auth.get(),
                              for_anybody ? std::vector<std::string>() : arrival.authorization, arrival.peer);
  const audit::Origin origin{caller.actor, request_id, RoleName(caller.role), caller.name, caller.serial};
  absl::Status status = Judge(arrival, method, caller);
  std::string what;
  bool logged = true;
  if (absl::IsPermissionDenied(status)) {
    logged = RecordDenial(caller, origin, method, status);
  } else if (status.ok()) {
    const Running running(running_);
    // Callers without a role never fill what signing needs. An administrator's look at a server that sheds load is
    // answered, as is the probe that would have it restarted.
    const int64_t most = caller.role == v1::ROLE_PUBLIC ? (max_concurrent_.load() + 3) / 4 : max_concurrent_.load();
    const bool looks = caller.role == v1::ROLE_ADMIN && !method.audited;
    if (running.before() >= most && !looks) {
      status = base::Refusal(absl::StatusCode::kResourceExhausted, base::kOverloaded,
                             "too many calls at once (limits.max_concurrent_calls)", "try again in a second");
    } else {
      status = handler(origin);
      if (!status.ok()) {
        const Subject asked = subject();
        what = Printable(asked.text);
        if (method.audited && WasDecided(status)) logged = RecordRefusal(caller, origin, method, asked, status);
      }
    }
  }
  const bool anybody = caller.role == v1::ROLE_PUBLIC;
  if (!status.ok() && !WasDecided(status)) parts_.metrics.CountShed(ReasonFor(status));
  if (!status.ok() && (!WasDecided(status) || (anybody && !absl::IsPermissionDenied(status)))) {
    CountShed(ReasonFor(status));
  }
  const absl::Duration took = absl::FromChrono(std::chrono::steady_clock::now() - began);
  const std::string reason = ReasonFor(status);
  parts_.metrics.CountRpc(ShortName(method), CodeName(status), took);
  if (status.ok()) {
    // What changed nothing is told only to who asks for it: a probe alone would fill the log.
    parts_.logger.Write(anybody || !method.audited ? telemetry::Level::kDebug : telemetry::Level::kInfo, "rpc",
                        {{"method", std::string(ShortName(method))},
                         {"actor", caller.actor},
                         {"request_id", request_id},
                         {"took_ms", absl::StrCat(absl::ToInt64Milliseconds(took))}});
    return grpc::Status::OK;
  }
  parts_.metrics.CountRefusal(reason);
  parts_.logger.Write(anybody || !logged      ? telemetry::Level::kDebug
                      : IsServerFault(status) ? telemetry::Level::kError
                                              : telemetry::Level::kWarning,
                      "rpc.refused",
                      {{"method", std::string(ShortName(method))},
                       {"actor", caller.actor},
                       {"request_id", request_id},
                       {"code", CodeName(status)},
                       {"reason", reason},
                       {"subject", what},
                       {"message", std::string(status.message())},
                       {"detail", caller.detail},
                       {"took_ms", absl::StrCat(absl::ToInt64Milliseconds(took))}});
  return ReplyStatus(status, request_id);
}

bool Calls::RecordRefusal(const Caller& caller, const audit::Origin& origin, const Method& method, const Subject& asked,
                          const absl::Status& status) {
  // Whoever proved to be a node has spent that node's limit, and an administrator is trusted with the disk.
  const bool bounded = method.limited || caller.role == v1::ROLE_ADMIN || base::IsProven(status);
  if (!bounded && !denials_.Take()) {
    CountShed(ReasonFor(status));
    return false;
  }
  audit::Event event = audit::RefusedEvent(origin, method.action, Printable(asked.text), status);
  // An event without a reason would read as done.
  event.reason = ReasonFor(status);
  Record(event, KeptRefusal(asked, event, status, parts_.clock.Now()));
  return true;
}

bool Calls::RecordDenial(const Caller& caller, const audit::Origin& origin, const Method& method,
                         const absl::Status& status) {
  // Anybody can be a caller without a role: what it is denied is counted, or the log would be anybody's to fill.
  if (caller.role == v1::ROLE_PUBLIC || !denials_.Take()) {
    unrecorded_denials_.fetch_add(1);
    return false;
  }
  Record(audit::RefusedEvent(origin, method.action, ShortName(method), status));
  return true;
}

void Calls::Record(const audit::Event& event, const std::optional<store::RefusalRow>& kept) {
  const absl::Status recorded = parts_.store.Write([&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(parts_.audit.Append(tables, event));
    return kept.has_value() ? tables.refusals().Insert(*kept) : absl::OkStatus();
  });
  if (recorded.ok()) return;
  parts_.metrics.CountUnwritableAudit();
  parts_.logger.Error("audit.unwritable", {{"action", event.action},
                                           {"request_id", event.origin.request_id},
                                           {"message", std::string(recorded.message())}});
}

void Calls::NoteIgnored(absl::string_view event, const audit::Origin& origin, const absl::Status& status) {
  const std::string reason = ReasonFor(status);
  parts_.metrics.CountRefusal(reason);
  parts_.logger.Warning(event, {{"actor", origin.actor},
                                {"request_id", origin.request_id},
                                {"reason", reason},
                                {"message", std::string(status.message())}});
}

void Calls::CountShed(absl::string_view reason) {
  const base::MutexLock lock(shed_mutex_);
  ++shed_[std::string(reason)];
}

void Calls::Summarise() {
  SummariseShed();
  SummariseDenials();
}

void Calls::SummariseShed() {
  std::map<std::string, int64_t, std::less<>> counts;
  {
    const base::MutexLock lock(shed_mutex_);
    counts.swap(shed_);
  }
  if (counts.empty()) return;
  const std::string list = absl::StrJoin(counts, ", ", absl::PairFormatter(" "));
  parts_.logger.Warning("rpc.shed", {{"calls", list}});
  audit::Event event;
  event.origin = {"signetd", absl::BytesToHexString(parts_.random.Bytes(8))};
  event.action = "request.shed";
  event.reason = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
                   return a.second < b.second;
                 })->first;
  event.message = absl::StrCat("calls that could not be served, or were too many to record one by one: ", list);
  for (const auto& [reason, count] : counts) event.facts[reason] = absl::StrCat(count);
  Record(event);
}

void Calls::SummariseDenials() {
  const int64_t denied = unrecorded_denials_.exchange(0);
  if (denied == 0) return;
  parts_.logger.Warning("rpc.denied", {{"calls", absl::StrCat(denied)}});
  audit::Event event;
  event.origin = {"signetd", absl::BytesToHexString(parts_.random.Bytes(8))};
  event.action = "access.deny";
  event.reason = base::kAccessDenied;
  event.message = absl::StrCat(denied, " more calls were denied, too many to record one by one");
  event.facts["calls"] = absl::StrCat(denied);
  Record(event);
}

}  // namespace signet::rpc
