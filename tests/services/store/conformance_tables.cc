// The tables' promises: authorities, bundles, certificates, nodes.
#include <gmock/gmock.h>

#include "services/base/reason.h"
#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"

namespace signet::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void ExpectEqual(const CertificateRow& a, const CertificateRow& b) {
  EXPECT_EQ(a.serial, b.serial);
  EXPECT_EQ(a.authority_id, b.authority_id);
  EXPECT_EQ(a.profile, b.profile);
  EXPECT_EQ(a.subject, b.subject);
  EXPECT_EQ(a.daemon, b.daemon);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.tbs_der, b.tbs_der);
  EXPECT_EQ(a.tbs_sha256, b.tbs_sha256);
  EXPECT_EQ(a.der, b.der);
  EXPECT_EQ(a.spki_sha256, b.spki_sha256);
  EXPECT_EQ(a.identity_key_id, b.identity_key_id);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.not_before, b.not_before);
  EXPECT_EQ(a.not_after, b.not_after);
  EXPECT_EQ(a.recorded_at, b.recorded_at);
  EXPECT_EQ(a.revoked_at, b.revoked_at);
  EXPECT_EQ(a.revocation_reason, b.revocation_reason);
}

void ExpectEqual(const AuthorityRow& a, const AuthorityRow& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.purpose, b.purpose);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.certificate_der, b.certificate_der);
  EXPECT_EQ(a.custody, b.custody);
  EXPECT_EQ(a.handle, b.handle);
  EXPECT_EQ(a.spki_der, b.spki_der);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.activated_at, b.activated_at);
  EXPECT_EQ(a.retired_at, b.retired_at);
  EXPECT_EQ(a.revoked_at, b.revoked_at);
  EXPECT_EQ(a.stolen_at, b.stolen_at);
  EXPECT_EQ(a.intermediates_pem, b.intermediates_pem);
  EXPECT_EQ(a.anchor_der, b.anchor_der);
}

void ExpectEqual(const NodeRow& a, const NodeRow& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.daemon, b.daemon);
  EXPECT_EQ(a.key_id, b.key_id);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.boot_id, b.boot_id);
  EXPECT_EQ(a.machine_id_sha256, b.machine_id_sha256);
  EXPECT_EQ(a.serial, b.serial);
  EXPECT_EQ(a.not_after, b.not_after);
  EXPECT_EQ(a.disk_generation, b.disk_generation);
  EXPECT_EQ(a.disk_sha256, b.disk_sha256);
  EXPECT_EQ(a.loaded_generation, b.loaded_generation);
  EXPECT_EQ(a.loaded_sha256, b.loaded_sha256);
  EXPECT_EQ(a.adapter_version, b.adapter_version);
  EXPECT_EQ(a.previous_boot_id, b.previous_boot_id);
  EXPECT_EQ(a.clone_suspected_at, b.clone_suspected_at);
  EXPECT_EQ(a.enrolled_at, b.enrolled_at);
  EXPECT_EQ(a.last_request_at, b.last_request_at);
}

TEST_P(StoreConformance, AuthoritiesKeepEveryFieldAndTheirOrder) {
  AuthorityRow younger = Authority("a1");
  younger.created_at = At(50);
  ASSERT_EQ(Write([&](Tables& tables) -> absl::Status {
              SIGNET_RETURN_IF_ERROR(tables.authorities().Insert(younger));
              return tables.authorities().Insert(Authority("a2"));
            }),
            absl::OkStatus());
  const auto rows = Read([](const Tables& tables) { return tables.authorities().List(); });
  ASSERT_EQ(rows->size(), 2u);
  ExpectEqual(rows->at(0), Authority("a2"));
  EXPECT_EQ(rows->at(1).id, "a1");
  ExpectDuplicate(Write([](Tables& tables) { return tables.authorities().Insert(Authority("a1")); }));
}

TEST_P(StoreConformance, AuthorityUpdateComparesTheGenerationAndSetsTheNext) {
  AuthorityRow row = Authority("a1");
  ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().Insert(row); }), absl::OkStatus());
  AuthorityRow changed;
  changed.id = row.id;
  changed.purpose = Purpose::kSlurm;
  changed.state = AuthorityState::kDestroyed;
  changed.certificate_der = "another certificate";
  changed.custody = "pkcs11";
  changed.spki_der = "another spki";
  changed.generation = row.generation;
  changed.created_at = At(30);
  changed.retired_at = At(31);
  ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().Update(changed); }), absl::OkStatus());
  const auto rows = Read([](const Tables& tables) { return tables.authorities().List(); });
  ++changed.generation;
  ExpectEqual(rows->at(0), changed);
  EXPECT_TRUE(absl::IsAborted(Write([&](Tables& tables) { return tables.authorities().Update(row); })));
  EXPECT_TRUE(absl::IsNotFound(Write([](Tables& tables) { return tables.authorities().Update(Authority("a9")); })));
}

TEST_P(StoreConformance, KeysAreOneAPurpose) {
  KeyRow row{"bundle", "sealed", std::string("\0h", 2), "spki", At(3)};
  ASSERT_EQ(Write([&](Tables& tables) { return tables.authorities().InsertKey(row); }), absl::OkStatus());
  ExpectDuplicate(Write([&](Tables& tables) { return tables.authorities().InsertKey(row); }));
  const auto found = Read([](const Tables& tables) { return tables.authorities().FindKey("bundle"); });
  EXPECT_EQ(found->purpose, "bundle");
  EXPECT_EQ(found->custody, "sealed");
  EXPECT_EQ(found->handle, row.handle);
  EXPECT_EQ(found->spki_der, "spki");
  EXPECT_EQ(found->created_at, At(3));
  EXPECT_TRUE(
      absl::IsNotFound(Read([](const Tables& tables) { return tables.authorities().FindKey("audit"); }).status()));
}

TEST_P(StoreConformance, BundlesAnswerWithTheHighestGeneration) {
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.bundles().Newest(); }).status()));
  for (const uint64_t generation : {1, 10, 9}) {
    ASSERT_EQ(Write([&](Tables& tables) {
                return tables.bundles().Insert({generation, "bundle", At(1)});
              }),
              absl::OkStatus());
  }
  const auto newest = Read([](const Tables& tables) { return tables.bundles().Newest(); });
  EXPECT_EQ(newest->generation, 10u);
  EXPECT_EQ(newest->signed_bundle, "bundle");
  EXPECT_EQ(newest->created_at, At(1));
  ExpectDuplicate(Write([](Tables& tables) { return tables.bundles().Insert({9, "other", At(1)}); }));
  const auto generations = [&](int limit) {
    std::vector<uint64_t> found;
    const auto rows = Read([&](const Tables& tables) { return tables.bundles().List(limit); });
    for (const BundleRow& row : *rows) found.push_back(row.generation);
    return found;
  };
  EXPECT_THAT(generations(2), ElementsAre(10u, 9u));
  EXPECT_THAT(generations(9), ElementsAre(10u, 9u, 1u));
  EXPECT_THAT(generations(0), IsEmpty());
}

TEST_P(StoreConformance, CertificatesKeepEveryFieldUnderAUniqueSerial) {
  CertificateRow row = Certificate("51");
  row.seq = ~uint64_t{0};
  row.revoked_at = At(5);
  row.revocation_reason = RevocationReason::kSuperseded;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(row); }), absl::OkStatus());
  CertificateRow same_serial = Certificate("52");
  same_serial.serial = "51";
  same_serial.authority_id = "a1";
  ExpectDuplicate(Write([&](Tables& tables) { return tables.certificates().Insert(same_serial); }));
  ExpectEqual(*Read([](const Tables& tables) { return tables.certificates().Find("51"); }), row);
  ExpectEqual(*Read([&](const Tables& tables) {
    return tables.certificates().FindAnswer(row.identity_key_id, row.seq, row.spki_sha256);
  }),
              row);
  ExpectEqual(*Read([&](const Tables& tables) { return tables.certificates().FindBySpki(row.spki_sha256); }), row);
  ExpectEqual(*Read([&](const Tables& tables) { return tables.certificates().Newest(row.profile, row.subject); }), row);
  for (const char* serial : {"5", "", "510", "5%"}) {
    EXPECT_TRUE(
        absl::IsNotFound(Read([&](const Tables& tables) { return tables.certificates().Find(serial); }).status()));
  }
}

TEST_P(StoreConformance, CertificatesAnswerOnlyTheVerySameRequestWithTheNewest) {
  CertificateRow row = Certificate("51");
  ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(row); }), absl::OkStatus());
  const auto find = [&](const std::string& key, uint64_t seq, const std::string& spki) {
    return Read([&](const Tables& tables) { return tables.certificates().FindAnswer(key, seq, spki); });
  };
  EXPECT_TRUE(absl::IsNotFound(find("another key", row.seq, row.spki_sha256).status()));
  EXPECT_TRUE(absl::IsNotFound(find(row.identity_key_id, row.seq + 1, row.spki_sha256).status()));
  EXPECT_TRUE(absl::IsNotFound(find(row.identity_key_id, row.seq, "another spki").status()));
  // The first answer was not worth having any more: the same request got a second one.
  row.serial = "52";
  ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(row); }), absl::OkStatus());
  EXPECT_EQ(find(row.identity_key_id, row.seq, row.spki_sha256)->serial, "52");
}

TEST_P(StoreConformance, CertificatesWithoutAnIdentityAnswerNoRequest) {
  CertificateRow row = Certificate("51");
  row.identity_key_id.clear();
  ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(row); }), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Read([&](const Tables& tables) {
                                 return tables.certificates().FindAnswer("", row.seq, row.spki_sha256);
                               }).status()));
}

TEST_P(StoreConformance, CertificatesNewestIsTheLastRecordedWhateverTheClock) {
  CertificateRow row = Certificate("51");
  row.spki_sha256 = "one key";
  row.subject = "n1";
  CertificateRow later = row;
  later.serial = "52";
  later.recorded_at = row.recorded_at - absl::Hours(1);
  CertificateRow of_other_profile = row;
  of_other_profile.serial = "53";
  of_other_profile.profile = Profile::kControl;
  for (const CertificateRow& each : {row, later, of_other_profile}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(each); }), absl::OkStatus());
  }
  EXPECT_EQ(Read([](const Tables& tables) { return tables.certificates().Newest(Profile::kService, "n1"); })->serial,
            "52");
  EXPECT_EQ(Read([](const Tables& tables) { return tables.certificates().FindBySpki("one key"); })->serial, "53");
  EXPECT_TRUE(absl::IsNotFound(
      Read([](const Tables& tables) { return tables.certificates().Newest(Profile::kNode, "n1"); }).status()));
}

TEST_P(StoreConformance, CertificatesAreIssuedOnce) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.certificates().Insert(Certificate("51")); }), absl::OkStatus());
  CertificateRow revoked = Certificate("52");
  revoked.state = CertificateState::kRevoked;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(revoked); }), absl::OkStatus());
  for (const char* der : {"first", "second"}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().SetIssued("51", der); }), absl::OkStatus());
  }
  const auto row = Read([](const Tables& tables) { return tables.certificates().Find("51"); });
  EXPECT_EQ(row->state, CertificateState::kIssued);
  EXPECT_EQ(row->der, "first");
  ASSERT_EQ(Write([](Tables& tables) { return tables.certificates().SetIssued("52", "der"); }), absl::OkStatus());
  EXPECT_EQ(Read([](const Tables& tables) { return tables.certificates().Find("52"); })->state,
            CertificateState::kRevoked);
  EXPECT_TRUE(absl::IsNotFound(Write([](Tables& tables) { return tables.certificates().SetIssued("59", "der"); })));
}

TEST_P(StoreConformance, CertificatesListInPagesNewestFirst) {
  ASSERT_EQ(Write([](Tables& tables) -> absl::Status {
              for (int i = 0; i < 10; ++i) {
                CertificateRow row = Certificate(absl::StrCat(i));
                row.subject = i % 2 == 0 ? "even" : "odd";
                SIGNET_RETURN_IF_ERROR(tables.certificates().Insert(row));
              }
              return absl::OkStatus();
            }),
            absl::OkStatus());
  const auto serials = [&](const std::string& subject, int limit) {
    std::vector<std::string> pages;
    CertificateQuery query{subject, "", limit};
    do {
      const auto page = Read([&](const Tables& tables) { return tables.certificates().List(query); });
      EXPECT_TRUE(page.ok()) << page.status();
      std::string text;
      for (const CertificateRow& row : page->rows) text += row.serial;
      pages.push_back(text);
      query.after_token = page->next_token;
    } while (!query.after_token.empty());
    return pages;
  };
  EXPECT_THAT(serials("", 4), ElementsAre("9876", "5432", "10"));
  EXPECT_THAT(serials("", 10), ElementsAre("9876543210"));
  EXPECT_THAT(serials("odd", 5), ElementsAre("97531"));
  EXPECT_THAT(serials("odd", 2), ElementsAre("97", "53", "1"));
  EXPECT_THAT(serials("nobody", 5), ElementsAre(""));
  EXPECT_TRUE(absl::IsInvalidArgument(Read([](const Tables& tables) {
                                        return tables.certificates().List({"", "x; DROP TABLE", 5});
                                      }).status()));
}

TEST_P(StoreConformance, NodesKeepEveryFieldAndAreReplaced) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.nodes().Put(Node("n1")); }), absl::OkStatus());
  ExpectEqual(*Read([](const Tables& tables) { return tables.nodes().Find("n1", "slurmd"); }), Node("n1"));
  NodeRow changed = Node("n1");
  changed.clone_suspected_at = absl::InfinitePast();
  changed.boot_id = "next boot";
  ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(changed); }), absl::OkStatus());
  ExpectEqual(*Read([](const Tables& tables) { return tables.nodes().Find("n1", "slurmd"); }), changed);
  for (const std::string& name : {std::string("n"), std::string("n10"), std::string("N1"), std::string("n1 "),
                                  std::string("n1\0x", 4), std::string("n%"), std::string("' OR 1=1 --")}) {
    EXPECT_TRUE(
        absl::IsNotFound(Read([&](const Tables& tables) { return tables.nodes().Find(name, "slurmd"); }).status()));
  }
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.nodes().Find("n1", "sackd"); }).status()));
}

TEST_P(StoreConformance, NodesListByNameAndDaemonStrictlyAfter) {
  for (const auto& [name, daemon] :
       {std::pair("n2", "slurmd"), std::pair("n1", "slurmd"), std::pair("n1", "sackd"), std::pair("n10", "slurmd")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(Node(name, daemon)); }), absl::OkStatus());
  }
  const auto names = [&](const std::string& name, const std::string& daemon, int limit) {
    const auto rows = Read([&](const Tables& tables) { return tables.nodes().List(name, daemon, limit); });
    std::vector<std::string> text;
    for (const NodeRow& row : *rows) text.push_back(absl::StrCat(row.name, "/", row.daemon));
    return text;
  };
  EXPECT_THAT(names("", "", 10), ElementsAre("n1/sackd", "n1/slurmd", "n10/slurmd", "n2/slurmd"));
  EXPECT_THAT(names("n1", "sackd", 2), ElementsAre("n1/slurmd", "n10/slurmd"));
  EXPECT_THAT(names("n2", "slurmd", 2), IsEmpty());
}

TEST_P(StoreConformance, NodesAreCountedWithTheOneThatIsLostFirst) {
  EXPECT_EQ(Read([](const Tables& tables) { return tables.nodes().Count(At(0)); })->first_lost, "");
  NodeRow blocked = Node("n4");
  blocked.not_after = At(15);
  NodeRow expired = Node("n1");
  expired.not_after = At(9);
  NodeRow next = Node("n2");
  next.not_after = At(20);
  for (const NodeRow& row : {Node("n3"), blocked, expired, next}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(row); }), absl::OkStatus());
  }
  ASSERT_EQ(Write([](Tables& tables) { return tables.blocks().Insert(Block("n4")); }), absl::OkStatus());
  const auto counts = Read([](const Tables& tables) { return tables.nodes().Count(At(10)); });
  EXPECT_EQ(counts->enrolled, 3);
  EXPECT_EQ(counts->certified, 2);
  EXPECT_EQ(counts->first_lost, "n2");
  EXPECT_EQ(counts->first_lost_at, At(20));
  EXPECT_EQ(Read([](const Tables& tables) { return tables.nodes().Count(At(20)); })->first_lost, "n2");
  EXPECT_EQ(Read([](const Tables& tables) { return tables.nodes().Count(At(21)); })->first_lost, "n3");
}

TEST_P(StoreConformance, NodesTellTheHighestGenerationThatAnyReported) {
  const auto highest = [&] { return *Read([](const Tables& tables) { return tables.nodes().HighestGeneration(); }); };
  EXPECT_EQ(highest(), 0u);
  NodeRow row = Node("n1");
  row.disk_generation = 7;
  row.loaded_generation = 5;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(row); }), absl::OkStatus());
  EXPECT_EQ(highest(), 7u);
  row = Node("n2");
  row.disk_generation = 1;
  row.loaded_generation = 9;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(row); }), absl::OkStatus());
  EXPECT_EQ(highest(), 9u);
  row = Node("n3");
  row.disk_generation = ~uint64_t{0} - 1;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(row); }), absl::OkStatus());
  EXPECT_EQ(highest(), ~uint64_t{0} - 1);
}

TEST_P(StoreConformance, NodesAreForgottenByTheirExactNameWithEveryDaemon) {
  for (const NodeRow& row : {Node("n1"), Node("n1", "sackd"), Node("n10"), Node("N1")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().Put(row); }), absl::OkStatus());
  }
  ASSERT_EQ(Write([](Tables& tables) { return tables.nodes().InsertIdentity(Identity("k1")); }), absl::OkStatus());
  const auto forget = [&](const std::string& name) {
    int64_t rows = -1;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(rows, tables.nodes().Forget(name));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return rows;
  };
  EXPECT_EQ(forget("n"), 0);
  EXPECT_EQ(forget("n1"), 2);
  EXPECT_EQ(forget("n1"), 0);
  const auto left = Read([](const Tables& tables) { return tables.nodes().List("", "", 10); });
  ASSERT_EQ(left->size(), 2u);
  EXPECT_EQ(left->at(0).name, "N1");
  EXPECT_EQ(left->at(1).name, "n10");
  EXPECT_TRUE(Read([](const Tables& tables) { return tables.nodes().FindIdentity("k1"); }).ok())
      << "a key that ended must be recognised";
}

}  // namespace
}  // namespace signet::store
