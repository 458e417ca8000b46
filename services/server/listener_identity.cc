#include "services/server/listener_identity.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "services/base/status_macros.h"
#include "services/keys/private_key.h"

namespace signet::server {

absl::StatusOr<std::unique_ptr<ListenerIdentity>> ListenerIdentity::Create(std::vector<std::string> names,
                                                                           issuance::NamedCertificates& certificates,
                                                                           const authority::Authorities& authorities,
                                                                           const base::Clock& clock,
                                                                           base::Random& random) {
  auto identity = std::unique_ptr<ListenerIdentity>(
      new ListenerIdentity(std::move(names), certificates, authorities, clock, random));
  SIGNET_ASSIGN_OR_RETURN(rpc::NetworkIdentity first, identity->Issue());
  identity->credentials_ = std::make_shared<rpc::NetworkCredentials>(std::move(first));
  return identity;
}

absl::StatusOr<bool> ListenerIdentity::RenewIfDue() {
  const absl::Time now = clock_.Now();
  // A clock that was set back leaves a certificate from the future.
  if (issued_at_ <= now && now < renew_at_) return false;
  SIGNET_ASSIGN_OR_RETURN(rpc::NetworkIdentity next, Issue());
  credentials_->Set(std::move(next));
  return true;
}

absl::StatusOr<rpc::NetworkIdentity> ListenerIdentity::Issue() {
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const audit::Origin origin{"signetd", absl::BytesToHexString(random_.Bytes(8))};
  SIGNET_ASSIGN_OR_RETURN(const issuance::Issued issued, certificates_.IssueListener(names_, key.public_key(), origin));
  rpc::NetworkIdentity identity;
  SIGNET_ASSIGN_OR_RETURN(identity.key_pem, key.ToPem());
  identity.chain_pem = issued.chain_pem;
  for (const x509::Certificate& anchor : authorities_.Anchors(store::Purpose::kControl)) {
    identity.anchors_pem += anchor.pem();
  }
  const absl::Time now = clock_.Now();
  issued_at_ = now;
  not_after_ = issued.not_after;
  renew_at_ = now + (issued.not_after - now) * 2 / 3;
  return identity;
}

}  // namespace signet::server
