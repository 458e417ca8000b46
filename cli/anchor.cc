#include "cli/anchor.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/failure.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/x509/certificate.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {

absl::StatusOr<std::string> ReadAnchor(const std::string& path) {
  SIGNET_ASSIGN_OR_RETURN(std::string text, files::Read(path));
  if (absl::StrContains(text, "PRIVATE KEY")) {
    base::WipeString(text);
    return UsageError(absl::StrCat(path, " holds a private key: only the certificate is wanted, and nothing was sent"),
                      "name the CA's certificate file");
  }
  const absl::StatusOr<x509::Certificate> certificate = x509::Certificate::FromPem(text);
  if (!certificate.ok()) {
    return UsageError(absl::StrCat(path, " is not one PEM certificate: ", certificate.status().message()));
  }
  return certificate->pem();
}

absl::StatusOr<v1::ImportAuthorityResponse> ImportAnchor(Session& session, absl::string_view pem, bool dry_run) {
  v1::ImportAuthorityRequest request;
  request.set_certificate_pem(std::string(pem));
  request.set_dry_run(dry_run);
  return session.Call(&v1::CertAuthority::Stub::ImportAuthority, request);
}

}  // namespace signet::cli
