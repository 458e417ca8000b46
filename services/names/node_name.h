// Slurm's rules for a NodeName, and the names Slurm's services go by.
#ifndef SIGNET_SERVICES_NAMES_NODE_NAME_H_
#define SIGNET_SERVICES_NAMES_NODE_NAME_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signet::names {

// OK when `name` can be a Slurm NodeName that fits a certificate: 1–64 characters (the upper bound of an X.520 common
// name) of [A-Za-z0-9._-], beginning and ending with a letter or digit, without "..". Compared exactly everywhere: no
// folding, no trimming. Refuses the names of Slurm's services. Error: INVALID_ARGUMENT, reason NAME_REFUSED.
absl::Status CheckNodeName(absl::string_view name);

// True for "slurmctld", "slurmdbd", "slurmrestd": names that belong to services and never to a node.
bool IsServiceName(absl::string_view name);

// True for "slurmd" and "sackd", the daemons that enrol as nodes.
bool IsNodeDaemon(absl::string_view daemon);

}  // namespace signet::names

#endif  // SIGNET_SERVICES_NAMES_NODE_NAME_H_
