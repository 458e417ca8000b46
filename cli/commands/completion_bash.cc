#include "cli/commands/command.h"
#include "cli/run.h"

namespace signet::cli {

Action DeclareCompletionBash(CLI::App&) {
  return [](Session& session) -> absl::Status {
    session.out() << BashCompletion();
    return session.Flush();
  };
}

}  // namespace signet::cli
