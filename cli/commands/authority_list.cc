#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {

Action DeclareAuthorityList(CLI::App&) {
  return [](Session& session) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const v1::ListAuthoritiesResponse list,
                            session.Call(&v1::CertAuthority::Stub::ListAuthorities, v1::ListAuthoritiesRequest()));
    View view{
        .text = [&](bool wide) { return AuthorityRows(list.authorities(), session.Now(), wide, list.requests()); },
        .message = &list,
        .names = {}};
    for (const v1::Authority& authority : list.authorities()) view.names.push_back(authority.id());
    for (const v1::AuthorityRequest& request : list.requests()) view.names.push_back(request.id());
    return session.Print(view);
  };
}

}  // namespace signet::cli
