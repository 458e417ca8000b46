// The network listener's own certificate.
#ifndef SIGNET_SERVICES_SERVER_LISTENER_IDENTITY_H_
#define SIGNET_SERVICES_SERVER_LISTENER_IDENTITY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/base/random.h"
#include "services/issuance/named_certificates.h"
#include "services/rpc/network_credentials.h"

namespace signet::server {

// Issued by the control authority at start, for a key that only lives in memory, and again at two thirds of its life,
// without a restart. One thread at a time. References must outlive this.
class ListenerIdentity {
 public:
  static absl::StatusOr<std::unique_ptr<ListenerIdentity>> Create(std::vector<std::string> names,
                                                                  issuance::NamedCertificates& certificates,
                                                                  const authority::Authorities& authorities,
                                                                  const base::Clock& clock, base::Random& random);
  const std::shared_ptr<rpc::NetworkCredentials>& credentials() const { return credentials_; }
  absl::Time renew_at() const { return renew_at_; }
  absl::Time not_after() const { return not_after_; }
  // Issues the next one when it is time: true when it did. On an error the old one stays in use.
  absl::StatusOr<bool> RenewIfDue();

 private:
  ListenerIdentity(std::vector<std::string> names, issuance::NamedCertificates& certificates,
                   const authority::Authorities& authorities, const base::Clock& clock, base::Random& random)
      : names_(std::move(names)),
        certificates_(certificates),
        authorities_(authorities),
        clock_(clock),
        random_(random) {}
  absl::StatusOr<rpc::NetworkIdentity> Issue();

  std::vector<std::string> names_;
  issuance::NamedCertificates& certificates_;
  const authority::Authorities& authorities_;
  const base::Clock& clock_;
  base::Random& random_;
  std::shared_ptr<rpc::NetworkCredentials> credentials_;
  absl::Time issued_at_;
  absl::Time renew_at_;
  absl::Time not_after_;
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_LISTENER_IDENTITY_H_
