#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/ledger_text.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {

Action DeclareNodeShow(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  app.add_option("name", *name, "the NodeName")->required();
  return [name](Session& session) -> absl::Status {
    v1::GetNodeRequest request;
    request.set_name(*name);
    SIGNET_ASSIGN_OR_RETURN(const v1::GetNodeResponse response,
                            session.Call(&v1::NodeEnrollment::Stub::GetNode, request));
    const auto text = [&](bool) {
      std::string all;
      for (const v1::Node& node : response.nodes())
        absl::StrAppend(&all, all.empty() ? "" : "\n", NodeText(node, session.Now()));
      return absl::StrCat(all, "\n# Why it gets a certificate or does not: signetctl node explain ", *name, "\n");
    };
    return session.Print({.text = text, .message = &response, .names = {*name}});
  };
}

}  // namespace signet::cli
