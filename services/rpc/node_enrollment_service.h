// signet.v1.NodeEnrollment: validation, tokens, nodes.
#ifndef SIGNET_SERVICES_RPC_NODE_ENROLLMENT_SERVICE_H_
#define SIGNET_SERVICES_RPC_NODE_ENROLLMENT_SERVICE_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "services/rpc/calls.h"
#include "services/rpc/engines.h"
#include "services/rpc/host_reports.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::rpc {

// One per listener. Checks the request's shape, asks the engine, fills the answer. References must outlive this. Its
// calls about tokens are in node_enrollment_tokens.cc, what is known of nodes in node_enrollment_nodes.cc.
class NodeEnrollmentService final : public v1::NodeEnrollment::Service {
 public:
  NodeEnrollmentService(Listener listener, Calls& calls, Engines& engines)
      : listener_(listener), calls_(calls), engines_(engines), reports_(calls, engines) {}

  grpc::Status ValidateNode(grpc::ServerContext* context, const v1::ValidateNodeRequest* request,
                            v1::ValidateNodeResponse* response) override;
  grpc::Status CreateTokens(grpc::ServerContext* context, const v1::CreateTokensRequest* request,
                            v1::CreateTokensResponse* response) override;
  grpc::Status ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                          v1::ListTokensResponse* response) override;
  grpc::Status GetToken(grpc::ServerContext* context, const v1::GetTokenRequest* request,
                        v1::GetTokenResponse* response) override;
  grpc::Status RevokeTokens(grpc::ServerContext* context, const v1::RevokeTokensRequest* request,
                            v1::RevokeTokensResponse* response) override;
  grpc::Status ListNodes(grpc::ServerContext* context, const v1::ListNodesRequest* request,
                         v1::ListNodesResponse* response) override;
  grpc::Status GetNode(grpc::ServerContext* context, const v1::GetNodeRequest* request,
                       v1::GetNodeResponse* response) override;
  grpc::Status ExplainNode(grpc::ServerContext* context, const v1::ExplainNodeRequest* request,
                           v1::ExplainNodeResponse* response) override;
  grpc::Status BlockNodes(grpc::ServerContext* context, const v1::BlockNodesRequest* request,
                          v1::BlockNodesResponse* response) override;
  grpc::Status UnblockNodes(grpc::ServerContext* context, const v1::UnblockNodesRequest* request,
                            v1::UnblockNodesResponse* response) override;
  grpc::Status ForgetNodes(grpc::ServerContext* context, const v1::ForgetNodesRequest* request,
                           v1::ForgetNodesResponse* response) override;
  grpc::Status ApproveNode(grpc::ServerContext* context, const v1::ApproveNodeRequest* request,
                           v1::ApproveNodeResponse* response) override;

 private:
  const Listener listener_;
  Calls& calls_;
  Engines& engines_;
  HostReports reports_;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_NODE_ENROLLMENT_SERVICE_H_
