#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/table.h"
#include "cli/token_id.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

std::string Text(const v1::GetTokenResponse& response, absl::Time now) {
  const v1::Token& token = response.token();
  FieldList fields;
  fields.Add("token", token.id());
  fields.Add("node", token.node());
  fields.Add("daemon", token.daemon());
  fields.Add("kind", KindText(token.kind()));
  fields.Add("state", TokenState(token, now));
  fields.Add("label", token.label());
  fields.Add("created", FullTime(FromProto(token.created_at()), now));
  fields.Add("by", token.created_by());
  fields.Add("ends", FullTime(FromProto(token.expires_at()), now));
  fields.Add("uses", absl::StrCat(token.uses()));
  if (response.uses().empty()) return fields.Text();
  Table table({"ADMITTED KEY", "WHEN", "ENDED"});
  for (const v1::TokenUse& use : response.uses()) {
    table.Add({use.key_id(), FullTime(FromProto(use.at()), now),
               use.has_ended_at() ? FullTime(FromProto(use.ended_at()), now) : "lives"});
  }
  return absl::StrCat(fields.Text(), "\n", table.Text());
}

}  // namespace

Action DeclareTokenShow(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  app.add_option("id", *id, "the token's id, as token list shows it")->required();
  return [id](Session& session) -> absl::Status {
    v1::GetTokenRequest request;
    SIGNET_ASSIGN_OR_RETURN(*request.mutable_id(), TokenIdOf(*id));
    SIGNET_ASSIGN_OR_RETURN(const v1::GetTokenResponse response,
                            session.Call(&v1::NodeEnrollment::Stub::GetToken, request));
    return session.Print({.text = [&](bool) { return Text(response, session.Now()); },
                          .message = &response,
                          .names = {response.token().id()}});
  };
}

}  // namespace signet::cli
