#include <algorithm>
#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/issued.h"
#include "cli/key_pair.h"
#include "cli/node_set.h"
#include "cli/staged_files.h"
#include "cli/table.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/private_key.h"
#include "services/keys/request_signing.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string name;
  std::string role;
  std::string nodes;  // a provisioner's
  std::string out_dir;
  bool force = false;
};

const std::map<std::string, v1::Role>& Roles() {
  static const auto& roles =
      *new std::map<std::string, v1::Role>{{"controller", v1::ROLE_CONTROLLER},   {"admin", v1::ROLE_ADMIN},
                                           {"auditor", v1::ROLE_AUDITOR},         {"observer", v1::ROLE_OBSERVER},
                                           {"provisioner", v1::ROLE_PROVISIONER}, {"service", v1::ROLE_SERVICE}};
  return roles;
}

// The adapter runs as SlurmUser and refuses a key of another user. Paths are those where the files usually end up.
constexpr char kNextSteps[] =
    "# Copy them to the host and install them there, as root and for its SlurmUser, here slurm:\n"
    "#   mkdir -p /etc/signet\n"
    "#   install -o slurm -m 0400 control.key /etc/signet/control.key\n"
    "#   install -m 0644 control.pem control_ca.pem /etc/signet/\n"
    "# and add to /etc/signet/signet-slurm.yaml:\n"
    "tls: {cert: /etc/signet/control.pem, key: /etc/signet/control.key, ca: /etc/signet/control_ca.pem}\n";

// What a provisioning system does with the same files.
constexpr char kProvisionerSteps[] =
    "# Copy them to the provisioning host and install them there, as root:\n"
    "#   mkdir -p -m 0700 /etc/signet/provisioner\n"
    "#   install -m 0400 control.key /etc/signet/provisioner/control.key\n"
    "#   install -m 0644 control.pem control_ca.pem /etc/signet/provisioner/\n"
    "# and let its hook call, for each node that boots:\n"
    "SIGNET_TLS_DIR=/etc/signet/provisioner signetctl --server HEAD:6843 token create NODE --boot --out-dir DIR\n";

// What a service's host does with them, by timer.
constexpr char kServiceSteps[] =
    "# Copy them to the service's host and install them there, as root:\n"
    "#   mkdir -p -m 0700 /etc/signet/service\n"
    "#   install -m 0400 control.key /etc/signet/service/control.key\n"
    "#   install -m 0644 control.pem control_ca.pem /etc/signet/service/\n"
    "# Its first certificate is issued from the head node (signetctl service issue); then, on that host,\n"
    "# in /etc/signet/service-renew.env:\n"
    "SIGNET_SERVER=HEAD:6843\n"
    "SIGNET_TLS_DIR=/etc/signet/service\n"
    "# and: systemctl enable --now signet-service-renew.timer\n";

const char* StepsFor(const std::string& role) {
  if (role == "provisioner") return kProvisionerSteps;
  return role == "service" ? kServiceSteps : kNextSteps;
}

// signet://<cluster>/<role>/<name>: the server reads its caller's rights from there.
bool GrantsRole(const x509::Certificate& leaf, const Options& options) {
  const std::vector<std::string> uris = leaf.uris();
  return uris.size() == 1 && absl::StartsWith(uris[0], "signet://") &&
         absl::EndsWith(uris[0], absl::StrCat("/", options.role, "/", options.name));
}

absl::Status WriteFiles(const Options& options, const keys::PrivateKey& key,
                        const std::vector<x509::Certificate>& chain, const std::vector<x509::Certificate>& anchors) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes key_pem, key.ToPem());
  if (!files::Exists(options.out_dir)) SIGNET_RETURN_IF_ERROR(files::MakeDirectories(options.out_dir, 0700));
  const PairPaths pair{.key = options.out_dir + "/control.key", .cert = options.out_dir + "/control.pem"};
  SIGNET_ASSIGN_OR_RETURN(const files::FileLock lock, LockPair(pair));  // --force may meet a renewal by timer
  StagedFiles staged;
  SIGNET_RETURN_IF_ERROR(staged.Add(options.out_dir + "/control_ca.pem", RenderChainFile(anchors), {.mode = 0644}));
  SIGNET_RETURN_IF_ERROR(staged.Add(pair.key, key_pem.ExposeSecret(), {.mode = 0600}));
  SIGNET_RETURN_IF_ERROR(staged.Add(pair.cert, RenderChainFile(chain), {.mode = 0644}));
  return staged.Commit();
}

absl::Status CheckNodes(const Options& options) {
  if (options.role == "provisioner") {
    return NodesOf(options.nodes, "add --nodes 'n[001-128]': the nodes for which it may make boot tokens").status();
  }
  if (options.nodes.empty()) return absl::OkStatus();
  return UsageError("--nodes is for --role provisioner only");
}

absl::Status Issue(Session& session, const Options& options) {
  SIGNET_RETURN_IF_ERROR(CheckNodes(options));
  const std::string cert_path = options.out_dir + "/control.pem";
  const bool exists = files::Exists(cert_path) || files::Exists(options.out_dir + "/control.key");
  if (exists && !options.force) {
    return base::Refusal(absl::StatusCode::kAlreadyExists, base::kAlreadyExists,
                         absl::StrCat(cert_path, " or its key exists"),
                         "add --force to replace it, or name another --out-dir");
  }
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would ask for a certificate of ", options.name, " with role ", options.role,
                              " and write ", cert_path));
    return absl::OkStatus();
  }
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  v1::IssueClientCertificateRequest request;
  request.set_name(options.name);
  request.set_role(Roles().at(options.role));
  request.set_nodes(options.nodes);
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), keys::SignRequestPem(key, options.name, ""));
  SIGNET_ASSIGN_OR_RETURN(const v1::IssueClientCertificateResponse response,
                          session.Call(&v1::CertAuthority::Stub::IssueClientCertificate, request));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors,
                          x509::Certificate::ListFromPem(response.control_ca_pem()));
  SIGNET_ASSIGN_OR_RETURN(
      const std::vector<x509::Certificate> chain,
      JudgeIssued(response.certificate_chain_pem(), {.key = key.public_key(), .name = options.name, .anchors = anchors},
                  session.Now()));
  if (!GrantsRole(chain.front(), options)) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kInternal,
                         "signetd answered with a certificate for another role or name; nothing was written",
                         "signetctl audit tail");
  }
  SIGNET_RETURN_IF_ERROR(WriteFiles(options, key, chain, anchors));
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  fields["name"].set_string_value(options.name);
  fields["role"].set_string_value(options.role);
  if (!options.nodes.empty()) fields["nodes"].set_string_value(options.nodes);
  fields["serial"].set_string_value(chain.front().serial());
  fields["expires_at"].set_string_value(
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", chain.front().not_after(), absl::UTCTimeZone()));
  fields["directory"].set_string_value(options.out_dir);
  const auto text = [&](bool) {
    return absl::StrCat("# control.pem, control.key and control_ca.pem are in ", options.out_dir,
                        "; the certificate ends ", RelativeTime(chain.front().not_after(), session.Now()), ".\n",
                        StepsFor(options.role));
  };
  return session.Print({.text = text, .message = &document, .names = {chain.front().serial()}});
}

}  // namespace

Action DeclareClientIssue(CLI::App& app) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> roles;
  for (const auto& [name, role] : Roles()) roles.push_back(name);
  app.add_option("name", options->name, "stands in the certificate and in the audit log")->required();
  app.add_option("--role", options->role,
                 "what it may do: controller, observer, service, provisioner, auditor or admin")
      ->required()
      ->check(CLI::IsMember(roles));
  app.add_option(
      "--nodes", options->nodes,
      "for a provisioner: the hostlist whose boot tokens it may make; replaces the one of an older certificate");
  app.add_option("--out-dir", options->out_dir, "gets control.pem, control.key (0600) and control_ca.pem")->required();
  app.add_flag("--force", options->force, "replace files that exist");
  return [options](Session& session) { return Issue(session, *options); };
}

}  // namespace signet::cli
