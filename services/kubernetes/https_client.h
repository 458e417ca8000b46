// One HTTPS request within a deadline, to one server.
#ifndef SIGNET_SERVICES_KUBERNETES_HTTPS_CLIENT_H_
#define SIGNET_SERVICES_KUBERNETES_HTTPS_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/mutex.h"

namespace signet::kubernetes {

using Deadline = std::chrono::steady_clock::time_point;

inline constexpr std::size_t kMaxAnswerBytes = 1 << 20;
// Requests under way at once; one more waits for its turn, within its deadline.
inline constexpr std::size_t kMostRequests = 32;

// Where the server is, whom it must be, and who asks.
struct Endpoint {
  // "https://host" or "https://host:port".
  std::string url;
  // PEM: the only anchors its certificate may chain to.
  std::string ca_file;
  // Our bearer token. Read again for every request, since the kubelet renews it in place.
  std::string token_file;
};

struct HttpAnswer {
  long status = 0;
  std::string body;
};

// UNAVAILABLE / KUBERNETES_UNAVAILABLE: nothing is decided, and the call is worth a retry.
absl::Status ApiUnavailable(absl::string_view message, absl::string_view next = "try again in a second");

// TLS 1.2 or newer, certificate and host name verified; no redirect is followed, no proxy used, whatever the
// environment says. Connections are kept and used again. Thread-safe.
class HttpsClient {
 public:
  explicit HttpsClient(Endpoint endpoint);
  ~HttpsClient();
  HttpsClient(const HttpsClient&) = delete;
  HttpsClient& operator=(const HttpsClient&) = delete;

  // GET when `json_body` is empty, else POST. `path` begins with "/". Any HTTP status is an answer; ApiUnavailable when
  // none came before `deadline`, the body is larger than kMaxAnswerBytes, TLS does not hold, or our token cannot be
  // read.
  absl::StatusOr<HttpAnswer> Send(const std::string& path, const std::string& json_body, Deadline deadline);
  // PATCH with a JSON merge patch (RFC 7396), which may hold secrets: no copy of it is kept.
  absl::StatusOr<HttpAnswer> Patch(const std::string& path, absl::string_view merge_patch, Deadline deadline);

 private:
  enum class Method { kGet = 1, kPost = 2, kPatch = 3 };
  struct Handle;
  // A handle of the pool, for a scope.
  class Lease;

  absl::StatusOr<HttpAnswer> Ask(Method method, const std::string& path, absl::string_view body, Deadline deadline);
  absl::StatusOr<std::unique_ptr<Handle>> Take(Deadline deadline);
  void GiveBack(std::unique_ptr<Handle> handle);

  const Endpoint endpoint_;
  base::Mutex mutex_;
  base::CondVar returned_;
  std::vector<std::unique_ptr<Handle>> idle_ ABSL_GUARDED_BY(mutex_);
  std::size_t busy_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace signet::kubernetes

#endif  // SIGNET_SERVICES_KUBERNETES_HTTPS_CLIENT_H_
