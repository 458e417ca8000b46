#include "cli/token_registration.h"

#include <algorithm>

#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr std::size_t kBatch = 1000;  // the server's limit for one call

}  // namespace

absl::StatusOr<Registration> RegisterTokens(Session& session, const std::vector<v1::NewToken>& tokens, bool dry_run,
                                            std::size_t* registered) {
  Registration result;
  for (std::size_t begin = 0; begin < tokens.size(); begin += kBatch) {
    const std::size_t end = std::min(tokens.size(), begin + kBatch);
    v1::CreateTokensRequest request;
    request.set_dry_run(dry_run);
    for (std::size_t i = begin; i < end; ++i) *request.add_tokens() = tokens[i];
    SIGNET_ASSIGN_OR_RETURN(v1::CreateTokensResponse response,
                            session.Call(&v1::NodeEnrollment::Stub::CreateTokens, request));
    if (response.cluster().empty() || response.bundle_pin().size() != 32) {
      return absl::DataLossError("signetd named no cluster or no bundle pin");
    }
    if (!dry_run && static_cast<std::size_t>(response.tokens_size()) != end - begin) {
      return absl::DataLossError("signetd answered about another number of tokens");
    }
    for (int i = 0; i < response.tokens_size(); ++i) {
      v1::Token& token = *response.mutable_tokens(i);
      const std::size_t asked = begin + static_cast<std::size_t>(i);
      if (asked >= end || token.node() != tokens[asked].node() || token.public_key() != tokens[asked].public_key()) {
        return absl::DataLossError("signetd answered about another token");
      }
      result.tokens.push_back(std::move(token));
    }
    result.cluster = response.cluster();
    result.bundle_pin = response.bundle_pin();
    if (registered != nullptr) *registered = end;
    session.Progress(dry_run ? "checked" : "registered", end, tokens.size());
  }
  return result;
}

}  // namespace signet::cli
