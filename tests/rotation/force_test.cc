// What --force passes over is lost: those whom the blockers name, at those whom they can no longer verify, and nobody
// else anywhere.
#include "absl/strings/match.h"
#include "tests/rotation/rotation_fixture.h"

namespace signet::rotation {
namespace {

using authority::BlockerKind;
using authority::Verb;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDay = absl::Hours(24);

class ForceTest : public RotationTest {
 protected:
  ForceTest() : RotationTest(12) {}

  // Hosts of names that are services' too.
  std::set<std::string> HostsOf(const std::set<std::string>& names) {
    std::set<std::string> hosts = names;
    for (const ServiceHost& service : cluster_.services()) {
      if (names.count(service.service()) != 0) hosts.insert(service.process().host());
    }
    return hosts;
  }
};

TEST_F(ForceTest, BreaksThoseWhoHaveNotLoadedTheNewRootAndNobodyElse) {
  const std::set<std::string> stuck = {"login02", "n003", "n011", "sub02"};
  for (const char* name : {"n003", "n011", "sub02"}) cluster_.node(name).ManageElsewhere();
  cluster_.login("login02").ManageElsewhere();
  const std::string second = cluster_.Prepare();
  TryFor(kSoon, Verb::kActivate, second);
  EXPECT_EQ(NamesOf(Force(Verb::kActivate, second)), stuck);
  cluster_.Run(2 * kDay);
  EXPECT_EQ(ExpectFailuresWhereTheyMustBe(), 0) << "whoever trusts the first only follows the cross certificate";
  ExpectNobodyFailed();

  cluster_.Follow(cluster_.Try(Verb::kRevoke, first_));
  cluster_.Tick();
  const std::set<std::string> named = NamesOf(Force(Verb::kRevoke, first_));
  for (const std::string& name : stuck) EXPECT_EQ(named.count(name), 1u) << name;
  for (const std::string& name : named) {
    EXPECT_TRUE(stuck.count(name) != 0 || absl::StartsWith(name, "sub")) << name << ": no probe reaches sackd";
  }
  cluster_.Run(kSoon);  // the others renew without the cross certificate
  cluster_.EndSteps();
  for (ServiceHost& service : cluster_.services()) {
    service.RenewCertificate();
    EXPECT_TRUE(cluster_.Reload(service));
  }
  EXPECT_GT(ExpectFailuresWhereTheyMustBe(), 50);
  std::set<std::string> lost;
  for (const Failure& failure : cluster_.failures()) {
    EXPECT_EQ(stuck.count(failure.refused_by), 1u) << failure.error;
    lost.insert(failure.refused_by);
  }
  EXPECT_EQ(lost, stuck);
  EXPECT_THAT(cluster_.refusals(), IsEmpty());
}

TEST_F(ForceTest, BreaksThoseWhoStillShowACertificateOfARevokedAuthority) {
  const std::string second = cluster_.Prepare();
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Tick();  // half of the nodes, and no service, have a certificate of the second
  EXPECT_EQ(ExpectFailuresWhereTheyMustBe(), 0);
  cluster_.Probe();
  std::set<std::string> named;
  for (const authority::Blocker& blocker : Force(Verb::kRevoke, first_)) {
    if (blocker.kind != BlockerKind::kHold) named.merge(NamesOf({blocker}));
  }
  EXPECT_THAT(named, Contains("slurmctld"));
  EXPECT_LT(named.size(), 16u) << "who has renewed is not named";
  cluster_.Run(kDay);  // each node tries once to renew, and the first ones load a bundle without the first anchor
  EXPECT_GT(ExpectFailuresWhereTheyMustBe(), 0);
  const std::set<std::string> named_hosts = HostsOf(named);
  std::set<std::string> shown;
  for (const Failure& failure : cluster_.failures()) {
    const std::string refused = failure.refused_by == failure.client ? failure.server : failure.client;
    EXPECT_EQ(named_hosts.count(refused), 1u) << failure.error;
    shown.insert(refused);
  }
  EXPECT_THAT(shown, Contains("head1"));
}

TEST_F(ForceTest, BreaksTheStepsThatTheHoldWasForAndNobodyElse) {
  const std::string second = cluster_.Prepare();
  cluster_.Tick();
  for (const auto& node : cluster_.nodes()) node->Refresh();
  Peer step("n001", "slurmstepd");
  step.LoadAnchors(old_anchors_);
  cluster_.WaitFor(Verb::kActivate, second, kPatience);
  cluster_.Run(2 * kDay);
  cluster_.EndSteps();
  for (ServiceHost& service : cluster_.services()) {
    service.RenewCertificate();
    EXPECT_TRUE(cluster_.Reload(service));
  }
  cluster_.Tick();
  cluster_.Probe();
  const absl::Time now = cluster_.world.clock.Now();
  const Peer& slurmctld = cluster_.service("slurmctld").process();
  EXPECT_TRUE(Handshake(step, slurmctld, now).ok) << "the cross certificate carries it";
  std::set<BlockerKind> kinds;
  std::set<std::string> named;
  for (const authority::Blocker& blocker : Force(Verb::kRevoke, first_)) {
    kinds.insert(blocker.kind);
    named.merge(NamesOf({blocker}));
  }
  EXPECT_THAT(kinds, Contains(BlockerKind::kHold));
  EXPECT_THAT(named, ElementsAre("sub01", "sub02", "sub03", "sub04")) << "no probe reaches sackd";
  cluster_.Run(kSoon);
  for (ServiceHost& service : cluster_.services()) {
    service.RenewCertificate();
    EXPECT_TRUE(cluster_.Reload(service));
  }
  cluster_.EndSteps();
  EXPECT_TRUE(Handshake(step, slurmctld, cluster_.world.clock.Now()).client_refused);
  EXPECT_EQ(ExpectFailuresWhereTheyMustBe(), 0);
  ExpectNobodyFailed();
}

}  // namespace
}  // namespace signet::rotation
