#include <algorithm>
#include <map>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/authority_choice.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/node_set.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::vector<std::string> serials;
  std::string hostlist;
  std::string authority;
  std::string reason;
  std::string comment;
};

constexpr char kExample[] = "signetctl cert revoke --node n017 --reason key-compromise --comment TEXT --dry-run";

const std::map<std::string, v1::RevocationReason>& Reasons() {
  static const auto& reasons =
      *new std::map<std::string, v1::RevocationReason>{{"key-compromise", v1::REVOCATION_REASON_KEY_COMPROMISE},
                                                       {"superseded", v1::REVOCATION_REASON_SUPERSEDED},
                                                       {"cessation", v1::REVOCATION_REASON_CESSATION_OF_OPERATION}};
  return reasons;
}

// What is named, of one sort.
struct Named {
  std::vector<std::string> serials;
  std::vector<std::string> nodes;
  std::string authority;
};

absl::StatusOr<Named> Resolve(const Options& options) {
  if (!options.serials.empty() + !options.hostlist.empty() + !options.authority.empty() != 1) {
    return UsageError("name serials, or --node HOSTLIST, or --authority ID", kExample);
  }
  Named named;
  for (const std::string& text : options.serials) {
    const std::string serial = absl::StrReplaceAll(text, {{":", ""}});
    if (serial.empty() || !std::all_of(serial.begin(), serial.end(), absl::ascii_isxdigit)) {
      return UsageError("a serial is hex digits, colons allowed", "signetctl cert list -o name");
    }
    named.serials.push_back(absl::AsciiStrToLower(serial));
  }
  if (!options.hostlist.empty()) {
    SIGNET_ASSIGN_OR_RETURN(named.nodes, NodesOf(options.hostlist, kExample));
  }
  if (!options.authority.empty()) {
    SIGNET_ASSIGN_OR_RETURN(named.authority, AuthorityIdOf(options.authority));
  }
  return named;
}

absl::StatusOr<v1::RevokeCertificatesResponse> Send(Session& session, const Named& named,
                                                    v1::RevokeCertificatesRequest request) {
  v1::RevokeCertificatesResponse all;
  const auto add = [&all](const v1::RevokeCertificatesResponse& part) {
    all.set_revoked(all.revoked() + part.revoked());
    all.set_identities_ended(all.identities_ended() + part.identities_ended());
  };
  const auto revoke = &v1::CertAuthority::Stub::RevokeCertificates;
  const char* what = request.dry_run() ? "judged" : "revoked";
  if (!named.authority.empty()) {
    request.set_authority_id(named.authority);
    SIGNET_ASSIGN_OR_RETURN(const v1::RevokeCertificatesResponse response, session.Call(revoke, request));
    add(response);
  }
  SIGNET_RETURN_IF_ERROR(CallInBatches(session, revoke, request, named.serials,
                                       &v1::RevokeCertificatesRequest::mutable_serials, what, add));
  SIGNET_RETURN_IF_ERROR(
      CallInBatches(session, revoke, request, named.nodes, &v1::RevokeCertificatesRequest::mutable_nodes, what, add));
  return all;
}

std::string Counts(const v1::RevokeCertificatesResponse& counts) {
  return absl::StrCat(counts.revoked(), " certificates, and ends ", counts.identities_ended(), " identity keys");
}

absl::Status Revoke(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const Named named, Resolve(options));
  SIGNET_RETURN_IF_ERROR(CheckReason("--comment", options.comment, kExample));
  v1::RevokeCertificatesRequest request;
  request.set_reason(Reasons().at(options.reason));
  request.set_comment(options.comment);
  const bool dry_run = session.options().dry_run;
  if (!dry_run) SIGNET_RETURN_IF_ERROR(session.CheckCanConfirm("revokes certificates for ever", kExample));
  // Everything is judged before anything is done: of a long list, not the first thousand alone.
  request.set_dry_run(true);
  SIGNET_ASSIGN_OR_RETURN(v1::RevokeCertificatesResponse response, Send(session, named, request));
  if (!dry_run) {
    SIGNET_RETURN_IF_ERROR(session.Confirm(absl::StrCat("revokes ", Counts(response), ", for ever"), kExample));
    request.set_dry_run(false);
    SIGNET_ASSIGN_OR_RETURN(response, Send(session, named, request));
  }
  const auto text = [&](bool) {
    if (dry_run) return absl::StrCat("dry run: revokes ", Counts(response), "\n");
    return absl::StrCat(response.revoked(), " certificates revoked, ", response.identities_ended(),
                        " identity keys ended: they renew nothing\n",
                        "# Slurm reads no revocation list: it takes such a certificate until it expires, or until its\n"
                        "# authority's root is out of the bundle. For everybody else: signetctl crl write FILE\n");
  };
  return session.Print({.text = text, .message = &response, .names = {}});
}

}  // namespace

Action DeclareCertRevoke(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("serial", options->serials, "serials, as cert list shows them, colons allowed");
  app.add_option("--node,--nodes", options->hostlist, "every unexpired certificate of these nodes (a hostlist)");
  app.add_option("--authority", options->authority, "every unexpired certificate of an authority that is not active");
  app.add_option("--reason", options->reason, "key-compromise, superseded or cessation")
      ->required()
      ->check(CLI::IsMember({"key-compromise", "superseded", "cessation"}));
  app.add_option("--comment", options->comment, "in your words, for the audit log, at most 200 bytes")->required();
  return [options](Session& session) { return Revoke(session, *options); };
}

}  // namespace signet::cli
