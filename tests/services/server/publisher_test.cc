#include "services/server/publisher.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/bundle/signed_bundle.h"
#include "services/keys/private_key.h"
#include "tests/services/server/daemon_fixture.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/fake_kubernetes.h"
#include "tests/testing/world.h"

namespace signet::server {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Must;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr char kSecret[] = "signet-slurmctld-tls";

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest() {
    section_.on = true;
    section_.api = kubernetes_.url();
    section_.ca_file = kubernetes_.ca_file();
    section_.token_file = kubernetes_.token_file();
    section_.publish = {true, {"slurm/signet-bundle"}, {{"slurm/signet-slurmctld-tls", "slurmctld"}}};
    for (const char* verb : {"get", "patch"}) {
      kubernetes_.Grant({"signet/signetd", verb, "", "configmaps", "slurm", "signet-bundle"});
      kubernetes_.Grant({"signet/signetd", verb, "", "secrets", "slurm", kSecret});
    }
    Render();
    Restart();
  }

  // What the chart makes: objects without data.
  void Render() {
    kubernetes_.PutObject({{"kind", "ConfigMap"}, {"metadata", {{"name", "signet-bundle"}, {"namespace", "slurm"}}}});
    RenderSecret();
  }
  void RenderSecret() {
    kubernetes_.PutObject({{"kind", "Secret"}, {"metadata", {{"name", kSecret}, {"namespace", "slurm"}}}});
  }
  void Restart() {
    publisher_.reset();
    kept_.reset();
    world_.Restart();
    kept_ = std::make_unique<issuance::KeptCertificates>(*world_.named, *world_.authorities, *world_.audit,
                                                         *world_.store, world_.clock);
    publisher_ = std::make_unique<Publisher>(
        "alpha", section_,
        Publisher::Parts{*world_.store, *world_.authorities, *kept_, world_.clock, world_.random, logger_, metrics_});
  }
  void TickAfter(absl::Duration pause) {
    world_.clock.Advance(pause);
    publisher_->Tick();
  }
  // Every patch so far and from now on that writes a key writes its certificate with it; `fail`: those are refused.
  void RefusePairs(bool fail) {
    kubernetes_.OnPatch([fail](const Json& patch) {
      const Json data = patch.value("data", Json::object());
      EXPECT_EQ(data.contains("tls.key"), data.contains("tls.crt"));
      return fail && data.contains("tls.key") ? 500 : 0;
    });
  }

  std::string Value(const std::string& key) { return kubernetes_.Value("Secret", "slurm", kSecret, key); }
  std::string BundleValue(const std::string& key) {
    return kubernetes_.Value("ConfigMap", "slurm", "signet-bundle", key);
  }
  x509::Certificate Served() { return Must(x509::Certificate::ListFromPem(Value(kCertificateKey))).front(); }
  // The Secret's pair fits, and the bundle of the ConfigMap vouches for it.
  void ExpectGood() {
    const auto chain = Must(x509::Certificate::ListFromPem(Value(kCertificateKey)));
    const auto key = Must(keys::PrivateKey::FromPem(base::SecretBytes(Value(kPrivateKeyKey))));
    EXPECT_TRUE(key.public_key() == chain[0].public_key());
    const auto bundle =
        bundle::Verify(BundleValue(kBundleKey), absl::HexStringToBytes(BundleValue(kBundlePinKey)), "alpha");
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    const auto anchors = Must(x509::Certificate::ListFromPem(bundle->ca_cert_pem));
    Must(x509::VerifyChain(chain[0], {chain.begin() + 1, chain.end()}, anchors, world_.clock.Now()));
    EXPECT_FALSE(kubernetes_.Object("Secret", "slurm", kSecret)["metadata"]["annotations"].contains(kPendingKey));
  }
  void RevokeService() {
    revocation::Request request;
    request.nodes = {"slurmctld"};
    request.comment = "the Secret was read by a stranger";
    Must(world_.revocation->Revoke(request, world_.origin));
  }
  int64_t Revoked() {
    const auto rows = world_.Certificates("slurmctld");
    return std::count_if(rows.begin(), rows.end(), [](const store::CertificateRow& row) {
      return row.state == store::CertificateState::kRevoked;
    });
  }

  testing::World world_;
  RecordingLogger logger_;
  telemetry::Metrics metrics_;
  testing::FakeKubernetes kubernetes_{world_.clock};
  KubernetesSection section_;
  std::unique_ptr<issuance::KeptCertificates> kept_;
  std::unique_ptr<Publisher> publisher_;
};

TEST_F(PublisherTest, EmptyObjectsAreFilledAndThenLeftAlone) {
  publisher_->Tick();
  ExpectGood();
  EXPECT_EQ(BundleValue(kControlCaKey), world_.Root(store::Purpose::kControl).pem());
  EXPECT_EQ(Served().dns_names(), std::vector<std::string>{"slurmctld"});
  const int patches = kubernetes_.patches();
  TickAfter(kLookEvery);
  Restart();
  publisher_->Tick();
  EXPECT_EQ(kubernetes_.patches(), patches);
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(1));
  EXPECT_THAT(kubernetes_.denied(), IsEmpty());
  EXPECT_THAT(kubernetes_.unused_rights(), Not(Contains(HasSubstr("signet-"))));
}

TEST_F(PublisherTest, ANewBundleAndANewAuthorityArePublishedAtOnce) {
  publisher_->Tick();
  const std::string first = BundleValue(kBundleKey);
  const std::string old_serial = Served().serial();
  world_.rotation_rules.hold = absl::Hours(24);
  const auto prepared = world_.rotation->Prepare({}, world_.origin);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  publisher_->Tick();
  EXPECT_NE(BundleValue(kBundleKey), first);
  EXPECT_EQ(Served().serial(), old_serial);

  for (const auto& authority : world_.authorities->List()) {
    if (authority->purpose != store::Purpose::kSlurm) continue;
    const bool next = authority->state == store::AuthorityState::kPrepared;
    testing::SetState(world_, authority->id, next ? store::AuthorityState::kActive : store::AuthorityState::kRetired);
  }
  Must(world_.authorities->Reload());
  publisher_->Tick();
  ExpectGood();
  EXPECT_NE(Served().serial(), old_serial);
  EXPECT_TRUE(Served().VerifySignedBy(world_.Root()).ok());
}

TEST_F(PublisherTest, WhatAHandTookAwayComesBack) {
  publisher_->Tick();
  Render();
  TickAfter(kLookEvery / 2);
  EXPECT_EQ(Value(kCertificateKey), "");
  TickAfter(kLookEvery / 2);
  ExpectGood();
}

TEST_F(PublisherTest, ACertificateIsRenewedWhenTwoThirdsOfItsLifeAreOver) {
  publisher_->Tick();
  const std::string serial = Served().serial();
  TickAfter(absl::Hours(24 * 59));
  EXPECT_EQ(Served().serial(), serial);
  TickAfter(absl::Hours(24 * 2));
  EXPECT_NE(Served().serial(), serial);
  ExpectGood();
  EXPECT_EQ(Revoked(), 0);
}

TEST_F(PublisherTest, ARevokedOneIsReplacedByAnotherKey) {
  publisher_->Tick();
  const std::string key = Value(kPrivateKeyKey);
  RevokeService();
  TickAfter(kLookEvery);
  ExpectGood();
  EXPECT_NE(Value(kPrivateKeyKey), key);
}

TEST_F(PublisherTest, AKillBeforeTheSecretIsWrittenCostsOneCertificateThatIsRevoked) {
  RefusePairs(true);
  publisher_->Tick();
  ASSERT_THAT(world_.Certificates("slurmctld"), SizeIs(1));
  EXPECT_EQ(Value(kPrivateKeyKey), "");
  Restart();
  RefusePairs(false);
  publisher_->Tick();
  ExpectGood();
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(2));
  EXPECT_EQ(Revoked(), 1);
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("publish.abandoned")));
}

TEST_F(PublisherTest, ASecretThatCannotBeWrittenForDaysCostsOneCertificate) {
  RefusePairs(true);
  for (int i = 0; i < 20; ++i) TickAfter(kLongestPause);
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(1));
  RefusePairs(false);
  TickAfter(kLongestPause);
  ExpectGood();
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(1));
  EXPECT_EQ(Revoked(), 0);
}

TEST_F(PublisherTest, OneIssuedForASecretThatCouldNotBeWrittenBeforeARevocationIsNotWrittenAfterIt) {
  RefusePairs(true);
  publisher_->Tick();
  RevokeService();
  RefusePairs(false);
  TickAfter(kLongestPause);
  ExpectGood();
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(2));
}

TEST_F(PublisherTest, WithoutTheRightToPatchNothingIsIssued) {
  kubernetes_.Revoke("patch", "secrets");
  for (int i = 0; i < 3; ++i) TickAfter(kLongestPause);
  EXPECT_THAT(world_.Certificates("slurmctld"), IsEmpty());
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("signetd may not patch Secret slurm/signet-slurmctld-tls (403)")));
  // The other object is not held up.
  EXPECT_NE(BundleValue(kBundleKey), "");
}

TEST_F(PublisherTest, AChangeInBetweenIsNotOverwritten) {
  bool once = false;
  kubernetes_.OnPatch([&](const Json& patch) {
    if (!patch.value("data", Json::object()).contains("tls.key") || once) return 0;
    once = true;
    RenderSecret();
    return 0;
  });
  publisher_->Tick();
  EXPECT_EQ(Value(kPrivateKeyKey), "");
  TickAfter(kShortestPause);
  ExpectGood();
  // The word that announced it was gone, too.
  EXPECT_EQ(Revoked(), 1);
}

TEST_F(PublisherTest, AnUnreachableApiIsAskedLessAndLessOften) {
  kubernetes_.SetMode(testing::Mode::kInternalError);
  int before = 0;
  const auto asked = [&] {
    const int now = static_cast<int>(kubernetes_.requests().size());
    return now - std::exchange(before, now);
  };
  publisher_->Tick();
  EXPECT_EQ(asked(), 2);
  TickAfter(kShortestPause - absl::Seconds(1));
  EXPECT_EQ(asked(), 0);
  TickAfter(absl::Seconds(1));
  EXPECT_EQ(asked(), 2);
  TickAfter(kShortestPause);
  EXPECT_EQ(asked(), 0);
  TickAfter(kShortestPause);
  EXPECT_EQ(asked(), 2);
  for (int i = 0; i < 20; ++i) TickAfter(kLongestPause);
  asked();
  kubernetes_.SetMode(testing::Mode::kNormal);
  TickAfter(kLongestPause - absl::Seconds(1));
  EXPECT_EQ(asked(), 0);
  TickAfter(absl::Seconds(1));
  ExpectGood();
}

TEST_F(PublisherTest, AClockThatWasSetBackDoesNotPutItOff) {
  publisher_->Tick();
  world_.clock.Advance(-absl::Minutes(30));
  kubernetes_.RotateOwnToken();
  publisher_->Tick();
  Render();
  TickAfter(kLongestPause);
  ExpectGood();
}

TEST_F(PublisherTest, ANewerBundleThanThisServersIsLeftAndNamed) {
  const store::BundleRow newest =
      Must(world_.Read([](const store::Tables& tables) { return tables.bundles().Newest(); }));
  bundle::Bundle later = Must(bundle::ReadUnverified(newest.signed_bundle));
  later.generation += 7;
  later.previous_sha256 = std::string(32, 'p');
  const auto key = Must(authority::OpenKey(*world_.store, *world_.custody, "bundle"));
  const std::string signed_later = Must(bundle::Sign(later, *key));
  const auto put = [&](const std::string& bytes) {
    kubernetes_.PutObject({{"kind", "ConfigMap"},
                           {"metadata", {{"name", "signet-bundle"}, {"namespace", "slurm"}}},
                           {"binaryData", {{"bundle", absl::Base64Escape(bytes)}}}});
  };
  put(signed_later);
  publisher_->Tick();
  EXPECT_EQ(BundleValue(kBundleKey), signed_later);
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("next=signetctl bundle recover")));
  // One that only says so stands in nobody's way.
  std::string forged = signed_later;
  forged.back() = static_cast<char>(forged.back() ^ 1);
  put(forged);
  TickAfter(kShortestPause);
  EXPECT_EQ(BundleValue(kBundleKey), newest.signed_bundle);
}

TEST_F(PublisherTest, AWordOfAStrangerEndsNoCertificateThatIsInTheSecret) {
  publisher_->Tick();
  const std::string serial = Served().serial();
  Json object = kubernetes_.Object("Secret", "slurm", kSecret);
  object["metadata"]["annotations"][kPendingKey] = absl::BytesToHexString(Served().public_key().spki_sha256());
  kubernetes_.PutObject(object);
  TickAfter(kLookEvery);
  ExpectGood();
  EXPECT_EQ(Served().serial(), serial);
  EXPECT_EQ(Revoked(), 0);
  object = kubernetes_.Object("Secret", "slurm", kSecret);
  object["metadata"]["annotations"][kPendingKey] = "../../x";
  kubernetes_.PutObject(object);
  TickAfter(kLookEvery);
  ExpectGood();
  EXPECT_EQ(Revoked(), 0);
}

TEST_F(PublisherTest, AWordOfAStrangerAboutAnEmptiedSecretEndsNothingThatIsOld) {
  publisher_->Tick();
  const std::string word = absl::BytesToHexString(Served().public_key().spki_sha256());
  world_.clock.Advance(issuance::kWordCounts + absl::Seconds(1));
  kubernetes_.PutObject(
      {{"kind", "Secret"},
       {"metadata", {{"name", kSecret}, {"namespace", "slurm"}, {"annotations", {{kPendingKey, word}}}}}});
  publisher_->Tick();
  ExpectGood();
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(2));
  EXPECT_EQ(Revoked(), 0);
}

TEST_F(PublisherTest, APairInHandIsEndedWhenAHandBroughtAGoodOneBack) {
  publisher_->Tick();
  const std::string serial = Served().serial();
  const Json good = kubernetes_.Object("Secret", "slurm", kSecret);
  RenderSecret();
  kubernetes_.OnPatch([](const Json& patch) { return patch.contains("data") ? 422 : 0; });
  TickAfter(kLookEvery);
  ASSERT_THAT(world_.Certificates("slurmctld"), SizeIs(2));
  Json restored = kubernetes_.Object("Secret", "slurm", kSecret);
  restored["data"] = good["data"];
  kubernetes_.PutObject(restored);
  RefusePairs(false);
  TickAfter(kLongestPause);
  ExpectGood();
  EXPECT_EQ(Served().serial(), serial);
  EXPECT_EQ(Revoked(), 1);
}

TEST_F(PublisherTest, WhoEmptiesItAgainAndAgainGetsFewCertificates) {
  publisher_->Tick();
  for (int i = 0; i < 9; ++i) {
    RenderSecret();
    TickAfter(kLongestPause);
  }
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(kMostPairsAnHour));
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("who else writes it?")));
  TickAfter(absl::Hours(1));
  ExpectGood();
}

TEST_F(PublisherTest, NoKeyIsInTheLogAndResultsAreCounted) {
  int status = 422;
  kubernetes_.OnPatch(
      [&](const Json& patch) { return patch.contains("data") ? std::exchange(status, status == 422 ? 500 : 0) : 0; });
  for (int i = 0; i < 3; ++i) TickAfter(kLongestPause);
  kubernetes_.SetMode(testing::Mode::kGarbage);
  TickAfter(kLookEvery);
  const std::string key = Value(kPrivateKeyKey);
  std::vector<std::string> traces = absl::StrSplit(key, '\n', absl::SkipEmpty());
  ASSERT_THAT(traces, SizeIs(::testing::Ge(5U)));
  traces.push_back(absl::Base64Escape(key).substr(0, 64));
  for (const std::string& trace : traces) EXPECT_THAT(logger_.lines(), Each(Not(HasSubstr(trace))));
  EXPECT_THAT(metrics_.Text(), HasSubstr("signet_publish_total"));
  EXPECT_THAT(logger_.lines(), Contains(HasSubstr("published object=Secret slurm/signet-slurmctld-tls")));
}

TEST_F(PublisherTest, ItsThreadPublishesAndStopsWhileTheApiIsSilent) {
  publisher_->Start();
  while (Value(kPrivateKeyKey).empty()) std::this_thread::yield();
  kubernetes_.SetMode(testing::Mode::kSilent);
  world_.clock.Advance(kLookEvery);
  publisher_->Stop();
  kubernetes_.SetMode(testing::Mode::kNormal);
  EXPECT_NE(BundleValue(kBundleKey), "");
}

}  // namespace
}  // namespace signet::server
