#include "cli/control_certificate.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/issued.h"
#include "cli/key_pair.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/request_signing.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

PairPaths PathsOf(Session& session) { return {.key = session.options().tls.key, .cert = session.options().tls.cert}; }

}  // namespace

absl::StatusOr<std::optional<x509::Certificate>> OwnControlCertificate(Session& session) {
  const PairPaths paths = PathsOf(session);
  if (paths.key.empty() || paths.cert.empty() || session.OnSocket()) return std::optional<x509::Certificate>();
  SIGNET_ASSIGN_OR_RETURN(const bool healed, HealPair(paths));
  if (healed) session.Note(absl::StrCat(paths.cert, ": finished what a run that was killed had begun"));
  SIGNET_ASSIGN_OR_RETURN(std::vector<x509::Certificate> chain, ReadPair(paths));
  return std::optional<x509::Certificate>(std::move(chain.front()));
}

absl::StatusOr<x509::Certificate> RenewControlCertificate(Session& session, const x509::Certificate& old) {
  const PairPaths paths = PathsOf(session);
  SIGNET_ASSIGN_OR_RETURN(const PairRights rights, RightsOf(paths));
  SIGNET_ASSIGN_OR_RETURN(const std::string anchors_pem, files::Read(session.options().tls.ca));
  SIGNET_ASSIGN_OR_RETURN(std::vector<x509::Certificate> anchors, x509::Certificate::ListFromPem(anchors_pem));
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  v1::RenewClientCertificateRequest request;
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), keys::SignRequestPem(key, old.common_name(), ""));
  SIGNET_ASSIGN_OR_RETURN(const v1::RenewClientCertificateResponse response,
                          session.Call(&v1::CertAuthority::Stub::RenewClientCertificate, request));
  SIGNET_ASSIGN_OR_RETURN(
      const std::vector<x509::Certificate> chain,
      JudgeIssued(response.certificate_chain_pem(),
                  {.key = key.public_key(), .name = old.common_name(), .anchors = std::move(anchors)}, session.Now()));
  if (chain.front().uris() != old.uris()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kInternal,
                         "signetd answered with a certificate for another role or name; nothing was written",
                         "signetctl audit tail");
  }
  SIGNET_RETURN_IF_ERROR(WritePair(paths, rights, key, chain));
  return chain.front();
}

}  // namespace signet::cli
