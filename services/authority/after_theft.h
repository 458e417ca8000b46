// Who may still believe a thief. Internal to authority/.
#ifndef SIGNET_SERVICES_AUTHORITY_AFTER_THEFT_H_
#define SIGNET_SERVICES_AUTHORITY_AFTER_THEFT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/authority/gates.h"
#include "services/authority/rotation_ground.h"
#include "services/store/tables.h"

namespace signet::authority {

struct Aftermath {
  std::vector<const store::AuthorityRow*> stolen;  // those that somebody may still trust; empty: nobody does
  absl::Time since = absl::InfinitePast();         // the last theft among them
  std::vector<Blocker> blockers;  // who, and what to type there: what a calm rotation asks for would fail
};

// Of every Slurm authority that was declared stolen, until its root ends: nodes, services and reporting hosts that are
// not known to have loaded a file *without* its root. A node counts even when its certificate has ended, unless it is
// blocked: it starts again with the file that it has. What takes a name off the list, for each of these authorities:
//  - the file that it says it loaded, and the one on its disk where it tells, do not hold the root;
//  - a probe in which it trusted an authority made since, whose root no file of ours holds together with a stolen one;
//  - an acknowledgement, since the theft, for one that left then or that was made since (of a service also by the
//    service's name), later than every word that says the root is there;
//  - of one that was heard of since and has a file without the root on its disk: `longest_leaf`. By then it has loaded
//    that file, since no certificate of before is left.
// Until `longest_leaf` after the theft also who serves certificates of these authorities: StillServed.
absl::StatusOr<Aftermath> AfterTheft(const store::Tables& tables, const Ground& ground, absl::Duration longest_leaf,
                                     absl::Time now);

// "Slurm CA, Slurm CA 2".
std::string NamesOf(const std::vector<const store::AuthorityRow*>& rows);

// Whether the key of `row` was in this server's hands when another one's was stolen there.
bool LayBesideStolen(const store::AuthorityRow& row, const Ground& ground);

}  // namespace signet::authority

#endif  // SIGNET_SERVICES_AUTHORITY_AFTER_THEFT_H_
