#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/issuance/issuer.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/openssl_verifier.h"
#include "tests/testing/world.h"

namespace signet::issuance {
namespace {

using ::signet::testing::Activate;
using ::signet::testing::AddPrepared;
using ::signet::testing::AddSubordinate;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::OpensslAccepts;
using ::signet::testing::OpensslAcceptsBothWays;
using ::signet::testing::OpensslRefusesBothWays;
using ::signet::testing::SetState;
using ::signet::testing::TestRoot;
using ::signet::testing::World;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kDay = absl::Hours(24);

class IssuerRotationTest : public ::testing::Test {
 protected:
  Approval Node(const std::string& authority_id = "") {
    return {store::Purpose::kSlurm,
            authority_id,
            store::Profile::kNode,
            policy::NodeProfile(),
            {"n1", {"n1"}, {}},
            key_.public_key(),
            "slurmd",
            "",
            0};
  }
  Approval Probe(const std::string& authority_id) {
    return {store::Purpose::kSlurm,
            authority_id,
            store::Profile::kProbe,
            policy::ProbeProfile(),
            {"signet-probe", {"signet-probe"}, {}},
            key_.public_key(),
            "probe",
            "",
            0};
  }
  absl::Status Record(const Prepared& prepared) {
    const auto record = [&](store::Tables& tables) { return world_.issuer->Record(tables, prepared); };
    return world_.store->Write(record);
  }
  std::vector<x509::Certificate> Issue(const Approval& approval) {
    Prepared prepared = Must(world_.issuer->Prepare(approval));
    Must(Record(prepared));
    return Chain(Must(world_.issuer->Release(std::move(prepared))));
  }
  static std::vector<x509::Certificate> Chain(const Issued& issued) {
    return Must(x509::Certificate::ListFromPem(issued.chain_pem));
  }
  x509::Certificate Anchor(const std::string& id) { return Must(world_.authorities->Find(id))->anchor; }
  bool Accepted(const std::vector<x509::Certificate>& chain, const x509::Certificate& anchor) {
    const std::vector<x509::Certificate> above(chain.begin() + 1, chain.end());
    const bool accepted = OpensslAcceptsBothWays(chain[0], above, {anchor}, world_.clock.Now());
    EXPECT_NE(OpensslRefusesBothWays(chain[0], above, {anchor}, world_.clock.Now()), accepted);
    return accepted;
  }
  // A probe is a client's only: never a server's, whoever verifies it.
  bool AcceptedAsClient(const std::vector<x509::Certificate>& chain, const x509::Certificate& anchor) {
    const std::vector<x509::Certificate> above(chain.begin() + 1, chain.end());
    EXPECT_FALSE(OpensslAccepts(chain[0], above, {anchor}, X509_PURPOSE_SSL_SERVER, world_.clock.Now()));
    return OpensslAccepts(chain[0], above, {anchor}, X509_PURPOSE_SSL_CLIENT, world_.clock.Now());
  }
  World world_;
  const std::string first_ = world_.created.slurm_authority_id;
  keys::PrivateKey key_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
};

TEST_F(IssuerRotationTest, WhatWasPreparedUnderAnAuthorityThatIsNoLongerActiveIsNotRecorded) {
  for (const store::AuthorityState state : {store::AuthorityState::kPrepared, store::AuthorityState::kRetired,
                                            store::AuthorityState::kRevoked, store::AuthorityState::kDestroyed}) {
    SetState(world_, first_, store::AuthorityState::kActive);
    const Prepared prepared = Must(world_.issuer->Prepare(Node()));
    SetState(world_, first_, state);
    EXPECT_TRUE(absl::IsAborted(Record(prepared))) << static_cast<int>(state);
  }
  EXPECT_THAT(world_.Certificates("n1"), IsEmpty());
  SetState(world_, first_, store::AuthorityState::kActive);
  EXPECT_TRUE(Record(Must(world_.issuer->Prepare(Node()))).ok());
}

TEST_F(IssuerRotationTest, ARetrySeesTheNewAuthorityAndThereIsOneOnly) {
  Activate(world_, AddPrepared(world_));
  int attempts = 0;
  std::string authority_id;
  const auto attempt = [&]() -> absl::Status {
    ++attempts;
    const Prepared prepared = Must(world_.issuer->Prepare(Node()));
    authority_id = prepared.row().authority_id;
    return Record(prepared);
  };
  ASSERT_TRUE(world_.issuer->WithRetry(attempt).ok());
  EXPECT_EQ(attempts, 2);
  EXPECT_NE(authority_id, first_);
  ASSERT_EQ(world_.Certificates("n1").size(), 1U);

  attempts = 0;
  const auto never = [&]() -> absl::Status {
    ++attempts;
    return absl::AbortedError("again");
  };
  EXPECT_TRUE(absl::IsAborted(world_.issuer->WithRetry(never)));
  EXPECT_EQ(attempts, 2);
  const auto refused = [&]() -> absl::Status {
    ++attempts;
    return absl::InvalidArgumentError("no");
  };
  EXPECT_TRUE(absl::IsInvalidArgument(world_.issuer->WithRetry(refused)));
  EXPECT_EQ(attempts, 3);
}

TEST_F(IssuerRotationTest, WhatWasRecordedBeforeIsReleasedAfterARetirementAndNotAfterARevocation) {
  Prepared in_time = Must(world_.issuer->Prepare(Node()));
  Must(Record(in_time));
  Activate(world_, AddPrepared(world_));
  Must(world_.authorities->Reload());
  EXPECT_TRUE(Accepted(Chain(Must(world_.issuer->Release(std::move(in_time)))), Anchor(first_)));

  Prepared late = Must(world_.issuer->Prepare(Node()));
  Must(Record(late));
  SetState(world_, late.row().authority_id, store::AuthorityState::kRevoked);
  Must(world_.authorities->Reload());
  const int signatures = world_.custody->signatures();
  const absl::Status refused = world_.issuer->Release(std::move(late)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("revoked meanwhile"));
  EXPECT_EQ(world_.custody->signatures(), signatures);
}

TEST_F(IssuerRotationTest, WhatWasRevokedBetweenItsRecordAndItsSignatureIsNotSigned) {
  const auto refused = [&](Prepared prepared) {
    const int signatures = world_.custody->signatures();
    const absl::Status status = world_.issuer->Release(std::move(prepared)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("revoked meanwhile"));
    EXPECT_EQ(world_.custody->signatures(), signatures);
  };
  Prepared prepared = Must(world_.issuer->Prepare(Node()));
  Must(Record(prepared));
  Must(world_.store->Write([&](store::Tables& tables) {
    return tables.certificates()
        .Revoke(prepared.row().serial, world_.clock.Now(), store::RevocationReason::kKeyCompromise)
        .status();
  }));
  refused(std::move(prepared));
  // An authority that was revoked, while the list in memory does not know it yet.
  Prepared late = Must(world_.issuer->Prepare(Node()));
  Must(Record(late));
  SetState(world_, first_, store::AuthorityState::kRevoked);
  ASSERT_EQ(Must(world_.authorities->Find(first_))->state, store::AuthorityState::kActive);
  refused(std::move(late));
}

TEST_F(IssuerRotationTest, FromActivationALeafCarriesTheCrossUntilThatEndsWithoutAnyReload) {
  const std::string next = AddPrepared(world_);
  EXPECT_FALSE(Accepted(Issue(Node()), Anchor(next)));
  Activate(world_, next, kDay * 20);
  Must(world_.authorities->Reload());
  const std::vector<x509::Certificate> chain = Issue(Node());
  EXPECT_EQ(chain.size(), 2U);
  EXPECT_TRUE(Accepted(chain, Anchor(first_)));
  EXPECT_TRUE(Accepted(chain, Anchor(next)));
  world_.clock.Advance(kDay * 20 - absl::Seconds(1));
  EXPECT_EQ(Issue(Node()).size(), 2U);
  world_.clock.Advance(absl::Seconds(1));
  EXPECT_EQ(Issue(Node()).size(), 1U);
}

TEST_F(IssuerRotationTest, ARepeatedAnswerCarriesWhatIsAboveItNow) {
  const std::string next = AddPrepared(world_);
  Activate(world_, next);
  Must(world_.authorities->Reload());
  EXPECT_EQ(Issue(Node()).size(), 2U);
  SetState(world_, first_, store::AuthorityState::kRevoked);
  Must(world_.authorities->Reload());
  EXPECT_EQ(Chain(Must(world_.issuer->Repeat(world_.Certificates("n1")[0]))).size(), 1U);
}

TEST_F(IssuerRotationTest, AProbeIsSignedByAnyTrustedAuthorityAndNothingElseIs) {
  const std::string next = AddPrepared(world_);
  EXPECT_FALSE(world_.issuer->Prepare(Node(next)).ok());
  EXPECT_TRUE(AcceptedAsClient(Issue(Probe(next)), Anchor(next)));
  EXPECT_TRUE(AcceptedAsClient(Issue(Probe(first_)), Anchor(first_)));
  Activate(world_, next);
  Must(world_.authorities->Reload());
  EXPECT_TRUE(AcceptedAsClient(Issue(Probe(first_)), Anchor(first_)));
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Prepare(Node(first_)).status()));
  EXPECT_TRUE(world_.issuer->Prepare(Node(next)).ok());
  for (const store::AuthorityState state : {store::AuthorityState::kRevoked, store::AuthorityState::kDestroyed}) {
    SetState(world_, first_, state);
    Must(world_.authorities->Reload());
    EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Prepare(Probe(first_)).status()));
  }
  EXPECT_TRUE(absl::IsNotFound(world_.issuer->Prepare(Probe("ffff")).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Prepare(Probe(world_.created.control_authority_id)).status()));
}

TEST_F(IssuerRotationTest, AProbePreparedUnderAnAuthorityThatWasRevokedIsNotRecorded) {
  const std::string next = AddPrepared(world_);
  const Prepared prepared = Must(world_.issuer->Prepare(Probe(next)));
  SetState(world_, next, store::AuthorityState::kRevoked);
  EXPECT_TRUE(absl::IsAborted(Record(prepared)));
}

TEST_F(IssuerRotationTest, AProbeCarriesNoCrossSoThatOnlyWhoTrustsItsAuthorityAcceptsIt) {
  const std::string next = AddPrepared(world_);
  Activate(world_, next);
  Must(world_.authorities->Reload());
  EXPECT_EQ(Issue(Node()).size(), 2U);
  const std::vector<x509::Certificate> probe = Issue(Probe(next));
  EXPECT_EQ(probe.size(), 1U);
  EXPECT_EQ(probe[0].not_after(), world_.clock.Now() + absl::Minutes(10));
  EXPECT_TRUE(AcceptedAsClient(probe, Anchor(next)));
  EXPECT_FALSE(AcceptedAsClient(probe, Anchor(first_)));
}

TEST_F(IssuerRotationTest, AProbeUnderASubordinateCarriesItsIntermediatesOnly) {
  const TestRoot root = MakeTestRoot(world_.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  const std::string next = AddSubordinate(world_, root, "CN=Sub");
  Activate(world_, next);
  Must(world_.authorities->Reload());
  EXPECT_EQ(Issue(Node()).size(), 3U);
  const std::vector<x509::Certificate> probe = Issue(Probe(next));
  EXPECT_EQ(probe.size(), 2U);
  EXPECT_TRUE(AcceptedAsClient(probe, root.certificate));
  EXPECT_FALSE(AcceptedAsClient(probe, Anchor(first_)));
  EXPECT_TRUE(Accepted(Issue(Node()), root.certificate));
  EXPECT_TRUE(Accepted(Issue(Node()), Anchor(first_)));
}

}  // namespace
}  // namespace signet::issuance
