// Authorities' lives over the wire: what is refused, what a client can read of it, and what stands in the audit log.
#include <string>
#include <utility>
#include <vector>

#include "services/names/hostlist.h"
#include "services/x509/certificate.h"
#include "tests/services/rpc/edge_rotation_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(EdgeRotationTest, APreparedRootIsInTheBundleAndInTheList) {
  const uint64_t before = Generation();
  v1::PrepareAuthorityRequest request;
  request.set_subject("CN=Next CA,O=Example");
  request.set_lifetime_seconds(int64_t{5} * 365 * 86400);
  v1::PrepareAuthorityResponse response;
  ASSERT_TRUE(Prepare(request, &response).ok());
  EXPECT_EQ(response.authority().state(), v1::AUTHORITY_STATE_PREPARED);
  EXPECT_EQ(response.authority().subject(), "CN=Next CA,O=Example");
  EXPECT_TRUE(response.authority().has_key());
  EXPECT_TRUE(response.authority().has_prepared_at());
  EXPECT_FALSE(response.authority().has_activated_at());
  EXPECT_GT(response.plan().steps_size(), 0);
  EXPECT_EQ(response.plan().bundle_generation(), before + 1);
  EXPECT_EQ(Generation(), before + 1);
  v1::ListAuthoritiesResponse listed;
  ASSERT_TRUE(ca_->ListAuthorities(Soon().get(), {}, &listed).ok());
  ASSERT_EQ(listed.authorities_size(), 3);
  EXPECT_EQ(listed.authorities(2).id(), response.authority().id());
}

TEST_F(EdgeRotationTest, ADryRunOfPreparePlansAndChangesNothing) {
  const uint64_t before = Generation();
  v1::PrepareAuthorityRequest request;
  request.set_dry_run(true);
  v1::PrepareAuthorityResponse response;
  ASSERT_TRUE(Prepare(request, &response).ok());
  EXPECT_FALSE(response.has_authority());
  EXPECT_GT(response.plan().steps_size(), 0);
  EXPECT_EQ(Generation(), before);
}

TEST_F(EdgeRotationTest, WhatPrepareRefusesIsRecorded) {
  v1::PrepareAuthorityRequest request;
  v1::PrepareAuthorityResponse response;
  request.set_lifetime_seconds(-1);
  EXPECT_EQ(ReasonOf(Prepare(request, &response)), base::kMalformed);
  request.set_lifetime_seconds(0);
  request.set_subject("CN=Slurm CA,O=Example");
  EXPECT_EQ(Prepare(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(2));
  EXPECT_EQ(refusals[1].action(), "authority.prepare");
  EXPECT_EQ(refusals[1].subject(), "CN=Slurm CA,O=Example");
  Prepared();
  Prepared();
  EXPECT_EQ(Prepare({}, &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(EdgeRotationTest, AClosedGateNamesWhoWouldBeLostAndForceOpensIt) {
  Enrol("n1");
  Enrol("n2");
  const std::string former = ActiveId();
  const std::string next = Prepared().id();
  v1::ChangeAuthorityResponse response;
  const grpc::Status closed = Change(next, v1::ROTATION_VERB_ACTIVATE, &response);
  EXPECT_EQ(closed.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(closed), base::kGateClosed);
  EXPECT_THAT(closed.error_message(), Not(HasSubstr("cut short")));
  EXPECT_NE(InfoOf(closed).metadata().at("next"), "");
  const v1::RotationPlan plan = PlanOf(closed);
  EXPECT_GT(plan.steps_size(), 0);
  ASSERT_EQ(plan.blockers_size(), 1);
  EXPECT_EQ(plan.blockers(0).kind(), v1::BLOCKER_KIND_NODE_NOT_LOADED);
  EXPECT_EQ(plan.blockers(0).names(), "n[1-2]");
  EXPECT_EQ(plan.blockers(0).count(), 2);
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].action(), "authority.activate");
  EXPECT_EQ(refusals[0].reason(), base::kGateClosed);
  EXPECT_EQ(refusals[0].subject(), next);

  ASSERT_TRUE(Change(next, v1::ROTATION_VERB_ACTIVATE, &response, "", true).ok());
  EXPECT_FALSE(response.changed());
  EXPECT_EQ(response.authority().state(), v1::AUTHORITY_STATE_PREPARED);
  EXPECT_EQ(response.plan().blockers_size(), 1);
  EXPECT_EQ(ActiveId(), former);

  ASSERT_TRUE(Change(next, v1::ROTATION_VERB_ACTIVATE, &response, "both are in the workshop").ok());
  EXPECT_TRUE(response.changed());
  EXPECT_EQ(response.authority().state(), v1::AUTHORITY_STATE_ACTIVE);
  EXPECT_EQ(response.plan().blockers_size(), 1);
  EXPECT_EQ(ActiveId(), next);
  // Repeated, it changes nothing.
  ASSERT_TRUE(Change(next, v1::ROTATION_VERB_ACTIVATE, &response).ok());
  EXPECT_FALSE(response.changed());

  v1::ListAuthoritiesResponse listed;
  ASSERT_TRUE(ca_->ListAuthorities(Soon().get(), {}, &listed).ok());
  for (const v1::Authority& authority : listed.authorities()) {
    if (authority.purpose() != v1::AUTHORITY_PURPOSE_SLURM) continue;
    EXPECT_EQ(authority.live_certificates(), authority.id() == former ? 2 : 0);
  }
  v1::GetStatusResponse status;
  ASSERT_TRUE(ca_->GetStatus(Soon().get(), {}, &status).ok());
  int64_t live = 0;
  for (const v1::Authority& authority : status.authorities()) {
    if (authority.purpose() == v1::AUTHORITY_PURPOSE_SLURM) live += authority.live_certificates();
  }
  EXPECT_EQ(live, 2);
}

TEST_F(EdgeRotationTest, TenThousandBlockersReachTheClientCutAndADryRunNamesThemAll) {
  Enrol("n0");
  const store::NodeRow pattern = world_.Node("n0");
  Must(world_.store->Write([&](store::Tables& tables) {
    for (int i = 2; i < 20000; i += 2) {
      store::NodeRow row = pattern;
      row.name = absl::StrCat("n", i);
      if (absl::Status put = tables.nodes().Put(row); !put.ok()) return put;
    }
    return absl::OkStatus();
  }));
  const std::string next = Prepared().id();
  v1::ChangeAuthorityResponse response;
  const grpc::Status closed = Change(next, v1::ROTATION_VERB_ACTIVATE, &response);
  EXPECT_EQ(ReasonOf(closed), base::kGateClosed);
  EXPECT_THAT(closed.error_message(), HasSubstr("cut short"));
  const v1::RotationPlan plan = PlanOf(closed);
  ASSERT_EQ(plan.blockers_size(), 1);
  EXPECT_EQ(plan.blockers(0).count(), 10000);
  const std::vector<std::string> some = Must(names::ExpandHostlist(plan.blockers(0).names()));
  EXPECT_GT(some.size(), 100u);
  EXPECT_LT(some.size(), 10000u);
  ASSERT_TRUE(Change(next, v1::ROTATION_VERB_ACTIVATE, &response, "", true).ok());
  EXPECT_THAT(Must(names::ExpandHostlist(response.plan().blockers(0).names())), SizeIs(10000));
}

TEST_F(EdgeRotationTest, AStepNeedsAnIdAVerbAndAnAuthority) {
  const std::string active = ActiveId();
  v1::ChangeAuthorityResponse response;
  EXPECT_EQ(ReasonOf(Change("", v1::ROTATION_VERB_ACTIVATE, &response)), base::kMalformed);
  EXPECT_EQ(ReasonOf(Change(active, v1::ROTATION_VERB_UNSPECIFIED, &response)), base::kMalformed);
  EXPECT_EQ(ReasonOf(Change(active, static_cast<v1::RotationVerb>(99), &response)), base::kMalformed);
  EXPECT_EQ(ReasonOf(Change(active.substr(0, 7), v1::ROTATION_VERB_REVOKE, &response)), base::kMalformed);
  EXPECT_EQ(ReasonOf(Change("' or 1=1 --", v1::ROTATION_VERB_REVOKE, &response)), base::kMalformed);
  EXPECT_EQ(Change("00112233", v1::ROTATION_VERB_REVOKE, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  std::vector<std::string> actions;
  for (const v1::AuditRecord& record : Refusals()) actions.push_back(record.action());
  EXPECT_THAT(actions, ElementsAre("authority.activate", "authority.change", "authority.change", "authority.revoke",
                                   "authority.revoke", "authority.revoke"));
}

TEST_F(EdgeRotationTest, EachStepOfALifeIsTakenByItsVerbAndAnIllegalOneIsRecordedUnderIt) {
  const std::string former = ActiveId();
  v1::ChangeAuthorityResponse response;
  for (const auto verb :
       {v1::ROTATION_VERB_ROLLBACK, v1::ROTATION_VERB_WITHDRAW, v1::ROTATION_VERB_REVOKE, v1::ROTATION_VERB_DESTROY}) {
    const grpc::Status illegal = Change(former, verb, &response);
    // The active one's rollback was taken, in a way: it is active.
    if (illegal.ok()) {
      EXPECT_FALSE(response.changed());
      continue;
    }
    EXPECT_EQ(illegal.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_NE(ReasonOf(illegal), base::kGateClosed);
    EXPECT_EQ(PlanOf(illegal).steps_size(), 0);
  }
  const std::string withdrawn = Prepared().id();
  ASSERT_TRUE(Change(withdrawn, v1::ROTATION_VERB_WITHDRAW, &response).ok());
  EXPECT_EQ(response.authority().state(), v1::AUTHORITY_STATE_REVOKED);
  EXPECT_TRUE(response.authority().has_key());
  ASSERT_TRUE(Change(withdrawn, v1::ROTATION_VERB_DESTROY, &response).ok());
  EXPECT_EQ(response.authority().state(), v1::AUTHORITY_STATE_DESTROYED);
  EXPECT_FALSE(response.authority().has_key());
  const std::string next = Prepared().id();
  ASSERT_TRUE(Change(next.substr(0, 8), v1::ROTATION_VERB_ACTIVATE, &response).ok());
  ASSERT_TRUE(Change(former, v1::ROTATION_VERB_ROLLBACK, &response).ok());
  EXPECT_EQ(ActiveId(), former);
  ASSERT_TRUE(Change(next, v1::ROTATION_VERB_REVOKE, &response, "a rehearsal").ok());
  EXPECT_EQ(response.authority().state(), v1::AUTHORITY_STATE_REVOKED);
  EXPECT_TRUE(response.authority().has_revoked_at());
}

TEST_F(EdgeRotationTest, AStatusFollowsTheSteps) {
  v1::GetRotationStatusResponse standing = Standing();
  EXPECT_EQ(standing.step(), v1::ROTATION_STEP_IDLE);
  EXPECT_FALSE(standing.has_authority());
  EXPECT_EQ(standing.bundle_generation(), Generation());
  Enrol("n1");
  const std::string former = ActiveId();
  const std::string next = Prepared().id();
  standing = Standing();
  EXPECT_EQ(standing.step(), v1::ROTATION_STEP_SPREADING);
  EXPECT_EQ(standing.authority().id(), next);
  EXPECT_TRUE(standing.has_since());
  ASSERT_EQ(standing.blockers_size(), 1);
  EXPECT_EQ(standing.blockers(0).names(), "n1");
  EXPECT_NE(standing.next(), "");
  EXPECT_NE(standing.summary(), "");
  v1::ChangeAuthorityResponse response;
  ASSERT_TRUE(Change(next, v1::ROTATION_VERB_ACTIVATE, &response, "a rehearsal").ok());
  standing = Standing();
  EXPECT_EQ(standing.step(), v1::ROTATION_STEP_HOLDING);
  EXPECT_EQ(standing.authority().id(), former);
  EXPECT_EQ(standing.authority().live_certificates(), 1);
  EXPECT_GT(standing.blockers_size(), 0);
}

TEST_F(EdgeRotationTest, AcknowledgedHostsAreCountedOnceAndOpenTheGate) {
  Enrol("n1");
  const std::string next = Prepared().id();
  v1::AcknowledgeHostsRequest request;
  v1::AcknowledgeHostsResponse response;
  const auto acknowledge = [&] { return ca_->AcknowledgeHosts(Soon().get(), request, &response); };
  EXPECT_THAT(acknowledge().error_message(), HasSubstr("hosts has 0 entries"));
  request.add_hosts("n1");
  EXPECT_EQ(acknowledge().error_message(), "reason is empty");
  request.set_reason("seen\nwith my own eyes");
  EXPECT_EQ(ReasonOf(acknowledge()), base::kMalformed);
  request.set_reason("seen with my own eyes");
  EXPECT_EQ(acknowledge().error_message(), "authority_id is empty");
  request.set_authority_id("00112233");
  EXPECT_EQ(acknowledge().error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_authority_id(next.substr(0, 12));
  request.add_hosts("");
  EXPECT_EQ(acknowledge().error_message(), "hosts[1] is empty");
  while (request.hosts_size() <= 1000) request.add_hosts("n2");
  EXPECT_THAT(acknowledge().error_message(), HasSubstr("hosts has 1001 entries"));
  request.clear_hosts();
  request.add_hosts("n1");
  ASSERT_TRUE(acknowledge().ok());
  EXPECT_EQ(response.acknowledged(), 1);
  ASSERT_TRUE(acknowledge().ok());
  EXPECT_EQ(response.acknowledged(), 0);
  for (const v1::AuditRecord& record : Refusals()) EXPECT_EQ(record.action(), "rotation.ack");
  v1::ChangeAuthorityResponse changed;
  const grpc::Status status = Change(next, v1::ROTATION_VERB_ACTIVATE, &changed);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(EdgeRotationTest, AProbesCertificateIsOfTheAuthorityInQuestionAndAlone) {
  const v1::Authority next = Prepared();
  v1::IssueProbeCertificateRequest request;
  v1::IssueProbeCertificateResponse response;
  const auto issue = [&] { return ca_->IssueProbeCertificate(Soon().get(), request, &response); };
  EXPECT_EQ(issue().error_message(), "csr_pem is empty");
  request.set_csr_pem(Csr("n1"));
  EXPECT_EQ(issue().error_message(), "authority_id is empty");
  request.set_authority_id(next.id());
  EXPECT_EQ(ReasonOf(issue()), base::kNameRefused);
  request.set_csr_pem(Csr("signet-probe"));
  ASSERT_TRUE(issue().ok());
  const auto probe = Must(x509::Certificate::FromPem(response.certificate_chain_pem()));
  EXPECT_EQ(probe.common_name(), "signet-probe");
  EXPECT_EQ(probe.serial(), response.serial());
  EXPECT_EQ(probe.issuer(), next.subject());
  request.set_csr_pem(std::string(kMaxCsrBytes + 1, 'x'));
  EXPECT_EQ(ReasonOf(issue()), base::kMalformed);
  v1::GetCertificateRequest get;
  get.set_serial(response.serial());
  v1::GetCertificateResponse got;
  ASSERT_TRUE(ca_->GetCertificate(Soon().get(), get, &got).ok());
  EXPECT_EQ(got.certificate().profile(), v1::PROFILE_PROBE);
}

TEST_F(EdgeRotationTest, WhatDaemonsAnsweredOpensTheGateAndIsBounded) {
  Enrol("n1");
  const std::string next = Prepared().id();
  v1::RecordProbesRequest request;
  v1::RecordProbesResponse response;
  const auto record = [&] { return ca_->RecordProbes(Soon().get(), request, &response); };
  request.set_authority_id(next);
  EXPECT_THAT(record().error_message(), HasSubstr("results has 0 entries"));
  v1::ProbeResult* result = request.add_results();
  EXPECT_EQ(record().error_message(), "results[0].host is empty");
  result->set_host("n1");
  result->set_program("bash");
  EXPECT_THAT(record().error_message(), HasSubstr("results[0].program"));
  result->set_program("slurmd");
  result->set_trusted(true);
  result->set_served_serial("zz");
  EXPECT_EQ(ReasonOf(record()), base::kMalformed);
  result->set_served_serial("0a1b2c");
  request.set_authority_id(next);
  ASSERT_TRUE(record().ok());
  EXPECT_EQ(response.not_matching(), 1);
  EXPECT_EQ(response.not_matching_hosts(), "n1");
  result->set_served_serial(world_.Node("n1").serial);
  request.set_authority_id("00112233");
  EXPECT_EQ(record().error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_authority_id(next);
  ASSERT_TRUE(record().ok());
  EXPECT_EQ(response.not_matching(), 0);
  for (const v1::AuditRecord& refusal : Refusals()) EXPECT_EQ(refusal.action(), "rotation.probe");
  v1::ChangeAuthorityResponse changed;
  const grpc::Status status = Change(next, v1::ROTATION_VERB_ACTIVATE, &changed);
  EXPECT_TRUE(status.ok()) << status.error_message();
  while (request.results_size() <= 1000) *request.add_results() = request.results(0);
  EXPECT_THAT(record().error_message(), HasSubstr("results has 1001 entries"));
}

TEST_F(EdgeRotationTest, ABundleIsRecoveredAboveWhatAHostHolds) {
  const uint64_t before = Generation();
  v1::RecoverBundleRequest request;
  v1::RecoverBundleResponse response;
  request.set_at_least(before + 40);
  request.set_dry_run(true);
  request.set_force(true);
  ASSERT_TRUE(ca_->RecoverBundle(Soon().get(), request, &response).ok());
  EXPECT_FALSE(response.changed());
  EXPECT_GT(response.bundle_generation(), before + 40);
  EXPECT_EQ(Generation(), before);
  request.set_dry_run(false);
  ASSERT_TRUE(ca_->RecoverBundle(Soon().get(), request, &response).ok());
  EXPECT_TRUE(response.changed());
  EXPECT_EQ(Generation(), response.bundle_generation());
  EXPECT_GT(response.bundle_generation(), before + 40);
  request.set_at_least(~uint64_t{0});
  EXPECT_EQ(ca_->RecoverBundle(Soon().get(), request, &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(1));
  EXPECT_EQ(refusals[0].action(), "bundle.recover");
}

TEST_F(EdgeRotationTest, AStolenAuthorityGoesWhenItsSubjectWasTypedAndNotBefore) {
  const std::string stolen = ActiveId();
  v1::ReplaceStolenAuthorityRequest request;
  v1::ReplaceStolenAuthorityResponse response;
  const auto replace = [&] { return ca_->ReplaceStolenAuthority(Soon().get(), request, &response); };
  EXPECT_EQ(ReasonOf(replace()), base::kMalformed);
  request.set_authority_id(stolen);
  request.set_confirm_subject("CN=Something else");
  request.set_reason("the backup was stolen");
  EXPECT_EQ(replace().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ActiveId(), stolen);
  request.set_confirm_subject(world_.Root().subject());
  request.set_dry_run(true);
  ASSERT_TRUE(replace().ok());
  EXPECT_GT(response.plan().steps_size(), 0);
  EXPECT_EQ(ActiveId(), stolen);
  request.set_dry_run(false);
  ASSERT_TRUE(replace().ok());
  EXPECT_THAT(response.revoked_ids(), ElementsAre(stolen));
  EXPECT_EQ(response.active().state(), v1::AUTHORITY_STATE_ACTIVE);
  EXPECT_EQ(response.active().id(), ActiveId());
  EXPECT_NE(ActiveId(), stolen);
  for (const v1::AuditRecord& refusal : Refusals()) EXPECT_EQ(refusal.action(), "authority.emergency");
}

}  // namespace
}  // namespace signet::rpc
