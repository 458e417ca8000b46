#include "tests/contract/slurm_harness.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"

namespace signet::contract {
namespace {

constexpr int kCouldNotStart = 127;

// In the child, between fork and exec: nothing but system calls, since the parent has threads.
[[noreturn]] void BecomeScript(const ScriptCall& call, int output, char** argv, char** environment) {
  const int null = open("/dev/null", O_RDONLY);
  if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(kCouldNotStart);
  syscall(SYS_close_range, 3U, ~0U, 0U);
  setpgid(0, 0);
  umask(0022);
  if (!call.root.empty() && chroot(call.root.c_str()) != 0) _exit(kCouldNotStart);
  if (chdir(call.cwd.c_str()) != 0) _exit(kCouldNotStart);
  if (call.uid != geteuid() || call.gid != getegid()) {
    if (setgroups(0, nullptr) != 0 || setresgid(call.gid, call.gid, call.gid) != 0 ||
        setresuid(call.uid, call.uid, call.uid) != 0) {
      _exit(kCouldNotStart);
    }
  }
  execve(call.path.c_str(), argv, environment);
  _exit(kCouldNotStart);
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

bool ScriptResult::exited_zero() const {
  return !could_not_start && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
}

std::string ScriptResult::Describe() const {
  std::string how = "could not be started";
  if (!could_not_start && WIFEXITED(wait_status)) how = absl::StrCat("exit ", WEXITSTATUS(wait_status));
  if (!could_not_start && WIFSIGNALED(wait_status)) how = absl::StrCat("signal ", WTERMSIG(wait_status));
  return absl::StrCat(how, timed_out ? ", over its time" : "", ", output: ", output);
}

ScriptResult RunScript(const ScriptCall& call) {
  ScriptResult result;
  std::vector<std::string> words = {call.path};
  words.insert(words.end(), call.args.begin(), call.args.end());
  std::vector<std::string> variables = call.environment;
  const std::vector<char*> argv = Pointers(words);
  const std::vector<char*> environment = Pointers(variables);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    result.could_not_start = true;
    return result;
  }
  const auto deadline = std::chrono::steady_clock::now() + call.limit;
  const pid_t pid = fork();
  if (pid == 0) BecomeScript(call, ends[1], const_cast<char**>(argv.data()), const_cast<char**>(environment.data()));
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    result.could_not_start = true;
    return result;
  }
  setpgid(pid, pid);  // both sides, as Slurm does: whoever comes first
  if (call.started) call.started(pid);

  // Read to the end of the file or of the time.
  bool open_pipe = true;
  while (open_pipe) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) break;
    pollfd wait{ends[0], POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(left)) <= 0) continue;
    char buffer[16384];
    const ssize_t count = read(ends[0], buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) open_pipe = false;
    if (count > 0) result.output.append(buffer, static_cast<size_t>(count));
  }
  // The pipe may close before the process ends: the time limit holds for both.
  bool ended = false;
  while (!ended && std::chrono::steady_clock::now() < deadline) {
    ended = waitpid(pid, &result.wait_status, WNOHANG) == pid;
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!ended) {
    result.timed_out = true;
    kill(-pid, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kill(-pid, SIGKILL);
    while (waitpid(pid, &result.wait_status, 0) < 0 && errno == EINTR) {
    }
  }
  close(ends[0]);
  result.could_not_start = WIFEXITED(result.wait_status) && WEXITSTATUS(result.wait_status) == kCouldNotStart;
  const size_t nul = result.output.find('\0');
  if (nul != std::string::npos) result.output.resize(nul);
  return result;
}

}  // namespace signet::contract
