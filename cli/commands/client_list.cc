#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/structured.h"
#include "cli/table.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

// Control certificates that have not ended, newest first. Pages are judged one by one: between them stand the
// certificates of all nodes.
absl::StatusOr<v1::ListCertificatesResponse> ControlCertificates(Session& session) {
  v1::ListCertificatesResponse control;
  v1::ListCertificatesRequest request;
  request.set_page_size(1000);
  while (true) {
    SIGNET_ASSIGN_OR_RETURN(v1::ListCertificatesResponse page,
                            session.Call(&v1::CertAuthority::Stub::ListCertificates, request));
    for (v1::CertificateRecord& record : *page.mutable_certificates()) {
      const bool lives = FromProto(record.not_after()) > session.Now();
      if (record.profile() == v1::PROFILE_CONTROL && lives) control.add_certificates()->Swap(&record);
    }
    if (page.next_page_token().empty()) return control;
    if (page.next_page_token() == request.page_token())
      return absl::DataLossError("signetd repeats a page of its list");
    request.set_page_token(page.next_page_token());
  }
}

std::string Rows(const v1::ListProvisionersResponse& provisioners, const v1::ListCertificatesResponse& control,
                 absl::Time now, bool wide) {
  std::map<std::string, const v1::Provisioner*> nodes;
  for (const v1::Provisioner& one : provisioners.provisioners()) nodes[one.name()] = &one;
  std::vector<std::string> header = {"NAME", "ROLE", "CERTIFICATE ENDS", "MAY MAKE BOOT TOKENS FOR"};
  if (wide) header.insert(header.end(), {"SERIAL", "RECORDED", "NODES SET BY"});
  Table table(std::move(header));
  const auto add = [&](const std::string& name, const std::string& role, const v1::CertificateRecord* record) {
    const auto found = nodes.find(name);
    const v1::Provisioner* provisioner = role == "provisioner" && found != nodes.end() ? found->second : nullptr;
    std::vector<std::string> row = {name, role,
                                    record == nullptr ? "" : RelativeTime(FromProto(record->not_after()), now),
                                    provisioner == nullptr ? "" : provisioner->nodes()};
    if (wide) {
      row.insert(row.end(), {record == nullptr ? "" : record->serial(),
                             record == nullptr ? "" : RelativeTime(FromProto(record->recorded_at()), now),
                             provisioner == nullptr ? "" : provisioner->issued_by()});
    }
    table.Add(std::move(row));
  };
  for (const v1::CertificateRecord& record : control.certificates()) add(record.subject(), record.daemon(), &record);
  for (const auto& [name, provisioner] : nodes) {
    const auto has = [&name = name](const v1::CertificateRecord& record) {
      return record.subject() == name && record.daemon() == "provisioner";
    };
    const auto& list = control.certificates();
    if (std::none_of(list.begin(), list.end(), has)) add(name, "provisioner", nullptr);
  }
  return table.Text();
}

absl::Status List(Session& session) {
  SIGNET_ASSIGN_OR_RETURN(const v1::ListProvisionersResponse provisioners,
                          session.Call(&v1::CertAuthority::Stub::ListProvisioners, v1::ListProvisionersRequest()));
  SIGNET_ASSIGN_OR_RETURN(const v1::ListCertificatesResponse control, ControlCertificates(session));
  google::protobuf::Struct document;
  for (const google::protobuf::Message* part : {static_cast<const google::protobuf::Message*>(&provisioners),
                                                static_cast<const google::protobuf::Message*>(&control)}) {
    SIGNET_ASSIGN_OR_RETURN(const std::string json, ToJsonLine(*part));
    google::protobuf::Struct fields;
    if (!google::protobuf::util::JsonStringToMessage(json, &fields).ok())
      return absl::InternalError("an answer has no JSON form");
    fields.mutable_fields()->erase("next_page_token");
    document.MergeFrom(fields);
  }
  View view{.text = [&](bool wide) { return Rows(provisioners, control, session.Now(), wide); },
            .message = &document,
            .names = {}};
  for (const v1::CertificateRecord& record : control.certificates()) {
    if (std::find(view.names.begin(), view.names.end(), record.subject()) == view.names.end())
      view.names.push_back(record.subject());
  }
  return session.Print(view);
}

}  // namespace

Action DeclareClientList(CLI::App&) { return List; }

}  // namespace signet::cli
