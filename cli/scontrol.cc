#include "cli/scontrol.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace signet::cli {
namespace {

constexpr std::size_t kLongestAnswer = std::size_t{4} << 20;
constexpr char kTokenSet[] = "TOKEN_SET";

std::string FindScontrol(absl::string_view path) {
  for (const absl::string_view directory : absl::StrSplit(path, ':', absl::SkipEmpty())) {
    std::string program = absl::StrCat(directory, "/scontrol");
    // A relative directory in $PATH is whatever the caller stands in.
    if (absl::StartsWith(program, "/") && access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

// A child in a process group of its own, whose standard output is `output`; -1 when it cannot be started.
pid_t Start(const std::string& program, const std::string& node, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::array<std::string, 5> words = {"scontrol", "show", "node", node, "--json"};
  std::array<char*, 6> argv = {words[0].data(), words[1].data(), words[2].data(),
                               words[3].data(), words[4].data(), nullptr};
  pid_t child = -1;
  if (posix_spawn(&child, program.c_str(), &actions, &attributes, argv.data(), environ) != 0) child = -1;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

// Everything until the end of the pipe; nullopt at the deadline or beyond the limit.
std::optional<std::string> ReadUntil(int pipe, std::chrono::steady_clock::time_point deadline) {
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

bool Mentions(const google::protobuf::Value& value) {
  if (value.kind_case() == google::protobuf::Value::kStringValue) return value.string_value() == kTokenSet;
  for (const google::protobuf::Value& one : value.list_value().values()) {
    if (Mentions(one)) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> AskScontrol(absl::string_view path, const std::string& node, absl::Duration limit) {
  const std::string program = FindScontrol(path);
  std::array<int, 2> ends{};
  if (program.empty() || pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const pid_t child = Start(program, node, ends[1]);
  close(ends[1]);
  std::optional<std::string> answer;
  if (child > 0) answer = ReadUntil(ends[0], std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit));
  close(ends[0]);
  if (child <= 0) return std::nullopt;
  // One that closed its output but does not end is cut off too.
  kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return answer;
}

bool CertTokenIsSet(const std::string& scontrol_json, absl::string_view node) {
  google::protobuf::Struct document;
  if (!google::protobuf::util::JsonStringToMessage(scontrol_json, &document).ok()) return false;
  const auto nodes = document.fields().find("nodes");
  if (nodes == document.fields().end()) return false;
  for (const google::protobuf::Value& one : nodes->second.list_value().values()) {
    const auto& fields = one.struct_value().fields();
    const auto name = fields.find("name");
    if (name == fields.end() || absl::string_view(name->second.string_value()) != node) continue;
    for (const auto& [field, value] : fields) {
      if (absl::StartsWith(field, "cert") && Mentions(value)) return true;
    }
  }
  return false;
}

}  // namespace signet::cli
