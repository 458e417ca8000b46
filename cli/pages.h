// Lists that come a page at a time.
#ifndef SIGNET_CLI_PAGES_H_
#define SIGNET_CLI_PAGES_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/session.h"
#include "services/base/status_macros.h"

namespace signet::cli {

// All pages of a List method in one response, without a page token. DATA_LOSS when the server gives the same page token
// twice.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> AllPages(Session& session,
                                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                  Request request) {
  request.set_page_size(1000);
  Response all;
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(const Response page, session.Call(method, request));
    all.MergeFrom(page);
    if (page.next_page_token().empty()) break;
    if (page.next_page_token() == request.page_token())
      return absl::DataLossError("signetd repeats a page of its list");
    request.set_page_token(page.next_page_token());
  }
  all.clear_next_page_token();
  return all;
}

}  // namespace signet::cli

#endif  // SIGNET_CLI_PAGES_H_
