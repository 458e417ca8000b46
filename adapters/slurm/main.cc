// signet-slurm: one program under the names of Slurm's seven scripts.
#include <unistd.h>

#include <cstring>

#include "adapters/slurm/process.h"
#include "adapters/slurm/run.h"
#include "adapters/slurm/verb.h"
#include "clients/connection.h"

namespace {

namespace slurm = signet::slurm;

// argv is readable for every user in /proc/<pid>/cmdline, and certgen's holds a private key.
void HideArguments(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) explicit_bzero(argv[i], strlen(argv[i]));
}

// `install` copies megabytes, and no daemon waits for it.
constexpr absl::Duration kAmple = absl::Seconds(60);

int Fail(const char* verb, const absl::Status& status) {
  slurm::PrintError(verb, status);
  return 1;
}

int Main(int argc, char** argv) {
  const absl::Status prepared = slurm::PrepareForSlurm();
  const absl::StatusOr<slurm::Invocation> invocation = slurm::ParseInvocation(argc, argv);
  if (!invocation.ok()) {
    HideArguments(argc, argv);
    return Fail("usage", invocation.status());
  }
  // A pre-start that cannot tell what it did must still not keep slurmd from starting.
  const bool pre_start = invocation->verb == slurm::Verb::kPreStart;
  if (!prepared.ok() && !pre_start) return Fail(invocation->name, prepared);
  if (invocation->verb == slurm::Verb::kCertgen) HideArguments(argc, argv);
  slurm::EndAfter(invocation->verb == slurm::Verb::kInstall ? kAmple : slurm::kTotalTime + absl::Milliseconds(200),
                  invocation->name, pre_start ? 0 : 1);
  const slurm::Deadline deadline(slurm::kTotalTime);
  signet::clients::PrepareProcess();
  const absl::StatusOr<signet::base::SecretBytes> output = slurm::Run(*invocation, deadline);
  if (!output.ok()) return Fail(invocation->name, output.status());
  if (const absl::Status printed = slurm::Print(output->ExposeSecret()); !printed.ok() && !pre_start)
    return Fail(invocation->name, printed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // gRPC's threads and static objects take milliseconds to come down, and nothing waits to be written.
  _exit(Main(argc, argv));
}
