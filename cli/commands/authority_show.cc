#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/authority_choice.h"
#include "cli/commands/command.h"
#include "cli/table.h"
#include "services/base/status_macros.h"

namespace signet::cli {
namespace {

std::string Text(const v1::Authority& authority, absl::Time now) {
  FieldList fields;
  fields.Add("authority", authority.id());
  fields.Add("purpose", EnumText(v1::AuthorityPurpose_Name(authority.purpose()), "AUTHORITY_PURPOSE_"));
  fields.Add("state", EnumText(v1::AuthorityState_Name(authority.state()), "AUTHORITY_STATE_"));
  fields.Add("subject", authority.subject());
  if (!authority.anchor_subject().empty()) fields.Add("below", authority.anchor_subject());
  fields.Add("begins", FullTime(FromProto(authority.not_before()), now));
  fields.Add("ends", FullTime(FromProto(authority.not_after()), now));
  const auto when = [&](const char* label, bool has, const google::protobuf::Timestamp& at) {
    fields.Add(label, has ? FullTime(FromProto(at), now) : "");
  };
  when("prepared", authority.has_prepared_at(), authority.prepared_at());
  when("activated", authority.has_activated_at(), authority.activated_at());
  when("retired", authority.has_retired_at(), authority.retired_at());
  when("revoked", authority.has_revoked_at(), authority.revoked_at());
  fields.Add("key", authority.has_key() ? "here" : "not here: it signs nothing");
  fields.Add("live certificates", absl::StrCat(authority.live_certificates()));
  return fields.Text();
}

struct Options {
  std::string id;
  bool pem = false;
};

absl::Status Show(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const v1::Authority authority, FindAuthority(session, options.id));
  return session.Print({.text =
                            [&](bool wide) {
                              return absl::StrCat(Text(authority, session.Now()),
                                                  wide || options.pem ? authority.certificate_pem() : "");
                            },
                        .message = &authority,
                        .names = {authority.id()}});
}

}  // namespace

Action DeclareAuthorityShow(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("id", options->id, "its id, or the first 8 digits of it or more")->required();
  app.add_flag("--pem", options->pem, "its certificate's PEM too");
  return [options](Session& session) { return Show(session, *options); };
}

}  // namespace signet::cli
