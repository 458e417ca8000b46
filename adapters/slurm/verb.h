// Which of Slurm's scripts, or of the commands for people, this run is.
#ifndef SIGNET_ADAPTERS_SLURM_VERB_H_
#define SIGNET_ADAPTERS_SLURM_VERB_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::slurm {

enum class Verb {
  kGetNodeToken,
  kGenerateCsr,
  kGetNodeCertKey,
  kValidateNode,
  kSignCsr,
  kKeygen,
  kCertgen,
  kRefresh,
  kPreStart,
  kReport,
  kState,
  kDoctor,
  kInstall,
  kMirrorToken,
  kSelfTest,
  kVersion,
  kHelp
};

// The names that slurm.conf calls.
inline constexpr std::array<const char*, 7> kScriptNames = {
    "get-node-token", "generate-csr", "get-node-cert-key", "validate-node", "sign-csr", "keygen", "certgen"};

// One run.
struct Invocation {
  Verb verb = Verb::kHelp;
  const char* name = "";  // static storage; as it stands in error lines
  bool script = false;    // Slurm's contract holds: PEM or token on stdout, else one line and exit 1
  std::vector<std::string> arguments;
};

// The verb is the base name of argv[0] (hyphens or underscores, with or without ".sh"), else argv[1]. INVALID_ARGUMENT
// when it is unknown.
absl::StatusOr<Invocation> ParseInvocation(int argc, const char* const* argv);

// INVALID_ARGUMENT when the verb does not take so many arguments.
absl::Status CheckArguments(const Invocation& invocation);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_VERB_H_
