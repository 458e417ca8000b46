#include "cli/blockers.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/failure.h"
#include "cli/table.h"

namespace signet::cli {

std::string WhoBlocks(const v1::RotationBlocker& blocker) {
  return blocker.names().empty() ? EnumText(v1::BlockerKind_Name(blocker.kind()), "BLOCKER_KIND_") : blocker.names();
}

std::string BlockerRows(const Blockers& blockers, absl::Time now) {
  Table table({"WHO", "COUNT", "SINCE", "ENDS", "WHY"});
  std::vector<std::string> commands;
  for (const v1::RotationBlocker& blocker : blockers) {
    table.Add({WhoBlocks(blocker), blocker.count() == 0 ? "" : absl::StrCat(blocker.count()),
               RelativeTime(FromProto(blocker.since()), now),
               blocker.has_until() ? RelativeTime(FromProto(blocker.until()), now) : "", blocker.cause()});
    const bool known = std::find(commands.begin(), commands.end(), blocker.next()) != commands.end();
    if (!blocker.next().empty() && !known) commands.push_back(blocker.next());
  }
  std::string text = table.Text();
  for (const std::string& command : commands) absl::StrAppend(&text, "  next: ", Printable(command), "\n");
  return text;
}

std::string PlanText(const v1::RotationPlan& plan, bool done, absl::Time now) {
  std::string text;
  for (int i = 0; i < plan.steps_size(); ++i) {
    absl::StrAppend(&text, i + 1, ". ", Printable(plan.steps(i)), "\n");
  }
  if (plan.bundle_generation() != 0) {
    absl::StrAppend(&text, "trust bundle", done ? "" : " afterwards", ": generation ", plan.bundle_generation(), "\n");
  }
  if (!plan.blockers().empty()) {
    absl::StrAppend(&text, "\n", done ? "passed over by force" : "what keeps the gate closed", ":\n",
                    BlockerRows(plan.blockers(), now));
  }
  return text;
}

}  // namespace signet::cli
