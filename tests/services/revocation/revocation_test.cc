#include "services/revocation/revocation.h"

#include <atomic>
#include <thread>

#include "services/base/status_macros.h"
#include "tests/services/revocation/revocation_fixture.h"

namespace signet::revocation {
namespace {

using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(RevocationTest, ASerialEndsTheKeyThatObtainedItAndTheNodeRenewsNoMore) {
  Enrol(n1_);
  Enrol(n2_);
  const Revoked revoked = Must(Revoke(BySerial({Serial("n1")})));
  EXPECT_EQ(revoked.certificates, 1);
  EXPECT_EQ(revoked.identities_ended, 1);
  const store::CertificateRow row = Row(Serial("n1"));
  EXPECT_EQ(row.state, store::CertificateState::kRevoked);
  EXPECT_EQ(row.revoked_at, world_.clock.Now());
  EXPECT_EQ(row.revocation_reason, store::RevocationReason::kKeyCompromise);
  EXPECT_EQ(Identity(n1_).ended_by, store::EndedBy::kRevocation);
  const absl::Status refused = Ask(n1_);
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentityEnded);
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("signetctl cert revoke"), HasSubstr("a new token file")));
  EXPECT_EQ(base::NextOf(refused), "signetctl token create n1 --out-dir DIR");
  Must(Ask(n2_));
}

TEST_F(RevocationTest, ARevokedCertificateIsNotAnsweredAgain) {
  const evidence::Token token = world_.MakeToken("n1");
  const testing::NodeRequest request = n1_.Ask(&token);
  ASSERT_EQ(Refused(request), "");
  ASSERT_EQ(Refused(request), "") << "the stored answer";
  Must(Revoke(BySerial({Serial("n1")})));
  EXPECT_EQ(Refused(request), base::kIdentityEnded);
  EXPECT_EQ(world_.Certificates("n1").size(), 1u);
}

TEST_F(RevocationTest, ANodeComesBackWithATokenMadeAfterwardsAndWithNoOther) {
  Enrol(n1_);
  const evidence::Token before = world_.MakeToken("n1", evidence::TokenKind::kReusable);
  Tick();
  Must(Revoke(BySerial({Serial("n1")})));
  Tick();
  SimulatedNode fresh("n1", world_.clock);
  const absl::Status refused = Ask(fresh, &before);
  EXPECT_EQ(base::ReasonOf(refused), base::kTokenSuperseded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("certificate was revoked"));
  const evidence::Token after = world_.MakeToken("n1");
  EXPECT_EQ(base::ReasonOf(Ask(n1_, &after)), base::kIdentityEnded) << "no token brings the old key back";
  Must(Ask(fresh, &after));
  EXPECT_EQ(base::ReasonOf(Ask(n1_)), base::kIdentityEnded);
  Tick();
  Must(Ask(fresh));
}

TEST_F(RevocationTest, AnOldSerialLeavesTheKeyThatCameAfterItAlone) {
  Enrol(n1_);
  const std::string old = Serial("n1");
  SimulatedNode fresh("n1", world_.clock);
  Enrol(fresh);
  const Revoked revoked = Must(Revoke(BySerial({old})));
  EXPECT_EQ(revoked.certificates, 1);
  EXPECT_EQ(revoked.identities_ended, 0);
  Must(Ask(fresh));
}

TEST_F(RevocationTest, AnEarlierSerialOfTheLiveKeyEndsIt) {
  Enrol(n1_);
  const std::string first = Serial("n1");
  Must(Ask(n1_));
  Tick();
  EXPECT_EQ(Must(Revoke(BySerial({first}))).identities_ended, 1);
  EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked) << "one serial, one certificate";
  EXPECT_EQ(base::ReasonOf(Ask(n1_)), base::kIdentityEnded);
}

TEST_F(RevocationTest, ANodeLosesEveryCertificateKeyAndOpenToken) {
  Enrol(n1_);
  Must(Ask(n1_));
  Tick();
  SimulatedNode sackd("n1", world_.clock, "sackd");
  Enrol(sackd, "sackd");
  Enrol(n2_);
  const evidence::Token open = world_.MakeToken("n1");
  SimulatedNode approved("n1", world_.clock);
  Must(world_.node_life->Approve("n1", "slurmd", approved.key_id(), absl::ZeroDuration(), world_.origin));
  Tick();
  const Revoked revoked = Must(Revoke(ByNode({"n1"})));
  EXPECT_EQ(revoked.certificates, 3);
  EXPECT_EQ(revoked.identities_ended, 2);
  EXPECT_EQ(base::ReasonOf(Ask(n1_)), base::kIdentityEnded);
  EXPECT_EQ(base::ReasonOf(Ask(sackd)), base::kIdentityEnded);
  SimulatedNode fresh("n1", world_.clock);
  EXPECT_EQ(base::ReasonOf(Ask(fresh, &open)), base::kTokenRevoked);
  EXPECT_EQ(base::ReasonOf(Ask(approved)), base::kIdentityUnknown);
  EXPECT_EQ(Row(Serial("n2")).state, store::CertificateState::kIssued);
  Must(Ask(n2_));
  Tick();
  Enrol(fresh);
}

TEST_F(RevocationTest, ANodeThatWasForgottenLosesItsCertificates) {
  Enrol(n1_);
  const std::string serial = Serial("n1");
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  EXPECT_EQ(Must(Revoke(ByNode({"n1"}))).certificates, 1);
  EXPECT_EQ(Row(serial).state, store::CertificateState::kRevoked);
}

TEST_F(RevocationTest, AServiceIsRevokedByNameOrSerialAndHasNoKeyToEnd) {
  const std::string first = IssueService("slurmctld");
  const std::string second = IssueService("slurmctld");
  const std::string other = IssueService("slurmdbd");
  const Revoked by_serial = Must(Revoke(BySerial({first})));
  EXPECT_EQ(by_serial.certificates, 1);
  EXPECT_EQ(by_serial.identities_ended, 0);
  EXPECT_EQ(Must(Revoke(ByNode({"slurmctld"}))).certificates, 1);
  EXPECT_EQ(Row(second).state, store::CertificateState::kRevoked);
  EXPECT_NE(Row(other).state, store::CertificateState::kRevoked);
}

TEST_F(RevocationTest, AClientOfSignetIsRevokedByItsSerialOnly) {
  Enrol(n1_);
  const std::string client = IssueClient("n1");
  EXPECT_EQ(Must(Revoke(ByNode({"n1"}))).certificates, 1) << "the node's";
  EXPECT_NE(Row(client).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Must(Revoke(BySerial({client}))).certificates, 1);
  EXPECT_EQ(Row(client).state, store::CertificateState::kRevoked);
}

TEST_F(RevocationTest, AClientsSerialTakesWhatItRenewedAndWhatItCameFromAlong) {
  const std::string first = IssueClient("jane");
  const std::string stolen = Renew("admin", "jane", first);
  const std::string newest = Renew("admin", "jane", stolen);
  const std::string other = IssueClient("joe");
  const std::string csr = Must(keys::SignRequestPem(testing::SimulatedNode::NewKey(), "jane", ""));
  const std::string auditor = Must(world_.named->IssueClient("auditor", "jane", "", csr, world_.origin)).serial;
  Request request = BySerial({first});
  request.dry_run = true;
  EXPECT_EQ(Must(Revoke(request)).certificates, 3);
  request.dry_run = false;
  EXPECT_EQ(Must(Revoke(request)).certificates, 3);
  for (const std::string& serial : {first, stolen, newest}) {
    EXPECT_EQ(Row(serial).state, store::CertificateState::kRevoked);
  }
  EXPECT_NE(Row(other).state, store::CertificateState::kRevoked);
  EXPECT_NE(Row(auditor).state, store::CertificateState::kRevoked) << "another role";
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("certificate.revoke"));
  EXPECT_NE(Row(IssueClient("jane")).state, store::CertificateState::kRevoked);
}

TEST_F(RevocationTest, AServicesNameTakesWhatCouldAskForAnotherAlong) {
  const std::string served = IssueService("slurmdbd");
  const std::string control = IssueControlOf("slurmdbd");
  const std::string other = IssueControlOf("slurmrestd");
  EXPECT_EQ(Must(Revoke(ByNode({"slurmdbd"}))).certificates, 2);
  EXPECT_EQ(Row(served).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Row(control).state, store::CertificateState::kRevoked);
  EXPECT_NE(Row(other).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Must(Revoke(ByNode({"slurmrestd"}))).certificates, 1) << "known by its control certificate alone";
  EXPECT_TRUE(absl::IsNotFound(Revoke(ByNode({"slurmctld"})).status()));
}

TEST_F(RevocationTest, ARetiredAuthorityLosesEveryCertificateAndNoNodeItsKey) {
  Enrol(n1_);
  const std::string old = Serial("n1");
  const std::string service = IssueService("slurmdbd");
  const std::string client = IssueClient("jane");
  const std::string id = SlurmId();
  const std::string next = Must(world_.rotation->Prepare({}, world_.origin)).authority_id;
  authority::Plan plan;
  Must(
      world_.rotation->Change({next, authority::Verb::kActivate, false, "a rehearsal"}, world_.origin, &plan).status());
  const absl::Status needed = Revoke(ByAuthority(id)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(needed)) << needed;
  EXPECT_EQ(base::ReasonOf(needed), base::kGateClosed);
  EXPECT_THAT(std::string(needed.message()), HasSubstr("n1"));
  EXPECT_THAT(std::string(needed.message()), HasSubstr("slurmdbd"));
  EXPECT_THAT(base::NextOf(needed), HasSubstr("signetctl authority emergency " + id.substr(0, 12)));
  EXPECT_NE(Row(service).state, store::CertificateState::kRevoked);
  Must(Ask(n1_));
  IssueService("slurmdbd");
  EXPECT_EQ(base::ReasonOf(Revoke(ByAuthority(id)).status()), base::kGateClosed) << "nobody saw what they serve";
  Tick();
  Must(world_.sightings->Acknowledge(id, {"n1", "slurmdbd"}, "restarted both", world_.origin).status());
  const Revoked revoked = Must(Revoke(ByAuthority(id)));
  EXPECT_EQ(revoked.certificates, 2);
  EXPECT_EQ(revoked.identities_ended, 0);
  EXPECT_EQ(Row(old).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Row(service).state, store::CertificateState::kRevoked);
  EXPECT_NE(Row(client).state, store::CertificateState::kRevoked);
  EXPECT_EQ(Identity(n1_).superseded_at, absl::InfiniteFuture());
  EXPECT_EQ(Must(Revoke(ByAuthority(id))).certificates, 0);
}

TEST_F(RevocationTest, AnActiveAuthorityIsRefused) {
  Enrol(n1_);
  for (const store::Purpose purpose : {store::Purpose::kSlurm, store::Purpose::kControl}) {
    const absl::Status refused = Revoke(ByAuthority(Must(world_.authorities->Active(purpose))->id)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(base::NextOf(refused), HasSubstr("signetctl authority prepare"));
  }
  EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked);
}

TEST_F(RevocationTest, WhatIsUnknownIsNamedAndNothingIsRevoked) {
  Enrol(n1_);
  const auto refused = [&](const Request& request) {
    const absl::Status status = Revoke(request).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(base::ReasonOf(status), base::kNotFound);
    return std::string(status.message());
  };
  const std::size_t audited = world_.AuditRows().size();
  EXPECT_THAT(refused(BySerial({Serial("n1"), "ffffffffffffffffffffffffffffffffffffffff"})),
              HasSubstr("serial ffffffffffffffffffffffffffffffffffffffff"));
  EXPECT_THAT(refused(ByNode({"n1", "n9"})), HasSubstr("n9"));
  world_.MakeToken("n3");
  EXPECT_THAT(refused(ByNode({"n3"})), HasSubstr("n3"));
  EXPECT_THAT(refused(ByNode({"slurmrestd"})), HasSubstr("slurmrestd"));
  EXPECT_THAT(refused(ByAuthority("ffff")), HasSubstr("authority ffff"));
  EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked);
  EXPECT_EQ(world_.AuditRows().size(), audited + 1) << "the token's alone";
  Must(Ask(n1_));
}

TEST_F(RevocationTest, TheSecondTimeChangesNothing) {
  Enrol(n1_);
  Enrol(n2_);
  const Request by_serial = BySerial({Serial("n1"), Serial("n1")});
  EXPECT_EQ(Must(Revoke(by_serial)).certificates, 1);
  Must(Revoke(ByNode({"n2"})));
  const std::size_t audited = world_.AuditRows().size();
  const absl::Time revoked_at = Row(Serial("n1")).revoked_at;
  Tick();
  for (const Request& again : {by_serial, ByNode({"n2"}), ByNode({"n1"})}) {
    const Revoked revoked = Must(Revoke(again));
    EXPECT_EQ(revoked.certificates, 0);
    EXPECT_EQ(revoked.identities_ended, 0);
  }
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_EQ(Row(Serial("n1")).revoked_at, revoked_at);
}

TEST_F(RevocationTest, ADryRunCountsTheSameAndChangesNothing) {
  Enrol(n1_);
  world_.MakeToken("n1");
  const std::string retired = SlurmId();
  const std::size_t audited = world_.AuditRows().size();
  Request request = ByNode({"n1"});
  request.dry_run = true;
  const Revoked judged = Must(Revoke(request));
  EXPECT_EQ(judged.certificates, 1);
  EXPECT_EQ(judged.identities_ended, 1);
  request = BySerial({Serial("n1")});
  request.dry_run = true;
  EXPECT_EQ(Must(Revoke(request)).identities_ended, 1);
  request = BySerial({"ff"});
  request.dry_run = true;
  EXPECT_TRUE(absl::IsNotFound(Revoke(request).status()));
  request = ByAuthority(retired);
  request.dry_run = true;
  EXPECT_TRUE(absl::IsFailedPrecondition(Revoke(request).status()));
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked);
  EXPECT_EQ(*world_.Read([&](const store::Tables& tables) { return tables.tokens().CountOpen(world_.clock.Now()); }),
            1);
  Must(Ask(n1_));
}

TEST_F(RevocationTest, EachSerialOrNodeHasItsRecord) {
  Enrol(n1_);
  Enrol(n2_);
  const std::size_t audited = world_.AuditRows().size();
  Must(Revoke(BySerial({Serial("n1"), Serial("n2")})));
  const std::vector<store::AuditRow> rows = world_.AuditRows();
  ASSERT_EQ(rows.size(), audited + 2);
  for (const std::string node : {"n1", "n2"}) {
    int found = 0;
    for (const store::AuditRow& row : rows) {
      if (row.bytes.find("certificate.revoke") == std::string::npos) continue;
      if (row.bytes.find(Serial(node)) == std::string::npos) continue;
      ++found;
      EXPECT_THAT(row.bytes, AllOf(HasSubstr(node), HasSubstr("keyCompromise"), HasSubstr("stolen from the rack"),
                                   HasSubstr("socket:admin")));
    }
    EXPECT_EQ(found, 1) << node;
  }
}

TEST_F(RevocationTest, ARequestMustSayExactlyOneThingAndWhy) {
  Enrol(n1_);
  std::vector<Request> malformed = {Request{},
                                    BySerial({}),
                                    BySerial({""}),
                                    BySerial({"AB"}),
                                    BySerial({"0x1"}),
                                    BySerial({std::string(41, 'a')}),
                                    ByNode({""}),
                                    ByNode({"n1 "}),
                                    ByNode({"n[1-2]"}),
                                    BySerial(std::vector<std::string>(kMaxPerCall + 1, "ab")),
                                    ByNode(std::vector<std::string>(kMaxPerCall + 1, "n1"))};
  Request two = BySerial({Serial("n1")});
  two.nodes = {"n1"};
  malformed.push_back(two);
  two = ByNode({"n1"});
  two.authority_id = "ab";
  malformed.push_back(two);
  for (const std::string& comment : {std::string(), std::string(" \t"), std::string("a\nb"), std::string("\xff"),
                                     std::string(kMaxComment + 1, 'x')}) {
    Request request = ByNode({"n1"});
    request.comment = comment;
    malformed.push_back(request);
  }
  for (const Request& request : malformed) {
    EXPECT_TRUE(absl::IsInvalidArgument(Revoke(request).status())) << Revoke(request).status();
  }
  EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked);
}

TEST_F(RevocationTest, AStoreThatFailsAtAnyCallRevokesNothing) {
  Enrol(n1_);
  Enrol(n2_);
  const std::size_t audited = world_.AuditRows().size();
  for (Request request : {BySerial({Serial("n1"), Serial("n2")}), ByNode({"n1", "n2"})}) {
    int calls = 0;
    while (true) {
      world_.store->FailCall(calls + 1);
      // What fails nowhere must not change anything either: the next request is to be tried too.
      request.dry_run = true;
      const absl::Status dry = Revoke(request).status();
      if (!world_.store->failed_a_call()) break;
      world_.store->FailCall(++calls);
      request.dry_run = false;
      EXPECT_TRUE(absl::IsUnavailable(dry)) << calls << ": " << dry;
      EXPECT_TRUE(absl::IsUnavailable(Revoke(request).status())) << calls;
      world_.store->FailCall(0);
      EXPECT_EQ(world_.AuditRows().size(), audited);
      EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked);
      EXPECT_EQ(Identity(n1_).superseded_at, absl::InfiniteFuture());
    }
    world_.store->FailCall(0);
    EXPECT_GE(calls, 8);
  }
}

TEST_F(RevocationTest, ACommitThatFailsRevokesNothing) {
  Enrol(n1_);
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(Revoke(BySerial({Serial("n1")})).status()));
  EXPECT_NE(Row(Serial("n1")).state, store::CertificateState::kRevoked);
  Must(Ask(n1_));
}

TEST_F(RevocationTest, OfManyAtOnceOneRevokes) {
  Enrol(n1_);
  const Request request = BySerial({Serial("n1")});
  std::atomic<int64_t> certificates{0};
  std::atomic<int64_t> identities{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const Revoked revoked = Must(Revoke(request));
      certificates += revoked.certificates;
      identities += revoked.identities_ended;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(certificates, 1);
  EXPECT_EQ(identities, 1);
}

TEST_F(RevocationTest, SurvivesARestart) {
  Enrol(n1_);
  Must(Revoke(ByNode({"n1"})));
  world_.Restart();
  EXPECT_EQ(Row(Serial("n1")).state, store::CertificateState::kRevoked);
  EXPECT_EQ(base::ReasonOf(Ask(n1_)), base::kIdentityEnded);
}

}  // namespace
}  // namespace signet::revocation
