// Whether a service serves the certificate that is in its file: a pair that was renewed is of no use before it is read.
#ifndef SIGNET_ADAPTERS_SLURM_SERVED_CERTIFICATE_H_
#define SIGNET_ADAPTERS_SLURM_SERVED_CERTIFICATE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "adapters/slurm/doctor.h"

namespace signet::slurm {

// Asks `service` (slurmctld, slurmdbd or slurmrestd) at `port` of this host's loopback, for `limit` at most, and
// compares its certificate with the one in `cert_file`. kFault: they are two, or the file is none. kNote: nobody there
// speaks TLS.
Finding ExamineServed(const std::string& service, uint16_t port, const std::string& cert_file, absl::Duration limit);

// Slurm's own port of `service`: SlurmctldPort, DbdPort, slurmrestd's.
uint16_t DefaultPort(const std::string& service);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_SERVED_CERTIFICATE_H_
