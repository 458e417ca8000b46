// Finds this node's token among the configured files.
#ifndef SIGNET_ADAPTERS_SLURM_TOKEN_SEARCH_H_
#define SIGNET_ADAPTERS_SLURM_TOKEN_SEARCH_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "adapters/slurm/config.h"
#include "services/keys/private_key.h"

namespace signet::slurm {

// A key that can vouch for this node.
struct FoundToken {
  std::string path;
  std::string id;  // hex
  std::string cluster;
  std::string bundle_pin;  // raw; empty for a lab token
  keys::PrivateKey key;
};

struct TokenSearch {
  std::optional<FoundToken> token;
  std::vector<std::string> refused;  // "<path>: <why not>", one for each file before the token
};

// The first file that holds a token for this node, this daemon and, when one is configured, this cluster. A file in the
// shape of Slurm's documented scripts gives a lab token; that needs `cluster` in the configuration. A file that is for
// somebody else is passed over.
TokenSearch FindToken(const Config& config, absl::string_view node, absl::string_view daemon);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_TOKEN_SEARCH_H_
