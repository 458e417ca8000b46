#include "tests/contract/test_cluster.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/testing/paths.h"

namespace signet::contract {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScriptNames[] = {
    "get-node-token", "generate-csr", "get-node-cert-key", "validate-node", "sign-csr", "keygen", "certgen"};

std::string Binary(const std::string& name) { return absl::StrCat(SIGNET_BINARY_DIR, "/bin/", name); }

[[noreturn]] void GiveUp(const std::string& why, const std::string& log) {
  std::fprintf(stderr, "test cluster: %s\n%s\n", why.c_str(), log.c_str());
  std::abort();
}

bool Accepts(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool accepted = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return accepted;
}

}  // namespace

TestCluster::TestCluster(const std::string& more_yaml) {
  std::string pattern = "/tmp/signet-XXXXXX";
  if (geteuid() != 0) GiveUp("the contract tests run scripts as slurmd does: run them as root", "");
  if (mkdtemp(pattern.data()) == nullptr) GiveUp("cannot make a directory in /tmp", "");
  directory_ = pattern;
  for (const char* folder : {"data", "tokens", "state", "scripts", "run"}) fs::create_directory(path(folder));
  // A copy, as an installation makes one: client commands run certgen as any user, who may not enter a build directory.
  fs::permissions(directory_, fs::perms(0755));
  fs::copy_file(Binary("signet-slurm"), path("scripts/signet-slurm"));
  for (const char* script : kScriptNames) fs::create_symlink("signet-slurm", path(absl::StrCat("scripts/", script)));
  WriteAll(
      path("signetd.yaml"),
      absl::StrCat("cluster: demo\ndata_dir: ", data_dir(), "\nlisten:\n  admin: {socket: ", path("run/admin.sock"),
                   ", mode: \"0600\"}\n  controller: {socket: ", controller_socket(),
                   ", group: root, mode: \"0660\"}\n  metrics: {address: \"off\"}\nkeys: {kind: sealed, kek_file: ",
                   kek_file(), "}\n", more_yaml));
  const std::string common = absl::StrCat("cluster: demo\nca_cert_file: ", ca_file(), "\ntoken_files: [\"",
                                          path("tokens/{node}.token"), "\"]\nstate_dir: ", state_dir(), "\n");
  // A node has no network path to signetd: nothing there answers.
  WriteAll(path("node.yaml"), absl::StrCat(common, "servers: [\"unix:", path("run/nowhere.sock"), "\"]\n"));
  WriteAll(path("controller.yaml"), absl::StrCat(common, "servers: [\"unix:", controller_socket(), "\"]\n"));
  StartServer();
}

TestCluster::~TestCluster() {
  if (server_ > 0) StopServer();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void TestCluster::StartServer() {
  const std::string program = Binary("signetd");
  const std::string config = path("signetd.yaml");
  const std::string log = path("signetd.log");
  server_ = fork();
  if (server_ == 0) {
    const int null = open("/dev/null", O_RDONLY);
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    execl(program.c_str(), program.c_str(), "--config", config.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  for (int tries = 0; tries < 3000; ++tries) {
    if (Accepts(path("run/admin.sock")) && Accepts(controller_socket())) return;
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_)
      GiveUp(absl::StrCat(program, " ended while starting"), server_log());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  GiveUp(absl::StrCat(program, " does not listen"), server_log());
}

void TestCluster::KillServer() {
  kill(server_, SIGKILL);
  waitpid(server_, nullptr, 0);
  server_ = -1;
}

void TestCluster::PauseServer() const { kill(server_, SIGSTOP); }
void TestCluster::ResumeServer() const { kill(server_, SIGCONT); }

int TestCluster::StopServer() {
  int status = 0;
  kill(server_, SIGTERM);
  waitpid(server_, &status, 0);
  server_ = -1;
  return status;
}

ScriptResult TestCluster::Ctl(std::vector<std::string> args, std::chrono::milliseconds limit,
                              const std::string& path_variable) const {
  ScriptCall call;
  call.path = Binary("signetctl");
  call.args = {"--server", absl::StrCat("unix:", path("run/admin.sock"))};
  call.args.insert(call.args.end(), args.begin(), args.end());
  call.limit = limit;
  call.environment = {absl::StrCat("PATH=", path_variable)};
  return RunScript(call);
}

void TestCluster::CreateTokens(const std::string& hostlist, std::vector<std::string> extra) const {
  std::vector<std::string> args = {"token", "create", hostlist, "--out-dir", path("tokens")};
  args.insert(args.end(), extra.begin(), extra.end());
  const ScriptResult result = Ctl(args);
  if (!result.exited_zero()) GiveUp(absl::StrCat("token create: ", result.Describe()), server_log());
}

void TestCluster::WriteBundle() const {
  const ScriptResult result = Ctl({"bundle", "write", "--dir", directory_});
  if (!result.exited_zero()) GiveUp(absl::StrCat("bundle write: ", result.Describe()), server_log());
}

void TestCluster::EmptyNodeState() const {
  fs::remove_all(state_dir());
  fs::create_directory(state_dir());
}

std::string TestCluster::server_log() const { return ReadAll(path("signetd.log")); }

Scripts TestCluster::ScriptsWith(const std::string& config) const {
  Scripts scripts;
  scripts.directory = path("scripts");
  scripts.call.environment.push_back(absl::StrCat("SIGNET_SLURM_CONFIG=", path(config)));
  // A sanitizer in the adapter is told what the test was told.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) scripts.call.environment.push_back(absl::StrCat(name, "=", value));
  }
  return scripts;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteAll(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::vector<std::string> NodeNames(int count) {
  std::vector<std::string> names;
  for (int i = 1; i <= count; ++i) names.push_back(absl::StrFormat("n%03d", i));
  return names;
}

void InParallel(int count, int parallel, const std::function<void(int)>& work) {
  std::atomic<int> next = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < parallel; ++t) {
    threads.emplace_back([&] {
      for (int i = next++; i < count; i = next++) work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace signet::contract
