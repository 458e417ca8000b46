// Who has the key of an authority, and everything that he can show.
#ifndef SIGNET_TESTS_ROTATION_THIEF_H_
#define SIGNET_TESTS_ROTATION_THIEF_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/random.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "services/x509/revocation_list.h"
#include "tests/rotation/peer.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/test_root.h"

namespace signet::rotation {

// One way to be taken for a daemon.
struct Forgery {
  std::string path;  // in words
  std::string chain_pem;
  keys::PrivateKey key;
  bool works_before = true;  // with who trusts the stolen authority
};

class Thief {
 public:
  Thief(x509::Certificate root, std::shared_ptr<const keys::Signer> key, absl::Time now)
      : root_(std::move(root)), stolen_(std::move(key)), now_(now) {}

  const keys::Signer& stolen() const { return *stolen_; }
  const keys::PrivateKey& own() const { return own_; }

  // A certificate like a node's, under `issuer`, by `signer`.
  x509::Certificate Leaf(const std::string& name, const x509::Certificate& issuer, const keys::Signer& signer) {
    return testing::SignTemplate(
        testing::Must(policy::LeafTemplate(policy::NodeProfile(), {name, {name}, {}}, own_.public_key(), issuer,
                                           random_.Bytes(20), now_)),
        signer);
  }
  x509::Certificate Leaf(const std::string& name = "slurmctld") { return Leaf(name, root_, *stolen_); }
  // For a key of somebody else's.
  x509::Certificate LeafFor(const std::string& name, const x509::PublicKey& key) {
    return testing::SignTemplate(testing::Must(policy::LeafTemplate(policy::NodeProfile(), {name, {name}, {}}, key,
                                                                    root_, random_.Bytes(20), now_)),
                                 *stolen_);
  }
  // What a client of signetd shows, or signetd itself: "signet://alpha/admin/root".
  x509::Certificate ControlLeaf(const std::string& name, const std::string& uri) {
    return testing::SignTemplate(testing::Must(policy::LeafTemplate(policy::ControlProfile(), {name, {name}, {uri}},
                                                                    own_.public_key(), root_, random_.Bytes(20), now_)),
                                 *stolen_);
  }
  // A list in which nothing is revoked, by the stolen key: of the stolen authority, or in the name of another.
  std::string RevocationList(const x509::Certificate& issuer) {
    x509::RevocationListTemplate list;
    list.issuer_der = issuer.subject_der();
    list.authority_key_id = issuer.subject_key_id();
    list.number = 1000;
    list.this_update = now_;
    list.next_update = now_ + absl::Hours(24 * 365);
    const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(stolen_->public_key());
    const std::string tbs = testing::Must(x509::EncodeRevocationList(list, algorithm));
    return x509::AssembleRevocationList(tbs, algorithm, testing::Must(stolen_->Sign(algorithm, tbs)));
  }

  // Every chain that the stolen key can make: over `crosses` (all that were ever made) and beside `successor`, the
  // authority that signs now.
  std::vector<Forgery> Forge(const std::vector<x509::Certificate>& crosses, const x509::Certificate& successor) {
    std::vector<Forgery> all;
    const auto add = [&](const std::string& path, const std::vector<x509::Certificate>& chain, bool works = true) {
      std::string pem;
      for (const x509::Certificate& one : chain) pem += one.pem();
      all.push_back({path, pem, own_, works});
    };
    const x509::Certificate leaf = Leaf();
    std::vector<x509::Certificate> with_all = {leaf};
    add("a leaf alone", {leaf});
    for (const x509::Certificate& cross : crosses) {
      add(absl::StrCat("a leaf with the cross for ", cross.subject(), " by ", cross.issuer()), {leaf, cross});
      with_all.push_back(cross);
    }
    add("a leaf with every cross", with_all);
    std::vector<x509::Certificate> backwards = {leaf};
    backwards.insert(backwards.end(), with_all.rbegin(), with_all.rend() - 1);
    add("a leaf with every cross, the oldest first", backwards);
    add("a leaf with the stolen root", {leaf, root_});
    backwards.push_back(root_);
    add("a leaf with every cross and the stolen root", backwards);

    const x509::Certificate below = Authority("CN=Below", ca_, root_.subject_der(), root_.subject_key_id(), *stolen_);
    add("a leaf of an authority below the stolen one", {Leaf("slurmctld", below, ca_), below});
    std::vector<x509::Certificate> deep = {Leaf("slurmctld", below, ca_), below};
    deep.insert(deep.end(), crosses.begin(), crosses.end());
    add("the same with every cross", deep);

    const x509::Certificate namesake =
        Authority(successor.subject(), ca_, root_.subject_der(), root_.subject_key_id(), *stolen_);
    add("a leaf of an authority with the new one's name, below the stolen one",
        {Leaf("slurmctld", namesake, ca_), namesake});
    const x509::Certificate self_signed = Authority(successor.subject(), ca_, successor.subject_der(), "", ca_);
    add("a leaf of a root with the new one's name", {Leaf("slurmctld", self_signed, ca_), self_signed}, false);
    add("a leaf in the new one's name, signed by the stolen key", {Leaf("slurmctld", successor, *stolen_)}, false);
    const x509::Certificate vouched = Vouch(successor);
    add("a leaf with the stolen one's word for the new one", {leaf, vouched});
    add("a leaf in the new one's name with the stolen one's word for it",
        {Leaf("slurmctld", successor, *stolen_), vouched}, false);
    return all;
  }

 private:
  // A CA certificate for `key`; one without an issuer's key id is its own.
  x509::Certificate Authority(const std::string& subject, const keys::PrivateKey& key, const std::string& issuer_der,
                              const std::string& issuer_key_id, const keys::Signer& signer) {
    auto made =
        testing::Must(policy::RootTemplate(subject, absl::Hours(24 * 365), key.public_key(), random_.Bytes(20), now_));
    made.issuer_der = issuer_der;
    made.authority_key_id = issuer_key_id;
    return testing::SignTemplate(made, signer);
  }
  x509::Certificate Vouch(const x509::Certificate& successor) {
    return testing::SignTemplate(
        testing::Must(policy::CrossTemplate(root_, successor, absl::Hours(24 * 30), random_.Bytes(20), now_)),
        *stolen_);
  }

  x509::Certificate root_;
  std::shared_ptr<const keys::Signer> stolen_;
  absl::Time now_;
  keys::PrivateKey ca_ = testing::SimulatedNode::NewKey();
  keys::PrivateKey own_ = testing::SimulatedNode::NewKey();
  base::SystemRandom random_;
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_THIEF_H_
