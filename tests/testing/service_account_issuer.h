// Makes and verifies ServiceAccount tokens as kube-apiserver does.
#ifndef SIGNET_TESTS_TESTING_SERVICE_ACCOUNT_ISSUER_H_
#define SIGNET_TESTS_TESTING_SERVICE_ACCOUNT_ISSUER_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/keys/private_key.h"

namespace signet::testing {

inline constexpr char kIssuer[] = "https://kubernetes.default.svc.cluster.local";

// What a token is bound to.
struct Bound {
  std::string name_space;
  std::string service_account;
  std::string service_account_uid;
  std::string pod;
  std::string pod_uid;
  std::string node;
  std::string node_uid;
};

// How a token is made; the defaults are those of a projected volume.
struct TokenWish {
  std::vector<std::string> audiences = {"signet"};
  absl::Duration lifetime = absl::Hours(1);
  bool ecdsa = false;  // ES256 instead of RS256
  // Changes header and claims before they are signed.
  std::function<void(nlohmann::json& header, nlohmann::json& claims)> change = nullptr;
};

std::string Base64Url(absl::string_view bytes);

// Two keys, one of each kind, as an API server that rotates its kind of key has them. Thread-safe.
class ServiceAccountIssuer {
 public:
  ServiceAccountIssuer();
  // One for the whole program: RSA keys take long to make.
  static const ServiceAccountIssuer& Shared();
  std::string Make(const Bound& bound, const TokenWish& wish, absl::Time now) const;
  // The claims of a token whose signature holds, that has begun and not ended; nothing for any other.
  std::optional<nlohmann::json> Verify(absl::string_view token, absl::Time now) const;
  const x509::PublicKey& rsa_public_key() const { return rsa_.public_key(); }

 private:
  std::string Sign(const std::string& algorithm, absl::string_view message) const;

  keys::PrivateKey rsa_;
  keys::PrivateKey ecdsa_;
};

// A pod's uid, a token's jti: random, version 4.
std::string NewUuid();

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_SERVICE_ACCOUNT_ISSUER_H_
