// Runs signetctl against a FakeSignetd on a socket in a temporary directory.
#ifndef SIGNET_TESTS_CLI_CLI_FIXTURE_H_
#define SIGNET_TESTS_CLI_CLI_FIXTURE_H_

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/run.h"
#include "services/base/clock.h"
#include "tests/cli/fake_signetd.h"

namespace signet::cli {

struct Result {
  int code = -1;
  std::string out;
  std::string err;
};

class CliTest : public testing::Test {
 protected:
  static std::string MakeTemporary() {
    char path[] = "/tmp/signet-cli-XXXXXX";
    return mkdtemp(path);
  }
  ~CliTest() override { std::filesystem::remove_all(directory_); }

  Result Run(const std::vector<std::string>& args) {
    std::ostringstream out;
    Result result = RunTo(out, args);
    result.out = out.str();
    return result;
  }
  // The result's `out` stays empty.
  Result RunTo(std::ostream& out, const std::vector<std::string>& args) {
    std::ostringstream err;
    const Surroundings surroundings{.out = out,
                                    .err = err,
                                    .clock = clock_,
                                    .server = "unix:" + socket_,
                                    .tls_dir = "",
                                    .path = Path("bin"),
                                    .err_is_terminal = false,
                                    .sleep = [](absl::Duration) {},
                                    .in = &typed_,
                                    .in_is_terminal = terminal_,
                                    .proc = Path("proc")};
    Meet();
    const int code = cli::Run(args, surroundings);
    Meet();
    return {code, "", err.str()};
  }
  void Meet() { const base::MutexLock lock(signetd_.mutex); }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name)) << content;
  }
  mode_t Mode(const std::string& name) const {
    struct stat info {};
    return stat(Path(name).c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  bool Exists(const std::string& name) const { return std::filesystem::exists(Path(name)); }
  // What a person on a terminal will type.
  void Type(const std::string& line) {
    terminal_ = true;
    typed_.clear();
    typed_.str(line + "\n");
  }
  int FilesIn(const std::string& name) const {
    int count = 0;
    if (Exists(name)) {
      for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(Path(name))) ++count;
    }
    return count;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1795300000);
  base::FakeClock clock_{now_};
  std::istringstream typed_;
  bool terminal_ = false;
  const std::string directory_ = MakeTemporary();
  const std::string socket_ = directory_ + "/admin.sock";
  FakeSignetd signetd_{socket_, now_};
};

}  // namespace signet::cli

#endif  // SIGNET_TESTS_CLI_CLI_FIXTURE_H_
