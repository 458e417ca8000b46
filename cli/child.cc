#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace signet::cli {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t kLongestAnswer = std::size_t{4} << 20;
constexpr std::chrono::milliseconds kLook(20);

// A child in a process group of its own, whose standard output is `output`; -1 when it cannot be started.
pid_t Start(std::vector<std::string> words, int output, bool keep_errors) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (!keep_errors) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = -1;
  if (posix_spawn(&child, argv[0], &actions, &attributes, argv.data(), environ) != 0) child = -1;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

// Everything until the end of the pipe; nullopt at the deadline or beyond the limit.
std::optional<std::string> ReadUntil(int pipe, Time deadline) {
  std::string answer;
  std::array<char, 65536> buffer{};
  while (answer.size() <= kLongestAnswer) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd wait{.fd = pipe, .events = POLLIN, .revents = 0};
    const int ready = poll(&wait, 1, static_cast<int>(left));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return std::nullopt;
    if (ready < 0) continue;
    const ssize_t count = read(pipe, buffer.data(), buffer.size());
    if (count < 0 && errno != EINTR) return std::nullopt;
    if (count == 0) return answer;
    if (count > 0) answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return std::nullopt;
}

// True when it has ended, by itself, before the deadline; its status then.
bool EndsBefore(pid_t child, Time deadline, int* status) {
  while (true) {
    const pid_t ended = waitpid(child, status, WNOHANG);
    if (ended == child) return true;
    if (ended < 0 && errno != EINTR) return false;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
}

void KillGroup(pid_t child) {
  kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

bool CanStart(const std::vector<std::string>& words) { return !words.empty() && absl::StartsWith(words[0], "/"); }

Time DeadlineIn(absl::Duration limit) { return std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit); }

}  // namespace

std::string FindProgram(absl::string_view path, absl::string_view name) {
  if (absl::StartsWith(name, "/")) return std::string(name);
  for (const absl::string_view directory : absl::StrSplit(path, ':', absl::SkipEmpty())) {
    std::string program = absl::StrCat(directory, "/", name);
    // A relative directory in $PATH is whatever the caller stands in.
    if (absl::StartsWith(program, "/") && access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

std::optional<std::string> OutputOf(const std::vector<std::string>& words, absl::Duration limit) {
  std::array<int, 2> ends{};
  if (!CanStart(words) || pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const pid_t child = Start(words, ends[1], /*keep_errors=*/false);
  close(ends[1]);
  std::optional<std::string> answer;
  if (child > 0) answer = ReadUntil(ends[0], DeadlineIn(limit));
  close(ends[0]);
  // One that closed its output but does not end is cut off too.
  if (child > 0) KillGroup(child);
  return answer;
}

absl::Status RunToEnd(const std::vector<std::string>& words, absl::Duration limit) {
  // What it says goes to standard error: a daemon that it starts may hold that open, but no pipe of ours.
  const pid_t child = CanStart(words) ? Start(words, STDERR_FILENO, /*keep_errors=*/true) : -1;
  if (child <= 0)
    return absl::FailedPreconditionError(absl::StrCat(words.empty() ? "" : words[0], " cannot be started"));
  int status = 0;
  if (!EndsBefore(child, DeadlineIn(limit), &status)) {
    KillGroup(child);
    return absl::FailedPreconditionError(absl::StrCat(words[0], " did not end within ", absl::FormatDuration(limit)));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(words[0], " failed with ",
                                                    WIFEXITED(status) ? "exit code " : "signal ",
                                                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)));
}

}  // namespace signet::cli
