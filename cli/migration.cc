#include "cli/migration.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/rows.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

// The certificates of the authorities that sign or will sign for Slurm.
absl::StatusOr<std::vector<x509::Certificate>> SortAnchors(Session& session, Migration& migration) {
  SIGNET_ASSIGN_OR_RETURN(const v1::ListAuthoritiesResponse list,
                          session.Call(&v1::CertAuthority::Stub::ListAuthorities, v1::ListAuthoritiesRequest()));
  std::map<std::string, v1::AuthorityState> states;
  std::vector<x509::Certificate> ours;
  for (const v1::Authority& authority : list.authorities()) {
    if (authority.purpose() != v1::AUTHORITY_PURPOSE_SLURM) continue;
    states[authority.id()] = authority.state();
    const bool signs = authority.state() == v1::AUTHORITY_STATE_ACTIVE;
    if (!signs && authority.state() != v1::AUTHORITY_STATE_PREPARED) continue;
    SIGNET_ASSIGN_OR_RETURN(x509::Certificate certificate, x509::Certificate::FromPem(authority.certificate_pem()));
    ours.push_back(std::move(certificate));
  }
  for (const x509::Certificate& certificate : migration.tree.ca) {
    const auto state = states.find(certificate.public_key().key_id());
    if (state == states.end()) {
      migration.to_anchor.push_back(certificate);
    } else if (state->second == v1::AUTHORITY_STATE_RETIRED) {
      migration.anchors.push_back(certificate);
    }
    migration.ca_file_has_signet |= state != states.end() && state->second == v1::AUTHORITY_STATE_ACTIVE;
  }
  return ours;
}

absl::StatusOr<std::unordered_set<std::string>> NodesOnSignet(Session& session) {
  SIGNET_ASSIGN_OR_RETURN(const v1::ListNodesResponse ledger,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListNodes, v1::ListNodesRequest()));
  std::unordered_set<std::string> names;
  for (const v1::Node& node : ledger.nodes()) {
    if (node.daemon() == "slurmd") names.insert(node.name());
  }
  return names;
}

// A node that runs on Signet keeps what admitted it: its lab token, which is weaker, is not brought in behind its back.
absl::Status SortTokens(Session& session, Migration& migration) {
  if (migration.tree.tokens.empty()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(LabTokens lab, ReadLabTokens(migration.tree.tokens));
  SIGNET_ASSIGN_OR_RETURN(const std::unordered_set<std::string> on_signet, NodesOnSignet(session));
  v1::ListTokensRequest request;
  request.set_all(true);
  request.set_kind(v1::TOKEN_KIND_LAB);
  SIGNET_ASSIGN_OR_RETURN(const v1::ListTokensResponse list,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, request));
  std::unordered_map<std::string, const v1::Token*> known;
  for (const v1::Token& token : list.tokens()) known[token.public_key()] = &token;
  std::vector<v1::NewToken> derived =
      DeriveLabTokens(lab, migration.cluster, {.daemon = "slurmd", .ttl = absl::ZeroDuration()});
  for (v1::NewToken& token : derived) {
    if (on_signet.count(token.node()) != 0) {
      migration.nodes_on_signet.push_back(token.node());
      continue;
    }
    migration.nodes_old.push_back(token.node());
    const auto found = known.find(token.public_key());
    if (found == known.end()) {
      migration.to_import.push_back(std::move(token));
      continue;
    }
    ++migration.imported;
    if (TokenState(*found->second, session.Now()) != "open") migration.ended.push_back(token.node());
  }
  migration.faults = std::move(lab.faults);
  return absl::OkStatus();
}

std::string ServiceCommand(const LabService& service) {
  const std::filesystem::path path(service.path);
  const bool lab = path.filename() == service.service + ".pem";
  return absl::StrCat("signetctl service issue ", service.service, lab ? " --layout lab" : "", " --dir ",
                      path.parent_path().string(), service.service == "slurmrestd" ? " --owner USER" : "");
}

std::vector<std::string> NamesOfCertificates(const std::vector<x509::Certificate>& list) {
  std::vector<std::string> names;
  for (const x509::Certificate& certificate : list) names.push_back(certificate.subject());
  return names;
}

std::vector<std::string> LastSteps(const Migration& migration) {
  std::vector<std::string> steps = {"# nothing is old"};
  for (const std::string& key : migration.tree.key_files) {
    steps.push_back(absl::StrCat("shred -u ", key,
                                 "   # the old CA's key, and every copy of it: who holds it can still make "
                                 "certificates that the cluster accepts"));
  }
  return steps;
}

std::string Again(const Migration& migration) {
  return absl::StrCat("signetctl migrate lab ", migration.tree.directory, migration.tree.options);
}

// The documented scripts sign with the first certificate of the very file that is to hold both roots.
void AddRootSteps(const Migration& migration, std::vector<std::string>& steps) {
  const std::string& ca = migration.tree.ca_file;
  const std::string old = (std::filesystem::path(ca).parent_path() / "old_ca.pem").string();
  std::string script;
  for (const std::string& path : migration.tree.scripts) {
    if (absl::StrContains(std::filesystem::path(path).filename().string(), "sign")) script = path;
  }
  steps.push_back(absl::StrCat("cp -p ", ca, " ", old));
  steps.push_back(absl::StrCat("# in ", script.empty() ? "the old sign_csr_script" : script, " set CA_CERT=", old,
                               " (what openssl gets as -CA): it would sign with the first certificate of ", ca));
  steps.push_back(absl::StrCat("signetctl bundle write --file ", ca));
  steps.push_back(
      absl::StrCat("# copy ", ca, " and signet-bundle beside it to the same place on every host, by rename"));
}

// Every daemon holds both roots before the first certificate under the new one is shown.
void AddServiceSteps(const Migration& migration, std::vector<std::string>& steps) {
  steps.push_back(
      "# wait one certificate_renewal_period (or restart slurmd and sackd), and until no running job is older than the "
      "new file on its nodes: steps read it at their start");
  steps.push_back("squeue -t R -S S -o '%i %S'");
  std::string daemons;
  for (const LabService& service : migration.services_old) {
    if (service.service != "slurmctld") absl::StrAppend(&daemons, " ", service.service);
  }
  if (!daemons.empty()) steps.push_back(absl::StrCat("systemctl restart", daemons, "   # they read both roots"));
  steps.push_back("scontrol reconfigure   # slurmctld reads both roots");
  for (const LabService& service : migration.services_old) {
    steps.push_back(ServiceCommand(service));
    steps.push_back(service.service == "slurmctld" ? "scontrol reconfigure"
                                                   : absl::StrCat("systemctl restart ", service.service));
  }
}

// The controller's scripts and then, at once, the nodes'.
void AddNodeSteps(const Migration& migration, std::vector<std::string>& steps) {
  if (!migration.nodes_known()) {
    steps.push_back(absl::StrCat("signetctl migrate lab ", migration.tree.directory, migration.tree.options,
                                 migration.tree.tokens.empty() ? " --tokens FILE" : "",
                                 "   # nodes unknown: no token is found here, so nobody can say which are old"));
  }
  steps.push_back(
      "# /etc/signet/signet-slurm.yaml, on the controller and on every node; slurmd_spool_dir is slurm.conf's "
      "SlurmdSpoolDir:");
  steps.push_back(absl::StrCat("#   cluster: ", migration.cluster));
  steps.push_back(absl::StrCat("#   bundle_pin: ", migration.bundle_pin_hex));
  steps.push_back(absl::StrCat("#   ca_cert_file: ", migration.tree.ca_file));
  steps.push_back("#   slurmd_spool_dir: /var/spool/slurmd");
  steps.push_back(
      "# before what follows: --reusable tokens or a boot hook for diskless nodes, tokens with --daemon sackd for "
      "login "
      "nodes; a lab token admits one key of one slurmd");
  steps.push_back("signetctl slurm-conf print   # the script lines: the controller's first, then at once node by node");
  steps.push_back(
      "# from then on restart or reboot no node that is still old: it would not come back until it is moved");
  if (!migration.nodes_known()) return;
  steps.push_back(absl::StrCat(Again(migration), "   # any time: who is still old"));
}

std::string HostlistOrNone(const std::vector<std::string>& nodes) {
  return nodes.empty() ? "none" : absl::StrCat(nodes.size(), ": ", names::CompressHostlist(nodes));
}

}  // namespace

absl::StatusOr<Migration> Survey(Session& session, LabTree tree) {
  Migration migration;
  migration.tree = std::move(tree);
  SIGNET_ASSIGN_OR_RETURN(const ClusterPin pin, AskForClusterPin(session, ""));
  migration.cluster = pin.cluster;
  migration.bundle_pin_hex = absl::BytesToHexString(pin.pin);
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> ours, SortAnchors(session, migration));
  for (const LabService& service : migration.tree.services) {
    const bool is_new = std::any_of(ours.begin(), ours.end(), [&service](const x509::Certificate& authority) {
      return service.certificate.VerifySignedBy(authority).ok();
    });
    (is_new ? migration.services_new : migration.services_old).push_back(service);
  }
  SIGNET_RETURN_IF_ERROR(SortTokens(session, migration));
  return migration;
}

std::vector<std::string> NextSteps(const Migration& migration, bool dry_run) {
  if (migration.done()) return LastSteps(migration);
  std::vector<std::string> steps;
  if (dry_run && (!migration.to_import.empty() || !migration.to_anchor.empty())) steps.push_back(Again(migration));
  if (!migration.ca_file_has_signet) AddRootSteps(migration, steps);
  if (!migration.services_old.empty()) AddServiceSteps(migration, steps);
  if (!migration.ended.empty()) {
    steps.push_back(absl::StrCat("signetctl token create '", names::CompressHostlist(migration.ended),
                                 "' --out-dir /root/tokens   # their imported tokens have ended"));
  }
  if (!migration.nodes_old.empty() || !migration.nodes_known()) AddNodeSteps(migration, steps);
  return steps;
}

std::string PlanText(const Migration& migration, const std::vector<std::string>& next, absl::Time now) {
  FieldList fields;
  fields.Add("cluster", migration.cluster);
  fields.Add("ca_cert_file",
             absl::StrCat(migration.tree.ca_file, migration.ca_file_has_signet ? ", holds Signet's root"
                                                                               : ", does not hold Signet's root yet"));
  for (const std::string& name : NamesOfCertificates(migration.to_anchor)) fields.Add("not yet an anchor", name);
  for (const std::string& name : NamesOfCertificates(migration.anchors)) fields.Add("anchor", name);
  for (const std::string& key : migration.tree.key_files) fields.Add("old CA key", key);
  fields.Add("tokens", migration.tree.tokens.empty() ? "no list and no {node}_token.txt" : migration.tree.tokens);
  fields.Add("to import", absl::StrCat(migration.to_import.size()));
  fields.Add("imported", absl::StrCat(migration.imported));
  if (!migration.ended.empty()) fields.Add("ended", HostlistOrNone(migration.ended));
  fields.Add("cannot be imported", absl::StrCat(migration.faults.size()));
  fields.Add("nodes on Signet", HostlistOrNone(migration.nodes_on_signet));
  fields.Add("nodes still old", migration.nodes_known() ? HostlistOrNone(migration.nodes_old) : "nodes unknown");
  Table services({"SERVICE", "CERTIFICATE", "BY", "ENDS", "ISSUER"});
  const auto add = [&](const LabService& service, const char* by) {
    services.Add({service.service, service.path, by, RelativeTime(service.certificate.not_after(), now),
                  service.certificate.issuer()});
  };
  for (const LabService& service : migration.services_old) add(service, "old CA");
  for (const LabService& service : migration.services_new) add(service, "Signet");
  std::string text = absl::StrCat(fields.Text(), "\n", migration.tree.services.empty() ? "" : services.Text() + "\n");
  for (const std::string& step : next) absl::StrAppend(&text, absl::StartsWith(step, "#") ? "" : "next: ", step, "\n");
  return text;
}

google::protobuf::Struct PlanDocument(const Migration& migration, const std::vector<std::string>& next) {
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  const auto list = [&fields](const std::string& name, const std::vector<std::string>& values) {
    auto& all = *fields[name].mutable_list_value();
    for (const std::string& value : values) all.add_values()->set_string_value(value);
  };
  const auto paths = [](const std::vector<LabService>& services) {
    std::vector<std::string> result;
    for (const LabService& service : services) result.push_back(service.path);
    return result;
  };
  fields["cluster"].set_string_value(migration.cluster);
  fields["done"].set_bool_value(migration.done());
  fields["ca_cert_file"].set_string_value(migration.tree.ca_file);
  fields["ca_cert_file_holds_signet"].set_bool_value(migration.ca_file_has_signet);
  fields["tokens"].set_string_value(migration.tree.tokens);
  fields["tokens_to_import"].set_number_value(static_cast<double>(migration.to_import.size()));
  fields["tokens_imported"].set_number_value(static_cast<double>(migration.imported));
  list("faults", migration.faults);
  list("tokens_ended", migration.ended);
  list("nodes_on_signet", migration.nodes_on_signet);
  list("nodes_old", migration.nodes_old);
  fields["nodes_known"].set_bool_value(migration.nodes_known());
  list("services_old", paths(migration.services_old));
  list("services_on_signet", paths(migration.services_new));
  list("not_yet_anchors", NamesOfCertificates(migration.to_anchor));
  list("anchors", NamesOfCertificates(migration.anchors));
  list("old_ca_keys", migration.tree.key_files);
  list("next", next);
  return document;
}

}  // namespace signet::cli
