// `signet-slurm report`: tells signetd what a host has loaded that sends no statements.
#ifndef SIGNET_ADAPTERS_SLURM_REPORT_H_
#define SIGNET_ADAPTERS_SLURM_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/process.h"
#include "adapters/slurm/running_program.h"
#include "signet/v1/rotation.pb.h"

namespace signet::slurm {

// The program of a host without a daemon.
inline constexpr char kCommandsOnly[] = "host";

// [--program slurmctld|slurmdbd|slurmrestd]; gives its name, kCommandsOnly without one. INVALID_ARGUMENT for anything
// else.
absl::StatusOr<std::string> ParseReport(const std::vector<std::string>& arguments);

// What is to be told about `program` on `host`, given those of Slurm's daemons that run there. FAILED_PRECONDITION when
// the program does not run; for kCommandsOnly, when a daemon does: it keeps a bundle in memory, and speaks for itself;
// and when there is no ca_cert_file.
absl::StatusOr<v1::HostReport> MakeReport(const Config& config, const std::string& host, const std::string& program,
                                          const std::vector<RunningProgram>& daemons);

// What was told, in one line, with what to type when the program is not known to have loaded the file.
std::string DescribeReport(const v1::HostReport& report, const std::string& ca_cert_file);

// Makes it, sends it to the first server that answers, and describes it.
absl::StatusOr<std::string> Report(const Config& config, const std::string& program, const Deadline& deadline);

// Slurm's daemons that keep a bundle in memory.
std::vector<std::string> SlurmDaemons();

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_REPORT_H_
