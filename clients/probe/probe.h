// Which daemons trust an authority: they are asked.
//
// A daemon that trusts it answers junk with an HTTP error at once; one that does not breaks off, or says nothing for
// seconds (s2n delays every refusal). In TLS 1.3 the client's handshake ends before the daemon has judged the
// certificate: only an answer proves anything.
#ifndef SIGNET_CLIENTS_PROBE_PROBE_H_
#define SIGNET_CLIENTS_PROBE_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

struct ssl_ctx_st;

namespace signet::clients {

enum class ProbeVerdict {
  kTrusted = 1,    // it asked for a certificate, took ours, and answered
  kRefused = 2,    // it asked for a certificate, and broke off or fell silent after ours
  kNoVerdict = 3,  // nobody there, no TLS, or nobody who asks for a certificate
  kAnother = 4,    // answered by somebody else: no anchor verifies what it showed, or that is for another name
};

struct ProbeTarget {
  std::string host;  // a name or an address
  uint16_t port = 0;
  std::string name = {};  // the CN that its certificate must have; empty: that of no certificate
};

struct ProbeAnswer {
  ProbeVerdict verdict = ProbeVerdict::kNoVerdict;
  std::string served_serial;  // of the daemon's own certificate, lower-case hex; empty when it showed none
  std::string served_issuer;  // RFC 4514, for people
  std::string detail;         // why, in words; empty when trusted
};

struct ProbeLimits {
  absl::Duration per_host = absl::Seconds(2);  // after its name was resolved
  std::size_t parallel = 256;                  // hosts at once
};

// Holds a client certificate and its key, or none. Thread-safe.
class Probe {
 public:
  // `chain_pem`: leaf first. `anchors`: one of them must verify what a daemon shows (x509::VerifyChain, by this host's
  // clock). INVALID_ARGUMENT for a chain that does not parse, or whose leaf is not `key`'s.
  static absl::StatusOr<Probe> Create(absl::string_view chain_pem, const keys::PrivateKey& key,
                                      std::vector<x509::Certificate> anchors);
  // Shows none: its verdicts say nothing of trust, but for kAnother, and the answers what is served.
  static absl::StatusOr<Probe> WithoutCertificate(std::vector<x509::Certificate> anchors);

  // One answer for each target, in their order. `progress`, unless empty, is told after each how many are done, by one
  // thread at a time. The conversation goes on whatever certificate a daemon shows, since nothing secret is sent; the
  // verdict looks at it.
  std::vector<ProbeAnswer> Ask(const std::vector<ProbeTarget>& targets, const ProbeLimits& limits,
                               const std::function<void(std::size_t done)>& progress) const;

 private:
  Probe(std::shared_ptr<ssl_ctx_st> context, std::vector<x509::Certificate> anchors)
      : context_(std::move(context)), anchors_(std::move(anchors)) {}
  std::shared_ptr<ssl_ctx_st> context_;
  std::vector<x509::Certificate> anchors_;
};

}  // namespace signet::clients

#endif  // SIGNET_CLIENTS_PROBE_PROBE_H_
