#include "cli/service_certificate.h"

#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/issued.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/request_signing.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr std::size_t kLongestBundle = std::size_t{4} << 20;

// Whoever manages `ca_cert_file` may be behind: a certificate that its anchors do not verify would stop the service.
absl::Status CheckVerifiedByFile(const std::string& ca_cert_file, const std::vector<x509::Certificate>& chain,
                                 uint64_t generation, absl::Time now) {
  const auto verdict = [&]() -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const std::string pem, files::Read(ca_cert_file));
    SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, x509::Certificate::ListFromPem(pem));
    return x509::VerifyChain(chain.front(), {chain.begin() + 1, chain.end()}, anchors, now);
  }();
  if (verdict.ok()) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat(ca_cert_file, " is managed elsewhere and does not verify the new certificate (",
                                    verdict.message(), "); nothing was written"),
                       absl::StrCat("place generation ", generation, " of the bundle there first"));
}

// The cluster and the key of a signed bundle that holds with `pin` (empty: with its own key).
absl::StatusOr<ClusterPin> PinOf(const std::string& content, const std::string& pin) {
  v1::SignedBundle signed_bundle;
  v1::Bundle claimed;
  if (!signed_bundle.ParseFromString(content) || !claimed.ParseFromString(signed_bundle.bundle()))
    return absl::InvalidArgumentError("not a signed bundle");
  ClusterPin result{.cluster = claimed.cluster(), .pin = pin.empty() ? x509::Sha256(signed_bundle.bundle_key()) : pin};
  SIGNET_RETURN_IF_ERROR(bundle::Verify(content, result.pin, result.cluster).status());
  return result;
}

}  // namespace

const std::vector<std::string>& Services() {
  static const auto& services = *new std::vector<std::string>{"slurmctld", "slurmdbd", "slurmrestd"};
  return services;
}

ServiceFiles ServiceFilesOf(const std::string& service, const std::string& layout, const std::string& dir) {
  if (layout == "lab") {
    const std::string lab = dir.empty() ? "/etc/slurm/certmgr" : dir;
    const std::string stem = absl::StrCat(lab, "/", service);
    return {.dir = lab, .ca = lab + "/slurm_ca.pem", .pair = {.key = stem + ".key", .cert = stem + ".pem"}};
  }
  static const auto& prefixes =
      *new std::map<std::string, std::string>{{"slurmctld", "ctld"}, {"slurmdbd", "dbd"}, {"slurmrestd", "restd"}};
  const std::string etc = dir.empty() ? "/etc/slurm" : dir;
  const std::string stem = absl::StrCat(etc, "/", prefixes.at(service));
  return {.dir = etc, .ca = etc + "/ca_cert.pem", .pair = {.key = stem + "_cert_key.pem", .cert = stem + "_cert.pem"}};
}

absl::StatusOr<IssuedService> IssueService(Session& session, const std::string& service, const ServiceFiles& files,
                                           const PairRights& rights, const ClusterPin& pin) {
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  v1::IssueServiceCertificateRequest request;
  request.set_service(service);
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), keys::SignRequestPem(key, service, ""));
  SIGNET_ASSIGN_OR_RETURN(const v1::IssueServiceCertificateResponse response,
                          session.Call(&v1::CertAuthority::Stub::IssueServiceCertificate, request));
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle trusted, VerifyBundle(response.signed_bundle(), pin));
  SIGNET_ASSIGN_OR_RETURN(std::vector<x509::Certificate> anchors, x509::Certificate::ListFromPem(trusted.ca_cert_pem));
  IssuedService issued;
  issued.generation = trusted.generation;
  SIGNET_ASSIGN_OR_RETURN(
      issued.chain,
      JudgeIssued(response.certificate_chain_pem(),
                  {.key = key.public_key(), .name = service, .anchors = std::move(anchors)}, session.Now()));
  // Anchors first: a certificate must never be on disk before what verifies it.
  SIGNET_ASSIGN_OR_RETURN(const bundle::WriteResult written,
                          WriteBundle(session, files.ca, pin, response.signed_bundle()));
  if (written == bundle::WriteResult::kManagedElsewhere) {
    SIGNET_RETURN_IF_ERROR(CheckVerifiedByFile(files.ca, issued.chain, trusted.generation, session.Now()));
  }
  SIGNET_RETURN_IF_ERROR(WritePair(files.pair, rights, key, issued.chain));
  return issued;
}

absl::StatusOr<bundle::WriteResult> WriteBundle(Session& session, const std::string& ca_cert_file,
                                                const ClusterPin& pin, const v1::SignedBundle& signed_bundle) {
  SIGNET_ASSIGN_OR_RETURN(
      const bundle::WriteResult written,
      bundle::Write({.ca_cert_file = ca_cert_file, .memory_dir = "", .cluster = pin.cluster, .pin = pin.pin},
                    signed_bundle.SerializeAsString(), session.Now()));
  if (written == bundle::WriteResult::kManagedElsewhere) {
    session.Note(absl::StrCat(ca_cert_file, " is managed elsewhere and was left alone"));
  }
  return written;
}

absl::StatusOr<FetchedBundle> FetchBundle(Session& session, const ClusterPin& pin) {
  SIGNET_ASSIGN_OR_RETURN(const v1::GetTrustBundleResponse response,
                          session.Call(&v1::CertAuthority::Stub::GetTrustBundle, v1::GetTrustBundleRequest()));
  SIGNET_ASSIGN_OR_RETURN(bundle::Bundle trusted, VerifyBundle(response.signed_bundle(), pin));
  return FetchedBundle{.signed_bundle = response.signed_bundle(), .trusted = std::move(trusted)};
}

absl::StatusOr<ClusterPin> PinFor(Session& session, const std::string& ca_cert_file, const std::string& pin_hex) {
  if (!pin_hex.empty()) {
    SIGNET_ASSIGN_OR_RETURN(const std::string pin, PinFromHex(pin_hex));
    SIGNET_ASSIGN_OR_RETURN(const v1::GetTrustBundleResponse response,
                            session.Call(&v1::CertAuthority::Stub::GetTrustBundle, v1::GetTrustBundleRequest()));
    return PinOf(response.signed_bundle().SerializeAsString(), pin);
  }
  const std::string held = (std::filesystem::path(ca_cert_file).parent_path() / "signet-bundle").string();
  if (const absl::StatusOr<std::string> content = files::Read(held, kLongestBundle); content.ok()) {
    if (absl::StatusOr<ClusterPin> pin = PinOf(*content, ""); pin.ok()) return pin;
  }
  return AskForClusterPin(session, "");
}

}  // namespace signet::cli
