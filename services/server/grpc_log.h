// gRPC's own messages, as lines of our log.
#ifndef SIGNET_SERVICES_SERVER_GRPC_LOG_H_
#define SIGNET_SERVICES_SERVER_GRPC_LOG_H_

#include <cstdint>

#include "services/telemetry/logger.h"

namespace signet::server {

// While it lives, gRPC writes to `logger`, and nowhere afterwards. At debug level only: a peer whose handshake fails
// makes a line, and anybody can be such a peer. One at a time.
class GrpcLog {
 public:
  explicit GrpcLog(telemetry::Logger& logger);
  ~GrpcLog();
  // True once gRPC gave up a listener: only a new process listens again.
  static bool ListenerLost();
  // TLS handshakes of peers that failed since this was asked last.
  static int64_t TakeTlsFailures();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_GRPC_LOG_H_
