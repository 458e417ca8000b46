// Reaches signetd.
#ifndef SIGNET_CLIENTS_CONNECTION_H_
#define SIGNET_CLIENTS_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "services/base/secret_bytes.h"

namespace signet::clients {

// The reason (see services/base/reason.h) of a status that means: no server answered.
inline constexpr char kUnreachable[] = "UNREACHABLE";

// First thing in main(): gRPC logs nothing, obeys no http_proxy and no GRPC_* variable, uses the c-ares resolver.
// Changes the environment: call before any thread exists.
void PrepareProcess();

// PEM files of a control certificate. `cert` and `key` may both be empty: then the server is verified and the caller is
// nobody, which is enough for public calls.
struct TlsFiles {
  std::string cert;
  std::string key;
  std::string ca;  // the control authority's root
};

// "unix:/run/signet/controller.sock" or "host:port". TCP needs `tls`: FAILED_PRECONDITION / CONFIGURATION otherwise,
// naming the file that is missing, does not parse, has expired, or is not the other's. Connects at the first call, not
// here.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(absl::string_view address, const std::optional<TlsFiles>& tls);

// Sends `token` with this one call, as "authorization: Bearer …". FAILED_PRECONDITION / CONFIGURATION for a unix
// socket: a bearer token is for whoever reads it, and travels over verified TLS alone.
absl::Status SendBearer(const base::SecretBytes& token, absl::string_view address, grpc::ClientContext& context);

// A gRPC status as the server meant it: reason and next step from ErrorInfo, the request id at the end of the message.
// UNAVAILABLE and DEADLINE_EXCEEDED without an ErrorInfo have reason kUnreachable, name the address and what to check.
absl::Status FromGrpc(const grpc::Status& status, absl::string_view address);

// A context with this deadline from now. A wall clock that jumps does not move it.
std::unique_ptr<grpc::ClientContext> MakeContext(absl::Duration deadline);

}  // namespace signet::clients

#endif  // SIGNET_CLIENTS_CONNECTION_H_
