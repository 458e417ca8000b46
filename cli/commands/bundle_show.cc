#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/command.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

absl::StatusOr<std::string> Text(const v1::Bundle& bundle, const ClusterPin& pin, absl::Time now, bool wide) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors,
                          x509::Certificate::ListFromPem(bundle.ca_cert_pem()));
  FieldList fields;
  fields.Add("cluster", bundle.cluster());
  fields.Add("generation", absl::StrCat(bundle.generation()));
  fields.Add("created", FullTime(absl::FromUnixMillis(bundle.created_at_ms()), now));
  fields.Add("pin", absl::BytesToHexString(pin.pin));
  fields.Add("file sha256", absl::BytesToHexString(x509::Sha256(bundle.ca_cert_pem())));
  if (!bundle.next_bundle_key().empty()) {
    fields.Add("next pin", absl::BytesToHexString(x509::Sha256(bundle.next_bundle_key())));
  }
  Table table({"AUTHORITY", "ENDS", "SUBJECT"});
  for (const x509::Certificate& anchor : anchors) {
    table.Add({anchor.public_key().key_id(), RelativeTime(anchor.not_after(), now), anchor.subject()});
  }
  return absl::StrCat(fields.Text(), "\n", table.Text(), wide ? absl::StrCat("\n", bundle.ca_cert_pem()) : "");
}

absl::Status Show(Session& session) {
  SIGNET_ASSIGN_OR_RETURN(const v1::GetTrustBundleResponse response,
                          session.Call(&v1::CertAuthority::Stub::GetTrustBundle, v1::GetTrustBundleRequest()));
  v1::Bundle bundle;
  if (!bundle.ParseFromString(response.signed_bundle().bundle()))
    return absl::DataLossError("signetd's bundle does not parse");
  // The pin shown is the one of this very object: whether it is the right one is for the reader to compare.
  const ClusterPin pin{.cluster = bundle.cluster(), .pin = x509::Sha256(response.signed_bundle().bundle_key())};
  SIGNET_RETURN_IF_ERROR(VerifyBundle(response.signed_bundle(), pin).status());
  SIGNET_RETURN_IF_ERROR(Text(bundle, pin, session.Now(), false).status());
  return session.Print({.text = [&](bool wide) { return Text(bundle, pin, session.Now(), wide).value_or(""); },
                        .message = &bundle,
                        .names = {absl::StrCat(bundle.generation())}});
}

}  // namespace

Action DeclareBundleShow(CLI::App&) { return Show; }

}  // namespace signet::cli
