// What a program on this host has loaded, as far as this host can tell.
#ifndef SIGNET_ADAPTERS_SLURM_HOST_REPORT_H_
#define SIGNET_ADAPTERS_SLURM_HOST_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "adapters/slurm/config.h"
#include "adapters/slurm/running_program.h"
#include "signet/v1/rotation.pb.h"

namespace signet::slurm {

// The certificate's and the key's of slurmctld, slurmdbd or slurmrestd on this host: the configured ones, or Slurm's
// own names beside ca_cert_file: ctld_cert.pem and ctld_cert_key.pem, dbd_…, restd_….
std::vector<std::string> ServiceFiles(const Config& config, const std::string& program);

// Of `program`, which reads its files at its start and never later. What it has loaded counts as known only when every
// one of `processes` (and there is one) started when ca_cert_file was settled as it is now (see SettledAt); likewise
// the certificate that it serves, which is looked for beside ca_cert_file under Slurm's name. In doubt either is unset.
v1::HostReport ReportOfDaemon(const Config& config, const std::string& host, const std::string& program,
                              const std::vector<RunningProgram>& processes);

// Of a host on which nothing but client commands reads ca_cert_file, each at its start.
v1::HostReport ReportOfCommands(const Config& config, const std::string& host);

// Of the slurmctld that runs this script; of its file alone when the parent process goes by another name. Some reads of
// small files. nullopt when this host has no name that a report may bear.
std::optional<v1::HostReport> ReportOfSlurmctld(const Config& config);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_HOST_REPORT_H_
