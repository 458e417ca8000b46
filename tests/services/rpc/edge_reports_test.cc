// What hosts say of themselves: who may, and that nothing of it fails the request that it came with.
#include <string>
#include <vector>

#include "services/rpc/host_reports.h"
#include "tests/services/rpc/edge_fixture.h"

namespace signet::rpc {
namespace {

using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EdgeReportsTest : public EdgeTest {
 protected:
  EdgeReportsTest() {
    const evidence::Token token = world_.MakeToken("n1", evidence::TokenKind::kReusable);
    EXPECT_TRUE(EdgeTest::Sign(Controller(), n1_.Ask(&token)).ok());
  }
  static v1::HostReport ReportOf(const std::string& host, const std::string& program) {
    v1::HostReport report;
    report.set_host(host);
    report.set_program(program);
    report.mutable_bundle_on_disk()->set_generation(1);
    report.mutable_bundle_on_disk()->set_sha256(std::string(32, 'x'));
    *report.mutable_bundle_loaded() = report.bundle_on_disk();
    report.set_loaded_evidence(program == "host" ? v1::LOADED_EVIDENCE_READ_EACH_TIME
                                                 : v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
    report.set_adapter_version("0.1.0");
    return report;
  }
  grpc::Status Report(const Channel& channel, const v1::HostReport& report) {
    v1::ReportHostRequest request;
    *request.mutable_report() = report;
    v1::ReportHostResponse response;
    return Ca(channel)->ReportHost(Soon().get(), request, &response);
  }
  grpc::Status SignWith(const Channel& channel, const v1::HostReport& report) {
    v1::SignCertificateRequest request;
    request.set_csr_pem(n1_.Ask().csr_pem);
    *request.mutable_report() = report;
    v1::SignCertificateResponse response;
    const grpc::Status status = Ca(channel)->SignCertificate(Soon().get(), request, &response);
    EXPECT_EQ(status.ok(), !response.certificate_chain_pem().empty());
    return status;
  }
  static audit::Origin Origin() { return {"socket:controller", "0123456789abcdef", "controller"}; }
  std::vector<store::ReportRow> Stored() {
    return Must(world_.Read([](const store::Tables& tables) { return tables.sightings().ListReports(); }));
  }

  SimulatedNode n1_{"n1", world_.clock};
};

TEST_F(EdgeReportsTest, EachRoleSpeaksForItselfAndAnAdministratorForAll) {
  const Channel observer = Network("observer", "login1");
  EXPECT_TRUE(Report(observer, ReportOf("login1", "host")).ok());
  EXPECT_EQ(ReasonOf(Report(observer, ReportOf("login2", "host"))), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(Report(observer, ReportOf("login1", "slurmctld"))), base::kAccessDenied);
  const Channel dbd = Network("service", "slurmdbd");
  EXPECT_TRUE(Report(dbd, ReportOf("db1", "slurmdbd")).ok());
  EXPECT_EQ(ReasonOf(Report(dbd, ReportOf("db1", "slurmctld"))), base::kAccessDenied);
  EXPECT_TRUE(Report(Controller(), ReportOf("head1", "slurmctld")).ok());
  EXPECT_EQ(ReasonOf(Report(Controller(), ReportOf("head1", "slurmdbd"))), base::kAccessDenied);
  EXPECT_TRUE(Report(Admin(), ReportOf("rest1", "slurmrestd")).ok());
  EXPECT_EQ(ReasonOf(Report(Network("auditor", "jane"), ReportOf("login1", "host"))), base::kAccessDenied);
  EXPECT_EQ(ReasonOf(Report(Network(), ReportOf("login1", "host"))), base::kAccessDenied);
  const std::vector<store::ReportRow> stored = Stored();
  ASSERT_THAT(stored, SizeIs(4));
  EXPECT_EQ(stored[0].host, "db1");
  EXPECT_EQ(stored[0].reported_by, "tls:signet://alpha/service/slurmdbd");
}

TEST_F(EdgeReportsTest, AReportThatIsNoneIsRefusedAndRecorded) {
  EXPECT_EQ(ReasonOf(Report(Admin(), {})), base::kMalformed);
  v1::HostReport bad = ReportOf("login1", "host");
  bad.set_host("../../etc");
  EXPECT_FALSE(Report(Admin(), bad).ok());
  bad = ReportOf("login1", "bash");
  EXPECT_FALSE(Report(Admin(), bad).ok());
  bad = ReportOf("login1", "host");
  bad.mutable_bundle_on_disk()->set_sha256("short");
  EXPECT_EQ(ReasonOf(Report(Admin(), bad)), base::kMalformed);
  EXPECT_THAT(Stored(), IsEmpty());
  const auto refusals = Refusals();
  ASSERT_THAT(refusals, SizeIs(4));
  EXPECT_EQ(refusals[1].action(), "rotation.report");
  EXPECT_EQ(refusals[1].subject(), "../../etc");
}

TEST_F(EdgeReportsTest, AReportBesideARequestIsStored) {
  ASSERT_TRUE(SignWith(Controller(), ReportOf("head1", "slurmctld")).ok());
  ASSERT_THAT(Stored(), SizeIs(1));
  EXPECT_EQ(Stored()[0].host, "head1");
  EXPECT_EQ(Stored()[0].reported_by, "socket:controller");
  const evidence::Token token = world_.MakeToken("n2");
  SimulatedNode n2("n2", world_.clock);
  v1::ValidateNodeRequest request;
  request.set_node("n2");
  request.set_token(n2.Ask(&token).script_token);
  *request.mutable_report() = ReportOf("head2", "slurmctld");
  v1::ValidateNodeResponse response;
  ASSERT_TRUE(Nodes(Controller())->ValidateNode(Soon().get(), request, &response).ok());
  EXPECT_THAT(Stored(), SizeIs(2));
  // A refused node changes nothing about what slurmctld has loaded.
  request.set_token("none");
  request.mutable_report()->set_host("head3");
  EXPECT_FALSE(Nodes(Controller())->ValidateNode(Soon().get(), request, &response).ok());
  EXPECT_THAT(Stored(), SizeIs(3));
}

TEST_F(EdgeReportsTest, ABadReportFailsNoSigningAndIsCounted) {
  v1::HostReport empty;
  v1::HostReport foreign = ReportOf("login1", "host");
  v1::HostReport hostile = ReportOf("n1\r\nevil: 1", "slurmctld");
  v1::HostReport huge = ReportOf(std::string(1 << 20, 'h'), "slurmctld");
  v1::HostReport unknown = ReportOf("head1", "slurmctld");
  unknown.set_loaded_evidence(static_cast<v1::LoadedEvidence>(99));
  for (const v1::HostReport& report : {empty, foreign, hostile, huge, unknown}) {
    const grpc::Status status = SignWith(Controller(), report);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_THAT(Stored(), IsEmpty());
  EXPECT_THAT(Refusals(), IsEmpty());
  EXPECT_THAT(metrics_.Text(), Not(HasSubstr("signet_refusals_total{reason=\"MALFORMED\"} 0")));
  EXPECT_THAT(metrics_.Text(), HasSubstr("signet_refusals_total{reason=\"ACCESS_DENIED\"} 1"));
}

TEST_F(EdgeReportsTest, AStoreThatFailsWhileAReportIsStoredFailsNoSigning) {
  int signed_all_the_same = 0;
  for (int call = 1; call < 100; ++call) {
    world_.clock.Advance(absl::Hours(1));
    world_.store->FailCall(call);
    const grpc::Status status = SignWith(Controller(), ReportOf("head1", "slurmctld"));
    const bool failed = world_.store->failed_a_call();
    world_.store->FailCall(0);
    if (failed && status.ok()) ++signed_all_the_same;
    if (failed) continue;
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_GT(signed_all_the_same, 0);
    EXPECT_THAT(Stored(), SizeIs(1));
    return;
  }
  ADD_FAILURE() << "no end";
}

TEST_F(EdgeReportsTest, AThousandNodesBringTheSameReportAndItIsStoredOnceAMinute) {
  const v1::HostReport report = ReportOf("head1", "slurmctld");
  ASSERT_TRUE(SignWith(Controller(), report).ok());
  const absl::Time first = Stored()[0].reported_at;
  world_.clock.Advance(kReportEvery - absl::Seconds(1));
  ASSERT_TRUE(SignWith(Controller(), report).ok());
  EXPECT_EQ(Stored()[0].reported_at, first);
  // What is new is stored at once.
  v1::HostReport newer = report;
  newer.mutable_bundle_loaded()->set_generation(2);
  ASSERT_TRUE(SignWith(Controller(), newer).ok());
  EXPECT_EQ(Stored()[0].loaded_generation, 2u);
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_TRUE(SignWith(Controller(), report).ok());
  EXPECT_EQ(Stored()[0].loaded_generation, 1u);
  // A clock that is set back silences nobody.
  world_.clock.Advance(-absl::Hours(5));
  ASSERT_TRUE(SignWith(Controller(), newer).ok());
  EXPECT_EQ(Stored()[0].loaded_generation, 2u);
}

TEST_F(EdgeReportsTest, WordsThatComeBackAfterOthersAreNews) {
  const v1::HostReport old = ReportOf("head1", "slurmctld");
  v1::HostReport loaded = old;
  loaded.mutable_bundle_loaded()->set_generation(2);
  for (int turn = 0; turn < 2; ++turn) {
    ASSERT_TRUE(SignWith(Controller(), old).ok());
    EXPECT_EQ(Stored()[0].loaded_generation, 1u);
    ASSERT_TRUE(SignWith(Controller(), loaded).ok());
    EXPECT_EQ(Stored()[0].loaded_generation, 2u);
  }
  // Another host's words are not about this one.
  ASSERT_TRUE(SignWith(Controller(), ReportOf("head2", "slurmctld")).ok());
  const absl::Time first = Stored()[0].reported_at;
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_TRUE(SignWith(Controller(), loaded).ok());
  EXPECT_EQ(Stored()[0].reported_at, first);
}

TEST_F(EdgeReportsTest, WordsThatWereNotStoredAreNewsAgain) {
  HostReports reports(*calls_, *engines_);
  reports.Take(ReportOf("head1", "slurmctld"), Origin());
  v1::HostReport newer = ReportOf("head1", "slurmctld");
  newer.mutable_bundle_loaded()->set_generation(2);
  world_.store->FailCommits(1);
  reports.Take(newer, Origin());
  ASSERT_EQ(Stored()[0].loaded_generation, 1u);
  reports.Take(newer, Origin());
  EXPECT_EQ(Stored()[0].loaded_generation, 2u);
  // Nor does a failure let older words pass for the last ones.
  world_.store->FailCommits(1);
  reports.Take(ReportOf("head1", "slurmctld"), Origin());
  reports.Take(newer, Origin());
  EXPECT_EQ(Stored()[0].loaded_generation, 2u);
}

TEST_F(EdgeReportsTest, RememberingReportsIsBounded) {
  HostReports reports(*calls_, *engines_);
  v1::HostReport report = ReportOf("head1", "slurmctld");
  reports.Take(report, world_.origin);
  const absl::Time first = Stored()[0].reported_at;
  world_.clock.Advance(absl::Seconds(1));
  for (int i = 0; i < 300; ++i) {
    reports.Take(ReportOf(absl::StrCat("login", i), "host"), world_.origin);
  }
  reports.Take(report, world_.origin);
  EXPECT_GT(Stored()[0].reported_at, first);
}

}  // namespace
}  // namespace signet::rpc
