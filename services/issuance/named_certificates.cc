#include "services/issuance/named_certificates.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"
#include "services/names/node_name.h"
#include "services/x509/certificate_request.h"

namespace signet::issuance {
namespace {

constexpr std::array<absl::string_view, 6> kRoles = {"controller",  "observer", "service",
                                                     "provisioner", "auditor",  "admin"};
constexpr char kServiceRole[] = "service";
constexpr char kProvisionerRole[] = "provisioner";
constexpr char kTesterRole[] = "tester";
constexpr char kProbeName[] = "signet-probe";
constexpr std::size_t kLongestCommonName = 64;

absl::Status NameRefused(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kNameRefused, message);
}

absl::Status Denied(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kPermissionDenied, base::kAccessDenied, message, next);
}

absl::StatusOr<x509::CertificateRequest> ParseRequest(absl::string_view csr_pem) {
  SIGNET_ASSIGN_OR_RETURN(x509::CertificateRequest request, x509::CertificateRequest::FromPem(csr_pem));
  if (request.statement().has_value()) {
    return base::Refusal(
        absl::StatusCode::kInvalidArgument, base::kCsrRefused,
        "the CSR carries a node's statement: node evidence never gives a service's or client's certificate");
  }
  return request;
}

bool IsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-'; });
}

// A key that two names share is a key that two hosts hold.
absl::Status CheckKeyIsFree(const store::Tables& tables, const Approval& approval) {
  const auto other = tables.certificates().FindBySpki(approval.key.spki_sha256());
  if (absl::IsNotFound(other.status())) return absl::OkStatus();
  SIGNET_RETURN_IF_ERROR(other.status());
  if (other->profile == approval.profile_id && other->subject == approval.names.common_name &&
      other->daemon == approval.daemon) {
    return absl::OkStatus();
  }
  return base::Refusal(
      absl::StatusCode::kInvalidArgument, base::kKeyRefused,
      absl::StrCat("the key is already certified for ", other->subject, " (", other->daemon, "); make a new key"));
}

// The edge looked when the call came. What is recorded after the revocation of what asked for it, nobody would revoke.
absl::Status CheckCallerHolds(const store::Tables& tables, const audit::Origin& origin) {
  if (origin.serial.empty()) return absl::OkStatus();
  const auto row = tables.certificates().Find(origin.serial);
  // One from before a restored backup holds by its signature, as at the edge.
  if (absl::IsNotFound(row.status())) return absl::OkStatus();
  SIGNET_RETURN_IF_ERROR(row.status());
  if (row->state != store::CertificateState::kRevoked) return absl::OkStatus();
  return Denied("the caller's client certificate was revoked meanwhile", "signetctl client issue");
}

audit::Event SignedEvent(const Approval& approval, const store::CertificateRow& row, const audit::Origin& origin) {
  audit::Event event;
  event.origin = origin;
  event.action = "certificate.sign";
  event.subject = row.subject;
  event.facts = {{"serial", row.serial},
                 {"profile", approval.profile.name},
                 {"role", row.daemon},
                 {"authority", row.authority_id},
                 {"tbs_sha256", absl::BytesToHexString(row.tbs_sha256)},
                 {"key_id", approval.key.key_id()}};
  return event;
}

}  // namespace

absl::Status CheckListenerName(absl::string_view name) {
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  const bool numeric =
      std::all_of(labels.back().begin(), labels.back().end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
  if (name.size() <= kLongestCommonName && std::all_of(labels.begin(), labels.end(), IsLabel) && !numeric) {
    return absl::OkStatus();
  }
  return NameRefused(absl::StrCat("\"", absl::CHexEscape(name.substr(0, kLongestCommonName)),
                                  "\" is not a host name of at most ", kLongestCommonName,
                                  " characters (IP addresses are not supported)"));
}

NamedCertificates::NamedCertificates(std::string cluster, Issuer& issuer, audit::AuditLog& audit, store::Store& store,
                                     policy::Profile service_profile, policy::Profile control_profile)
    : cluster_(std::move(cluster)),
      issuer_(issuer),
      audit_(audit),
      store_(store),
      service_profile_(std::move(service_profile)),
      control_profile_(std::move(control_profile)) {}

absl::StatusOr<Issued> NamedCertificates::IssueService(absl::string_view service, absl::string_view csr_pem,
                                                       const audit::Origin& origin) {
  if (!names::IsServiceName(service)) return NameRefused("a service is slurmctld, slurmdbd or slurmrestd");
  // On a socket it would have no name.
  if (origin.role == kServiceRole && origin.name != service) {
    return Denied("a service renews its own certificate only",
                  absl::StrCat("ask with the control certificate of service ", service));
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateRequest request, ParseRequest(csr_pem));
  SIGNET_RETURN_IF_ERROR(policy::CheckRequest(service_profile_, request, service));
  const std::string name(service);
  return Issue({store::Purpose::kSlurm,
                "",
                store::Profile::kService,
                service_profile_,
                {name, {name}, {}},
                request.public_key(),
                name,
                "",
                0},
               origin);
}

absl::StatusOr<Issued> NamedCertificates::IssueClient(absl::string_view role_name, absl::string_view name,
                                                      absl::string_view nodes, absl::string_view csr_pem,
                                                      const audit::Origin& origin) {
  if (std::find(kRoles.begin(), kRoles.end(), role_name) == kRoles.end()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         "role must be controller, observer, service, provisioner, auditor or admin");
  }
  if (role_name == kServiceRole) {
    if (!names::IsServiceName(name)) return NameRefused("role service is for slurmctld, slurmdbd and slurmrestd");
  } else {
    SIGNET_RETURN_IF_ERROR(names::CheckNodeName(name));
  }
  std::optional<store::ProvisionerRow> provisioner;
  if (role_name == kProvisionerRole) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> expanded, names::ExpandHostlist(nodes));
    provisioner = {std::string(name), names::CompressHostlist(expanded), origin.actor, {}};
  } else if (!nodes.empty()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "nodes are for role provisioner only");
  }
  SIGNET_ASSIGN_OR_RETURN(const Approval approval, ApproveClient(role_name, name, csr_pem));
  return Issue(approval, origin, provisioner);
}

absl::StatusOr<Issued> NamedCertificates::RenewClient(absl::string_view csr_pem, const audit::Origin& origin) {
  const bool client = std::find(kRoles.begin(), kRoles.end(), origin.role) != kRoles.end();
  if (!client || origin.name.empty()) {
    return Denied("who renews a client's certificate shows it: a socket shows none", "signetctl client issue");
  }
  // A provisioner's nodes stay as they are stored.
  SIGNET_ASSIGN_OR_RETURN(const Approval approval, ApproveClient(origin.role, origin.name, csr_pem));
  return Issue(approval, origin);
}

absl::StatusOr<Issued> NamedCertificates::IssueProbe(absl::string_view authority_id, absl::string_view csr_pem,
                                                     const audit::Origin& origin) {
  const bool tester = origin.role == kTesterRole;
  if (tester && !authority_id.empty()) return Denied("a tester names no authority", "signet-slurm selftest");
  // Issuer takes the active one then.
  if (!tester && authority_id.empty()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "authority_id is empty",
                         "signetctl authority list");
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateRequest request, ParseRequest(csr_pem));
  const policy::Profile profile = policy::ProbeProfile();
  SIGNET_RETURN_IF_ERROR(policy::CheckRequest(profile, request, kProbeName));
  return Issue({store::Purpose::kSlurm,
                std::string(authority_id),
                store::Profile::kProbe,
                profile,
                {kProbeName, {kProbeName}, {}},
                request.public_key(),
                profile.name,
                "",
                0},
               origin);
}

absl::StatusOr<Approval> NamedCertificates::ApproveClient(absl::string_view role_name, absl::string_view name,
                                                          absl::string_view csr_pem) const {
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateRequest request, ParseRequest(csr_pem));
  SIGNET_RETURN_IF_ERROR(policy::CheckRequest(control_profile_, request, name));
  return Approval{store::Purpose::kControl,
                  "",
                  store::Profile::kControl,
                  control_profile_,
                  {std::string(name), {}, {absl::StrCat("signet://", cluster_, "/", role_name, "/", name)}},
                  request.public_key(),
                  std::string(role_name),
                  "",
                  0};
}

absl::StatusOr<Issued> NamedCertificates::IssueListener(const std::vector<std::string>& names,
                                                        const x509::PublicKey& key, const audit::Origin& origin) {
  if (names.empty() || names.size() > kMostListenerNames) {
    return NameRefused(absl::StrCat("listen.grpc.names must have 1 to ", kMostListenerNames, " host names"));
  }
  for (const std::string& name : names) SIGNET_RETURN_IF_ERROR(CheckListenerName(name));
  return Issue({store::Purpose::kControl,
                "",
                store::Profile::kControl,
                control_profile_,
                {names.front(), names, {absl::StrCat("signet://", cluster_, "/server/signetd")}},
                key,
                "server",
                "",
                0},
               origin);
}

absl::StatusOr<Issued> NamedCertificates::Issue(const Approval& approval, const audit::Origin& origin,
                                                const std::optional<store::ProvisionerRow>& provisioner) {
  std::optional<Prepared> prepared;
  const auto record = [&](store::Tables& tables) -> absl::Status {
    const store::CertificateRow& row = prepared->row();
    SIGNET_RETURN_IF_ERROR(CheckCallerHolds(tables, origin));
    SIGNET_RETURN_IF_ERROR(CheckKeyIsFree(tables, approval));
    SIGNET_RETURN_IF_ERROR(issuer_.Record(tables, *prepared));
    if (provisioner.has_value()) {
      store::ProvisionerRow row_of_it = *provisioner;
      row_of_it.issued_at = row.recorded_at;
      SIGNET_RETURN_IF_ERROR(tables.provisioners().Put(row_of_it));
    }
    audit::Event event = SignedEvent(approval, row, origin);
    if (provisioner.has_value()) event.facts["nodes"] = provisioner->nodes;
    return audit_.Append(tables, event);
  };
  const auto attempt = [&]() -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(prepared, issuer_.Prepare(approval));
    return store_.Write(record);
  };
  SIGNET_RETURN_IF_ERROR(issuer_.WithRetry(attempt));
  return issuer_.Release(*std::move(prepared));
}

}  // namespace signet::issuance
