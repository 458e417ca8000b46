#include "adapters/slurm/served_certificate.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/probe/probe.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/x509/certificate.h"

namespace signet::slurm {
namespace {

absl::StatusOr<std::string> SerialInFile(const std::string& path) {
  SIGNET_ASSIGN_OR_RETURN(const std::string pem, files::Read(path));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain, x509::Certificate::ListFromPem(pem));
  return chain.front().serial();
}

absl::StatusOr<clients::ProbeAnswer> AskLoopback(uint16_t port, absl::Duration limit) {
  SIGNET_ASSIGN_OR_RETURN(const clients::Probe probe, clients::Probe::WithoutCertificate({}));
  return probe.Ask({{"127.0.0.1", port}}, {.per_host = limit, .parallel = 1}, nullptr).front();
}

}  // namespace

uint16_t DefaultPort(const std::string& service) {
  if (service == "slurmdbd") return 6819;
  return service == "slurmrestd" ? 6820 : 6817;
}

Finding ExamineServed(const std::string& service, uint16_t port, const std::string& cert_file, absl::Duration limit) {
  const absl::StatusOr<std::string> in_file = SerialInFile(cert_file);
  if (!in_file.ok()) {
    return {Level::kFault, absl::StrCat(cert_file, ", of ", service, ": ", in_file.status().message()),
            absl::StrCat("signetctl service issue ", service)};
  }
  const absl::StatusOr<clients::ProbeAnswer> answer = AskLoopback(port, limit);
  if (!answer.ok() || answer->served_serial.empty()) {
    return {Level::kNote,
            absl::StrCat("what ", service, " serves is not known, for at port ", port,
                         " of this host: ", answer.ok() ? answer->detail : std::string(answer.status().message())),
            absl::StrCat("ss -ltnp | grep ", service, "   # another port, or another address, is not asked")};
  }
  if (answer->served_serial == *in_file) {
    return {Level::kOk, absl::StrCat(service, " serves the certificate in ", cert_file), ""};
  }
  return {Level::kFault,
          absl::StrCat(service, " serves certificate ", answer->served_serial, " and ", cert_file, " is ", *in_file,
                       ": it has not read its file since"),
          service == "slurmctld" ? "scontrol reconfigure" : absl::StrCat("systemctl restart ", service)};
}

}  // namespace signet::slurm
