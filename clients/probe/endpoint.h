// A TCP connection within a deadline.
#ifndef SIGNET_CLIENTS_PROBE_ENDPOINT_H_
#define SIGNET_CLIENTS_PROBE_ENDPOINT_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace signet::clients {

// A point in time that a wall clock's jumps do not move.
class Deadline {
 public:
  explicit Deadline(absl::Duration from_now)
      : end_(std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(from_now)) {}
  // Never negative.
  absl::Duration Left() const;

 private:
  std::chrono::steady_clock::time_point end_;
};

// A non-blocking socket that closes itself.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Socket& operator=(Socket&&) = delete;
  int fd() const { return fd_; }
  // True when `events` (of poll) or an error are there; false when `deadline` passed first.
  bool Wait(short events, const Deadline& deadline) const;

 private:
  int fd_;
};

// A connection, and when the caller's time for all that follows is over.
struct Connected {
  Socket socket;
  Deadline deadline;
};

// Resolves `host`, as long as the system's resolver takes; then tries its addresses in turn, each with its share of
// `limit`. UNAVAILABLE says in words why there is no connection.
absl::StatusOr<Connected> ConnectTcp(const std::string& host, uint16_t port, absl::Duration limit);

}  // namespace signet::clients

#endif  // SIGNET_CLIENTS_PROBE_ENDPOINT_H_
