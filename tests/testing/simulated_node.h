// What signet-slurm does on a node, without its files: identity key, statement, CSR.
#ifndef SIGNET_TESTS_TESTING_SIMULATED_NODE_H_
#define SIGNET_TESTS_TESTING_SIMULATED_NODE_H_

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/clock.h"
#include "services/evidence/statement.h"
#include "services/evidence/token.h"
#include "services/keys/private_key.h"
#include "services/keys/request_signing.h"
#include "tests/testing/must.h"

namespace signet::testing {

struct NodeRequest {
  std::string csr_pem;
  std::string script_token;
  evidence::Statement statement;
  keys::PrivateKey tls_key;
};

// Copying one is what copying a node's disk is: a clone.
class SimulatedNode {
 public:
  SimulatedNode(std::string name, base::Clock& clock, std::string daemon = "slurmd", std::string cluster = "alpha")
      : clock_(&clock), name_(std::move(name)), daemon_(std::move(daemon)), cluster_(std::move(cluster)) {}

  // The statement of the next request; a test may change it before Request().
  evidence::Statement Next(const keys::PrivateKey& tls_key) {
    seq_ = std::max(seq_ + 1, static_cast<uint64_t>(absl::ToUnixMillis(clock_->Now())));
    evidence::Statement statement;
    statement.key_id = identity_.public_key().key_id();
    statement.cluster = cluster_;
    statement.node = name_;
    statement.daemon = daemon_;
    statement.issued_at = absl::FromUnixMillis(absl::ToUnixMillis(clock_->Now()));
    statement.expires_at = statement.issued_at + evidence::kStatementLifetime;
    statement.seq = seq_;
    statement.boot_id = boot_id;
    statement.csr_spki_sha256 = tls_key.public_key().spki_sha256();
    statement.identity_spki_der = identity_.public_key().spki_der();
    statement.adapter_version = adapter_version;
    statement.machine_id_sha256 = machine_id_sha256;
    statement.kubernetes_token = kubernetes_token;
    return statement;
  }

  // A CSR for `tls_key` that carries `statement`, also signed by the token's key when there is one.
  NodeRequest Request(evidence::Statement statement, const keys::PrivateKey& tls_key, const evidence::Token* token,
                      const std::string& common_name) const {
    if (token != nullptr) statement.token_id = token->id();
    const std::string bytes = Must(evidence::Sign(statement, identity_, token == nullptr ? nullptr : &token->key));
    return {Must(keys::SignRequestPem(tls_key, common_name, bytes)), evidence::EncodeScriptToken(bytes), statement,
            tls_key};
  }

  // The usual request: a new TLS key and the next sequence number.
  NodeRequest Ask(const evidence::Token* token = nullptr) {
    const keys::PrivateKey tls_key = NewKey();
    return Request(Next(tls_key), tls_key, token, name_);
  }

  // As a diskless node after a boot: a new identity key.
  void ForgetEverything() {
    identity_ = NewKey();
    seq_ = 0;
  }

  static keys::PrivateKey NewKey() { return Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256)); }
  const keys::PrivateKey& identity() const { return identity_; }
  std::string key_id() const { return identity_.public_key().key_id(); }
  const std::string& name() const { return name_; }

  // The n-th boot's id.
  static std::string BootId(int n) { return absl::StrCat("6d2c1b0a-0000-4000-8000-", absl::Dec(n, absl::kZeroPad12)); }

  // What the next request says.
  std::string machine_id_sha256 = std::string(32, 'm');
  std::string boot_id = BootId(1);
  std::string kubernetes_token;
  std::string adapter_version = "0.1.0";

 private:
  base::Clock* clock_;
  std::string name_;
  std::string daemon_;
  std::string cluster_;
  keys::PrivateKey identity_ = NewKey();
  uint64_t seq_ = 0;
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_SIMULATED_NODE_H_
