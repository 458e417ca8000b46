#include <memory>

#include "cli/commands/command.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

std::string Rows(const v1::ListCertificatesResponse& list, absl::Time now, bool wide) {
  std::vector<std::string> header = {"SERIAL", "SUBJECT", "PROFILE", "DAEMON", "STATE", "ENDS"};
  if (wide) header.insert(header.end(), {"RECORDED", "AUTHORITY", "TBS SHA-256"});
  Table table(std::move(header));
  for (const v1::CertificateRecord& record : list.certificates()) {
    std::vector<std::string> row = {record.serial(),
                                    record.subject(),
                                    EnumText(v1::Profile_Name(record.profile()), "PROFILE_"),
                                    record.daemon(),
                                    EnumText(v1::CertificateState_Name(record.state()), "CERTIFICATE_STATE_"),
                                    RelativeTime(FromProto(record.not_after()), now)};
    if (wide) {
      row.insert(row.end(),
                 {RelativeTime(FromProto(record.recorded_at()), now), record.authority_id(), record.tbs_sha256()});
    }
    table.Add(std::move(row));
  }
  return table.Text();
}

}  // namespace

Action DeclareCertList(CLI::App& app) {
  auto request = std::make_shared<v1::ListCertificatesRequest>();
  app.add_option_function<std::string>(
      "--subject", [request](const std::string& subject) { request->set_subject(subject); },
      "only this node, service or client");
  return [request](Session& session) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const v1::ListCertificatesResponse list,
                            AllPages(session, &v1::CertAuthority::Stub::ListCertificates, *request));
    View view{.text = [&](bool wide) { return Rows(list, session.Now(), wide); }, .message = &list, .names = {}};
    for (const v1::CertificateRecord& record : list.certificates()) view.names.push_back(record.serial());
    return session.Print(view);
  };
}

}  // namespace signet::cli
