// One peer that shows something, judged by s2n in both directions.
#ifndef SIGNET_TESTS_S2N_VERDICT_H_
#define SIGNET_TESTS_S2N_VERDICT_H_

#include <ostream>
#include <string>
#include <vector>

#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "services/x509/certificate.h"
#include "tests/testing/must.h"
#include "tests/testing/offline_root.h"
#include "tests/testing/s2n/s2n_end.h"
#include "tests/testing/test_root.h"

namespace signet::testing {

using Certificates = std::vector<x509::Certificate>;

inline std::string PemOf(const keys::PrivateKey& key) { return std::string(Must(key.ToPem()).ExposeSecret()); }

// A key and what its owner shows for it, leaf first.
struct Shown {
  keys::PrivateKey key;
  Certificates chain;
};

// A certificate for n1 under `issuer`, as we issue them.
inline Shown ShowLeaf(const x509::Certificate& issuer, const keys::Signer& signer, absl::Time now,
                      const Certificates& above = {}, const policy::Profile& profile = policy::NodeProfile()) {
  const keys::PrivateKey key = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  Certificates chain = {SignTemplate(Must(policy::LeafTemplate(profile, {"n1", {"n1"}, {}}, key.public_key(), issuer,
                                                               base::SystemRandom().Bytes(20), now)),
                                     signer)};
  chain.insert(chain.end(), above.begin(), above.end());
  return {key, chain};
}

struct Verdict {
  bool from_server = false;  // accepted from a server
  bool from_client = false;  // accepted from a client
  std::string reason;        // s2n's, when refused
  bool operator==(const Verdict& other) const {
    return from_server == other.from_server && from_client == other.from_client;
  }
};
inline std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  return out << "from a server " << (verdict.from_server ? "accepted" : "refused") << ", from a client "
             << (verdict.from_client ? "accepted" : "refused") << " (" << verdict.reason << ")";
}
inline const Verdict kAccepted = {true, true, ""};
inline const Verdict kRefused = {false, false, ""};

// What a process that trusts `anchors` says to a peer that shows `shown`, at `now`. The peer itself trusts this
// process.
inline Verdict Judge(const Shown& shown, const Certificates& anchors, absl::Time now) {
  const TestRoot own = MakeTestRoot(now, absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=The judge's own CA");
  const Shown judges = ShowLeaf(own.certificate, own.key, now);
  const S2nFiles judge = Must(S2nFiles::Load(PemOf(anchors), PemOf(judges.chain), PemOf(judges.key)));
  const S2nFiles peer = Must(S2nFiles::Load(own.certificate.pem(), PemOf(shown.chain), PemOf(shown.key)));
  const S2nHandshake to_server(judge, peer, now);
  const S2nHandshake to_client(peer, judge, now);
  return {to_server.ok, to_client.ok, to_server.ok ? to_client.error : to_server.error};
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_S2N_VERDICT_H_
