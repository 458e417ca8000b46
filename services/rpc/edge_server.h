// One listener's gRPC server.
#ifndef SIGNET_SERVICES_RPC_EDGE_SERVER_H_
#define SIGNET_SERVICES_RPC_EDGE_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "services/rpc/calls.h"
#include "services/rpc/cert_authority_service.h"
#include "services/rpc/engines.h"
#include "services/rpc/limits.h"
#include "services/rpc/node_enrollment_service.h"

namespace signet::rpc {

// The threads all listeners share: enough that calls beyond limits.max_concurrent_calls still get an answer that says
// so.
int ThreadQuota(const Limits& limits);

// Both services, health (public), and reflection on sockets only. Serves from Start until Shutdown or destruction.
class EdgeServer {
 public:
  // `address`: "unix:/path" or "host:port". UNAVAILABLE when it cannot be bound. References must outlive this.
  static absl::StatusOr<std::unique_ptr<EdgeServer>> Start(const std::string& address, Listener listener,
                                                           std::shared_ptr<grpc::ServerCredentials> credentials,
                                                           const grpc::ResourceQuota& quota, const Limits& limits,
                                                           Calls& calls, Engines& engines);
  // What health checks answer; starts as NOT_SERVING.
  void SetServing(bool serving);
  // Accepts nothing more, lets running calls end, cancels those that remain after `grace`.
  void Shutdown(absl::Duration grace);
  // The TCP port bound; 0 for a socket.
  int port() const { return port_; }

 private:
  EdgeServer(Listener listener, Calls& calls, Engines& engines)
      : cert_authority_(listener, calls, engines), node_enrollment_(listener, calls, engines) {}

  CertAuthorityService cert_authority_;
  NodeEnrollmentService node_enrollment_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_EDGE_SERVER_H_
