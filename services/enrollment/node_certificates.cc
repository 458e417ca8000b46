#include "services/enrollment/node_certificates.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/evidence_kind.h"
#include "services/x509/certificate_request.h"
#include "services/x509/subject_hint.h"

namespace signet::enrollment {
namespace {

constexpr char kNoSerial[] = "";

issuance::Approval ApprovalFor(const Claim& claim, const policy::Profile& profile, const x509::PublicKey& key) {
  const evidence::Statement& statement = claim.statement();
  return {store::Purpose::kSlurm,
          "",
          store::Profile::kNode,
          profile,
          {statement.node, {statement.node}, {}},
          key,
          statement.daemon,
          statement.key_id,
          statement.seq};
}

audit::Event SignedEvent(const audit::Origin& origin, const Claim& claim, const Admission& admission,
                         const store::CertificateRow& row) {
  audit::Event event;
  event.origin = origin;
  event.action = "certificate.sign";
  event.subject = row.subject;
  event.facts = {{"serial", row.serial},           {"daemon", row.daemon},
                 {"key_id", row.identity_key_id},  {"tbs_sha256", absl::BytesToHexString(row.tbs_sha256)},
                 {"evidence", admission.evidence}, {"authority", row.authority_id}};
  if (!admission.token_id.empty()) event.facts["token_id"] = admission.token_id;
  if (!admission.approved_by.empty()) event.facts["approved_by"] = admission.approved_by;
  if (admission.evidence == EvidenceKindName(EvidenceKind::kKubernetes)) {
    event.facts["pod"] = absl::StrCat(claim.pod()->name_space, "/", claim.pod()->name);
    event.facts["pod_uid"] = claim.pod()->uid;
    event.facts["service_account"] = claim.pod()->service_account;
  }
  if (admission.superseded > 0) event.facts["superseded"] = absl::StrCat(admission.superseded);
  if (admission.clone_suspected()) {
    event.facts["clone_suspected"] = admission.host_changed ? "another machine id" : "two boot ids take turns";
  }
  return event;
}

absl::Status CheckSize(absl::string_view field, absl::string_view value, std::size_t most) {
  if (!value.empty() && value.size() <= most) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       value.empty() ? absl::StrCat(field, " is empty")
                                     : absl::StrCat(field, " has ", value.size(), " bytes; the limit is ", most));
}

// A CSR that asks for nothing but what it may, with the claim inside it.
struct Asked {
  x509::CertificateRequest request;
  Claim claim;
};

absl::StatusOr<Asked> ReadRequest(const Gatekeeper& gatekeeper, const policy::Profile& profile,
                                  absl::string_view csr_pem) {
  SIGNET_RETURN_IF_ERROR(CheckSize("csr_pem", csr_pem, kMaxNodeCsrBytes));
  SIGNET_ASSIGN_OR_RETURN(x509::CertificateRequest request, x509::CertificateRequest::FromPem(csr_pem));
  SIGNET_RETURN_IF_ERROR(policy::CheckRequest(profile, request, request.common_name()));
  if (!request.statement().has_value()) {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kEvidenceMissing,
                         "the CSR carries no signed statement of its node",
                         "set generate_csr_script in slurm.conf to signet's generate-csr");
  }
  SIGNET_ASSIGN_OR_RETURN(
      Claim claim, gatekeeper.Examine(*request.statement(), request.common_name(), request.public_key().spki_sha256()));
  return Asked{std::move(request), std::move(claim)};
}

absl::StatusOr<Claim> ReadScriptToken(const Gatekeeper& gatekeeper, absl::string_view node,
                                      absl::string_view script_token) {
  SIGNET_RETURN_IF_ERROR(CheckSize("node", node, kMaxNodeNameBytes));
  SIGNET_RETURN_IF_ERROR(CheckSize("token", script_token, kMaxScriptTokenBytes));
  SIGNET_ASSIGN_OR_RETURN(const std::string statement, evidence::DecodeScriptToken(script_token));
  return gatekeeper.Examine(statement, node, std::nullopt);
}

std::string KeyIdOf(const absl::StatusOr<evidence::SignedStatement>& statement) {
  return statement.ok() ? statement->statement().key_id : std::string();
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

absl::StatusOr<Judgment> NodeCertificates::JudgeOnSnapshot(const Claim& claim) const {
  Judgment judgment;
  SIGNET_RETURN_IF_ERROR(store_.Read([&](const store::Tables& tables) {
    judgment = gatekeeper_.Judge(tables, claim);
    // A refusal is a judgment; a store that cannot be read gives none.
    return absl::IsUnavailable(judgment.admission.status()) ? judgment.admission.status() : absl::OkStatus();
  }));
  return judgment;
}

absl::Status NodeCertificates::ReviewPod(Claim& claim) {
  // Spent afterwards only, or the API's own outage would spend it.
  SIGNET_RETURN_IF_ERROR(limits_.RoomForUnproven());
  absl::Status reviewed = claim.ReviewPod(*pods_);
  // That the API is down says nothing about who asks.
  if (reviewed.ok() || absl::IsUnavailable(reviewed)) return reviewed;
  return limits_.TakeUnproven(std::move(reviewed));
}

absl::StatusOr<Admission> NodeCertificates::Hear(Claim& claim) {
  SIGNET_ASSIGN_OR_RETURN(Judgment judgment, JudgeOnSnapshot(claim));
  if (judgment.wants_pod && pods_ == nullptr && !claim.signed_statement().has_token()) {
    const std::string& node = claim.statement().node;
    return limits_.TakeUnproven(base::Refusal(
        absl::StatusCode::kPermissionDenied, base::kPodRefused,
        absl::StrCat(node, " shows a Kubernetes token, and Kubernetes is not configured here"),
        absl::StrCat("set kubernetes: in signetd.yaml, or: signetctl token create ", node, " --out-dir DIR")));
  }
  if (judgment.wants_pod && pods_ != nullptr) {
    SIGNET_RETURN_IF_ERROR(ReviewPod(claim));
    SIGNET_ASSIGN_OR_RETURN(judgment, JudgeOnSnapshot(claim));
  }
  if (judgment.proven_key.empty()) return limits_.TakeUnproven(judgment.admission.status());
  SIGNET_RETURN_IF_ERROR(base::Proven(limits_.TakeProven(judgment.proven_key)));
  return std::move(judgment.admission);
}

absl::StatusOr<Signed> NodeCertificates::Sign(absl::string_view csr_pem, const audit::Origin& origin) {
  absl::StatusOr<Asked> asked = ReadRequest(gatekeeper_, node_profile_, csr_pem);
  if (!asked.ok()) return limits_.TakeUnproven(asked.status());
  SIGNET_ASSIGN_OR_RETURN(Admission admission, Hear(asked->claim));
  absl::StatusOr<Signed> answer = Answer(asked->claim, asked->request.public_key(), std::move(admission), origin);
  if (!answer.ok()) return base::Proven(answer.status());
  return answer;
}

absl::StatusOr<Signed> NodeCertificates::Answer(const Claim& claim, const x509::PublicKey& key, Admission admission,
                                                const audit::Origin& origin) {
  std::string stale_serial = kNoSerial;
  if (admission.repeat) {
    auto repeated = issuer_.Repeat(admission.answer);
    if (repeated.ok()) return Signed{*std::move(repeated), true};
    // By its reason, not its code: where the signer is broken, each try would leave one more record behind.
    if (base::ReasonOf(repeated.status()) != base::kGateClosed || !admission.newest) return repeated.status();
    stale_serial = admission.answer.serial;
  }

  std::optional<issuance::Prepared> prepared;
  // The same request won a race against itself: its answer is there, and the prepared bytes are dropped unsigned.
  const auto answered = [&] {
    return admission.repeat && (admission.answer.serial != stale_serial || !admission.newest);
  };
  const auto record = [&](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(admission, gatekeeper_.Admit(tables, claim));
    if (answered()) return absl::OkStatus();
    SIGNET_RETURN_IF_ERROR(issuer_.Record(tables, *prepared));
    SIGNET_RETURN_IF_ERROR(gatekeeper_.SetCertificate(tables, claim, prepared->row()));
    return audit_.Append(tables, SignedEvent(origin, claim, admission, prepared->row()));
  };
  const auto attempt = [&]() -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(prepared, issuer_.Prepare(ApprovalFor(claim, node_profile_, key)));
    return store_.Write(record);
  };
  SIGNET_RETURN_IF_ERROR(issuer_.WithRetry(attempt));
  if (answered()) {
    SIGNET_ASSIGN_OR_RETURN(issuance::Issued repeated, issuer_.Repeat(admission.answer));
    return Signed{std::move(repeated), true};
  }
  SIGNET_ASSIGN_OR_RETURN(issuance::Issued issued, issuer_.Release(*std::move(prepared)));
  return Signed{std::move(issued), false};
}

absl::Status NodeCertificates::Validate(absl::string_view node, absl::string_view script_token) {
  absl::StatusOr<Claim> claim = ReadScriptToken(gatekeeper_, node, script_token);
  if (!claim.ok()) return limits_.TakeUnproven(claim.status());
  return Hear(*claim).status();
}

AuditSubject NodeCertificates::AboutRequest(absl::string_view csr_pem) {
  if (csr_pem.size() > kMaxNodeCsrBytes) return {};
  const auto request = x509::CertificateRequest::FromPem(csr_pem);
  if (!request.ok()) return {x509::SubjectHint(csr_pem), ""};
  return {request->common_name(), KeyIdOf(evidence::SignedStatement::Parse(request->statement().value_or("")))};
}

AuditSubject NodeCertificates::AboutScriptToken(absl::string_view node, absl::string_view script_token) {
  if (script_token.size() > kMaxScriptTokenBytes) return {std::string(node), ""};
  const auto statement = evidence::DecodeScriptToken(script_token);
  return {std::string(node), statement.ok() ? KeyIdOf(evidence::SignedStatement::Parse(*statement)) : std::string()};
}

}  // namespace signet::enrollment
