#include "services/rpc/network_credentials.h"

#include <utility>

#include "grpc/grpc.h"

namespace signet::rpc {

NetworkCredentials::NetworkCredentials(NetworkIdentity identity)
    : identity_(std::move(identity)),
      credentials_(grpc_ssl_server_credentials_create_with_options(
          grpc_ssl_server_credentials_create_options_using_config_fetcher(
              GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY, &NetworkCredentials::Fetch, this))) {}

NetworkCredentials::~NetworkCredentials() { grpc_server_credentials_release(credentials_); }

void NetworkCredentials::Set(NetworkIdentity identity) {
  const base::MutexLock lock(mutex_);
  identity_ = std::move(identity);
  changed_ = true;
}

int NetworkCredentials::AddPortToServer(const std::string& address, grpc_server* server) {
  return grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

grpc_ssl_certificate_config_reload_status NetworkCredentials::Fetch(void* self,
                                                                    grpc_ssl_server_certificate_config** config) {
  auto& credentials = *static_cast<NetworkCredentials*>(self);
  const base::MutexLock lock(credentials.mutex_);
  if (!credentials.changed_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  std::string key(credentials.identity_.key_pem.ExposeSecret());
  grpc_ssl_pem_key_cert_pair pair{key.c_str(), credentials.identity_.chain_pem.c_str()};
  *config = grpc_ssl_server_certificate_config_create(credentials.identity_.anchors_pem.c_str(), &pair, 1);
  base::WipeString(key);
  if (*config == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
  credentials.changed_ = false;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

}  // namespace signet::rpc
