#include "adapters/slurm/verb.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"

namespace signet::slurm {
namespace {

struct Row {
  const char* name;
  Verb verb;
  bool script;
  std::size_t least;
  std::size_t most;
};

// sackd's renewal hands an empty $1, and a missing one means the same.
constexpr Row kRows[] = {
    {"get-node-token", Verb::kGetNodeToken, true, 0, 1},
    {"generate-csr", Verb::kGenerateCsr, true, 0, 1},
    {"get-node-cert-key", Verb::kGetNodeCertKey, true, 0, 1},
    {"validate-node", Verb::kValidateNode, true, 2, 2},
    {"sign-csr", Verb::kSignCsr, true, 1, 1},
    {"keygen", Verb::kKeygen, true, 0, 0},
    {"certgen", Verb::kCertgen, true, 1, 1},
    {"refresh", Verb::kRefresh, false, 0, 4},
    {"pre-start", Verb::kPreStart, false, 0, 4},
    {"report", Verb::kReport, false, 0, 2},
    {"state", Verb::kState, false, 1, 3},
    {"doctor", Verb::kDoctor, false, 0, 0},
    {"install", Verb::kInstall, false, 2, 4},
    {"mirror-token", Verb::kMirrorToken, false, 4, 6},
    {"selftest", Verb::kSelfTest, false, 0, 0},
    {"version", Verb::kVersion, false, 0, 0},
    {"--version", Verb::kVersion, false, 0, 0},
    {"help", Verb::kHelp, false, 0, 0},
    {"--help", Verb::kHelp, false, 0, 0},
    {"-h", Verb::kHelp, false, 0, 0},
};

const Row* Find(absl::string_view name) {
  const std::string plain = absl::StrReplaceAll(absl::StripSuffix(name, ".sh"), {{"_", "-"}});
  for (const Row& row : kRows) {
    if (plain == row.name) return &row;
  }
  return nullptr;
}

absl::Status Usage(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message, "signet-slurm --help");
}

}  // namespace

absl::StatusOr<Invocation> ParseInvocation(int argc, const char* const* argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (words.empty()) return Usage("no argv[0] to tell the verb by");
  const Row* row = Find(words[0].substr(words[0].rfind('/') + 1));
  std::size_t used = 1;
  if (row == nullptr || !row->script) {
    if (words.size() < 2) return Usage("a verb is missing");
    row = Find(words[1]);
    // Not quoted: under a wrong name of certgen this word is a private key.
    if (row == nullptr) return Usage("argv[0] is no script's name, and argv[1] no verb");
    used = 2;
  }
  Invocation invocation;
  invocation.verb = row->verb;
  invocation.name = row->name;
  invocation.script = row->script;
  invocation.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(used), words.end());
  return invocation;
}

absl::Status CheckArguments(const Invocation& invocation) {
  const Row* const row = Find(invocation.name);
  const std::size_t count = invocation.arguments.size();
  if (row != nullptr && count >= row->least && count <= row->most) return absl::OkStatus();
  return Usage(absl::StrCat(count, " arguments do not fit"));
}

}  // namespace signet::slurm
