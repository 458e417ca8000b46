// Certificates for names an administrator vouches for: Slurm's services and Signet's own clients and listener.
#ifndef SIGNET_SERVICES_ISSUANCE_NAMED_CERTIFICATES_H_
#define SIGNET_SERVICES_ISSUANCE_NAMED_CERTIFICATES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/audit/audit_log.h"
#include "services/issuance/issuer.h"

namespace signet::issuance {

inline constexpr std::size_t kMostListenerNames = 16;

// OK for a host name (RFC 1123 section 2.1) of at most 64 characters, the bound of a common name. One whose last label
// is a number would be read as an IP address. NAME_REFUSED.
absl::Status CheckListenerName(absl::string_view name);

// Thread-safe. Each call records, audits ("certificate.sign"), signs. ACCESS_DENIED, in the transaction of the record,
// when the control certificate that the caller showed (Origin::serial) is revoked by then: what it obtained before is
// revoked with it. References must outlive this.
class NamedCertificates {
 public:
  NamedCertificates(std::string cluster, Issuer& issuer, audit::AuditLog& audit, store::Store& store,
                    policy::Profile service_profile, policy::Profile control_profile);

  // `service`: slurmctld, slurmdbd or slurmrestd, and the CSR's only name. NAME_REFUSED otherwise. A caller of role
  // "service" may ask for its own name only (ACCESS_DENIED).
  absl::StatusOr<Issued> IssueService(absl::string_view service, absl::string_view csr_pem,
                                      const audit::Origin& origin);
  // `role_name`: "controller", "observer", "service", "provisioner", "auditor", "admin"; URI SAN
  // signet://<cluster>/<role>/<name>. `nodes`: a hostlist, required for "provisioner" and refused for the others;
  // stored with the certificate's record as what every certificate of that name may make boot tokens for.
  absl::StatusOr<Issued> IssueClient(absl::string_view role_name, absl::string_view name, absl::string_view nodes,
                                     absl::string_view csr_pem, const audit::Origin& origin);
  // The caller's own role and name again, by its control certificate (Origin::role and name; a provisioner keeps the
  // nodes that the ledger has). ACCESS_DENIED without a name: on a socket nobody showed one.
  absl::StatusOr<Issued> RenewClient(absl::string_view csr_pem, const audit::Origin& origin);
  // A probe's client certificate, CN "signet-probe", under a Slurm authority that is PREPARED, ACTIVE or RETIRED,
  // without anything above the leaf in its chain. A caller of role "tester" gets one under the active authority, and
  // may name none (ACCESS_DENIED).
  absl::StatusOr<Issued> IssueProbe(absl::string_view authority_id, absl::string_view csr_pem,
                                    const audit::Origin& origin);
  // signetd's own listener: dNSNames as configured (host names; IP addresses are not supported and refused), and the
  // cluster's URI signet://<cluster>/server/signetd.
  absl::StatusOr<Issued> IssueListener(const std::vector<std::string>& names, const x509::PublicKey& key,
                                       const audit::Origin& origin);

 private:
  // A client's certificate by its CSR.
  absl::StatusOr<Approval> ApproveClient(absl::string_view role_name, absl::string_view name,
                                         absl::string_view csr_pem) const;
  // `provisioner` is stored in the same transaction when it is set.
  absl::StatusOr<Issued> Issue(const Approval& approval, const audit::Origin& origin,
                               const std::optional<store::ProvisionerRow>& provisioner = std::nullopt);
  std::string cluster_;
  Issuer& issuer_;
  audit::AuditLog& audit_;
  store::Store& store_;
  policy::Profile service_profile_;
  policy::Profile control_profile_;
};

}  // namespace signet::issuance

#endif  // SIGNET_SERVICES_ISSUANCE_NAMED_CERTIFICATES_H_
