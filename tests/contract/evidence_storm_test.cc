// A cluster that enrols at once, by each way in which a node can prove itself, and a cluster that boots into an outage.
// In ctest: contract_storm.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/clock.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"
#include "tests/testing/fake_kubernetes.h"

namespace signet::contract {
namespace {

namespace fs = std::filesystem;
using ::signet::testing::FakeKubernetes;
using ::signet::testing::FakePod;

constexpr int kNodes = 200;
constexpr int kAtOnce = 24;

class StormOfEvidence : public ::testing::Test {
 protected:
  using Names = std::vector<std::string>;
  // Gives these nodes what they prove themselves with.
  using Prepare = void (StormOfEvidence::*)(const Names&);

  StormOfEvidence() { cluster_.WriteBundle(); }

  void SingleUse(const Names& names) { cluster_.CreateTokens(absl::StrJoin(names, ",")); }
  void Boot(const Names& names) { cluster_.CreateTokens(absl::StrJoin(names, ","), {"--boot"}); }
  void Reusable(const Names& names) { cluster_.CreateTokens(absl::StrJoin(names, ","), {"--reusable"}); }
  // As Slurm's documented scripts have them: a list on the server, a file on each node.
  void Lab(const Names& names) {
    std::string list;
    for (const std::string& name : names) {
      const std::string secret = absl::StrCat(std::string(48, 'a'), name);
      absl::StrAppend(&list, name, " ", secret, "\n");
      WriteAll(cluster_.token_file(name), secret + "\n");
      fs::permissions(cluster_.token_file(name), fs::perms(0400));
    }
    WriteAll(cluster_.path("token_list"), list);
    fs::permissions(cluster_.path("token_list"), fs::perms(0600));
    const ScriptResult imported = cluster_.Ctl({"token", "import", cluster_.path("token_list")});
    ASSERT_TRUE(imported.exited_zero()) << imported.Describe();
  }
  // A node without anything prints the fingerprint of its key; an administrator approves that.
  void Approval(const Names& names) {
    InParallel(static_cast<int>(names.size()), kAtOnce, [&](int i) {
      const std::string said = cluster_.NodeScripts().Run("get-node-token", {names[i]}).output;
      const size_t key = said.find("--key ");
      ASSERT_NE(key, std::string::npos) << said;
      const ScriptResult approved = cluster_.Ctl({"node", "approve", names[i], "--key", said.substr(key + 6, 32)});
      EXPECT_TRUE(approved.exited_zero()) << approved.Describe();
    });
  }
  // A pod with a projected ServiceAccount token.
  void Kubernetes(const Names& names) {
    for (const std::string& name : names) {
      FakePod pod;
      pod.name = absl::StrCat("slurm-worker-", name);
      pod.hostname = name;
      kubernetes_.Put(pod);
      WriteAll(cluster_.path(name + ".jwt"), kubernetes_.TokenOf(pod));
      fs::permissions(cluster_.path(name + ".jwt"), fs::perms(0400));
      WriteAll(cluster_.path(name + ".yaml"),
               absl::StrCat(ReadAll(cluster_.path("node.yaml")),
                            "kubernetes: {token_file: ", cluster_.path(name + ".jwt"), "}\n"));
      pods_.insert(name);
    }
  }

  static std::vector<Prepare> EveryKind() {
    return {&StormOfEvidence::SingleUse, &StormOfEvidence::Boot,     &StormOfEvidence::Reusable,
            &StormOfEvidence::Lab,       &StormOfEvidence::Approval, &StormOfEvidence::Kubernetes};
  }

  // All enrol at once and renew at once; each certificate is its node's, for its key, in the inventory, and good to
  // OpenSSL and GnuTLS.
  void EnrolAndRenew(const Names& names) {
    const int count = static_cast<int>(names.size());
    const Slurmctld controller = cluster_.Controller();
    std::vector<SlurmNode> nodes;
    for (const std::string& name : names) {
      nodes.emplace_back(name, pods_.count(name) > 0 ? cluster_.ScriptsWith(name + ".yaml") : cluster_.NodeScripts());
    }
    InParallel(count, kAtOnce, [&](int i) { EXPECT_EQ(nodes[i].EnrolWithRestarts(controller, 20), absl::OkStatus()); });
    std::set<std::string> serials;
    for (const SlurmNode& node : nodes) serials.insert(SerialOf(node.certificate_pem()));
    InParallel(count, kAtOnce, [&](int i) { EXPECT_EQ(nodes[i].Renew(controller), absl::OkStatus()); });
    const std::string inventory = cluster_.Ctl({"cert", "list", "-o", "json"}).output;
    for (const SlurmNode& node : nodes) {
      serials.insert(SerialOf(node.certificate_pem()));
      EXPECT_EQ(CommonNameOf(node.certificate_pem()), node.name());
      EXPECT_TRUE(KeyMatches(node.certificate_pem(), node.key_pem())) << node.name();
    }
    EXPECT_EQ(serials.size(), 2 * names.size());
    for (const std::string& serial : serials) EXPECT_TRUE(absl::StrContains(inventory, serial)) << serial;
    for (const int i : {0, count - 1}) {
      EXPECT_EQ(VerifiedByTools(nodes[i].certificate_pem(), cluster_.ca_file(), cluster_.path("run")),
                absl::OkStatus());
    }
  }

  base::SystemClock clock_;
  FakeKubernetes kubernetes_{clock_};
  const TestCluster cluster_{
      absl::StrCat("kubernetes: {api: \"", kubernetes_.url(), "\", ca_file: ", kubernetes_.ca_file(),
                   ", token_file: ", kubernetes_.token_file(), ", service_accounts: {slurm/slurm-worker: slurmd}}\n")};
  std::set<std::string> pods_;
};

TEST_F(StormOfEvidence, OfSingleUseTokens) {
  SingleUse(NodeNames(kNodes));
  EnrolAndRenew(NodeNames(kNodes));
}

TEST_F(StormOfEvidence, OfBootTokens) {
  Boot(NodeNames(kNodes));
  EnrolAndRenew(NodeNames(kNodes));
}

TEST_F(StormOfEvidence, OfReusableTokens) {
  Reusable(NodeNames(kNodes));
  EnrolAndRenew(NodeNames(kNodes));
}

TEST_F(StormOfEvidence, OfLabTokens) {
  Lab(NodeNames(kNodes));
  EnrolAndRenew(NodeNames(kNodes));
}

TEST_F(StormOfEvidence, OfApprovedKeys) {
  Approval(NodeNames(kNodes));
  EnrolAndRenew(NodeNames(kNodes));
}

TEST_F(StormOfEvidence, OfPods) {
  Kubernetes(NodeNames(kNodes));
  EnrolAndRenew(NodeNames(kNodes));
}

TEST_F(StormOfEvidence, OfAllKindsMixed) {
  const std::vector<Prepare> kinds = EveryKind();
  std::vector<Names> parts(kinds.size());
  size_t next = 0;
  for (const std::string& name : NodeNames(kNodes)) parts[next++ % parts.size()].push_back(name);
  for (size_t kind = 0; kind < parts.size(); ++kind) (this->*kinds[kind])(parts[kind]);
  EnrolAndRenew(NodeNames(kNodes));
}

// A power cut: nodes, slurmctld and signetd come back in the worst order. The minute of a dead server is scaled down,
// as are the waits of Slurm and systemd; what each does is not.
TEST(StormOfBoots, AThousandStatelessNodesNeedNoHandWhileTheServerIsDead) {
  constexpr int kThousand = 1000;
  TestCluster cluster;
  cluster.CreateTokens(absl::StrJoin(NodeNames(kThousand), ","), {"--reusable"});
  cluster.WriteBundle();
  cluster.KillServer();
  std::atomic<bool> slurmctld_is_up = false;
  Outage outage;
  outage.slurmctld_answers = [&] { return slurmctld_is_up.load(); };
  std::thread power([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    slurmctld_is_up = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(6000));
    cluster.StartServer();
  });
  const Slurmctld controller = cluster.Controller();
  std::vector<std::string> serials(kThousand);
  std::vector<std::string> names = NodeNames(kThousand);
  InParallel(kThousand, 96, [&](int i) {
    SlurmNode node = cluster.Node(names[i]);
    EXPECT_EQ(node.BootThrough(controller, outage), absl::OkStatus());
    serials[i] = SerialOf(node.certificate_pem());
  });
  power.join();
  EXPECT_EQ(std::set<std::string>(serials.begin(), serials.end()).size(), serials.size());
  const std::string inventory = cluster.Ctl({"cert", "list", "-o", "json"}).output;
  for (const std::string& serial : serials) EXPECT_TRUE(absl::StrContains(inventory, serial)) << serial;
}

}  // namespace
}  // namespace signet::contract
