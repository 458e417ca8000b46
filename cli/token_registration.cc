#include "cli/token_registration.h"

#include <algorithm>

#include "cli/workers.h"
#include "services/base/mutex.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr std::size_t kBatch = 1000;  // the server's limit for one call
// While the server commits one batch, it reads the next.
constexpr std::size_t kCallsInFlight = 2;

absl::StatusOr<v1::CreateTokensResponse> RegisterBatch(Session& session, const std::vector<v1::NewToken>& tokens,
                                                       std::size_t begin, std::size_t end, bool dry_run) {
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
    const v1::Token& token = response.tokens(i);
    const std::size_t asked = begin + static_cast<std::size_t>(i);
    if (asked >= end || token.node() != tokens[asked].node() || token.public_key() != tokens[asked].public_key()) {
      return absl::DataLossError("signetd answered about another token");
    }
  }
  return response;
}

}  // namespace

absl::StatusOr<Registration> RegisterTokens(Session& session, const std::vector<v1::NewToken>& tokens, bool dry_run,
                                            std::size_t* registered) {
  const std::size_t batches = (tokens.size() + kBatch - 1) / kBatch;
  std::vector<v1::CreateTokensResponse> answers(batches);
  base::Mutex mutex;  // guards done and the session's standard error
  std::size_t done = 0;
  const auto one = [&](std::size_t batch) -> absl::Status {
    const std::size_t begin = batch * kBatch;
    const std::size_t end = std::min(tokens.size(), begin + kBatch);
    SIGNET_ASSIGN_OR_RETURN(answers[batch], RegisterBatch(session, tokens, begin, end, dry_run));
    const base::MutexLock lock(mutex);
    done += end - begin;
    session.Progress(dry_run ? "checked" : "registered", done, tokens.size());
    return absl::OkStatus();
  };
  // The first call alone: it opens the channel, and a server that refuses refuses once.
  absl::Status status = batches == 0 ? absl::OkStatus() : one(0);
  if (status.ok() && batches > 1) {
    status = RunWorkers(batches - 1, kCallsInFlight, [&one](std::size_t i) { return one(i + 1); });
  }
  if (registered != nullptr) *registered = done;
  SIGNET_RETURN_IF_ERROR(status);
  Registration result;
  for (v1::CreateTokensResponse& answer : answers) {
    result.cluster = answer.cluster();
    result.bundle_pin = answer.bundle_pin();
    for (v1::Token& token : *answer.mutable_tokens()) result.tokens.push_back(std::move(token));
  }
  return result;
}

}  // namespace signet::cli
