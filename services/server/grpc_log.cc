#include "services/server/grpc_log.h"

#include <atomic>
#include <string>

#include "absl/strings/match.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "services/base/mutex.h"

namespace signet::server {
namespace {

// gRPC's hook is a plain function: where it writes to cannot arrive any other way. Its threads may still write while
// the logger goes.
std::atomic<bool> listener_lost = false;
std::atomic<int64_t> tls_failures = 0;

struct Target {
  base::Mutex mutex;
  telemetry::Logger* logger ABSL_GUARDED_BY(mutex) = nullptr;
};

Target& TheTarget() {
  static auto* target = new Target;
  return *target;
}

void PointTo(telemetry::Logger* logger) {
  const base::MutexLock lock(TheTarget().mutex);
  TheTarget().logger = logger;
}

void Write(gpr_log_func_args* args) {
  // gRPC 1.51 stops listening for good when accept(2) fails for want of descriptors, and says so only here.
  if (args->severity == GPR_LOG_SEVERITY_ERROR && absl::StrContains(args->message, "Failed accept4")) {
    listener_lost.store(true);
  }
  // Of a failed handshake it gives no other sign.
  if (absl::StrContains(args->message, "Handshake failed")) tls_failures.fetch_add(1);
  const base::MutexLock lock(TheTarget().mutex);
  if (TheTarget().logger != nullptr) TheTarget().logger->Debug("grpc", {{"message", std::string(args->message)}});
}

}  // namespace

GrpcLog::GrpcLog(telemetry::Logger& logger) {
  // protobuf writes to stderr what it thinks of hostile bytes; the parsers that meet them refuse them by name.
  google::protobuf::SetLogHandler(nullptr);
  PointTo(&logger);
  gpr_set_log_function(&Write);
}

bool GrpcLog::ListenerLost() { return listener_lost.load(); }

int64_t GrpcLog::TakeTlsFailures() { return tls_failures.exchange(0); }

GrpcLog::~GrpcLog() { PointTo(nullptr); }

}  // namespace signet::server
