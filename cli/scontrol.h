// What slurmctld says of a node, where scontrol is installed.
#ifndef SIGNET_CLI_SCONTROL_H_
#define SIGNET_CLI_SCONTROL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::cli {

// Runs `scontrol show node NODE --json` from the first directory of `path` (as in $PATH) that has it, without a shell,
// and gives its standard output, whatever it is. nullopt when there is no scontrol, when it says more than 4 MiB, or
// takes longer than `limit`. Its process group is gone on return. `node` must be a NodeName, or a hostlist of them.
std::optional<std::string> AskScontrol(absl::string_view path, const std::string& node, absl::Duration limit);

// True when the answer says that a CertToken is set for `node`: from Slurm 25.05 on, a node has "cert_flags":
// ["TOKEN_SET"]. Any field that begins with "cert" counts, in case it is renamed. False when in doubt.
bool CertTokenIsSet(const std::string& scontrol_json, absl::string_view node);

// Where slurmctld reaches a node's slurmd: NodeAddr and Port.
struct NodeAddress {
  std::string host;
  uint16_t port = 0;
};
// Those of the answer, by NodeName; one without an address or a port is left out.
std::map<std::string, NodeAddress> AddressesOf(const std::string& scontrol_json);

}  // namespace signet::cli

#endif  // SIGNET_CLI_SCONTROL_H_
