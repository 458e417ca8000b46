#include "clients/probe/endpoint.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace signet::clients {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};

absl::Status Unavailable(int error) { return absl::UnavailableError(std::strerror(error)); }

absl::StatusOr<Socket> ConnectTo(const addrinfo& address, const Deadline& deadline) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return Unavailable(errno);
  if (connect(socket.fd(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return Unavailable(errno);
  if (!socket.Wait(POLLOUT, deadline)) return absl::UnavailableError("no answer to a connection");
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return Unavailable(errno);
  if (error != 0) return Unavailable(error);
  return socket;
}

}  // namespace

absl::Duration Deadline::Left() const {
  return std::max(absl::ZeroDuration(), absl::FromChrono(end_ - std::chrono::steady_clock::now()));
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

bool Socket::Wait(short events, const Deadline& deadline) const {
  while (true) {
    pollfd wanted{fd_, events, 0};
    // Rounded up: a last fraction of a millisecond must not become a busy loop.
    const int64_t left = absl::ToInt64Milliseconds(absl::Ceil(deadline.Left(), absl::Milliseconds(1)));
    const int ready = poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (left == 0) return false;
  }
}

absl::StatusOr<Connected> ConnectTcp(const std::string& host, uint16_t port, absl::Duration limit) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (failed != 0) return absl::UnavailableError(absl::StrCat("its name is not known: ", gai_strerror(failed)));
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  int64_t count = 0;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) ++count;
  const Deadline all(limit);
  absl::Status last = absl::UnavailableError("its name has no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next, --count) {
    absl::StatusOr<Socket> socket = ConnectTo(*one, Deadline(all.Left() / count));
    if (socket.ok()) return Connected{*std::move(socket), all};
    last = socket.status();
  }
  return last;
}

}  // namespace signet::clients
