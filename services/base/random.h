// Randomness arrives through the constructor, so that tests can repeat it.
#ifndef SIGNET_SERVICES_BASE_RANDOM_H_
#define SIGNET_SERVICES_BASE_RANDOM_H_

#include <cstddef>
#include <string>

namespace signet::base {

// A source of bytes. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  // `count` bytes that nobody can predict.
  virtual std::string Bytes(std::size_t count) = 0;
};

// getrandom(2). Ends the process when the kernel has no randomness: there is nothing safe to do without it.
class SystemRandom final : public Random {
 public:
  std::string Bytes(std::size_t count) override;
};

}  // namespace signet::base

#endif  // SIGNET_SERVICES_BASE_RANDOM_H_
