// A daemon on loopback that speaks TLS as Slurm's do, or fails as they or others do.
#ifndef SIGNET_TESTS_CLIENTS_PROBE_FAKE_DAEMON_H_
#define SIGNET_TESTS_CLIENTS_PROBE_FAKE_DAEMON_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

namespace signet::clients {

enum class Manner {
  kOpenssl,       // tells a client that it does not trust, by an alert
  kS2n,           // says nothing to a client that it does not trust, and keeps the connection
  kAsksNobody,    // wants no certificate
  kHangsUp,       // does not answer even whom it trusts: closes
  kClosesAtOnce,  // before any TLS
  kMute,          // accepts connections and says nothing
  kGarbage,       // speaks something else
};

struct DaemonSetup {
  Manner manner = Manner::kS2n;
  int tls_version = 0x0304;
  x509::Certificate anchor;  // whom it trusts
  x509::Certificate leaf;    // what it serves
  keys::PrivateKey key;
};

class FakeDaemon {
 public:
  // On 127.0.0.`host`; port 0: any that is free.
  explicit FakeDaemon(DaemonSetup setup, uint8_t host = 1, uint16_t port = 0);
  // Joins the connections: their clients must be gone.
  ~FakeDaemon();
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  uint16_t port() const { return port_; }

 private:
  void Accept();
  void Serve(int socket) const;
  void Talk(int socket) const;

  const DaemonSetup setup_;
  uint16_t port_;
  int listener_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

// A socket that listens on 127.0.0.`host`; a `port` of 0 becomes the one that was free.
int ListenOnLoopback(int backlog, uint16_t& port, uint8_t host = 1);

}  // namespace signet::clients

#endif  // SIGNET_TESTS_CLIENTS_PROBE_FAKE_DAEMON_H_
