#include "services/rpc/node_enrollment_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"
#include "services/rpc/page.h"
#include "services/x509/public_key.h"

namespace signet::rpc {
namespace {

constexpr Method kValidateNode = {"signet.v1.NodeEnrollment.ValidateNode", "node.validate"};
constexpr Method kCreateTokens = {"signet.v1.NodeEnrollment.CreateTokens", "token.create"};
constexpr Method kListTokens = {"signet.v1.NodeEnrollment.ListTokens", "token.list", false};
constexpr Method kRevokeTokens = {"signet.v1.NodeEnrollment.RevokeTokens", "token.revoke"};
constexpr Method kListNodes = {"signet.v1.NodeEnrollment.ListNodes", "node.list", false};
constexpr Method kGetNode = {"signet.v1.NodeEnrollment.GetNode", "node.get", false};

constexpr char kTokenList[] = "tokens";
constexpr char kNodeList[] = "nodes";
constexpr absl::string_view kDaemons[] = {"sackd", "slurmd"};

std::string Nothing() { return ""; }

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

absl::Status CheckNames(absl::string_view field, const google::protobuf::RepeatedPtrField<std::string>& names) {
  for (int i = 0; i < names.size(); ++i) {
    SIGNET_RETURN_IF_ERROR(CheckLength(absl::StrCat(field, "[", i, "]"), names[i], kMaxNameBytes, true));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status NodeEnrollmentService::ValidateNode(grpc::ServerContext* context, const v1::ValidateNodeRequest* request,
                                                 v1::ValidateNodeResponse*) {
  const auto validate = [&](const audit::Origin&) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("node", request->node(), kMaxNameBytes, true));
    SIGNET_RETURN_IF_ERROR(CheckLength("token", request->token(), kMaxScriptTokenBytes, true));
    return engines_.node_certificates.Validate(request->node(), request->token());
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kValidateNode, [request] { return request->node(); }, validate);
}

grpc::Status NodeEnrollmentService::CreateTokens(grpc::ServerContext* context, const v1::CreateTokensRequest* request,
                                                 v1::CreateTokensResponse* response) {
  const auto subject = [request] {
    return absl::StrJoin(request->tokens(), ",",
                         [](std::string* out, const v1::NewToken& token) { absl::StrAppend(out, token.node()); });
  };
  const auto create = [&](const audit::Origin& origin) -> absl::Status {
    if (request->tokens_size() < 1 || request->tokens_size() > enrollment::kMaxTokensPerCall) {
      return Malformed(absl::StrCat("tokens has ", request->tokens_size(), " entries; allowed are 1 to ",
                                    enrollment::kMaxTokensPerCall));
    }
    std::vector<enrollment::NewToken> tokens;
    for (int i = 0; i < request->tokens_size(); ++i) {
      SIGNET_ASSIGN_OR_RETURN(enrollment::NewToken token, FromProto(request->tokens(i), i));
      tokens.push_back(std::move(token));
    }
    std::string bundle_spki;
    SIGNET_RETURN_IF_ERROR(engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(const store::KeyRow key, tables.authorities().FindKey("bundle"));
      bundle_spki = key.spki_der;
      return absl::OkStatus();
    }));
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::TokenRow> rows,
                            engines_.tokens.Create(tokens, request->dry_run(), origin));
    for (const store::TokenRow& row : rows) *response->add_tokens() = ToProto(row);
    response->set_bundle_pin(x509::Sha256(bundle_spki));
    response->set_cluster(engines_.cluster);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kCreateTokens, subject, create);
}

grpc::Status NodeEnrollmentService::ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                                               v1::ListTokensResponse* response) {
  const auto list = [&](const audit::Origin&) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckLength("node", request->node(), kMaxNameBytes, false));
    store::TokenQuery query;
    query.node = request->node();
    query.open_only = !request->all();
    query.now = engines_.clock.Now();
    SIGNET_ASSIGN_OR_RETURN(query.limit, PageSize(request->page_size()));
    SIGNET_ASSIGN_OR_RETURN(query.after_token, DecodePageToken(kTokenList, request->page_token()));
    store::TokenPage page;
    SIGNET_RETURN_IF_ERROR(engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      SIGNET_ASSIGN_OR_RETURN(page, tables.tokens().List(query));
      return absl::OkStatus();
    }));
    for (const store::TokenRow& row : page.rows) *response->add_tokens() = ToProto(row);
    response->set_next_page_token(EncodePageToken(kTokenList, page.next_token));
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kListTokens, Nothing, list);
}

grpc::Status NodeEnrollmentService::RevokeTokens(grpc::ServerContext* context, const v1::RevokeTokensRequest* request,
                                                 v1::RevokeTokensResponse* response) {
  const auto subject = [request] {
    return absl::StrCat(absl::StrJoin(request->ids(), ","), request->ids().empty() ? "" : ",",
                        absl::StrJoin(request->nodes(), ","));
  };
  const auto revoke = [&](const audit::Origin& origin) -> absl::Status {
    const int named = request->ids_size() + request->nodes_size();
    if (named < 1 || named > kMaxListed) {
      return Malformed(absl::StrCat("ids and nodes name ", named, " in all; allowed are 1 to ", kMaxListed));
    }
    SIGNET_RETURN_IF_ERROR(CheckNames("ids", request->ids()));
    SIGNET_RETURN_IF_ERROR(CheckNames("nodes", request->nodes()));
    SIGNET_ASSIGN_OR_RETURN(
        const int64_t revoked,
        engines_.tokens.Revoke({request->ids().begin(), request->ids().end()},
                               {request->nodes().begin(), request->nodes().end()}, request->label(), origin));
    response->set_revoked(revoked);
    return absl::OkStatus();
  };
  return calls_.Run(ArrivalOf(listener_, *context), kRevokeTokens, subject, revoke);
}

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
  return calls_.Run(ArrivalOf(listener_, *context), kListNodes, Nothing, list);
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
      ArrivalOf(listener_, *context), kGetNode, [request] { return request->name(); }, get);
}

}  // namespace signet::rpc
