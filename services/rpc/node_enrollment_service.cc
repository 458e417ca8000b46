#include "services/rpc/node_enrollment_service.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"

namespace signet::rpc {
namespace {

constexpr Method kValidateNode = {"signet.v1.NodeEnrollment.ValidateNode", "node.validate", true, true};
constexpr Method kBlockNodes = {"signet.v1.NodeEnrollment.BlockNodes", "node.block"};
constexpr Method kUnblockNodes = {"signet.v1.NodeEnrollment.UnblockNodes", "node.unblock"};
constexpr Method kForgetNodes = {"signet.v1.NodeEnrollment.ForgetNodes", "node.forget"};
constexpr Method kApproveNode = {"signet.v1.NodeEnrollment.ApproveNode", "node.approve"};

using Names = google::protobuf::RepeatedPtrField<std::string>;

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

absl::Status CheckNodes(const Names& nodes) {
  if (nodes.empty() || static_cast<std::size_t>(nodes.size()) > enrollment::kMaxNodesPerCall) {
    return Malformed(
        absl::StrCat("nodes has ", nodes.size(), " entries; allowed are 1 to ", enrollment::kMaxNodesPerCall));
  }
  return CheckNames("nodes", nodes);
}

std::vector<std::string> NamesOf(const Names& nodes) { return {nodes.begin(), nodes.end()}; }

Subject ListOf(const Names& nodes) { return {absl::StrJoin(nodes, ","), "", ""}; }

}  // namespace

grpc::Status NodeEnrollmentService::ValidateNode(grpc::ServerContext* context, const v1::ValidateNodeRequest* request,
                                                 v1::ValidateNodeResponse*) {
  const auto subject = [request] {
    const auto about = enrollment::NodeCertificates::AboutScriptToken(request->node(), request->token());
    return Subject{request->node(), about.node, about.key_id};
  };
  const auto validate = [&](const audit::Origin& origin) -> absl::Status {
    absl::Status valid = engines_.node_certificates.Validate(request->node(), request->token());
    if (request->has_report()) reports_.Take(request->report(), origin);
    return valid;
  };
  return calls_.Run(ArrivalOf(listener_, *context), kValidateNode, subject, validate);
}

grpc::Status NodeEnrollmentService::BlockNodes(grpc::ServerContext* context, const v1::BlockNodesRequest* request,
                                               v1::BlockNodesResponse* response) {
  const auto block = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckNodes(request->nodes()));
    SIGNET_RETURN_IF_ERROR(CheckLength("reason", request->reason(), enrollment::kMaxBlockReason, true));
    SIGNET_ASSIGN_OR_RETURN(const enrollment::NodeChange change,
                            engines_.node_life.Block(NamesOf(request->nodes()), request->reason(), origin));
    response->set_blocked(change.nodes);
    response->set_identities_ended(change.identities_ended);
    response->set_tokens_revoked(change.tokens_revoked);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kBlockNodes, [request] { return ListOf(request->nodes()); }, block);
}

grpc::Status NodeEnrollmentService::UnblockNodes(grpc::ServerContext* context, const v1::UnblockNodesRequest* request,
                                                 v1::UnblockNodesResponse* response) {
  const auto unblock = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckNodes(request->nodes()));
    SIGNET_ASSIGN_OR_RETURN(const enrollment::NodeChange change,
                            engines_.node_life.Unblock(NamesOf(request->nodes()), origin));
    response->set_unblocked(change.nodes);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kUnblockNodes, [request] { return ListOf(request->nodes()); }, unblock);
}

grpc::Status NodeEnrollmentService::ForgetNodes(grpc::ServerContext* context, const v1::ForgetNodesRequest* request,
                                                v1::ForgetNodesResponse* response) {
  const auto forget = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckNodes(request->nodes()));
    SIGNET_ASSIGN_OR_RETURN(const enrollment::NodeChange change,
                            engines_.node_life.Forget(NamesOf(request->nodes()), origin));
    response->set_forgotten(change.nodes);
    response->set_identities_ended(change.identities_ended);
    response->set_tokens_revoked(change.tokens_revoked);
    response->set_reports_dropped(change.reports_dropped);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kForgetNodes, [request] { return ListOf(request->nodes()); }, forget);
}

grpc::Status NodeEnrollmentService::ApproveNode(grpc::ServerContext* context, const v1::ApproveNodeRequest* request,
                                                v1::ApproveNodeResponse* response) {
  const auto approve = [&](const audit::Origin& origin) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("node", request->node(), kMaxNameBytes, true));
    SIGNET_RETURN_IF_ERROR(CheckLength("daemon", request->daemon(), kMaxNameBytes, true));
    SIGNET_ASSIGN_OR_RETURN(const std::string key_id, KeyIdFromText("key_id", request->key_id()));
    const int64_t most = absl::ToInt64Seconds(enrollment::kMostApprovalTtl);
    if (request->ttl_seconds() < 0 || request->ttl_seconds() > most) {
      return Malformed(absl::StrCat("ttl_seconds is ", request->ttl_seconds(), "; allowed are 0 to ", most));
    }
    SIGNET_ASSIGN_OR_RETURN(const store::ApprovalRow row,
                            engines_.node_life.Approve(request->node(), request->daemon(), key_id,
                                                       absl::Seconds(request->ttl_seconds()), origin));
    *response->mutable_approval() = ToProto(row);
    return absl::OkStatus();
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kApproveNode, [request] { return Subject{request->node()}; }, approve);
}

}  // namespace signet::rpc
