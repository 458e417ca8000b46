#include <thread>

#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/offline_root.h"

namespace signet::authority {
namespace {

using ::signet::testing::MakeRunningCa;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::RsaKey;
using ::signet::testing::SignAuthority;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// A step under a store that fails at its n-th call leaves the state before or the state after, and the next try works.
class FaultTest : public RotationTest {
 protected:
  template <typename Step>
  void TryWithEveryFault(Step step, const std::string& what) {
    const std::string before = Fingerprint();
    int failures = 0;
    for (int call = 1; call < 500; ++call) {
      world.store->FailCall(call);
      const absl::Status status = step();
      const bool failed = world.store->failed_a_call();
      world.store->FailCall(0);
      if (!failed) {
        EXPECT_TRUE(status.ok()) << what << ": " << status;
        EXPECT_GT(failures, 5) << what;
        return;
      }
      ++failures;
      EXPECT_FALSE(status.ok()) << what << " at call " << call;
      if (Fingerprint() == before) continue;
      // Stored: only what is read afterwards failed, and the message says so.
      EXPECT_THAT(Message(status), HasSubstr("is done and stored")) << what << " at call " << call;
      EXPECT_TRUE(world.authorities->Reload().ok());
      return;
    }
    FAIL() << what << " never ran without a fault";
  }
  absl::Status Step(Verb verb, const std::string& id) { return Change(verb, id, "test").status(); }
};

TEST_F(FaultTest, AStoreThatFailsAtAnyCallLeavesBeforeOrAfter) {
  const std::string former = ActiveId();
  TryWithEveryFault([&] { return world.rotation->Prepare({}, world.origin).status(); }, "prepare");
  const std::string id = Rows().back().id;
  ASSERT_EQ(StateOf(id), store::AuthorityState::kPrepared);
  TryWithEveryFault([&] { return Step(Verb::kActivate, id); }, "activate");
  ASSERT_EQ(ActiveId(), id);
  TryWithEveryFault([&] { return Step(Verb::kRollback, former); }, "rollback");
  TryWithEveryFault([&] { return Step(Verb::kRevoke, id); }, "revoke");
  TryWithEveryFault([&] { return Step(Verb::kDestroy, id); }, "destroy");
  const std::string other = Prepare();
  TryWithEveryFault([&] { return Step(Verb::kWithdraw, other); }, "withdraw");
  const StolenRequest stolen{former, "CN=Slurm CA,O=Example", "found on a laptop", false};
  TryWithEveryFault([&] { return world.rotation->ReplaceStolen(stolen, world.origin).status(); }, "emergency");
  EXPECT_EQ(StateOf(former), store::AuthorityState::kRevoked);
  TryWithEveryFault([&] { return world.rotation->RecoverBundle(50, false, true, world.origin).status(); }, "recover");
  EXPECT_EQ(Must(world.audit->Verify(*world.store)).first_bad_sequence, 0U);
}

TEST_F(FaultTest, SoDoRequestsAndImports) {
  const auto create = [&] { return world.rotation->RequestSubordinate({"CN=Sub", false}, world.origin).status(); };
  const auto requests = [&] {
    return Must(world.Read([](const store::Tables& tables) { return tables.authorities().ListRequests(); }));
  };
  TryWithEveryFault(create, "request");
  ASSERT_EQ(requests().size(), 1U);
  const std::string dropped = requests()[0].id;
  TryWithEveryFault([&] { return Step(Verb::kWithdraw, dropped); }, "withdraw a request");
  Must(create());
  const TestRoot offline =
      MakeTestRoot(world.clock.Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Offline");
  const x509::Certificate own = SignAuthority(offline, requests()[1].spki_der, "CN=Sub", world.clock.Now());
  const std::string chain = own.pem() + offline.certificate.pem();
  TryWithEveryFault([&] { return world.rotation->ImportSubordinate({chain, false}, world.origin).status(); }, "chain");
  EXPECT_EQ(StateOf(own.public_key().key_id()), store::AuthorityState::kPrepared);
  const TestRoot lab = MakeRunningCa(RsaKey(2048), "CN=Lab", world.clock.Now());
  const auto import = [&] {
    return world.rotation->ImportWithKey({lab.certificate.pem(), Must(lab.key.ToPem()), false}, world.origin).status();
  };
  TryWithEveryFault(import, "key");
  EXPECT_EQ(Crosses().size(), 1U);
}

TEST_F(FaultTest, ACommitThatFailsStoresNothing) {
  const std::string id = Prepare();
  const std::string before = Fingerprint();
  world.store->FailCommits(1);
  EXPECT_FALSE(Change(Verb::kActivate, id).ok());
  EXPECT_EQ(Fingerprint(), before);
  world.Restart();
  EXPECT_EQ(Fingerprint(), before);
  EXPECT_TRUE(Must(Change(Verb::kActivate, id)).changed);
  EXPECT_EQ(Crosses().size(), 1U);
}

class TwoAtOnceTest : public RotationTest {
 protected:
  template <typename First, typename Second>
  void Run(First first, Second second) {
    std::thread one(first);
    std::thread two(second);
    one.join();
    two.join();
  }
  int Records(const std::string& action) {
    int count = 0;
    for (const store::AuditRow& row : world.AuditRows()) count += row.bytes.find(action) != std::string::npos ? 1 : 0;
    return count;
  }
};

TEST_F(TwoAtOnceTest, OfTwoActivationsOfOneOnlyOneChangesAnything) {
  for (int round = 0; round < 5; ++round) {
    const std::string id = Prepare();
    Plan plans[2];
    absl::StatusOr<Changed> results[2] = {absl::UnknownError(""), absl::UnknownError("")};
    const auto activate = [&](int i) {
      return [&, i] { results[i] = world.rotation->Change({id, Verb::kActivate, false, ""}, world.origin, &plans[i]); };
    };
    Run(activate(0), activate(1));
    int changed = 0;
    for (const auto& result : results) {
      if (result.ok()) {
        changed += result->changed ? 1 : 0;
      } else {
        EXPECT_EQ(result.status().code(), absl::StatusCode::kAborted);
      }
    }
    EXPECT_EQ(changed, 1);
    EXPECT_EQ(ActiveId(), id);
    EXPECT_EQ(Crosses().size(), static_cast<std::size_t>(round + 1));
    EXPECT_EQ(Records("authority.activate"), round + 1);
  }
}

TEST_F(TwoAtOnceTest, TwoThatActivateDifferentOnesLeaveOneActiveOne) {
  const std::string ids[] = {Prepare(), Prepare()};
  Plan plans[2];
  const auto activate = [&](int i) {
    return [&, i] {
      world.rotation->Change({ids[i], Verb::kActivate, false, ""}, world.origin, &plans[i]).status().IgnoreError();
    };
  };
  Run(activate(0), activate(1));
  int active = 0;
  for (const store::AuthorityRow& row : Rows()) {
    active += row.purpose == store::Purpose::kSlurm && row.state == store::AuthorityState::kActive ? 1 : 0;
  }
  EXPECT_EQ(active, 1);
  EXPECT_EQ(Crosses().size(), static_cast<std::size_t>(Records("authority.activate")));
  EXPECT_GE(Crosses().size(), 1U);
}

TEST_F(TwoAtOnceTest, OfTwoImportsOfOneChainOnlyOneChangesAnything) {
  const auto request = *Must(world.rotation->RequestSubordinate({"CN=Sub", false}, world.origin)).request;
  const TestRoot offline =
      MakeTestRoot(world.clock.Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Offline");
  const std::string chain =
      SignAuthority(offline, request.spki_der, "CN=Sub", world.clock.Now()).pem() + offline.certificate.pem();
  const auto import = [&] {
    const auto imported = world.rotation->ImportSubordinate({chain, false}, world.origin);
    EXPECT_TRUE(imported.ok() || absl::IsAborted(imported.status())) << imported.status();
  };
  Run(import, import);
  EXPECT_EQ(Records("authority.import"), 1);
  EXPECT_EQ(Newest().generation, 2U);
}

TEST_F(TwoAtOnceTest, TwoThatPrepareNeverMakeThree) {
  Prepare();
  const auto prepare = [&] { world.rotation->Prepare({}, world.origin).status().IgnoreError(); };
  Run(prepare, prepare);
  EXPECT_EQ(world.authorities->Anchors(store::Purpose::kSlurm).size(), 3U);
  EXPECT_EQ(Newest().generation, 3U);
}

}  // namespace
}  // namespace signet::authority
