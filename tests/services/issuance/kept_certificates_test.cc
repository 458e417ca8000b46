#include "services/issuance/kept_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "services/authority/gates.h"
#include "services/keys/request_signing.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::issuance {
namespace {

using ::signet::testing::AddPrepared;
using ::signet::testing::Must;
using ::signet::testing::SetState;
using ::signet::testing::SimulatedNode;
using ::signet::testing::World;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);

class KeptCertificatesTest : public ::testing::Test {
 protected:
  KeptCertificates Kept() { return {*world_.named, *world_.authorities, *world_.audit, *world_.store, world_.clock}; }
  Pair Issue(const keys::PrivateKey& key = SimulatedNode::NewKey()) {
    return Must(Kept().Issue("slurmctld", key, origin_));
  }
  Finding Examine(const Pair& pair, absl::string_view service = "slurmctld") {
    return Must(Kept().Examine(service, pair));
  }
  // What is due, and why.
  std::string WhyNew(const Pair& pair, absl::string_view service = "slurmctld") {
    const Finding finding = Examine(pair, service);
    return finding.due == Due::kCertificate ? finding.why : "no new certificate is due";
  }
  static Pair With(const std::string& chain_pem, absl::string_view key_pem) {
    return {chain_pem, base::SecretBytes(key_pem)};
  }
  static x509::Certificate LeafOf(const Pair& pair) { return Must(x509::Certificate::ListFromPem(pair.chain_pem))[0]; }
  std::string Abandon(const keys::PrivateKey& key, absl::string_view service = "slurmctld", Word word = Word::kPlaces) {
    return Must(Kept().Abandon(service, key.public_key().spki_sha256(), word, origin_));
  }
  void RevokeService() {
    revocation::Request request;
    request.nodes = {"slurmctld"};
    request.comment = "the Secret was read by a stranger";
    Must(world_.revocation->Revoke(request, world_.origin));
  }
  store::CertificateRow Row(const std::string& serial) {
    return Must(world_.Read([&](const store::Tables& tables) { return tables.certificates().Find(serial); }));
  }

  World world_;
  const audit::Origin origin_{"signetd", "0123456789abcdef"};
};

TEST_F(KeptCertificatesTest, WhatWasIssuedIsGoodAndRecordedAsSignetds) {
  const Pair pair = Issue();
  const Finding finding = Examine(pair);
  EXPECT_EQ(finding.due, Due::kNothing);
  EXPECT_EQ(finding.why, "");
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(1));
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("signetd"));
  world_.Restart();
  EXPECT_EQ(Examine(pair).due, Due::kNothing);
}

TEST_F(KeptCertificatesTest, NothingOrHalfAPairIsReplaced) {
  const Pair pair = Issue();
  EXPECT_EQ(WhyNew({}), "there is none");
  EXPECT_EQ(WhyNew(With("", pair.key_pem.ExposeSecret())), "what is there is no certificate");
  EXPECT_EQ(WhyNew(With("junk", pair.key_pem.ExposeSecret())), "what is there is no certificate");
  EXPECT_EQ(WhyNew(With(pair.chain_pem, "")), "there is no key with it");
  const Pair other = Issue();
  EXPECT_EQ(WhyNew(With(pair.chain_pem, other.key_pem.ExposeSecret())), "its key is another one's");
}

TEST_F(KeptCertificatesTest, WhatWasNotIssuedHereForThisServiceIsReplaced) {
  const Pair pair = Issue();
  EXPECT_EQ(WhyNew(pair, "slurmdbd"), "it was not issued here for this service");
  World other;
  KeptCertificates elsewhere(*other.named, *other.authorities, *other.audit, *other.store, other.clock);
  EXPECT_EQ(WhyNew(Must(elsewhere.Issue("slurmctld", SimulatedNode::NewKey(), origin_))), "it was not issued here");
}

TEST_F(KeptCertificatesTest, ANewOneIsDueWhenTwoThirdsOfTheLifeAreOver) {
  const Pair pair = Issue();
  world_.clock.Advance(60 * kDay - absl::Minutes(1));
  EXPECT_EQ(Examine(pair).due, Due::kNothing);
  world_.clock.Advance(absl::Minutes(2));
  EXPECT_EQ(WhyNew(pair), "two thirds of its life are over");
}

TEST_F(KeptCertificatesTest, OneOfTheFutureIsReplacedWhenTheClockWasSetBack) {
  const Pair pair = Issue();
  world_.clock.Advance(-2 * policy::kLeafBackdate);
  EXPECT_EQ(WhyNew(pair), "it is not valid yet");
}

TEST_F(KeptCertificatesTest, ARevokedOneIsReplaced) {
  const Pair pair = Issue();
  RevokeService();
  EXPECT_EQ(WhyNew(pair), "it is revoked");
}

TEST_F(KeptCertificatesTest, AnotherAuthorityThatSignsMakesANewOneDue) {
  const Pair pair = Issue();
  const std::string first = world_.created.slurm_authority_id;
  const std::string next = AddPrepared(world_);
  EXPECT_EQ(Examine(pair).due, Due::kNothing);
  SetState(world_, first, store::AuthorityState::kRetired);
  SetState(world_, next, store::AuthorityState::kActive);
  Must(world_.authorities->Reload());
  EXPECT_EQ(WhyNew(pair), "another authority signs now");
  const Pair renewed = Issue();
  EXPECT_TRUE(LeafOf(renewed).VerifySignedBy(world_.Root()).ok());
  EXPECT_EQ(Examine(renewed).due, Due::kNothing);
}

TEST_F(KeptCertificatesTest, TheSameLeafGetsWhatBelongsAboveIt) {
  const Pair pair = Issue();
  const std::string leaf = LeafOf(pair).pem();
  const Finding finding = Examine(With(leaf + world_.Root().pem(), pair.key_pem.ExposeSecret()));
  EXPECT_EQ(finding.due, Due::kChain);
  EXPECT_EQ(finding.chain_pem, pair.chain_pem);
  EXPECT_THAT(world_.Certificates("slurmctld"), SizeIs(1));
}

TEST_F(KeptCertificatesTest, AStoreThatDoesNotAnswerMakesNothingDue) {
  const Pair pair = Issue();
  world_.store->FailCall(1);
  EXPECT_FALSE(Kept().Examine("slurmctld", pair).ok());
  EXPECT_TRUE(world_.store->failed_a_call());
}

TEST_F(KeptCertificatesTest, ACertificateWhoseKeyNobodyHasIsRevokedOnceAndAudited) {
  const keys::PrivateKey key = SimulatedNode::NewKey();
  const std::string serial = LeafOf(Issue(key)).serial();
  EXPECT_EQ(Abandon(key), serial);
  EXPECT_EQ(Row(serial).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Row(serial).revocation_reason, store::RevocationReason::kSuperseded);
  const std::size_t records = world_.AuditRows().size();
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("certificate.revoke"));
  EXPECT_EQ(Abandon(key), "");
  EXPECT_THAT(world_.AuditRows(), SizeIs(records));
}

TEST_F(KeptCertificatesTest, OnlyACertificateOfThatServiceIsAbandoned) {
  const keys::PrivateKey key = SimulatedNode::NewKey();
  const std::string serial = LeafOf(Issue(key)).serial();
  EXPECT_EQ(Abandon(key, "slurmdbd"), "");
  EXPECT_EQ(Abandon(SimulatedNode::NewKey()), "");
  const keys::PrivateKey client = SimulatedNode::NewKey();
  Must(world_.named->IssueClient("admin", "jane", "", Must(keys::SignRequestPem(client, "jane", "")), world_.origin));
  EXPECT_EQ(Abandon(client, "jane"), "");
  EXPECT_NE(Row(serial).state, store::CertificateState::kRevoked);
}

TEST_F(KeptCertificatesTest, AnOldCertificateIsNotAbandonedByAPlacesWord) {
  const keys::PrivateKey key = SimulatedNode::NewKey();
  const std::string serial = LeafOf(Issue(key)).serial();
  world_.clock.Advance(kWordCounts + absl::Seconds(1));
  EXPECT_EQ(Abandon(key), "");
  EXPECT_NE(Row(serial).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Abandon(key, "slurmctld", Word::kOwn), serial);
}

TEST_F(KeptCertificatesTest, ACertificateThatSomebodyWasSeenToServeIsNotAbandoned) {
  const keys::PrivateKey key = SimulatedNode::NewKey();
  const std::string serial = LeafOf(Issue(key)).serial();
  store::ReportRow report;
  report.host = "head1";
  report.program = "slurmctld";
  report.served_serial = serial;
  Must(world_.sightings->Report(report, world_.origin));
  EXPECT_EQ(Abandon(key), "");
  const keys::PrivateKey probed = SimulatedNode::NewKey();
  store::ProbeRow probe{"head2", "slurmctld", world_.created.slurm_authority_id, true, LeafOf(Issue(probed)).serial(),
                        {}};
  Must(world_.sightings->RecordProbes(probe.authority_id, {probe}, world_.origin));
  EXPECT_EQ(Abandon(probed), "");
}

TEST_F(KeptCertificatesTest, AnAbandonedCertificateKeepsNoGateClosed) {
  // The one that was served until now.
  Issue();
  const keys::PrivateKey lost = SimulatedNode::NewKey();
  Issue(lost);
  const std::string first = world_.created.slurm_authority_id;
  const std::string next = AddPrepared(world_);
  SetState(world_, first, store::AuthorityState::kRetired);
  SetState(world_, next, store::AuthorityState::kActive);
  Must(world_.authorities->Reload());
  store::ReportRow report;
  report.host = "slurm-controller-0";
  report.program = "slurmctld";
  report.served_serial = LeafOf(Issue()).serial();
  Must(world_.sightings->Report(report, world_.origin));
  const auto still_served = [&] {
    return Must(world_.Read([&](const store::Tables& tables) -> absl::StatusOr<std::vector<authority::Blocker>> {
      for (const store::AuthorityRow& row : Must(tables.authorities().List())) {
        if (row.id == first) return authority::StillServed(tables, row, world_.clock.Now());
      }
      return absl::NotFoundError(first);
    }));
  };
  ASSERT_THAT(still_served(), SizeIs(1));
  // It is not the newest one any more: whoever may write the place could say this of any.
  EXPECT_EQ(Abandon(lost), "");
  ASSERT_THAT(still_served(), SizeIs(1));
  Abandon(lost, "slurmctld", Word::kOwn);
  EXPECT_THAT(still_served(), IsEmpty());
}

}  // namespace
}  // namespace signet::issuance
