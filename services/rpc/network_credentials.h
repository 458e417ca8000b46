// TLS for the network listener, with a certificate that changes while it serves.
#ifndef SIGNET_SERVICES_RPC_NETWORK_CREDENTIALS_H_
#define SIGNET_SERVICES_RPC_NETWORK_CREDENTIALS_H_

#include <memory>
#include <string>

#include "grpc/grpc_security.h"
#include "grpcpp/security/server_credentials.h"
#include "services/base/mutex.h"
#include "services/base/secret_bytes.h"

namespace signet::rpc {

// What the listener shows, and whom it believes.
struct NetworkIdentity {
  base::SecretBytes key_pem;
  std::string chain_pem;    // leaf first
  std::string anchors_pem;  // client certificates must chain to one of these
};

// Asks for a client certificate and verifies one that is shown; none is needed for public methods. Each handshake takes
// the identity set last. gRPC 1.51's C++ classes read changing keys from files only, so this wraps its C interface,
// which asks for them. Must outlive the server that listens with it.
class NetworkCredentials final : public grpc::ServerCredentials {
 public:
  explicit NetworkCredentials(NetworkIdentity identity);
  ~NetworkCredentials() override;
  NetworkCredentials(const NetworkCredentials&) = delete;
  NetworkCredentials& operator=(const NetworkCredentials&) = delete;

  // For handshakes from now on. Thread-safe.
  void Set(NetworkIdentity identity);
  // Not used: callers are identified at each call. Ends in no effect.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override;
  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config);

  base::Mutex mutex_;
  NetworkIdentity identity_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = true;
  grpc_server_credentials* credentials_;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_NETWORK_CREDENTIALS_H_
