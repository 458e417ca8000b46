// Unix sockets on disk: who may stand at their path, and who may connect.
#ifndef SIGNET_SERVICES_SERVER_SOCKET_FILE_H_
#define SIGNET_SERVICES_SERVER_SOCKET_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace signet::server {

// A listener whose file's mode and group decide who can connect: whoever connects has the listener's role.
struct SocketListener {
  // Absolute, under 108 bytes (sun_path).
  std::string path;
  // Permission bits of the socket; never any for others.
  uint32_t mode = 0600;
  // Group of the socket; empty: that of the process.
  std::string group;
  // False for a group that is only a default: where it does not exist, the socket is for its owner alone.
  bool group_required = true;
};

// Makes the path free: creates its folder (0755) when missing, and removes a socket that no process answers at.
// FAILED_PRECONDITION / CONFIGURATION when a live server answers there, something other than a socket stands there, or
// the folder is writable by group or others, is a symbolic link, or belongs to neither root nor this user: then whoever
// owns it could put a socket of their own in its place.
absl::Status PrepareSocketPath(const SocketListener& listener);

// Gives the bound socket its group and mode, and checks what it has become. The caller bound it under SocketUmask, so
// that until now nobody but the owner could connect. True in `*owner_only` when a default group does not exist.
absl::Status OpenSocketTo(const SocketListener& listener, bool* owner_only);

// A umask of 0177 for a scope: a socket bound under it is born 0600. For the start of the process, before other threads
// create files.
class SocketUmask {
 public:
  SocketUmask();
  ~SocketUmask();
  SocketUmask(const SocketUmask&) = delete;
  SocketUmask& operator=(const SocketUmask&) = delete;

 private:
  uint32_t before_;
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_SOCKET_FILE_H_
