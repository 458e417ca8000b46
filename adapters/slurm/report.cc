#include "adapters/slurm/report.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/host_report.h"
#include "adapters/slurm/servers.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"

namespace signet::slurm {
namespace {

absl::Status Refused(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

// A host like this needs no report of its own: others tell more of it.
absl::Status HasADaemon(const std::string& name) {
  const std::string next = names::IsServiceName(name)
                               ? absl::StrCat("signet-slurm report --program ", name)
                               : "systemctl disable --now signet-slurm-report.timer   # its renewals tell the same";
  return Refused(absl::StrCat(name, " runs on this host and keeps a trust bundle in memory"), next);
}

}  // namespace

std::vector<std::string> SlurmDaemons() { return {"slurmd", "sackd", "slurmctld", "slurmdbd", "slurmrestd"}; }

absl::StatusOr<std::string> ParseReport(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return std::string(kCommandsOnly);
  if (arguments.size() == 2 && arguments[0] == "--program" && names::IsServiceName(arguments[1])) return arguments[1];
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       "report takes: --program and slurmctld, slurmdbd or slurmrestd",
                       "signet-slurm report [--program NAME]");
}

absl::StatusOr<v1::HostReport> MakeReport(const Config& config, const std::string& host, const std::string& program,
                                          const std::vector<RunningProgram>& daemons) {
  if (!names::CheckNodeName(host).ok()) return Refused("this host has no name that a report may bear", "hostnamectl");
  std::vector<RunningProgram> processes;
  std::copy_if(daemons.begin(), daemons.end(), std::back_inserter(processes),
               [&program](const RunningProgram& daemon) { return daemon.name == program; });
  v1::HostReport report;
  if (program == kCommandsOnly) {
    if (!daemons.empty()) return HasADaemon(daemons.front().name);
    report = ReportOfCommands(config, host);
  } else {
    if (processes.empty()) {
      return Refused(absl::StrCat("no ", program, " runs on this host"), absl::StrCat("systemctl status ", program));
    }
    report = ReportOfDaemon(config, host, program, processes);
  }
  if (report.bundle_on_disk().sha256().empty()) {
    return Refused(absl::StrCat("no ca_cert_file at ", config.ca_cert_file), "signet-slurm refresh");
  }
  return report;
}

std::string DescribeReport(const v1::HostReport& report, const std::string& ca_cert_file) {
  const uint64_t generation = report.bundle_on_disk().generation();
  const std::string file =
      absl::StrCat("reported for ", report.host(), ": ", ca_cert_file, ", ",
                   generation == 0 ? "not written by signet" : absl::StrCat("generation ", generation));
  const std::string serves =
      report.served_serial().empty() ? "" : absl::StrCat("; it serves certificate ", report.served_serial());
  switch (report.loaded_evidence()) {
    case v1::LOADED_EVIDENCE_READ_EACH_TIME:
      return absl::StrCat(file, ", which every command reads at its start\n");
    case v1::LOADED_EVIDENCE_STARTED_AFTER_FILE:
      return absl::StrCat(file, ", which ", report.program(), " has loaded: it started later", serves, "\n");
    default:
      break;
  }
  const std::string next =
      report.program() == "slurmctld" ? "scontrol reconfigure" : absl::StrCat("systemctl restart ", report.program());
  return absl::StrCat(file, "; ", report.program(),
                      " may hold an older one: it did not start clearly after the file's last change", serves, "; ",
                      next, "\n");
}

absl::StatusOr<std::string> Report(const Config& config, const std::string& program, const Deadline& deadline) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<RunningProgram> daemons, FindPrograms(SlurmDaemons()));
  SIGNET_ASSIGN_OR_RETURN(const v1::HostReport report, MakeReport(config, ShortHostName(), program, daemons));
  SIGNET_RETURN_IF_ERROR(Servers(config, deadline).ReportHost(report));
  return DescribeReport(report, config.ca_cert_file);
}

}  // namespace signet::slurm
