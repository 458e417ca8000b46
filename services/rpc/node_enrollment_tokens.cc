// NodeEnrollmentService: tokens.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"
#include "services/rpc/node_enrollment_service.h"
#include "services/rpc/page.h"
#include "services/x509/public_key.h"

namespace signet::rpc {
namespace {

constexpr Method kCreateTokens = {"signet.v1.NodeEnrollment.CreateTokens", "token.create"};
constexpr Method kListTokens = {"signet.v1.NodeEnrollment.ListTokens", "token.list", false};
constexpr Method kGetToken = {"signet.v1.NodeEnrollment.GetToken", "token.get", false};
constexpr Method kRevokeTokens = {"signet.v1.NodeEnrollment.RevokeTokens", "token.revoke"};

constexpr char kTokenList[] = "tokens";

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

}  // namespace

grpc::Status NodeEnrollmentService::CreateTokens(grpc::ServerContext* context, const v1::CreateTokensRequest* request,
                                                 v1::CreateTokensResponse* response) {
  const auto subject = [request] {
    return Subject{absl::StrJoin(request->tokens(), ",", [](std::string* out, const v1::NewToken& token) {
      absl::StrAppend(out, token.node());
    })};
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
    SIGNET_RETURN_IF_ERROR(enrollment::CheckTokenLabel(request->label()));
    query.node = request->node();
    query.label = request->label();
    SIGNET_ASSIGN_OR_RETURN(query.kind, TokenKindFromProto(request->kind()));
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
  return calls_.Run(ArrivalOf(listener_, *context), kListTokens, NoSubject, list);
}

grpc::Status NodeEnrollmentService::GetToken(grpc::ServerContext* context, const v1::GetTokenRequest* request,
                                             v1::GetTokenResponse* response) {
  const auto get = [&](const audit::Origin&) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const std::string id, KeyIdFromText("id", request->id()));
    return engines_.store.Read([&](const store::Tables& tables) -> absl::Status {
      const auto row = tables.tokens().Find(id);
      if (absl::IsNotFound(row.status())) {
        return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "no token has this id",
                             "signetctl token list --all");
      }
      SIGNET_RETURN_IF_ERROR(row.status());
      SIGNET_ASSIGN_OR_RETURN(const std::vector<store::IdentityRow> uses,
                              tables.nodes().ListIdentitiesOfToken(id, kMaxListed));
      *response->mutable_token() = ToProto(*row);
      for (const store::IdentityRow& use : uses) *response->add_uses() = UseToProto(use);
      return absl::OkStatus();
    });
  };
  return calls_.Run(
      ArrivalOf(listener_, *context), kGetToken, [request] { return Subject{request->id()}; }, get);
}

grpc::Status NodeEnrollmentService::RevokeTokens(grpc::ServerContext* context, const v1::RevokeTokensRequest* request,
                                                 v1::RevokeTokensResponse* response) {
  const auto subject = [request] {
    std::vector<std::string> named(request->ids().begin(), request->ids().end());
    named.insert(named.end(), request->nodes().begin(), request->nodes().end());
    if (!request->label().empty()) named.push_back(absl::StrCat("label ", request->label()));
    return Subject{absl::StrJoin(named, ",")};
  };
  const auto revoke = [&](const audit::Origin& origin) -> absl::Status {
    const int named = request->ids_size() + request->nodes_size();
    if (named > kMaxListed || (named == 0 && request->label().empty())) {
      return Malformed(absl::StrCat("ids and nodes name ", named, " in all; allowed are 1 to ", kMaxListed,
                                    ", or none and a label"));
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

}  // namespace signet::rpc
