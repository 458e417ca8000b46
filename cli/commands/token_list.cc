#include <memory>

#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/pages.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {

Action DeclareTokenList(CLI::App& app) {
  auto request = std::make_shared<v1::ListTokensRequest>();
  app.add_option_function<std::string>(
      "--node", [request](const std::string& node) { request->set_node(node); }, "only this node");
  app.add_flag_callback(
      "--all", [request] { request->set_all(true); }, "used, expired and revoked ones too");
  return [request](Session& session) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const v1::ListTokensResponse list,
                            AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, *request));
    View view{.text = [&](bool wide) { return TokenRows(list.tokens(), session.Now(), wide); },
              .message = &list,
              .names = {}};
    for (const v1::Token& token : list.tokens()) view.names.push_back(token.id());
    return session.Print(view);
  };
}

}  // namespace signet::cli
