#include "adapters/slurm/host_report.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/settled_file.h"
#include "services/bundle/writer.h"
#include "services/names/node_name.h"

namespace signet::slurm {
namespace {

constexpr char kSlurmctld[] = "slurmctld";

v1::HostReport Begin(const Config& config, const std::string& host, const std::string& program) {
  v1::HostReport report;
  report.set_host(host);
  report.set_program(program);
  report.set_adapter_version(SIGNET_VERSION);
  const bundle::OnDisk on_disk = bundle::Observe(config.ca_cert_file);
  report.mutable_bundle_on_disk()->set_generation(on_disk.generation);
  report.mutable_bundle_on_disk()->set_sha256(on_disk.sha256);
  return report;
}

void SetLoaded(v1::HostReport& report, v1::LoadedEvidence evidence) {
  if (report.bundle_on_disk().sha256().empty()) return;
  *report.mutable_bundle_loaded() = report.bundle_on_disk();
  report.set_loaded_evidence(evidence);
}

}  // namespace

v1::HostReport ReportOfDaemon(const Config& config, const std::string& host, const std::string& program,
                              const std::vector<RunningProgram>& processes) {
  const absl::StatusOr<absl::Time> before = SettledAt(config.ca_cert_file);
  v1::HostReport report = Begin(config, host, program);
  const absl::StatusOr<absl::Time> after = SettledAt(config.ca_cert_file);
  // Replaced meanwhile, the file that was read may not be the one that was looked at.
  if (!before.ok() || !after.ok() || *before != *after || processes.empty()) return report;
  const bool all_read_it = std::all_of(processes.begin(), processes.end(), [&after](const RunningProgram& process) {
    return process.started_at >= *after;
  });
  if (all_read_it) SetLoaded(report, v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  return report;
}

v1::HostReport ReportOfCommands(const Config& config, const std::string& host) {
  v1::HostReport report = Begin(config, host, "host");
  SetLoaded(report, v1::LOADED_EVIDENCE_READ_EACH_TIME);
  return report;
}

std::optional<v1::HostReport> ReportOfSlurmctld(const Config& config) {
  const std::string host = ShortHostName();
  if (!names::CheckNodeName(host).ok()) return std::nullopt;
  std::vector<RunningProgram> processes;
  absl::StatusOr<RunningProgram> parent = ObserveProgram(getppid());
  if (parent.ok() && parent->name == kSlurmctld) processes.push_back(*std::move(parent));
  return ReportOfDaemon(config, host, kSlurmctld, processes);
}

}  // namespace signet::slurm
