#include "services/rpc/access.h"

#include "google/protobuf/descriptor.h"
#include "signet/v1/cert_authority.pb.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::rpc {

AccessTable::AccessTable() {
  for (const google::protobuf::FileDescriptor* file :
       {v1::SignCertificateRequest::descriptor()->file(), v1::ValidateNodeRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const google::protobuf::MethodDescriptor* method = file->service(s)->method(m);
        std::set<v1::Role>& roles = rows_[method->full_name()];
        for (int i = 0; i < method->options().ExtensionSize(v1::allow); ++i) {
          roles.insert(method->options().GetExtension(v1::allow, i));
        }
      }
    }
  }
}

bool AccessTable::Allows(absl::string_view method, v1::Role role) const {
  const auto row = rows_.find(std::string(method));
  if (row == rows_.end() || role == v1::ROLE_UNSPECIFIED || !v1::Role_IsValid(role)) return false;
  return role == v1::ROLE_ADMIN || row->second.count(role) > 0 || row->second.count(v1::ROLE_PUBLIC) > 0;
}

}  // namespace signet::rpc
