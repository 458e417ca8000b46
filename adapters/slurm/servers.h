// Calls to signetd: the servers in their order, each with its share of the time.
#ifndef SIGNET_ADAPTERS_SLURM_SERVERS_H_
#define SIGNET_ADAPTERS_SLURM_SERVERS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/process.h"
#include "grpcpp/grpcpp.h"
#include "signet/v1/rotation.pb.h"

namespace signet::slurm {

// References must outlive this.
class Servers {
 public:
  Servers(const Config& config, const Deadline& deadline) : config_(config), deadline_(deadline) {}

  // The certificate chain as the server sent it: CheckAnswer judges it. `report` rides along, here and below.
  absl::StatusOr<std::string> SignCertificate(absl::string_view csr_pem, const std::optional<v1::HostReport>& report);
  absl::Status ValidateNode(absl::string_view node, absl::string_view token,
                            const std::optional<v1::HostReport>& report);
  absl::Status ReportHost(const v1::HostReport& report);
  // A probe's chain under the active authority; for a pod whose service account is a tester.
  absl::StatusOr<std::string> IssueProbeOfActive(absl::string_view csr_pem);
  // The serialized SignedBundle. Needs no client certificate. One round: most nodes reach no server, and slurmd waits.
  absl::StatusOr<std::string> TrustBundle();

 private:
  using Call = std::function<grpc::Status(const std::shared_ptr<grpc::Channel>&, grpc::ClientContext*)>;
  // Who calls is shown by the control certificate; in a pod without one, by the pod's token, read anew for each call.
  absl::Status TryAsMyself(const Call& call);
  // A server that is away or silent passes the call on to the next; a refusal is the answer. Round after round while
  // all are away and time is left.
  absl::Status TryEach(const clients::TlsFiles& tls, bool with_pod_token, const Call& call);
  absl::Status TryOnce(const clients::TlsFiles& tls, bool with_pod_token, const Call& call);

  const Config& config_;
  const Deadline& deadline_;
};

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_SERVERS_H_
