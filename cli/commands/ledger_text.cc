#include "cli/commands/ledger_text.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/rows.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

std::string BundleText(const v1::BundleSighting& sighting) {
  if (sighting.sha256().empty()) return "unknown";
  const std::string hash = absl::BytesToHexString(sighting.sha256()).substr(0, 16);
  if (sighting.generation() == 0) return absl::StrCat("not written by signet, sha256 ", hash, "…");
  return absl::StrCat("generation ", sighting.generation(), ", sha256 ", hash, "…");
}

}  // namespace

std::string NodeText(const v1::Node& node, absl::Time now) {
  FieldList fields;
  fields.Add("node", node.name());
  fields.Add("daemon", node.daemon());
  fields.Add("blocked", node.blocked() ? "yes" : "no");
  if (node.has_clone_suspected_at()) {
    fields.Add("clone suspected", FullTime(FromProto(node.clone_suspected_at()), now));
  }
  fields.Add("identity key", node.key_id());
  fields.Add("admitted by", absl::StrCat(EvidenceText(node.evidence()), " ", node.token_id()));
  if (!node.pod_uid().empty()) fields.Add("pod uid", node.pod_uid());
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

}  // namespace signet::cli
