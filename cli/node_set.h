// The nodes that a command is about, and calls that take at most a thousand of them.
#ifndef SIGNET_CLI_NODE_SET_H_
#define SIGNET_CLI_NODE_SET_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/session.h"
#include "services/base/status_macros.h"

namespace signet::cli {

// The names of a hostlist; a usage error with `next` otherwise.
absl::StatusOr<std::vector<std::string>> NodesOf(absl::string_view hostlist, absl::string_view next);

// Calls `method` with `template_request` and at most 1000 of `values` in the repeated field that `field` names, again
// and again; `add` takes each answer. An error says how many of the values were done before it.
template <typename Stub, typename Request, typename Response, typename Add>
absl::Status CallInBatches(Session& session,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                           const Request& template_request, const std::vector<std::string>& values,
                           google::protobuf::RepeatedPtrField<std::string>* (Request::*field)(), absl::string_view what,
                           Add add) {
  constexpr std::size_t kBatch = 1000;  // the server's limit for one call
  for (std::size_t begin = 0; begin < values.size(); begin += kBatch) {
    const std::size_t end = std::min(values.size(), begin + kBatch);
    Request request = template_request;
    for (std::size_t i = begin; i < end; ++i) *(request.*field)()->Add() = values[i];
    const absl::StatusOr<Response> response = session.Call(method, request);
    if (!response.ok()) {
      if (begin > 0) session.NotePart(what, begin, values.size());
      return response.status();
    }
    add(*response);
    session.Progress(what, end, values.size());
  }
  return absl::OkStatus();
}

}  // namespace signet::cli

#endif  // SIGNET_CLI_NODE_SET_H_
