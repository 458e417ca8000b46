// NodeEnrollmentService: what is known of nodes.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/explanation.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"
#include "services/rpc/node_enrollment_service.h"
#include "services/rpc/page.h"

namespace signet::rpc {
namespace {

constexpr Method kListNodes = {"signet.v1.NodeEnrollment.ListNodes", "node.list", false};
constexpr Method kGetNode = {"signet.v1.NodeEnrollment.GetNode", "node.get", false};
constexpr Method kExplainNode = {"signet.v1.NodeEnrollment.ExplainNode", "node.explain", false};

constexpr char kNodeList[] = "nodes";
constexpr absl::string_view kDaemons[] = {"sackd", "slurmd"};

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

absl::StatusOr<v1::Node> DescribeNode(const store::Tables& tables, const store::NodeRow& row) {
  SIGNET_ASSIGN_OR_RETURN(const store::IdentityRow identity, tables.nodes().FindIdentity(row.key_id));
  SIGNET_ASSIGN_OR_RETURN(const int64_t identities,
                          tables.nodes().CountIdentities(row.name, row.daemon, absl::UnixEpoch()));
  const absl::Status block = tables.blocks().Find(row.name).status();
  if (!block.ok() && !absl::IsNotFound(block)) return block;
  return ToProto(row, identity, identities, block.ok());
}

// A node list's position: "name/daemon" of the last row given. A node name holds no slash.
absl::Status ParsePosition(absl::string_view position, std::string* name, std::string* daemon) {
  if (position.empty()) return absl::OkStatus();
  const std::vector<std::string> parts = absl::StrSplit(position, '/');
  if (parts.size() != 2) return Malformed("page_token is not one that this list gave");
  *name = parts[0];
  *daemon = parts[1];
  return absl::OkStatus();
}

}  // namespace

grpc::Status NodeEnrollmentService::ListNodes(grpc::ServerContext* context, const v1::ListNodesRequest* request,
                                              v1::ListNodesResponse* response) {
  const auto list = [&](const audit::Origin&) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size()));
    SIGNET_ASSIGN_OR_RETURN(const std::string position, DecodePageToken(kNodeList, request->page_token()));
    std::string name;
    std::string daemon;
    SIGNET_RETURN_IF_ERROR(ParsePosition(position, &name, &daemon));
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(const std::vector<store::NodeRow> rows, tables.nodes().List(name, daemon, limit));
      for (const store::NodeRow& row : rows) {
        SIGNET_ASSIGN_OR_RETURN(*response->add_nodes(), DescribeNode(tables, row));
      }
      if (rows.size() == static_cast<std::size_t>(limit)) {
        response->set_next_page_token(
            EncodePageToken(kNodeList, absl::StrCat(rows.back().name, "/", rows.back().daemon)));
      }
      return absl::OkStatus();
    });
  };
  return calls_.Run(ArrivalOf(listener_, *context), kListNodes, NoSubject, list);
}

grpc::Status NodeEnrollmentService::GetNode(grpc::ServerContext* context, const v1::GetNodeRequest* request,
                                            v1::GetNodeResponse* response) {
  const auto get = [&](const audit::Origin&) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("name", request->name(), kMaxNameBytes, true));
    const absl::Status read = engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      for (const absl::string_view daemon : kDaemons) {
        const auto row = tables.nodes().Find(request->name(), daemon);
        if (absl::IsNotFound(row.status())) continue;
        SIGNET_RETURN_IF_ERROR(row.status());
        SIGNET_ASSIGN_OR_RETURN(*response->add_nodes(), DescribeNode(tables, *row));
      }
      return absl::OkStatus();
    });
    SIGNET_RETURN_IF_ERROR(read);
    if (response->nodes_size() > 0) return absl::OkStatus();
    return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "no node of this name has enrolled",
                         "signetctl node list");
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kGetNode, [request] { return Subject{request->name()}; }, get);
}

grpc::Status NodeEnrollmentService::ExplainNode(grpc::ServerContext* context, const v1::ExplainNodeRequest* request,
                                                v1::ExplainNodeResponse* response) {
  const auto explain = [&](const audit::Origin&) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("node", request->node(), kMaxNameBytes, true));
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(const enrollment::Explanation explanation,
                              enrollment::Explain(tables, request->node(), engines_.clock.Now()));
      *response = ToProto(explanation);
      return absl::OkStatus();
    });
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kExplainNode, [request] { return Subject{request->node()}; }, explain);
}

}  // namespace signet::rpc
