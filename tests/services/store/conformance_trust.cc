// The tables' promises: crosses, revocation lists, who was seen with which root.
#include <gmock/gmock.h>

#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"

namespace signet::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void ExpectEqual(const ReportRow& a, const ReportRow& b) {
  EXPECT_EQ(a.host, b.host);
  EXPECT_EQ(a.program, b.program);
  EXPECT_EQ(a.disk_generation, b.disk_generation);
  EXPECT_EQ(a.disk_sha256, b.disk_sha256);
  EXPECT_EQ(a.loaded_generation, b.loaded_generation);
  EXPECT_EQ(a.loaded_sha256, b.loaded_sha256);
  EXPECT_EQ(a.served_serial, b.served_serial);
  EXPECT_EQ(a.adapter_version, b.adapter_version);
  EXPECT_EQ(a.reported_by, b.reported_by);
  EXPECT_EQ(a.reported_at, b.reported_at);
}

TEST_P(StoreConformance, CrossesKeepEveryFieldAndTheirOrder) {
  EXPECT_THAT(*Read([](const Tables& tables) { return tables.authorities().ListCrosses(); }), IsEmpty());
  CrossRow younger = Cross("51");
  younger.created_at = At(50);
  for (const CrossRow& row : {younger, Cross("52")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().InsertCross(row); }), absl::OkStatus());
  }
  const auto rows = Read([](const Tables& tables) { return tables.authorities().ListCrosses(); });
  ASSERT_EQ(rows->size(), 2u);
  const CrossRow expected = Cross("52");
  EXPECT_EQ(rows->at(0).serial, "52");
  EXPECT_EQ(rows->at(0).issuer_id, expected.issuer_id);
  EXPECT_EQ(rows->at(0).subject_id, expected.subject_id);
  EXPECT_EQ(rows->at(0).certificate_der, expected.certificate_der);
  EXPECT_EQ(rows->at(0).not_after, expected.not_after);
  EXPECT_EQ(rows->at(0).created_at, expected.created_at);
  EXPECT_EQ(rows->at(1).serial, "51");
  ExpectDuplicate(Write([](Tables& tables) { return tables.authorities().InsertCross(Cross("51")); }));
}

TEST_P(StoreConformance, RevocationListsAreOneAnAuthorityAndAreReplaced) {
  const auto find = [&](const std::string& id) {
    return Read([&](const Tables& tables) { return tables.authorities().FindRevocationList(id); });
  };
  EXPECT_TRUE(absl::IsNotFound(find("a1").status()));
  RevocationListRow row;
  row.authority_id = "a1";
  row.number = ~uint64_t{0};
  row.der = std::string("list\0\xff", 6);
  row.entries = 3;
  row.this_update = At(1);
  row.next_update = At(2) + absl::Milliseconds(1);
  row.revocations = 5;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().PutRevocationList(row); }), absl::OkStatus());
  const auto found = find("a1");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->authority_id, "a1");
  EXPECT_EQ(found->number, row.number);
  EXPECT_EQ(found->der, row.der);
  EXPECT_EQ(found->entries, 3);
  EXPECT_EQ(found->this_update, row.this_update);
  EXPECT_EQ(found->next_update, row.next_update);
  EXPECT_EQ(found->revocations, 5);
  row.number = 7;
  row.der = "another";
  ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().PutRevocationList(row); }), absl::OkStatus());
  EXPECT_EQ(find("a1")->number, 7u);
  EXPECT_EQ(find("a1")->der, "another");
  EXPECT_TRUE(absl::IsNotFound(find("a").status()));
}

TEST_P(StoreConformance, AcksAreOneAHostAndAuthorityAndAreReplaced) {
  const auto insert = [&](const AckRow& row) {
    bool inserted = false;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(inserted, tables.sightings().InsertAck(row));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return inserted;
  };
  EXPECT_TRUE(insert(Ack("a1", "n2")));
  EXPECT_TRUE(insert(Ack("a1", "n1")));
  EXPECT_TRUE(insert(Ack("a2", "n1")));
  AckRow again = Ack("a1", "n1");
  again.reason = "another reason";
  again.acked_by = "socket:admin";
  again.acked_at = At(30);
  EXPECT_FALSE(insert(again));
  const auto rows = Read([](const Tables& tables) { return tables.sightings().ListAcks("a1"); });
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).authority_id, "a1");
  EXPECT_EQ(rows->at(0).host, "n1");
  EXPECT_EQ(rows->at(0).reason, "another reason");
  EXPECT_EQ(rows->at(0).acked_by, "socket:admin");
  EXPECT_EQ(rows->at(0).acked_at, At(30));
  EXPECT_EQ(rows->at(1).host, "n2");
  EXPECT_THAT(*Read([](const Tables& tables) { return tables.sightings().ListAcks("a"); }), IsEmpty());
}

TEST_P(StoreConformance, ReportsAreOneAHostAndProgramAndAreReplaced) {
  for (const ReportRow& row :
       {Report("head2", "slurmctld"), Report("head1", "slurmdbd"), Report("head1", "slurmctld")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.sightings().PutReport(row); }), absl::OkStatus());
  }
  ReportRow changed = Report("head1", "slurmdbd");
  changed.served_serial = "99";
  changed.loaded_sha256.clear();
  ASSERT_EQ(Write([&](Tables& tables) { return tables.sightings().PutReport(changed); }), absl::OkStatus());
  const auto list = [&] { return *Read([](const Tables& tables) { return tables.sightings().ListReports(); }); };
  const std::vector<ReportRow> rows = list();
  ASSERT_EQ(rows.size(), 3u);
  ExpectEqual(rows[0], Report("head1", "slurmctld"));
  ExpectEqual(rows[1], changed);
  ExpectEqual(rows[2], Report("head2", "slurmctld"));
  const auto remove = [&](const std::string& host) {
    int64_t removed = -1;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(removed, tables.sightings().DeleteReports(host));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return removed;
  };
  EXPECT_EQ(remove("head"), 0);
  EXPECT_EQ(remove("head1"), 2);
  EXPECT_EQ(remove("head1"), 0);
  ASSERT_EQ(list().size(), 1u);
  ExpectEqual(list()[0], Report("head2", "slurmctld"));
}

TEST_P(StoreConformance, ARequestForAnAuthorityIsListedUntilItIsDeletedAndLosesItsHandleWhenWithdrawn) {
  AuthorityRequestRow first;
  first.id = "a1";
  first.subject_der = std::string("\x30\x00", 2);
  first.csr_pem = "csr";
  first.custody = "sealed";
  first.handle = std::string("h\0h", 3);
  first.spki_der = "spki";
  first.created_by = "socket:admin";
  first.created_at = At(10);
  AuthorityRequestRow second = first;
  second.id = "a2";
  second.created_at = At(5);
  for (const AuthorityRequestRow& row : {first, second}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().InsertRequest(row); }), absl::OkStatus());
  }
  EXPECT_EQ(Write([&](Tables& tables) { return tables.authorities().InsertRequest(first); }).code(),
            absl::StatusCode::kAlreadyExists);
  const auto list = [&] { return *Read([](const Tables& tables) { return tables.authorities().ListRequests(); }); };
  std::vector<AuthorityRequestRow> rows = list();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].id, "a2");
  EXPECT_EQ(rows[1].id, "a1");
  EXPECT_EQ(rows[1].subject_der, first.subject_der);
  EXPECT_EQ(rows[1].csr_pem, first.csr_pem);
  EXPECT_EQ(rows[1].custody, first.custody);
  EXPECT_EQ(rows[1].handle, first.handle);
  EXPECT_EQ(rows[1].spki_der, first.spki_der);
  EXPECT_EQ(rows[1].created_by, first.created_by);
  EXPECT_EQ(rows[1].created_at, first.created_at);
  EXPECT_EQ(rows[1].withdrawn_at, absl::InfinitePast());
  const auto was_there = [&](auto change) {
    bool was = false;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(was, change(tables.authorities()));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return was;
  };
  const auto withdraw = [](AuthorityTable& table) { return table.WithdrawRequest("a1", At(20)); };
  EXPECT_TRUE(was_there(withdraw));
  EXPECT_FALSE(was_there(withdraw));
  rows = list();
  EXPECT_EQ(rows[1].handle, "");
  EXPECT_EQ(rows[1].withdrawn_at, At(20));
  EXPECT_EQ(rows[0].handle, first.handle);
  const auto remove = [](AuthorityTable& table) { return table.DeleteRequest("a2"); };
  EXPECT_TRUE(was_there(remove));
  EXPECT_FALSE(was_there(remove));
  EXPECT_EQ(list().size(), 1u);
}

TEST_P(StoreConformance, ProbesAreOneAHostProgramAndAuthorityAndAreReplaced) {
  for (const ProbeRow& row : {Probe("a1", "n2", "slurmd"), Probe("a1", "n1", "slurmd"), Probe("a1", "n1", "slurmctld"),
                              Probe("a2", "n1", "slurmd")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.sightings().PutProbe(row); }), absl::OkStatus());
  }
  ProbeRow changed = Probe("a1", "n1", "slurmd");
  changed.trusted = false;
  changed.served_serial = "99";
  changed.probed_at = At(60);
  ASSERT_EQ(Write([&](Tables& tables) { return tables.sightings().PutProbe(changed); }), absl::OkStatus());
  const auto rows = Read([](const Tables& tables) { return tables.sightings().ListProbes("a1"); });
  std::vector<std::string> names;
  for (const ProbeRow& row : *rows) names.push_back(absl::StrCat(row.host, "/", row.program));
  ASSERT_THAT(names, ElementsAre("n1/slurmctld", "n1/slurmd", "n2/slurmd"));
  EXPECT_TRUE(rows->at(0).trusted);
  EXPECT_EQ(rows->at(0).authority_id, "a1");
  EXPECT_EQ(rows->at(0).served_serial, "53");
  EXPECT_EQ(rows->at(0).probed_at, At(22));
  EXPECT_FALSE(rows->at(1).trusted);
  EXPECT_EQ(rows->at(1).served_serial, "99");
  EXPECT_EQ(rows->at(1).probed_at, At(60));
}

TEST_P(StoreConformance, ProbesOfAProgramOnAHostAreDeletedWhateverTheAuthority) {
  for (const char* id : {"a1", "a2"}) {
    AuthorityRow authority = Authority(id);
    ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().Insert(authority); }), absl::OkStatus());
  }
  for (const ProbeRow& row : {Probe("a1", "n1", "slurmd"), Probe("a2", "n1", "slurmd"), Probe("a1", "n1", "slurmctld"),
                              Probe("a1", "n11", "slurmd")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.sightings().PutProbe(row); }), absl::OkStatus());
  }
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_EQ(Write([](Tables& tables) { return tables.sightings().DeleteProbes("n1", "slurmd"); }), absl::OkStatus());
    const auto rows = *Read([](const Tables& tables) { return tables.sightings().ListProbes("a1"); });
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].program, "slurmctld");
    EXPECT_EQ(rows[1].host, "n11");
    EXPECT_THAT(*Read([](const Tables& tables) { return tables.sightings().ListProbes("a2"); }), IsEmpty());
  }
}

}  // namespace
}  // namespace signet::store
