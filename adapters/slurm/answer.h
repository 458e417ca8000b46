// Judges what signetd answered before Slurm sees it: a PEM that s2n refuses crashes slurmd.
#ifndef SIGNET_ADAPTERS_SLURM_ANSWER_H_
#define SIGNET_ADAPTERS_SLURM_ANSWER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_request.h"
#include "services/x509/tls_use.h"

namespace signet::slurm {

// The roots in Slurm's ca_cert_file. FAILED_PRECONDITION names the command that writes a good one.
absl::StatusOr<std::vector<x509::Certificate>> ReadAnchors(const std::string& ca_cert_file);

// The chain as Slurm should print it: leaf first, PEM and nothing else. Error: not the CSR's key or name, a key that
// s2n does not load, bytes that OpenSSL refuses, not valid at `now`, a leaf among the intermediates or a root behind
// the leaf, no way up to `anchors`, a purpose that is not `use`.
absl::StatusOr<std::string> CheckAnswer(absl::string_view chain_pem, const x509::CertificateRequest& csr,
                                        const std::vector<x509::Certificate>& anchors, absl::Time now,
                                        x509::TlsUse use = x509::TlsUse::kBoth);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_ANSWER_H_
