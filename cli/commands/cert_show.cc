#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

std::string Text(const v1::CertificateRecord& record, absl::Time now) {
  FieldList fields;
  fields.Add("serial", record.serial());
  fields.Add("subject", record.subject());
  fields.Add("profile", EnumText(v1::Profile_Name(record.profile()), "PROFILE_"));
  fields.Add("daemon", record.daemon());
  fields.Add("state", EnumText(v1::CertificateState_Name(record.state()), "CERTIFICATE_STATE_"));
  fields.Add("begins", FullTime(FromProto(record.not_before()), now));
  fields.Add("ends", FullTime(FromProto(record.not_after()), now));
  fields.Add("recorded", FullTime(FromProto(record.recorded_at()), now));
  fields.Add("authority", record.authority_id());
  fields.Add("tbs sha256", record.tbs_sha256());
  return fields.Text();
}

}  // namespace

Action DeclareCertShow(CLI::App& app) {
  struct Options {
    std::string serial;
    bool pem = false;
  };
  auto options = std::make_shared<Options>();
  app.add_option("serial", options->serial, "hex, colons allowed")->required();
  app.add_flag("--pem", options->pem, "the certificate's PEM too");
  return [options](Session& session) -> absl::Status {
    v1::GetCertificateRequest request;
    request.set_serial(options->serial);
    SIGNET_ASSIGN_OR_RETURN(const v1::GetCertificateResponse response,
                            session.Call(&v1::CertAuthority::Stub::GetCertificate, request));
    const v1::CertificateRecord& record = response.certificate();
    return session.Print({.text =
                              [&](bool wide) {
                                return absl::StrCat(Text(record, session.Now()),
                                                    wide || options->pem ? record.pem() : "");
                              },
                          .message = &record,
                          .names = {record.serial()}});
  };
}

}  // namespace signet::cli
