#include "adapters/slurm/host_report.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/settled_file.h"
#include "services/bundle/writer.h"
#include "services/files/file.h"
#include "services/names/node_name.h"
#include "services/x509/certificate.h"

namespace signet::slurm {
namespace {

constexpr char kSlurmctld[] = "slurmctld";

using Processes = std::vector<RunningProgram>;

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

// True when all of them started with each of these files as it is now. Called before and after a file is read: what was
// replaced meanwhile may not be what was looked at.
bool AllHaveRead(const Processes& processes, const std::vector<std::string>& files) {
  absl::Time settled = absl::InfinitePast();
  for (const std::string& file : files) {
    const absl::StatusOr<absl::Time> at = SettledAt(file);
    if (!at.ok()) return false;
    settled = std::max(settled, *at);
  }
  return !processes.empty() && std::all_of(processes.begin(), processes.end(),
                                           [settled](const auto& process) { return process.started_at >= settled; });
}

std::string ServedSerial(const Config& config, const std::string& program, const Processes& processes) {
  const std::vector<std::string> files = ServiceFiles(config, program);
  if (!AllHaveRead(processes, files)) return "";
  const absl::StatusOr<std::string> pem = files::Read(files.front());
  if (!pem.ok()) return "";
  const absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(*pem);
  return chain.ok() && AllHaveRead(processes, files) ? chain->front().serial() : "";
}

}  // namespace

std::vector<std::string> ServiceFiles(const Config& config, const std::string& program) {
  if (!config.service_cert.empty()) return {config.service_cert, config.service_key};
  const std::string pair = absl::StrCat(config.ca_cert_file.substr(0, config.ca_cert_file.rfind('/')), "/",
                                        absl::StripPrefix(program, "slurm"));
  return {pair + "_cert.pem", pair + "_cert_key.pem"};
}

v1::HostReport ReportOfDaemon(const Config& config, const std::string& host, const std::string& program,
                              const Processes& processes) {
  const bool before = AllHaveRead(processes, {config.ca_cert_file});
  v1::HostReport report = Begin(config, host, program);
  if (before && AllHaveRead(processes, {config.ca_cert_file})) {
    SetLoaded(report, v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  }
  report.set_served_serial(ServedSerial(config, program, processes));
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
  Processes processes;
  absl::StatusOr<RunningProgram> parent = ObserveProgram(getppid());
  if (parent.ok() && parent->name == kSlurmctld) processes.push_back(*std::move(parent));
  return ReportOfDaemon(config, host, kSlurmctld, processes);
}

}  // namespace signet::slurm
