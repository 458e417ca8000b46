#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

std::string BundleText(const v1::BundleSighting& sighting) {
  if (sighting.sha256().empty()) return "unknown";
  const std::string hash = absl::BytesToHexString(sighting.sha256()).substr(0, 16);
  if (sighting.generation() == 0) return absl::StrCat("not written by signet, sha256 ", hash, "…");
  return absl::StrCat("generation ", sighting.generation(), ", sha256 ", hash, "…");
}

std::string Text(const v1::Node& node, absl::Time now) {
  FieldList fields;
  fields.Add("node", node.name());
  fields.Add("daemon", node.daemon());
  fields.Add("blocked", node.blocked() ? "yes" : "no");
  fields.Add("identity key", node.key_id());
  fields.Add("admitted by", absl::StrCat(EvidenceText(node.evidence()), " ", node.token_id()));
  fields.Add("enrolled", FullTime(FromProto(node.enrolled_at()), now));
  fields.Add("last request", FullTime(FromProto(node.last_request_at()), now));
  fields.Add("certificate", node.serial());
  fields.Add("ends", FullTime(FromProto(node.not_after()), now));
  fields.Add("bundle on disk", BundleText(node.bundle_on_disk()));
  fields.Add("bundle loaded", BundleText(node.bundle_loaded()));
  fields.Add("adapter", node.adapter_version());
  fields.Add("keys before", absl::StrCat(node.superseded_keys()));
  return fields.Text();
}

}  // namespace

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
        absl::StrAppend(&all, all.empty() ? "" : "\n", Text(node, session.Now()));
      return all;
    };
    return session.Print({.text = text, .message = &response, .names = {*name}});
  };
}

}  // namespace signet::cli
