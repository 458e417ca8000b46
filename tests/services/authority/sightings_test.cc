#include "services/authority/sightings.h"

#include "tests/services/authority/rotation_fixture.h"

namespace signet::authority {
namespace {

using ::signet::testing::Must;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SightingsTest : public RotationTest {
 protected:
  static store::ReportRow Good(const std::string& host = "login1", const std::string& program = "host") {
    store::ReportRow row;
    row.host = host;
    row.program = program;
    row.disk_generation = row.loaded_generation = 1;
    row.disk_sha256 = row.loaded_sha256 = std::string(32, 'h');
    row.served_serial = "0a1b";
    row.adapter_version = "0.1.0";
    return row;
  }
  std::vector<store::ReportRow> Reports() {
    return Must(world.Read([](const store::Tables& tables) { return tables.sightings().ListReports(); }));
  }
  std::vector<store::ProbeRow> Probes(const std::string& id) {
    return Must(world.Read([&](const store::Tables& tables) { return tables.sightings().ListProbes(id); }));
  }
  absl::Status ReportAs(const std::string& role, const std::string& name, const store::ReportRow& row) {
    return world.sightings->Report(row, {"someone", "0123456789abcdef", role, name});
  }
};

TEST_F(SightingsTest, AReportIsStoredWithWhoAndWhenAndIsNotAudited) {
  const std::size_t records = world.AuditRows().size();
  store::ReportRow row = Good();
  row.reported_by = "forged";
  row.reported_at = absl::InfiniteFuture();
  ASSERT_TRUE(world.sightings->Report(row, world.origin).ok());
  ASSERT_EQ(Reports().size(), 1U);
  EXPECT_EQ(Reports()[0].reported_by, world.origin.actor);
  EXPECT_EQ(Reports()[0].reported_at, world.clock.Now());
  EXPECT_EQ(Reports()[0].loaded_sha256, row.loaded_sha256);
  EXPECT_EQ(world.AuditRows().size(), records);
}

TEST_F(SightingsTest, ALoadedGenerationWithoutAHashIsUnknown) {
  store::ReportRow row = Good();
  row.loaded_sha256.clear();
  ASSERT_TRUE(world.sightings->Report(row, world.origin).ok());
  EXPECT_EQ(Reports()[0].loaded_generation, 0U);
}

TEST_F(SightingsTest, WhatIsMalformedIsRefused) {
  const auto refuse = [&](void (*spoil)(store::ReportRow&), const std::string& field) {
    store::ReportRow row = Good();
    spoil(row);
    const absl::Status status = world.sightings->Report(row, world.origin);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  };
  refuse([](store::ReportRow& row) { row.host = ""; }, "host");
  refuse([](store::ReportRow& row) { row.host = "login 1"; }, "host");
  refuse([](store::ReportRow& row) { row.host = "slurmctld"; }, "host");
  refuse([](store::ReportRow& row) { row.host = std::string(65, 'a'); }, "host");
  refuse([](store::ReportRow& row) { row.program = ""; }, "program");
  refuse([](store::ReportRow& row) { row.program = "slurmd"; }, "program");
  refuse([](store::ReportRow& row) { row.disk_sha256 = "short"; }, "bundle_on_disk");
  refuse([](store::ReportRow& row) { row.loaded_sha256 = std::string(33, 'h'); }, "bundle_loaded");
  refuse([](store::ReportRow& row) { row.served_serial = "0A"; }, "served_serial");
  refuse([](store::ReportRow& row) { row.served_serial = std::string(41, '0'); }, "served_serial");
  EXPECT_TRUE(Reports().empty());
}

TEST_F(SightingsTest, EachRoleSpeaksForItselfOnly) {
  struct Case {
    const char* role;
    const char* name;
    const char* host;
    const char* program;
    bool may;
  };
  const Case cases[] = {{"admin", "", "login1", "host", true},
                        {"admin", "", "db1", "slurmdbd", true},
                        {"controller", "", "ctl1", "slurmctld", true},
                        {"controller", "", "db1", "slurmdbd", false},
                        {"controller", "", "login1", "host", false},
                        {"service", "slurmdbd", "db1", "slurmdbd", true},
                        {"service", "slurmdbd", "ctl1", "slurmctld", false},
                        {"service", "", "db1", "slurmdbd", false},
                        {"observer", "login1", "login1", "host", true},
                        {"observer", "login1", "login2", "host", false},
                        {"observer", "login1", "login1", "slurmdbd", false},
                        {"observer", "", "login1", "host", false},
                        {"provisioner", "login1", "login1", "host", false},
                        {"auditor", "", "login1", "host", false},
                        {"", "", "login1", "host", false}};
  for (const Case& one : cases) {
    const absl::Status status = ReportAs(one.role, one.name, Good(one.host, one.program));
    EXPECT_EQ(status.ok(), one.may) << one.role << " " << one.host << " " << one.program;
    if (one.may) continue;
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(base::ReasonOf(status), base::kAccessDenied);
    EXPECT_THAT(base::NextOf(status), HasSubstr("signetctl client issue"));
  }
}

TEST_F(SightingsTest, ProbesAreAuditedOnceWithTheirCounts) {
  const std::string id = ActiveId();
  for (const char* host : {"n1", "n3"}) Ask(host);
  const std::size_t records = world.AuditRows().size();
  std::vector<store::ProbeRow> results;
  for (const std::string host : {"n1", "n2", "n3"}) {
    results.push_back({host, "slurmd", id, host != "n2", NewestSerial(host, "slurmd"), absl::InfiniteFuture()});
  }
  EXPECT_THAT(Must(world.sightings->RecordProbes(id, results, world.origin)), IsEmpty());
  ASSERT_EQ(Probes(id).size(), 3U);
  EXPECT_EQ(Probes(id)[0].probed_at, world.clock.Now());
  EXPECT_EQ(world.AuditRows().size(), records + 1);
  EXPECT_THAT(LastAudit(), HasSubstr("rotation.probe"));
  EXPECT_THAT(LastAudit(), HasSubstr("not_trusted_by"));
  EXPECT_THAT(LastAudit(), HasSubstr("n2"));
}

TEST_F(SightingsTest, WhoAnswersWithAnothersCertificateIsAnotherHost) {
  const std::string id = ActiveId();
  Ask("n1");
  Ask("n2");
  Ask("n1", "", "", "sackd");
  const std::string service = IssueService("slurmdbd");
  const auto others = [&](const std::string& host, const std::string& program, const std::string& serial) {
    const store::ProbeRow row{host, program, id, true, serial, absl::InfinitePast()};
    return Must(world.sightings->RecordProbes(id, {row}, world.origin));
  };
  const std::string n1 = NewestSerial("n1", "slurmd");
  EXPECT_THAT(others("n2", "slurmd", n1), ElementsAre("n2"));
  EXPECT_THAT(LastAudit(), HasSubstr("another_answered_for"));
  EXPECT_THAT(others("n2", "slurmd", ""), ElementsAre("n2"));
  EXPECT_THAT(others("n2", "slurmd", "0a1b2c"), ElementsAre("n2")) << "nobody's";
  EXPECT_THAT(others("n2", "slurmd", service), ElementsAre("n2"));
  EXPECT_THAT(others("n1", "slurmd", world.Node("n1", "sackd").serial), ElementsAre("n1"));
  EXPECT_THAT(others("n1", "slurmdbd", n1), ElementsAre("n1"));
  EXPECT_THAT(others("ctl1", "slurmctld", service), ElementsAre("ctl1"));
  EXPECT_THAT(Probes(id), IsEmpty());
  EXPECT_THAT(others("n1", "slurmd", n1), IsEmpty());
  EXPECT_THAT(others("db1", "slurmdbd", service), IsEmpty());
  EXPECT_EQ(Probes(id).size(), 2U);
}

TEST_F(SightingsTest, WhoAnswersWithARevokedOrEndedCertificateIsNobody) {
  const std::string id = ActiveId();
  Ask("n1");
  Ask("n2");
  const auto others = [&](const std::string& host) {
    const store::ProbeRow row{host, "slurmd", id, true, NewestSerial(host, "slurmd"), absl::InfinitePast()};
    return Must(world.sightings->RecordProbes(id, {row}, world.origin));
  };
  EXPECT_THAT(others("n2"), IsEmpty());
  const std::string n1 = NewestSerial("n1", "slurmd");
  Must(world.store->Write([&](store::Tables& tables) {
    return tables.certificates().Revoke(n1, world.clock.Now(), store::RevocationReason::kUnspecified).status();
  }));
  EXPECT_THAT(others("n1"), ElementsAre("n1"));
  world.clock.Set(world.Node("n2").not_after + absl::Seconds(1));
  EXPECT_THAT(others("n2"), ElementsAre("n2"));
  ASSERT_EQ(Probes(id).size(), 1U);
  EXPECT_EQ(Probes(id)[0].host, "n2");
}

TEST_F(SightingsTest, ABadProbeStoresNoneOfThem) {
  const std::string id = ActiveId();
  const store::ProbeRow good{"n1", "slurmd", id, true, "", absl::InfinitePast()};
  const auto code = [&](const std::vector<store::ProbeRow>& rows) {
    return world.sightings->RecordProbes(id, rows, world.origin).status().code();
  };
  store::ProbeRow bad = good;
  bad.program = "sackd";
  EXPECT_EQ(code({good, bad}), absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.host = "../n1";
  EXPECT_EQ(code({good, bad}), absl::StatusCode::kInvalidArgument);
  bad = good;
  bad.authority_id = Prepare();
  EXPECT_EQ(code({good, bad}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::vector<store::ProbeRow>(1001, good)), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Probes(id).empty());
  store::ProbeRow unknown = good;
  unknown.authority_id = "nobody";
  EXPECT_EQ(world.sightings->RecordProbes("nobody", {unknown}, world.origin).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(SightingsTest, AcknowledgementsCountOnceAndAreAuditedFolded) {
  const std::string id = ActiveId();
  EXPECT_EQ(Must(world.sightings->Acknowledge(id, {"login1", "login2", "login1", "slurmdbd"}, "by eye", world.origin)),
            3);
  EXPECT_THAT(LastAudit(), HasSubstr("rotation.ack"));
  EXPECT_THAT(LastAudit(), HasSubstr("login[1-2]"));
  EXPECT_THAT(LastAudit(), HasSubstr("by eye"));
  EXPECT_EQ(Must(world.sightings->Acknowledge(id, {"login1", "login3"}, "by eye", world.origin)), 1);
}

TEST_F(SightingsTest, ALaterAcknowledgementReplacesTheEarlierOne) {
  const std::string id = ActiveId();
  Ack(id, {"login1"});
  world.clock.Advance(absl::Hours(1));
  EXPECT_EQ(Must(world.sightings->Acknowledge(id, {"login1"}, "looked again", world.origin)), 0);
  const auto rows = Must(world.Read([&](const store::Tables& tables) { return tables.sightings().ListAcks(id); }));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].reason, "looked again");
  EXPECT_EQ(rows[0].acked_at, world.clock.Now());
}

TEST_F(SightingsTest, AnAcknowledgementNeedsNamesAReasonAndAnAuthority) {
  const auto code = [&](const std::string& id, const std::vector<std::string>& hosts, const std::string& reason) {
    return world.sightings->Acknowledge(id, hosts, reason, world.origin).status().code();
  };
  const std::string id = ActiveId();
  const std::size_t records = world.AuditRows().size();
  EXPECT_EQ(code(id, {}, "why"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(id, {"login 1"}, "why"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(id, {"login1"}, ""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(id, {"login1"}, " \t"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(id, {"login1"}, std::string(201, 'x')), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(id, std::vector<std::string>(1001, "login1"), "why"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("0000", {"login1"}, "why"), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(Must(world.authorities->Active(store::Purpose::kControl))->id, {"login1"}, "why"),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(world.AuditRows().size(), records);
}

}  // namespace
}  // namespace signet::authority
