// Slurm's ca_cert_file: what s2n reads without crashing.
#ifndef SIGNET_SERVICES_BUNDLE_CA_FILE_H_
#define SIGNET_SERVICES_BUNDLE_CA_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/x509/certificate.h"

namespace signet::bundle {

// The file's bytes: each certificate after one comment line with its subject (without "--"), never a size that is a
// multiple of 4096 (blank lines are added at the end), nothing but blank lines after the last END. INVALID_ARGUMENT
// for no certificate, more than 64, one that is not a CA's, or one that OpenSSL, and so s2n, refuses.
absl::StatusOr<std::string> RenderCaFile(const std::vector<x509::Certificate>& anchors);

// Every reason why s2n would crash on, or Slurm refuse, a file with these bytes, in words; empty when it is fine.
// Finds: no certificate, a block that does not parse, here or with OpenSSL, a size that is a multiple of 4096, text
// after the last END line, "--" in a comment, a NUL, a certificate that is not a CA, a private key; and, when no
// authority in it is valid at `now`, each expired or future one.
std::vector<std::string> FaultsOfCaFile(absl::string_view content, absl::Time now);

// The certificates that are expired or not yet valid at `now` beside one that is valid, in words: they do no harm.
std::vector<std::string> NotesOfCaFile(absl::string_view content, absl::Time now);

}  // namespace signet::bundle

#endif  // SIGNET_SERVICES_BUNDLE_CA_FILE_H_
