#include "cli/workers.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace signet::cli {

absl::Status RunWorkers(std::size_t count, std::size_t threads, const std::function<absl::Status(std::size_t)>& work) {
  std::vector<absl::Status> results(count);
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto run = [&] {
    for (std::size_t i = next++; i < count && !failed; i = next++) {
      results[i] = work(i);
      if (!results[i].ok()) failed = true;
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
  run();
  for (std::thread& other : others) other.join();
  for (absl::Status& result : results) {
    if (!result.ok()) return result;
  }
  return absl::OkStatus();
}

}  // namespace signet::cli
