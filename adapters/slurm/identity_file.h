// The identity keys of one node's daemon on disk, each with the token that it enrols by.
#ifndef SIGNET_ADAPTERS_SLURM_IDENTITY_FILE_H_
#define SIGNET_ADAPTERS_SLURM_IDENTITY_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/base/secret_bytes.h"
#include "services/keys/private_key.h"

namespace signet::slurm {

// A token admits one identity key, so the two belong together for ever.
struct Identity {
  keys::PrivateKey key;
  std::string token_id;  // hex; empty: made without a token
};

// The one in use and the one before it; one file, so that one rename changes both.
inline constexpr std::size_t kMostIdentities = 2;

// For each, the line "token: <id>" (or "token: none") and the key's PEM.
absl::StatusOr<base::SecretBytes> EncodeIdentities(const std::vector<Identity>& identities);
// INVALID_ARGUMENT unless there are one or two, all of them whole. A PEM without the line before it has no token.
absl::StatusOr<std::vector<Identity>> ParseIdentities(const base::SecretBytes& file);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_IDENTITY_FILE_H_
