// A directory for one test, a throwaway authority, and a way to run the real program as Slurm does.
#ifndef SIGNET_TESTS_ADAPTERS_SLURM_SCRATCH_H_
#define SIGNET_TESTS_ADAPTERS_SLURM_SCRATCH_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/host.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

namespace signet::slurm {

// Removed with everything in it.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0644);

// A configuration that touches nothing outside `scratch`, with a token for node n1 in place.
Config ConfigIn(const Scratch& scratch);
std::string YamlOf(const Config& config);
void WriteToken(const std::string& path, const std::string& node, const std::string& daemon,
                const std::string& cluster = "alpha");
// A certmgr_state as slurmd packs it; the two texts get their NULs here.
std::string PackCertmgrState(uint16_t version, absl::Time renewed_at, const std::string& certificate_pem,
                             const std::string& key_pem);
// This host, with fixed facts.
Host HostNamed(const std::string& name);

// A self-signed root, for a year if not told otherwise.
struct TestAuthority {
  TestAuthority();
  explicit TestAuthority(const std::string& name);
  TestAuthority(absl::Time not_before, absl::Time not_after, const std::string& name = "Test CA");
  // A leaf for `key`; fields of the profile that Signet uses.
  std::string Issue(const x509::PublicKey& key, const std::string& name, absl::Time not_before,
                    absl::Time not_after) const;
  // The same for a Name that is not just `name`; always a daemon's.
  std::string IssueTo(const x509::PublicKey& key, const std::string& subject_der, const std::string& name,
                      absl::Time not_before, absl::Time not_after) const;
  // A cross certificate: this one vouches for `other`'s root.
  std::string VouchFor(const TestAuthority& other, absl::Time not_after) const;
  keys::PrivateKey key;
  x509::Certificate root;
};

// How a run ended.
struct Outcome {
  int exit_code = -1;  // -1: by a signal
  int signal = 0;
  std::string out;
  std::string err;
  absl::Duration took;
};

struct RunOptions {
  std::vector<std::string> environment = {};
  bool merge = false;  // stdout and stderr are one pipe, as in Slurm; all of it is in Outcome::out
  std::function<void()> in_child =
      nullptr;  // after the descriptors are in place, before exec: async-signal-safe calls alone
  absl::Duration term_after = absl::InfiniteDuration();
  absl::Duration kill_after = absl::InfiniteDuration();
};

// Runs SIGNET_SLURM with these words as argv.
Outcome RunProgram(const std::vector<std::string>& argv, const RunOptions& options = {});
Outcome RunProgram(const std::string& program, const std::vector<std::string>& argv, const RunOptions& options);

}  // namespace signet::slurm

#endif  // SIGNET_TESTS_ADAPTERS_SLURM_SCRATCH_H_
