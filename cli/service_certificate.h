// The key and certificate of slurmctld, slurmdbd or slurmrestd, in the files that Slurm reads.
#ifndef SIGNET_CLI_SERVICE_CERTIFICATE_H_
#define SIGNET_CLI_SERVICE_CERTIFICATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/cluster_pin.h"
#include "cli/key_pair.h"
#include "cli/session.h"
#include "services/bundle/signed_bundle.h"
#include "services/bundle/writer.h"
#include "services/x509/certificate.h"
#include "signet/v1/bundle.pb.h"

namespace signet::cli {

// All services, in the order in which they are started again.
const std::vector<std::string>& Services();

// One service's files.
struct ServiceFiles {
  std::string dir;
  std::string ca;
  PairPaths pair;
};

// `layout` "slurm": the default names of Slurm's TLS page. "lab": those of the published lab scripts. `dir` empty: the
// layout's own.
ServiceFiles ServiceFilesOf(const std::string& service, const std::string& layout, const std::string& dir);

// What was written.
struct IssuedService {
  std::vector<x509::Certificate> chain;  // leaf first
  uint64_t generation = 0;               // of the bundle
};

// Makes a key here, asks for a certificate, and judges the answer; then the bundle, which must be on disk before what
// it verifies, then the pair. Where ca_cert_file is managed elsewhere it must verify the certificate, else nothing is
// written.
absl::StatusOr<IssuedService> IssueService(Session& session, const std::string& service, const ServiceFiles& files,
                                           const PairRights& rights, const ClusterPin& pin);

// The newest bundle, verified.
struct FetchedBundle {
  v1::SignedBundle signed_bundle;
  bundle::Bundle trusted;
};
absl::StatusOr<FetchedBundle> FetchBundle(Session& session, const ClusterPin& pin);

// Writes it to `ca_cert_file`, or says that others do.
absl::StatusOr<bundle::WriteResult> WriteBundle(Session& session, const std::string& ca_cert_file,
                                                const ClusterPin& pin, const v1::SignedBundle& signed_bundle);

// Whom to believe without asking for the status, which a service's certificate may not: --pin, else the key of the
// signed bundle that lies beside ca_cert_file already, else the server.
absl::StatusOr<ClusterPin> PinFor(Session& session, const std::string& ca_cert_file, const std::string& pin_hex);

}  // namespace signet::cli

#endif  // SIGNET_CLI_SERVICE_CERTIFICATE_H_
