// The tokens of Slurm's documented scripts: a list of "name token" lines, or a directory of {node}_token.txt files.
#ifndef SIGNET_CLI_LAB_TOKENS_H_
#define SIGNET_CLI_LAB_TOKENS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/secret_bytes.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::cli {

struct LabToken {
  std::string node;
  base::SecretBytes secret;
  std::string place;  // "list:3", for faults
};

struct LabTokens {
  std::vector<LabToken> tokens;
  // One line a fault, beginning with its place and never quoting a field: a line with its columns swapped has the
  // secret first. In order.
  std::vector<std::string> faults;
};

// Reads `path`, a file or a directory. Blank lines and lines that begin with '#' are skipped; every other line must be
// a node name and a token. Faults: another number of fields, a bad name, a node or a token twice. Errors: `path` cannot
// be read, or holds nothing.
absl::StatusOr<LabTokens> ReadLabTokens(const std::string& path);

struct LabOptions {
  std::string daemon;
  absl::Duration ttl;  // zero: the server's default
};

// The public halves of the keys that the nodes' adapters derive. A token that is too weak becomes a fault.
std::vector<v1::NewToken> DeriveLabTokens(LabTokens& lab, const std::string& cluster, const LabOptions& options);

}  // namespace signet::cli

#endif  // SIGNET_CLI_LAB_TOKENS_H_
