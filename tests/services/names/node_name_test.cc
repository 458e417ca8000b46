#include "services/names/node_name.h"

#include <gmock/gmock.h>

#include <string>

#include "services/base/reason.h"

namespace signet::names {
namespace {

TEST(NodeName, AcceptsWhatSlurmCallsNodes) {
  for (const char* name : {"n1", "n", "N1", "r1c01", "node-1.cluster_a", "10.0.0.1", "slurmctld1", "Slurmctld"}) {
    EXPECT_TRUE(CheckNodeName(name).ok()) << name;
  }
  EXPECT_TRUE(CheckNodeName(std::string(64, 'a')).ok());
}

TEST(NodeName, RefusesEverythingElse) {
  for (const absl::string_view name :
       {absl::string_view(""), absl::string_view("n1 "), absl::string_view(" n1"), absl::string_view("n1\0x", 4),
        absl::string_view("n1\n"), absl::string_view(".n1"), absl::string_view("n1."), absl::string_view("-n1"),
        absl::string_view("n1-"), absl::string_view("_n1"), absl::string_view("a..b"), absl::string_view("*.n1"),
        absl::string_view(".*"), absl::string_view("n[1-2]"), absl::string_view("n1,n2"), absl::string_view("../n1"),
        absl::string_view("n1/x"), absl::string_view("n\xc3\xbc"), absl::string_view("\xff")}) {
    const absl::Status status = CheckNodeName(name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(base::ReasonOf(status), base::kNameRefused) << name;
  }
  EXPECT_FALSE(CheckNodeName(std::string(65, 'a')).ok());
}

TEST(NodeName, RefusesTheNamesOfServices) {
  for (const char* name : {"slurmctld", "slurmdbd", "slurmrestd"}) {
    EXPECT_TRUE(IsServiceName(name));
    EXPECT_EQ(base::ReasonOf(CheckNodeName(name)), base::kNameRefused) << name;
  }
  EXPECT_FALSE(IsServiceName("slurmd"));
  EXPECT_FALSE(IsServiceName(""));
}

TEST(NodeName, KnowsTheDaemonsThatEnrolAsNodes) {
  EXPECT_TRUE(IsNodeDaemon("slurmd"));
  EXPECT_TRUE(IsNodeDaemon("sackd"));
  for (const char* daemon : {"", "slurmctld", "SLURMD", "slurmd "}) EXPECT_FALSE(IsNodeDaemon(daemon)) << daemon;
}

}  // namespace
}  // namespace signet::names
