// signet.v1.NodeEnrollment: validation, tokens, nodes.
#ifndef SIGNET_SERVICES_RPC_NODE_ENROLLMENT_SERVICE_H_
#define SIGNET_SERVICES_RPC_NODE_ENROLLMENT_SERVICE_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "services/rpc/calls.h"
#include "services/rpc/engines.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::rpc {

// One per listener. Checks the request's shape, asks the engine, fills the answer. References must outlive this.
class NodeEnrollmentService final : public v1::NodeEnrollment::Service {
 public:
  NodeEnrollmentService(Listener listener, Calls& calls, Engines& engines)
      : listener_(listener), calls_(calls), engines_(engines) {}

  grpc::Status ValidateNode(grpc::ServerContext* context, const v1::ValidateNodeRequest* request,
                            v1::ValidateNodeResponse* response) override;
  grpc::Status CreateTokens(grpc::ServerContext* context, const v1::CreateTokensRequest* request,
                            v1::CreateTokensResponse* response) override;
  grpc::Status ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                          v1::ListTokensResponse* response) override;
  grpc::Status RevokeTokens(grpc::ServerContext* context, const v1::RevokeTokensRequest* request,
                            v1::RevokeTokensResponse* response) override;
  grpc::Status ListNodes(grpc::ServerContext* context, const v1::ListNodesRequest* request,
                         v1::ListNodesResponse* response) override;
  grpc::Status GetNode(grpc::ServerContext* context, const v1::GetNodeRequest* request,
                       v1::GetNodeResponse* response) override;

 private:
  const Listener listener_;
  Calls& calls_;
  Engines& engines_;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_NODE_ENROLLMENT_SERVICE_H_
