// FakeSignetd's signet.v1.NodeEnrollment.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/x509/public_key.h"
#include "tests/cli/fake_signetd.h"

namespace signet::cli {
namespace {

bool Named(const google::protobuf::RepeatedPtrField<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool IsOpen(const v1::Token& token) { return !token.revoked() && token.uses() == 0; }

}  // namespace

grpc::Status FakeSignetd::CreateTokens(grpc::ServerContext*, const v1::CreateTokensRequest* request,
                                       v1::CreateTokensResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  for (const v1::NewToken& fresh : request->tokens()) {
    if (fresh.node() != blocked_for_tokens) continue;
    return Refuse(grpc::StatusCode::PERMISSION_DENIED, "NODE_BLOCKED",
                  absl::StrCat("node ", fresh.node(), " is blocked"), "signetctl node explain NODE");
  }
  if (request->tokens_size() > 1000) return {grpc::StatusCode::INVALID_ARGUMENT, "more than 1000 tokens"};
  response->set_cluster(status.cluster());
  response->set_bundle_pin(pin());
  if (!request->dry_run()) ++create_calls;
  for (const v1::NewToken& fresh : request->tokens()) {
    v1::Token token;
    token.set_id(x509::PublicKey::FromSpkiDer(fresh.public_key()).value().key_id());
    token.set_node(fresh.node());
    token.set_daemon(fresh.daemon());
    token.set_kind(fresh.kind());
    token.set_label(fresh.label());
    token.set_public_key(fresh.public_key());
    const int64_t ttl = fresh.ttl_seconds() == 0 ? 7 * 86400 : fresh.ttl_seconds();
    token.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(now_) + ttl);
    *response->add_tokens() = request->dry_run() ? token : tokens.emplace(token.id(), token).first->second;
  }
  const bool lost = lose_replies_after >= 0 && create_calls > lose_replies_after && !request->dry_run();
  return lost ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection reset") : grpc::Status::OK;
}

grpc::Status FakeSignetd::ListTokens(grpc::ServerContext*, const v1::ListTokensRequest* request,
                                     v1::ListTokensResponse* response) {
  const base::MutexLock lock(mutex);
  std::vector<v1::Token> chosen;
  for (const auto& [id, token] : tokens) {
    if ((request->all() || IsOpen(token)) && (request->node().empty() || token.node() == request->node()) &&
        (request->label().empty() || token.label() == request->label()) &&
        (request->kind() == v1::TOKEN_KIND_UNSPECIFIED || token.kind() == request->kind()))
      chosen.push_back(token);
  }
  std::size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  for (int i = 0; i < page_size && at < chosen.size(); ++i) *response->add_tokens() = chosen[at++];
  if (at < chosen.size()) response->set_next_page_token(absl::StrCat(at));
  return refusal;
}

grpc::Status FakeSignetd::RevokeTokens(grpc::ServerContext*, const v1::RevokeTokensRequest* request,
                                       v1::RevokeTokensResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  if (request->nodes_size() > 1000 || request->ids_size() > 1000)
    return {grpc::StatusCode::INVALID_ARGUMENT, "more than 1000"};
  ++calls;
  for (auto& [id, token] : tokens) {
    const bool label = !request->label().empty() && token.label() == request->label();
    if (token.revoked() || (!label && !Named(request->ids(), id) && !Named(request->nodes(), token.node()))) continue;
    token.set_revoked(true);
    response->set_revoked(response->revoked() + 1);
  }
  return refusal;
}

grpc::Status FakeSignetd::ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*,
                                    v1::ListNodesResponse* response) {
  const base::MutexLock lock(mutex);
  *response = nodes;
  return refusal;
}

grpc::Status FakeSignetd::GetNode(grpc::ServerContext*, const v1::GetNodeRequest* request,
                                  v1::GetNodeResponse* response) {
  const base::MutexLock lock(mutex);
  for (const v1::Node& node : nodes.nodes()) {
    if (node.name() == request->name()) *response->add_nodes() = node;
  }
  if (response->nodes().empty())
    return Refuse(grpc::StatusCode::NOT_FOUND, "NOT_FOUND", "no such node", "signetctl node list");
  return refusal;
}

grpc::Status FakeSignetd::GetToken(grpc::ServerContext*, const v1::GetTokenRequest* request,
                                   v1::GetTokenResponse* response) {
  const base::MutexLock lock(mutex);
  const auto found = token_histories.find(request->id());
  if (found == token_histories.end())
    return Refuse(grpc::StatusCode::NOT_FOUND, "NOT_FOUND", "no such token", "signetctl token list");
  *response = found->second;
  return refusal;
}

grpc::Status FakeSignetd::ExplainNode(grpc::ServerContext*, const v1::ExplainNodeRequest* request,
                                      v1::ExplainNodeResponse* response) {
  const base::MutexLock lock(mutex);
  *response = explanations[request->node()];
  return refusal;
}

grpc::Status FakeSignetd::BlockNodes(grpc::ServerContext*, const v1::BlockNodesRequest* request,
                                     v1::BlockNodesResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  if (request->nodes_size() > 1000) return {grpc::StatusCode::INVALID_ARGUMENT, "more than 1000 nodes"};
  ++calls;
  for (const std::string& node : request->nodes()) {
    response->set_blocked(response->blocked() + (blocked.emplace(node, request->reason()).second ? 1 : 0));
  }
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::UnblockNodes(grpc::ServerContext*, const v1::UnblockNodesRequest* request,
                                       v1::UnblockNodesResponse* response) {
  const base::MutexLock lock(mutex);
  ++calls;
  for (const std::string& node : request->nodes()) {
    response->set_unblocked(response->unblocked() + static_cast<int64_t>(blocked.erase(node)));
  }
  return refusal;
}

grpc::Status FakeSignetd::ForgetNodes(grpc::ServerContext*, const v1::ForgetNodesRequest* request,
                                      v1::ForgetNodesResponse* response) {
  const base::MutexLock lock(mutex);
  ++calls;
  forgotten.insert(forgotten.end(), request->nodes().begin(), request->nodes().end());
  for (const v1::Node& node : nodes.nodes()) {
    if (Named(request->nodes(), node.name())) response->set_forgotten(response->forgotten() + 1);
  }
  response->set_identities_ended(response->forgotten());
  return refusal;
}

grpc::Status FakeSignetd::ApproveNode(grpc::ServerContext*, const v1::ApproveNodeRequest* request,
                                      v1::ApproveNodeResponse* response) {
  const base::MutexLock lock(mutex);
  approved = *request;
  v1::Approval& approval = *response->mutable_approval();
  approval.set_node(request->node());
  approval.set_daemon(request->daemon());
  approval.set_key_id(request->key_id());
  approval.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(now_) + 86400);
  return refusal;
}

}  // namespace signet::cli
