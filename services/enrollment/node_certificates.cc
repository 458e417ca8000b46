#include "services/enrollment/node_certificates.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate_request.h"

namespace signet::enrollment {
namespace {

constexpr char kNoSerial[] = "";

issuance::Approval ApprovalFor(const Claim& claim, const policy::Profile& profile, const x509::PublicKey& key) {
  const evidence::Statement& statement = claim.statement();
  return {store::Purpose::kSlurm, store::Profile::kNode, profile,      {statement.node, {statement.node}, {}}, key,
          statement.daemon,       statement.key_id,      statement.seq};
}

audit::Event SignedEvent(const audit::Origin& origin, const Admission& admission, const store::CertificateRow& row) {
  audit::Event event;
  event.origin = origin;
  event.action = "certificate.sign";
  event.subject = row.subject;
  event.facts = {{"serial", row.serial},           {"daemon", row.daemon},
                 {"key_id", row.identity_key_id},  {"tbs_sha256", absl::BytesToHexString(row.tbs_sha256)},
                 {"evidence", admission.evidence}, {"authority", row.authority_id}};
  if (!admission.token_id.empty()) event.facts["token_id"] = admission.token_id;
  if (admission.superseded > 0) event.facts["superseded"] = absl::StrCat(admission.superseded);
  if (admission.host_changed) event.facts["host_changed"] = "true";
  return event;
}

}  // namespace

NodeCertificates::NodeCertificates(Gatekeeper& gatekeeper, issuance::Issuer& issuer, audit::AuditLog& audit,
                                   store::Store& store, policy::Profile node_profile, RequestLimits& limits,
                                   PodReviewer* pods)
    : gatekeeper_(gatekeeper),
      issuer_(issuer),
      audit_(audit),
      store_(store),
      node_profile_(std::move(node_profile)),
      limits_(limits),
      pods_(pods) {}

absl::StatusOr<Signed> NodeCertificates::Sign(absl::string_view csr_pem, const audit::Origin& origin) {
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateRequest request, x509::CertificateRequest::FromPem(csr_pem));
  SIGNET_RETURN_IF_ERROR(policy::CheckRequest(node_profile_, request, request.common_name()));
  if (!request.statement().has_value()) {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kEvidenceMissing,
                         "the CSR carries no signed statement of its node",
                         "set generate_csr_script in slurm.conf to signet's generate-csr");
  }
  SIGNET_ASSIGN_OR_RETURN(const Claim claim, gatekeeper_.Examine(*request.statement(), request.common_name(),
                                                                 request.public_key().spki_sha256()));

  // On a snapshot first: a refusal or a repeat costs neither a write nor a lint.
  absl::StatusOr<Admission> admission = absl::InternalError("not judged");
  SIGNET_RETURN_IF_ERROR(store_.Read([&](const store::Tables& tables) {
    admission = gatekeeper_.Judge(tables, claim);
    return admission.status();
  }));
  std::string stale_serial = kNoSerial;
  if (admission->repeat) {
    auto repeated = issuer_.Repeat(admission->answer);
    if (repeated.ok()) return Signed{*std::move(repeated), true};
    if (!absl::IsFailedPrecondition(repeated.status()) || !admission->newest) return repeated.status();
    stale_serial = admission->answer.serial;
  }

  SIGNET_ASSIGN_OR_RETURN(issuance::Prepared prepared,
                          issuer_.Prepare(ApprovalFor(claim, node_profile_, request.public_key())));
  const auto record = [&](store::Tables& tables) -> absl::Status {
    admission = gatekeeper_.Admit(tables, claim);
    SIGNET_RETURN_IF_ERROR(admission.status());
    // The same request won a race against itself: its answer is there, and the prepared bytes are dropped unsigned.
    if (admission->repeat && (admission->answer.serial != stale_serial || !admission->newest)) return absl::OkStatus();
    SIGNET_RETURN_IF_ERROR(issuer_.Record(tables, prepared));
    SIGNET_RETURN_IF_ERROR(gatekeeper_.SetCertificate(tables, claim, prepared.row()));
    return audit_.Append(tables, SignedEvent(origin, *admission, prepared.row()));
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(record));
  if (admission->repeat && (admission->answer.serial != stale_serial || !admission->newest)) {
    SIGNET_ASSIGN_OR_RETURN(issuance::Issued repeated, issuer_.Repeat(admission->answer));
    return Signed{std::move(repeated), true};
  }
  SIGNET_ASSIGN_OR_RETURN(issuance::Issued issued, issuer_.Release(std::move(prepared)));
  return Signed{std::move(issued), false};
}

absl::Status NodeCertificates::Validate(absl::string_view node, absl::string_view script_token) {
  SIGNET_ASSIGN_OR_RETURN(const std::string statement, evidence::DecodeScriptToken(script_token));
  SIGNET_ASSIGN_OR_RETURN(const Claim claim, gatekeeper_.Examine(statement, node, std::nullopt));
  return store_.Read([&](const store::Tables& tables) { return gatekeeper_.Judge(tables, claim).status(); });
}

std::string NodeCertificates::SubjectForAudit(absl::string_view csr_pem) {
  const auto request = x509::CertificateRequest::FromPem(csr_pem);
  return request.ok() ? request->common_name() : std::string();
}

}  // namespace signet::enrollment
