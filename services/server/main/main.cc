// signetd: configuration → objects → listen → drain.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <ctime>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_split.h"
#include "services/base/foreign_mutexes.h"
#include "services/base/reason.h"
#include "services/server/config.h"
#include "services/server/daemon.h"
#include "services/server/grpc_log.h"
#include "services/server/notify.h"
#include "services/telemetry/logger.h"
#include "services/telemetry/metrics_page.h"

namespace signet::server {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Keys must reach neither a core dump, nor a debugger of the same user, nor swap.
void KeepMemoryPrivate() {
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  rlimit locked = {};
  // Under a limit, a locked process fails to start threads: the unit lifts it, and forbids swap besides.
  if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur == RLIM_INFINITY) {
    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  }
}

// Before any thread exists, so that all of them leave these signals to Serve().
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  static_cast<void>(signal(SIGPIPE, SIG_IGN));
  return signals;
}

void PrintError(const absl::Status& status) {
  std::cerr << "signetd: " << status.message() << "\n";
  if (const std::string next = base::NextOf(status); !next.empty()) std::cerr << "  next: " << next << "\n";
}

void Reload(const std::string& path, Daemon& daemon, telemetry::Logger& logger) {
  Notify("RELOADING=1");
  const absl::StatusOr<Config> wanted = LoadConfig(path);
  if (wanted.ok()) {
    daemon.Reload(*wanted);
  } else {
    for (const absl::string_view fault : absl::StrSplit(wanted.status().message(), '\n')) {
      logger.Error("reload.refused", {{"message", std::string(fault)}});
    }
  }
  Notify("READY=1");
}

int Serve(const std::string& path, const Config& config, const sigset_t& signals) {
  const std::unique_ptr<telemetry::Logger> logger = telemetry::MakeStderrLogger(config.log_level);
  const GrpcLog grpc_log(*logger);
  base::SystemClock clock;
  base::SystemRandom random;
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(config, {clock, random, *logger});
  if (!daemon.ok()) {
    PrintError(daemon.status());
    return kFailed;
  }
  std::cout << (*daemon)->notice() << std::flush;
  Notify("READY=1");
  bool lost = false;
  for (bool stopping = false; !stopping;) {
    const timespec second = {1, 0};
    switch (sigtimedwait(&signals, nullptr, &second)) {
      case SIGTERM:
      case SIGINT:
        stopping = true;
        break;
      case SIGHUP:
        Reload(path, **daemon, *logger);
        break;
      default:
        (*daemon)->Tick();
        if (GrpcLog::ListenerLost()) {
          logger->Error("listener.lost", {{"message", "out of file descriptors; ending, to be started again"}});
          lost = stopping = true;
        }
    }
  }
  Notify("STOPPING=1");
  (*daemon)->Drain();
  return lost ? kFailed : 0;
}

int Main(int argc, char** argv) {
  CLI::App app("signetd: the certificate authority of a Slurm cluster");
  std::string path = kDefaultConfigPath;
  bool check = false;
  bool print_metrics = false;
  app.add_option("--config", path, "Configuration file")->capture_default_str();
  app.add_flag("--check-config", check, "Print every fault of the configuration file and exit");
  app.add_flag("--print-metrics", print_metrics, "Print docs/metrics.md and exit")->group("");
  app.set_version_flag("--version", "signetd " + Version());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (print_metrics) {
    std::cout << telemetry::MetricsPage();
    return 0;
  }
  KeepMemoryPrivate();
  base::StopSearchingForLockCycles();
  const sigset_t signals = BlockSignals();
  const absl::StatusOr<Config> config = LoadConfig(path);
  if (!config.ok()) {
    std::cerr << config.status().message() << "\n";
    return kUsage;
  }
  if (!check) return Serve(path, *config, signals);
  std::cout << "ok\n";
  return 0;
}

}  // namespace
}  // namespace signet::server

int main(int argc, char** argv) {
  try {
    return signet::server::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "signetd: " << error.what() << "\n";
    return 1;
  }
}
