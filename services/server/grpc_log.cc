#include "services/server/grpc_log.h"

#include <string>

#include "grpc/support/log.h"
#include "services/base/mutex.h"

namespace signet::server {
namespace {

// gRPC's hook is a plain function: where it writes to cannot arrive any other way. Its threads may still write while
// the logger goes.
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
  const base::MutexLock lock(TheTarget().mutex);
  if (TheTarget().logger != nullptr) TheTarget().logger->Debug("grpc", {{"message", std::string(args->message)}});
}

}  // namespace

GrpcLog::GrpcLog(telemetry::Logger& logger) {
  PointTo(&logger);
  gpr_set_log_function(&Write);
}

GrpcLog::~GrpcLog() { PointTo(nullptr); }

}  // namespace signet::server
