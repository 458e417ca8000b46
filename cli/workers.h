// Work that two processors share.
#ifndef SIGNET_CLI_WORKERS_H_
#define SIGNET_CLI_WORKERS_H_

#include <cstddef>
#include <functional>

#include "absl/status/status.h"

namespace signet::cli {

// Runs work(0) … work(count - 1), each once, on up to `threads` threads, which have ended on return. After an error no
// further one is begun; the error of the smallest index is returned. With one thread, or one piece, in this one.
absl::Status RunWorkers(std::size_t count, std::size_t threads, const std::function<absl::Status(std::size_t)>& work);

}  // namespace signet::cli

#endif  // SIGNET_CLI_WORKERS_H_
