#include "adapters/slurm/servers.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "adapters/slurm/pod_token.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::slurm {
namespace {

// What is kept back to say that no server answered.
constexpr absl::Duration kTimeToAnswer = absl::Milliseconds(100);
constexpr absl::Duration kBetweenRounds = absl::Milliseconds(200);

// protobuf cannot carry other text, and no node name, token or PEM has any.
absl::Status CheckText(absl::string_view what, absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isascii(static_cast<unsigned char>(c))) {
      return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                           absl::StrCat(what, " holds bytes that are not ASCII text"),
                           "compare the scripts in slurm.conf with signetctl slurm-conf print");
    }
  }
  return absl::OkStatus();
}

bool PassesOn(const absl::Status& status) { return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status); }

}  // namespace

absl::Status Servers::TryAsMyself(const Call& call) {
  clients::TlsFiles tls = config_.tls;
  const bool in_pod = !files::Exists(tls.cert) && files::Exists(config_.kubernetes_token_file);
  if (in_pod) tls.cert = tls.key = "";
  return TryEach(tls, in_pod, call);
}

absl::Status Servers::TryEach(const clients::TlsFiles& tls, bool with_pod_token, const Call& call) {
  for (;;) {
    absl::Status last = TryOnce(tls, with_pod_token, call);
    // That server is there and has asked; Slurm's daemons ask again by themselves.
    const bool waits_for_kubernetes = base::ReasonOf(last) == base::kKubernetesUnavailable;
    // A failed first enrolment ends slurmd: a server that is being restarted is worth the rest of the time.
    if (!absl::IsUnavailable(last) || waits_for_kubernetes || deadline_.left() < kBetweenRounds + kTimeToAnswer)
      return last;
    absl::SleepFor(kBetweenRounds);
  }
}

absl::Status Servers::TryOnce(const clients::TlsFiles& tls, bool with_pod_token, const Call& call) {
  std::vector<std::string> tried;
  absl::Status last = base::Refusal(absl::StatusCode::kDeadlineExceeded, clients::kUnreachable,
                                    "no time was left to ask a server", "uptime   # is this host overloaded?");
  int remaining = static_cast<int>(config_.servers.size());
  for (const std::string& address : config_.servers) {
    const absl::Duration left = deadline_.left() - kTimeToAnswer;
    if (left <= absl::ZeroDuration()) break;
    // The last one may use all that is left.
    const absl::Duration share = remaining > 1 ? std::min(kTimePerServer, left / remaining) : left;
    --remaining;
    SIGNET_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, clients::Connect(address, tls));
    const std::unique_ptr<grpc::ClientContext> context = clients::MakeContext(share);
    if (with_pod_token && !absl::StartsWith(address, "unix:")) {
      SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes token, ReadPodToken(config_.kubernetes_token_file));
      SIGNET_RETURN_IF_ERROR(clients::SendBearer(token, address, *context));
    }
    last = clients::FromGrpc(call(channel, context.get()), address);
    if (!PassesOn(last)) return last;
    tried.emplace_back(last.message());
  }
  if (tried.size() < 2) return last;
  return base::Refusal(last.code(), base::ReasonOf(last), absl::StrJoin(tried, "; "), base::NextOf(last));
}

absl::StatusOr<std::string> Servers::SignCertificate(absl::string_view csr_pem,
                                                     const std::optional<v1::HostReport>& report) {
  SIGNET_RETURN_IF_ERROR(CheckText("$1, the CSR,", csr_pem));
  v1::SignCertificateRequest request;
  request.set_csr_pem(std::string(csr_pem));
  if (report.has_value()) *request.mutable_report() = *report;
  v1::SignCertificateResponse response;
  SIGNET_RETURN_IF_ERROR(TryAsMyself([&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
    return v1::CertAuthority::NewStub(channel)->SignCertificate(context, request, &response);
  }));
  return response.certificate_chain_pem();
}

absl::Status Servers::ValidateNode(absl::string_view node, absl::string_view token,
                                   const std::optional<v1::HostReport>& report) {
  SIGNET_RETURN_IF_ERROR(CheckText("$1, the node's name,", node));
  SIGNET_RETURN_IF_ERROR(CheckText("$2, the token,", token));
  v1::ValidateNodeRequest request;
  request.set_node(std::string(node));
  request.set_token(std::string(token));
  if (report.has_value()) *request.mutable_report() = *report;
  v1::ValidateNodeResponse response;
  return TryAsMyself([&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
    return v1::NodeEnrollment::NewStub(channel)->ValidateNode(context, request, &response);
  });
}

absl::Status Servers::ReportHost(const v1::HostReport& report) {
  v1::ReportHostRequest request;
  *request.mutable_report() = report;
  v1::ReportHostResponse response;
  return TryAsMyself([&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
    return v1::CertAuthority::NewStub(channel)->ReportHost(context, request, &response);
  });
}

absl::StatusOr<std::string> Servers::IssueProbeOfActive(absl::string_view csr_pem) {
  v1::IssueProbeCertificateRequest request;
  request.set_csr_pem(std::string(csr_pem));
  v1::IssueProbeCertificateResponse response;
  SIGNET_RETURN_IF_ERROR(TryAsMyself([&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
    return v1::CertAuthority::NewStub(channel)->IssueProbeCertificate(context, request, &response);
  }));
  return response.certificate_chain_pem();
}

absl::StatusOr<std::string> Servers::TrustBundle() {
  clients::TlsFiles tls = config_.tls;
  // A compute node has no control certificate, and the call is public.
  if (!files::Exists(tls.cert)) tls.cert = tls.key = "";
  v1::GetTrustBundleResponse response;
  SIGNET_RETURN_IF_ERROR(TryOnce(
      tls, /*with_pod_token=*/false, [&](const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
        return v1::CertAuthority::NewStub(channel)->GetTrustBundle(context, v1::GetTrustBundleRequest(), &response);
      }));
  return response.signed_bundle().SerializeAsString();
}

}  // namespace signet::slurm
