// What a daemon holds in memory for TLS, and handshakes between two of them.
#ifndef SIGNET_TESTS_ROTATION_PEER_H_
#define SIGNET_TESTS_ROTATION_PEER_H_

#include <optional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "services/keys/private_key.h"
#include "tests/testing/s2n/s2n_end.h"

namespace signet::rotation {

// A process that speaks TLS. What it loaded stays until it loads again, whatever becomes of the files. Cheap to copy.
class Peer {
 public:
  // `host` is what failures are told by; `program` what it is.
  Peer(std::string host, std::string program) : host_(std::move(host)), program_(std::move(program)) {}

  // The content of ca_cert_file.
  void LoadAnchors(const std::string& ca_cert_pem);
  // Leaf first. Without one this process is a client that shows none, as Slurm's commands and slurmstepd are.
  void LoadCertificate(const std::string& chain_pem, const keys::PrivateKey& key);

  const std::string& host() const { return host_; }
  const std::string& program() const { return program_; }
  const std::string& anchors_pem() const { return anchors_pem_; }
  const std::string& chain_pem() const { return chain_pem_; }
  bool has_certificate() const { return !chain_pem_.empty(); }
  // By key ids alone, without a look at s2n's verdict: one of the anchors signed the leaf of `other`, or something
  // that it brings along.
  bool ShouldAccept(const Peer& other) const;

 private:
  friend struct Handshake;
  void Load();

  std::string host_;
  std::string program_;
  std::string anchors_pem_;
  std::set<std::string> anchor_key_ids_;
  std::string chain_pem_;
  std::set<std::string> signed_by_;  // key ids of who signed what is shown
  std::string key_pem_;
  std::optional<testing::S2nFiles> files_;  // once there are anchors
};

// One handshake by s2n-tls as Slurm sets it up, run to its end: any loaded CA certificate is an anchor, no name is
// compared. A server insists on a certificate from a client that has one.
struct Handshake : testing::S2nHandshake {
  Handshake(const Peer& client, const Peer& server, absl::Time now);
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_PEER_H_
