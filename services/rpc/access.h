// Who may call what: the method options of proto/signet/v1, default deny.
#ifndef SIGNET_SERVICES_RPC_ACCESS_H_
#define SIGNET_SERVICES_RPC_ACCESS_H_

#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "signet/v1/access.pb.h"

namespace signet::rpc {

// Immutable.
class AccessTable {
 public:
  // Read from the descriptors of CertAuthority and NodeEnrollment: the rule of a method stands beside the method.
  AccessTable();

  // `method`: "signet.v1.CertAuthority.SignCertificate". False for an unknown method and for ROLE_UNSPECIFIED, whatever
  // the option says; ROLE_ADMIN may call every known method; any other role what names it or ROLE_PUBLIC.
  bool Allows(absl::string_view method, v1::Role role) const;
  // Every method with the roles that its option names.
  const std::map<std::string, std::set<v1::Role>>& rows() const { return rows_; }

 private:
  std::map<std::string, std::set<v1::Role>> rows_;
};

}  // namespace signet::rpc

#endif  // SIGNET_SERVICES_RPC_ACCESS_H_
