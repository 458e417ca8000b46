#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "cli/run.h"
#include "clients/connection.h"
#include "services/base/clock.h"

namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int main(int argc, char** argv) {
  signet::clients::PrepareProcess();
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT: a closed pipe becomes an error on the stream
  const signet::base::SystemClock clock;
  const signet::cli::Surroundings surroundings{.out = std::cout,
                                               .err = std::cerr,
                                               .clock = clock,
                                               .server = Environment("SIGNET_SERVER"),
                                               .tls_dir = Environment("SIGNET_TLS_DIR"),
                                               .path = Environment("PATH"),
                                               .err_is_terminal = isatty(STDERR_FILENO) == 1,
                                               .in = &std::cin,
                                               .in_is_terminal = isatty(STDIN_FILENO) == 1};
  return signet::cli::Run(std::vector<std::string>(argv + 1, argv + argc), surroundings);
}
