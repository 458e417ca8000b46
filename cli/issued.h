// A certificate that signetd just issued, judged before anything is written.
#ifndef SIGNET_CLI_ISSUED_H_
#define SIGNET_CLI_ISSUED_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/x509/certificate.h"
#include "services/x509/public_key.h"

namespace signet::cli {

// What was asked for.
struct Expected {
  const x509::PublicKey& key;
  std::string name;                        // the CN
  std::vector<x509::Certificate> anchors;  // what verifiers trust
};

// The chain, leaf first. Refuses what would crash s2n or strand a daemon: another key's or another name's certificate,
// a CA as leaf, certificates out of order, a self-signed root in the chain, a key usage that TLS cannot use in both
// directions, no way to an anchor, an expired or future certificate. FAILED_PRECONDITION / INTERNAL naming what is
// wrong.
absl::StatusOr<std::vector<x509::Certificate>> JudgeIssued(absl::string_view chain_pem, const Expected& expected,
                                                           absl::Time now);

// The file's bytes: the certificates' blocks and nothing else, never a size that is a multiple of 4096 (Slurm reads the
// file as a C string; a blank line is added).
std::string RenderChainFile(const std::vector<x509::Certificate>& chain);

}  // namespace signet::cli

#endif  // SIGNET_CLI_ISSUED_H_
