// s2n-tls as Slurm's tls/s2n uses it: what a process has loaded, and handshakes in memory.
#ifndef SIGNET_TESTS_TESTING_S2N_S2N_END_H_
#define SIGNET_TESTS_TESTING_S2N_S2N_END_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct s2n_config;
struct s2n_connection;

namespace signet::testing {

// What a process read from ca_cert_file and from its certificate's and key's files. Cheap to copy; stays what it is
// when the files change.
class S2nFiles {
 public:
  // The texts of the files, leaf first; `chain_pem` and `key_pem` are empty for a client that shows none. What s2n
  // refuses to load is INVALID_ARGUMENT with s2n's own name for it: Slurm's daemons die of these.
  static absl::StatusOr<S2nFiles> Load(const std::string& anchors_pem, const std::string& chain_pem,
                                       const std::string& key_pem);
  bool shows_certificate() const;

 private:
  friend class S2nEnd;
  struct Loaded;
  std::shared_ptr<Loaded> loaded_;
};

// One end of a connection. What arrived goes in by Feed, what is to be sent comes out by Take.
class S2nEnd {
 public:
  enum class Side { kClient, kServer };
  enum class State { kGoesOn, kDone, kFailed };

  // `now` is what this end takes the time to be.
  S2nEnd(const S2nFiles& files, Side side, absl::Time now);
  // Negotiates as far as it gets with what arrived. After kFailed nothing is to be sent: s2n is silent to whom it does
  // not trust.
  State Negotiate();
  // After kDone: the bytes that arrived, "" when none did.
  std::string Read();
  void Write(absl::string_view bytes);
  void Feed(absl::string_view bytes);
  std::string Take();
  // After kFailed: s2n's name of the fault, "S2N_ERR_CERT_UNTRUSTED".
  const std::string& error() const { return error_; }
  // A server's, after kDone: the client showed a certificate, and it was verified.
  bool saw_certificate() const;

 private:
  struct Pipe {
    std::string in;
    std::string out;
  };
  std::shared_ptr<S2nFiles::Loaded> loaded_;
  std::unique_ptr<Pipe> pipe_;
  std::unique_ptr<s2n_connection, int (*)(s2n_connection*)> connection_;
  std::string error_;
};

// A handshake run to its end: neither side refused the other. A server takes a client without a certificate, as Slurm's
// do, but one that has a certificate has to show it.
struct S2nHandshake {
  S2nHandshake(const S2nFiles& client, const S2nFiles& server, absl::Time now);
  bool ok = false;
  bool client_refused = false;  // the server's certificate
  bool server_refused = false;  // the client's
  std::string error;            // empty when ok
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_S2N_S2N_END_H_
