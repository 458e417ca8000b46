#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "services/authority/authorities.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/test_root.h"
#include "tests/testing/world.h"

namespace signet::authority {
namespace {

using ::signet::testing::Activate;
using ::signet::testing::AddPrepared;
using ::signet::testing::AddSubordinate;
using ::signet::testing::ChangeRow;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SetState;
using ::signet::testing::TestRoot;
using ::signet::testing::World;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);

class AuthoritiesChainTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Authority> Active() { return Must(world_.authorities->Active(store::Purpose::kSlurm)); }
  void Change(const std::string& id, const std::function<void(store::AuthorityRow&)>& change) {
    const auto write = [&](store::Tables& tables) { return ChangeRow(tables, id, change); };
    Must(world_.store->Write(write));
  }
  std::string Fault() {
    const absl::Status status = world_.authorities->Reload();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    return std::string(status.message());
  }
  World world_;
};

TEST_F(AuthoritiesChainTest, KeepWhenEachStepWasTaken) {
  const absl::Time start = world_.clock.Now();
  EXPECT_EQ(Active()->prepared_at, start);
  EXPECT_EQ(Active()->activated_at, start);
  EXPECT_EQ(Active()->retired_at, absl::InfinitePast());
  EXPECT_EQ(Must(world_.authorities->Active(store::Purpose::kControl))->activated_at, start);
  world_.clock.Advance(kDay);
  const std::string next = AddPrepared(world_);
  EXPECT_EQ(Must(world_.authorities->Find(next))->prepared_at, start + kDay);
  EXPECT_EQ(Must(world_.authorities->Find(next))->activated_at, absl::InfinitePast());
  world_.clock.Advance(kDay);
  const std::string former = Activate(world_, next);
  world_.Restart();
  EXPECT_EQ(Active()->id, next);
  EXPECT_EQ(Active()->activated_at, start + kDay * 2);
  EXPECT_EQ(Must(world_.authorities->Find(former))->retired_at, start + kDay * 2);
  EXPECT_EQ(Must(world_.authorities->Find(former))->revoked_at, absl::InfinitePast());
}

TEST_F(AuthoritiesChainTest, ARootIsItsOwnAnchorAndHasNothingAboveIt) {
  EXPECT_EQ(Active()->anchor.der(), Active()->certificate.der());
  EXPECT_THAT(Active()->intermediates, IsEmpty());
  EXPECT_THAT(Active()->chain_above, IsEmpty());
}

TEST_F(AuthoritiesChainTest, AfterAnActivationTheChainHasTheCrossUntilItEndsOrItsIssuerIsRevoked) {
  const std::string former = Activate(world_, AddPrepared(world_), kDay * 10);
  ASSERT_TRUE(world_.authorities->Reload().ok());
  ASSERT_EQ(Active()->chain_above.size(), 1U);
  EXPECT_TRUE(Active()->chain_above[0].VerifySignedBy(Must(world_.authorities->Find(former))->certificate).ok());
  EXPECT_EQ(world_.authorities->Anchors(store::Purpose::kSlurm).size(), 2U);
  world_.Restart();
  EXPECT_EQ(Active()->chain_above.size(), 1U);

  world_.clock.Advance(kDay * 10);
  ASSERT_TRUE(world_.authorities->Reload().ok());
  EXPECT_THAT(Active()->chain_above, IsEmpty());
  world_.clock.Advance(-kDay);
  ASSERT_TRUE(world_.authorities->Reload().ok());
  EXPECT_EQ(Active()->chain_above.size(), 1U);
  SetState(world_, former, store::AuthorityState::kRevoked);
  ASSERT_TRUE(world_.authorities->Reload().ok());
  EXPECT_THAT(Active()->chain_above, IsEmpty());
}

TEST_F(AuthoritiesChainTest, ADamagedCrossIsAFaultAsLongAsItMatters) {
  const std::string next = AddPrepared(world_);
  store::CrossRow damaged{"00ff", Active()->id, next, "garbage", world_.clock.Now() + kDay, world_.clock.Now()};
  const auto insert = [&](store::Tables& tables) { return tables.authorities().InsertCross(damaged); };
  Must(world_.store->Write(insert));
  EXPECT_THAT(Fault(), HasSubstr("cross certificate"));
  world_.clock.Advance(kDay);
  EXPECT_TRUE(world_.authorities->Reload().ok());
}

TEST_F(AuthoritiesChainTest, ASubordinateHasItsRootForAnchorAndItsCertificateAbove) {
  const TestRoot root = MakeTestRoot(world_.clock.Now(), kDay * 3650, x509::KeyType::kEcP384, "CN=Offline root");
  const std::string first = AddSubordinate(world_, root, "CN=Sub 1");
  const std::string second = AddSubordinate(world_, root, "CN=Sub 2");
  const auto authority = Must(world_.authorities->Find(first));
  EXPECT_EQ(authority->anchor.der(), root.certificate.der());
  ASSERT_EQ(authority->chain_above.size(), 1U);
  EXPECT_EQ(authority->chain_above[0].der(), authority->certificate.der());
  EXPECT_EQ(world_.authorities->Anchors(store::Purpose::kSlurm).size(), 2U);

  Activate(world_, first);
  ASSERT_TRUE(world_.authorities->Reload().ok());
  EXPECT_EQ(Active()->chain_above.size(), 2U);
  Activate(world_, second);
  ASSERT_TRUE(world_.authorities->Reload().ok());
  EXPECT_EQ(Active()->id, second);
  EXPECT_EQ(Active()->chain_above.size(), 2U);
}

TEST_F(AuthoritiesChainTest, ASubordinateWhoseIntermediatesDoNotLeadToItsAnchorIsDamage) {
  const TestRoot root = MakeTestRoot(world_.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  const TestRoot other = MakeTestRoot(world_.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  const std::string id = AddSubordinate(world_, root, "CN=Sub");
  const std::string own = Must(world_.authorities->Find(id))->certificate.pem();
  Change(id, [&](store::AuthorityRow& row) { row.anchor_der = other.certificate.der(); });
  EXPECT_THAT(Fault(), HasSubstr("does not lead to its anchor"));
  Change(id, [&](store::AuthorityRow& row) {
    row.anchor_der = root.certificate.der();
    row.intermediates_pem = own + root.certificate.pem();
  });
  EXPECT_THAT(Fault(), HasSubstr("does not lead to its anchor"));
  Change(id, [&](store::AuthorityRow& row) { row.intermediates_pem = root.certificate.pem(); });
  EXPECT_THAT(Fault(), HasSubstr("do not begin with its own"));
  Change(id, [&](store::AuthorityRow& row) { row.intermediates_pem = "garbage"; });
  EXPECT_THAT(Fault(), HasSubstr("intermediates do not parse"));
  Change(id, [&](store::AuthorityRow& row) { row.intermediates_pem.clear(); });
  EXPECT_THAT(Fault(), HasSubstr("an anchor without"));
  Change(id, [&](store::AuthorityRow& row) {
    row.intermediates_pem = own;
    row.anchor_der = "garbage";
  });
  EXPECT_THAT(Fault(), HasSubstr("does not parse"));
  Change(id, [&](store::AuthorityRow& row) { row.anchor_der.clear(); });
  EXPECT_THAT(Fault(), HasSubstr("intermediates without an anchor"));
}

// A store whose first reader is held up after it has read.
class SlowStore final : public store::Store {
 public:
  explicit SlowStore(store::Store& real) : real_(real) {}
  absl::Status Write(absl::FunctionRef<absl::Status(store::Tables&)> work) override { return real_.Write(work); }
  void WriteLater(std::function<absl::Status(store::Tables&)> work) override { real_.WriteLater(std::move(work)); }
  absl::Status Scrub() override { return real_.Scrub(); }
  absl::Status Read(absl::FunctionRef<absl::Status(const store::Tables&)> work) const override {
    const absl::Status done = real_.Read(work);
    if (slow_.exchange(false)) {
      has_read_.set_value();
      go_on_.get_future().wait();
    }
    return done;
  }
  void HoldUpTheNext() { slow_ = true; }
  void AwaitItsReading() { has_read_.get_future().wait(); }
  void LetItGoOn() { go_on_.set_value(); }

 private:
  store::Store& real_;
  mutable std::atomic<bool> slow_{false};
  mutable std::promise<void> has_read_;
  mutable std::promise<void> go_on_;
};

TEST_F(AuthoritiesChainTest, AnOlderListNeverReplacesANewerOne) {
  SlowStore store(*world_.store);
  const auto authorities = Must(Authorities::Open(store, *world_.custody, world_.clock));
  store.HoldUpTheNext();
  std::thread first([&] { Must(authorities->Reload()); });
  store.AwaitItsReading();
  const std::string next = AddPrepared(world_);
  auto second = std::async(std::launch::async, [&] { Must(authorities->Reload()); });
  // Were they not one after the other, the second would be done first.
  second.wait_for(std::chrono::milliseconds(200));
  store.LetItGoOn();
  first.join();
  second.wait();
  EXPECT_TRUE(authorities->Find(next).ok());
}

}  // namespace
}  // namespace signet::authority
