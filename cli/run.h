// signetctl as a function: arguments in, exit code out.
#ifndef SIGNET_CLI_RUN_H_
#define SIGNET_CLI_RUN_H_

#include <string>
#include <vector>

#include "cli/session.h"

namespace signet::cli {

// `args` without the program's name. Never throws. The answer goes to out, everything else to err.
int Run(const std::vector<std::string>& args, const Surroundings& surroundings);

// The completion script for bash, from the same command table.
std::string BashCompletion();

}  // namespace signet::cli

#endif  // SIGNET_CLI_RUN_H_
