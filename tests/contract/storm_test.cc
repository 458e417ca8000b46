// Many nodes at once, and a server that dies among them. In ctest: contract_storm.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

constexpr int kAtOnce = 24;
// slurmd under Restart=on-failure without a start limit starts for ever; a test has to end.
constexpr int kStarts = 100;

std::vector<SlurmNode> Nodes(const TestCluster& cluster, int count) {
  std::vector<SlurmNode> nodes;
  for (const std::string& name : NodeNames(count)) nodes.push_back(cluster.Node(name));
  return nodes;
}

// The serial numbers of what the nodes hold.
std::set<std::string> Held(const std::vector<SlurmNode>& nodes) {
  std::set<std::string> serials;
  for (const SlurmNode& node : nodes) serials.insert(SerialOf(node.certificate_pem()));
  return serials;
}

std::string Inventory(const TestCluster& cluster) {
  const ScriptResult list = cluster.Ctl({"cert", "list", "-o", "json"});
  EXPECT_TRUE(list.exited_zero()) << list.Describe();
  return list.output;
}

// SQLite's own word on every database file.
std::string IntegrityOf(const std::string& data_dir) {
  std::string verdict;
  for (const auto& file : std::filesystem::directory_iterator(data_dir)) {
    if (!absl::StartsWith(ReadAll(file.path()), "SQLite format 3")) continue;
    sqlite3* database = nullptr;
    sqlite3_open_v2(file.path().c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
    const auto append = [](void* text, int, char** values, char**) {
      absl::StrAppend(static_cast<std::string*>(text), values[0]);
      return 0;
    };
    sqlite3_exec(database, "PRAGMA integrity_check", append, &verdict, nullptr);
    sqlite3_close(database);
  }
  return verdict;
}

TEST(StormOfNodes, TwoHundredEnrolAndRenewAtOnceAndEachCertificateIsInTheInventory) {
  const TestCluster cluster;
  cluster.CreateTokens("n[001-200]");
  cluster.WriteBundle();
  const Slurmctld controller = cluster.Controller();
  std::vector<SlurmNode> nodes = Nodes(cluster, 200);
  InParallel(200, kAtOnce, [&](int i) { EXPECT_EQ(nodes[i].Enrol(controller), absl::OkStatus()); });
  const std::set<std::string> first = Held(nodes);
  EXPECT_EQ(first.size(), 200u);
  InParallel(200, kAtOnce, [&](int i) { EXPECT_EQ(nodes[i].Renew(controller), absl::OkStatus()); });
  std::set<std::string> all = Held(nodes);
  all.insert(first.begin(), first.end());
  EXPECT_EQ(all.size(), 400u);
  const std::string inventory = Inventory(cluster);
  for (const std::string& serial : all) EXPECT_TRUE(absl::StrContains(inventory, serial)) << serial;
  EXPECT_EQ(VerifiedByTools(nodes[0].certificate_pem(), cluster.ca_file(), cluster.path("run")), absl::OkStatus());
  EXPECT_EQ(VerifiedByTools(nodes[199].certificate_pem(), cluster.ca_file(), cluster.path("run")), absl::OkStatus());
}

TEST(StormOfNodes, AServerThatIsKilledAgainAndAgainLosesNoCertificateAndNoNode) {
  TestCluster cluster;
  cluster.CreateTokens("n[001-120]");
  cluster.WriteBundle();
  const Slurmctld controller = cluster.Controller();
  std::vector<SlurmNode> nodes = Nodes(cluster, 120);
  std::mutex mutex;
  std::set<std::string> seen;  // every certificate that any client ever held
  const auto remember = [&](const SlurmNode& node) {
    const std::lock_guard<std::mutex> lock(mutex);
    seen.insert(SerialOf(node.certificate_pem()));
  };
  std::atomic<bool> storm_over = false;
  std::atomic<int> kills = 0;
  std::thread killer([&] {
    const unsigned seed = std::random_device()();
    RecordProperty("seed", absl::StrCat(seed));
    std::mt19937 random(seed);
    while (!storm_over && kills < 12) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 400));
      cluster.KillServer();
      ++kills;
      cluster.StartServer();
    }
  });
  InParallel(120, kAtOnce, [&](int i) {
    ASSERT_EQ(nodes[i].EnrolWithRestarts(controller, kStarts), absl::OkStatus());
    remember(nodes[i]);
    for (int tries = 0; tries < kStarts; ++tries) {
      if (nodes[i].Renew(controller).ok()) break;
    }
    remember(nodes[i]);
  });
  storm_over = true;
  killer.join();
  EXPECT_GE(kills, 3);
  EXPECT_GE(seen.size(), 240u) << "every node holds a first and a renewed certificate";

  const std::string inventory = Inventory(cluster);
  for (const std::string& serial : seen)
    EXPECT_TRUE(absl::StrContains(inventory, serial)) << serial << " has no record";
  const ScriptResult audit = cluster.Ctl({"audit", "verify"});
  EXPECT_TRUE(audit.exited_zero()) << audit.Describe();
  EXPECT_EQ(cluster.StopServer(), 0) << cluster.server_log();
  EXPECT_EQ(IntegrityOf(cluster.data_dir()), "ok");
  cluster.StartServer();
}

TEST(StormOfNodes, FiveHundredStatelessNodesBootAgainWithReusableTokens) {
  const TestCluster cluster;
  cluster.CreateTokens("n[001-500]", {"--reusable"});
  cluster.WriteBundle();
  const Slurmctld controller = cluster.Controller();
  std::vector<SlurmNode> nodes = Nodes(cluster, 500);
  InParallel(500, kAtOnce, [&](int i) { ASSERT_EQ(nodes[i].Enrol(controller), absl::OkStatus()); });
  cluster.EmptyNodeState();
  InParallel(500, kAtOnce, [&](int i) { ASSERT_EQ(nodes[i].Enrol(controller), absl::OkStatus()); });
  EXPECT_EQ(Held(nodes).size(), 500u);
}

TEST(StormOfNodes, StatelessNodesWithSpentSingleUseTokensAreToldWhatToType) {
  const TestCluster cluster;
  cluster.CreateTokens("n[001-500]");
  cluster.WriteBundle();
  const Slurmctld controller = cluster.Controller();
  std::vector<SlurmNode> nodes = Nodes(cluster, 500);
  InParallel(500, kAtOnce, [&](int i) { ASSERT_EQ(nodes[i].Enrol(controller), absl::OkStatus()); });
  cluster.EmptyNodeState();
  InParallel(500, kAtOnce, [&](int i) {
    const absl::Status refused = nodes[i].Enrol(controller);
    EXPECT_FALSE(refused.ok());
    EXPECT_TRUE(absl::StrContains(refused.message(), "signetctl token create")) << refused;
    EXPECT_TRUE(absl::StrContains(refused.message(), nodes[i].name())) << refused;
  });
}

}  // namespace
}  // namespace signet::contract
