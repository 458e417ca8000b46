// One certificate request of this node, as its file on disk.
#ifndef SIGNET_ADAPTERS_SLURM_REQUEST_H_
#define SIGNET_ADAPTERS_SLURM_REQUEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/base/secret_bytes.h"
#include "services/evidence/statement.h"
#include "services/keys/private_key.h"

namespace signet::slurm {

// The TLS key, the statement that speaks for it, and who asked. One file, so that one rename moves all of it.
struct Request {
  keys::PrivateKey tls_key;
  std::string statement;      // serialized SignedStatement
  evidence::Statement facts;  // the same, decoded
  bool renewal = false;       // made by generate-csr alone, hence by a daemon that already had a certificate
  std::string parent;         // Host::parent of that daemon
};

// "signet-request1", lines "name: value", the key's PEM.
absl::StatusOr<base::SecretBytes> EncodeRequest(const Request& request);
// INVALID_ARGUMENT when any part is missing or the statement is not about this key.
absl::StatusOr<Request> ParseRequest(const base::SecretBytes& file);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_REQUEST_H_
