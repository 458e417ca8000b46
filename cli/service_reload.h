// A service's process and the files that it read at its start.
#ifndef SIGNET_CLI_SERVICE_RELOAD_H_
#define SIGNET_CLI_SERVICE_RELOAD_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cli/service_certificate.h"
#include "cli/session.h"

namespace signet::cli {

// What a service's process has read. All three read bundle and certificate when they start, and slurmctld becomes a new
// process at `scontrol reconfigure`.
struct Loaded {
  bool runs = false;         // there is a process of its name here
  bool bundle = false;       // it began clearly, by a second, after ca_cert_file was last changed
  bool certificate = false;  // and after its certificate and key were
  bool all() const { return bundle && certificate; }
};
Loaded LookAt(const std::string& proc, const std::string& service, const ServiceFiles& files);

// What to type so that it reads them.
std::string ReloadCommand(const std::string& service);

// Makes it read them: slurmctld by `scontrol reconfigure`, the others by `restart_command`, whose words are parted by
// blanks and know "{service}"; no shell reads it. Then waits until there is a new process, ten seconds at most.
// FAILED_PRECONDITION when there is no such program, it fails, or the old process goes on.
absl::Status Reload(Session& session, const std::string& service, absl::string_view restart_command);

}  // namespace signet::cli

#endif  // SIGNET_CLI_SERVICE_RELOAD_H_
