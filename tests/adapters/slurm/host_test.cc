#include "adapters/slurm/host.h"

#include <gtest/gtest.h>

namespace signet::slurm {
namespace {

TEST(Host, ReadsTheStartTimeBehindAHostileProcessName) {
  std::string stat = "77 (a) b ) c) S";
  for (int field = 4; field <= 30; ++field) stat += " " + std::to_string(field);
  EXPECT_EQ(StartTimeFromStat(stat), "22");
}

TEST(Host, HasNoStartTimeInACutLine) {
  EXPECT_EQ(StartTimeFromStat("77 (slurmd) S 1 2 3"), "");
  EXPECT_EQ(StartTimeFromStat(""), "");
}

TEST(Host, SeesThisOne) {
  const Host host = ObserveHost();
  EXPECT_EQ(host.boot_id.size(), 36u);
  EXPECT_FALSE(host.parent.empty());
  EXPECT_EQ(host.daemon, host.uid == 0 ? "slurmd" : "sackd") << "the parent is no Slurm daemon";
}

}  // namespace
}  // namespace signet::slurm
