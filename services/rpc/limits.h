// How much of signetd its callers may use.
#ifndef SIGNET_SERVICES_RPC_LIMITS_H_
#define SIGNET_SERVICES_RPC_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace signet::rpc {

// What an administrator may set under `limits`.
struct Limits {
  // Calls that are worked on at once, over all listeners; one more is answered RESOURCE_EXHAUSTED / OVERLOADED,
  // but for an administrator's that changes nothing. Taken over at SIGHUP.
  int64_t max_concurrent_calls = 256;
  // Bytes of one request, before anything in it is looked at. Needs a restart.
  int64_t message_bytes = 4 << 20;
};

// Bounds of single fields: fixed, since the formats fix them.
inline constexpr std::size_t kMaxCsrBytes = 64 * 1024;
inline constexpr std::size_t kMaxNameBytes = 253;
inline constexpr std::size_t kMaxCertificateBytes = 64 * 1024;
inline constexpr std::size_t kMaxHostlistBytes = 64 * 1024;
inline constexpr std::size_t kMaxPageTokenBytes = 512;
inline constexpr std::size_t kMaxPublicKeyBytes = 1024;
inline constexpr std::size_t kMaxAuthorityIdBytes = 64;
inline constexpr std::size_t kMaxSubjectBytes = 1024;  // RFC 4514 text
inline constexpr std::size_t kMaxReasonBytes = 200;
inline constexpr std::size_t kMaxVersionBytes = 64;
inline constexpr int kMaxListed = 1000;
inline constexpr int kDefaultPageSize = 100;
// A call with less time left than this is not begun.
inline constexpr absl::Duration kLeastTimeLeft = absl::Milliseconds(100);

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_LIMITS_H_
