#include "adapters/slurm/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::slurm {
namespace {

constexpr std::size_t kLongestLine = 2000;

const char* overdue_verb = "";
int overdue_exit_code = 1;

bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) != -1; }

// open(2) gives the lowest free number, and the numbers below this one are taken.
void Occupy(int descriptor) {
  const int opened = open("/dev/null", O_RDWR);
  if (opened == descriptor) return;
  // An empty root has no /dev.
  if (opened < 0 && memfd_create("null", 0) == descriptor) return;
  _exit(1);
}

void ResetSignals() {
  for (const int signal_number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGCHLD}) {
    static_cast<void>(signal(signal_number, SIG_DFL));
  }
  static_cast<void>(signal(SIGPIPE, SIG_IGN));
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool WriteAll(int descriptor, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(descriptor, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

// Async-signal-safe.
void Overdue(int /*signal*/) {
  constexpr char kWhat[] = ": no result in time; look for a hanging file system, a full disk or a busy host\n";
  const char* const parts[] = {"signet-slurm ", overdue_verb, kWhat};
  for (const char* part : parts) {
    if (write(STDERR_FILENO, part, strlen(part)) < 0) break;
  }
  _exit(overdue_exit_code);
}

}  // namespace

absl::Status PrepareForSlurm() {
  const bool can_answer = IsOpen(STDOUT_FILENO);
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (!IsOpen(descriptor)) Occupy(descriptor);
  }
  ResetSignals();
  umask(077);
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);
  // A configuration for the host's OpenSSL names modules that a static binary cannot load.
  setenv("OPENSSL_CONF", "/dev/null", 1);
  unsetenv("OPENSSL_MODULES");
  unsetenv("OPENSSL_ENGINES");
  return can_answer ? absl::OkStatus()
                    : absl::FailedPreconditionError("stdout is closed: there is nowhere to print the answer");
}

void EndAfter(absl::Duration total, const char* verb, int exit_code) {
  overdue_verb = verb;
  overdue_exit_code = exit_code;
  static_cast<void>(signal(SIGALRM, Overdue));
  itimerval timer = {};
  timer.it_value = absl::ToTimeval(total);
  setitimer(ITIMER_REAL, &timer, nullptr);
}

absl::Status Print(absl::string_view output) {
  if (WriteAll(STDOUT_FILENO, output)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("stdout: ", strerror(errno)));
}

std::string ErrorLine(absl::string_view verb, const absl::Status& status) {
  std::string text(status.message());
  if (text.empty()) text = absl::StatusCodeToString(status.code());
  if (const std::string next = base::NextOf(status); !next.empty()) absl::StrAppend(&text, "; ", next);
  if (text.size() > kLongestLine) text.resize(kLongestLine);
  absl::StripTrailingAsciiWhitespace(&text);
  std::string line = absl::StrCat("signet-slurm ", verb, ": ");
  for (const char c : text) {
    if (c == '\n') {
      line += "; ";
    } else {
      line += absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
    }
  }
  line += '\n';
  return line;
}

void PrintError(absl::string_view verb, const absl::Status& status) {
  WriteAll(STDERR_FILENO, ErrorLine(verb, status));
}

}  // namespace signet::slurm
