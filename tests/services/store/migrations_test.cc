// A store that an older signetd left behind.
#include "services/store/sqlite/migrations.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/store/sqlite/sqlite_store.h"
#include "tests/services/store/rows.h"
#include "tests/services/store/temporary_directory.h"

namespace signet::store::sqlite {
namespace {

constexpr char kLive[] = "9223372036854775807";

class MigrationTest : public ::testing::Test {
 protected:
  void Raw(const std::string& sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }
  // A database of schema 1.
  void SetUp() override {
    Raw(kMigration1);
    Raw(absl::StrCat("PRAGMA user_version = 1; PRAGMA application_id = ", kApplicationId));
  }
  void InsertNode(const std::string& name, const std::string& daemon, bool blocked, int64_t last_request_ms) {
    Raw(absl::StrCat("INSERT INTO nodes VALUES ('", name, "', '", daemon, "', 'key of ", name, "', 7, 'boot', x'01', ",
                     "'51', 1000, 3, x'02', 2, x'03', '1.2', ", blocked ? 1 : 0, ", 500, ", last_request_ms, ")"));
  }
  void InsertIdentity(const std::string& key, const std::string& node, const std::string& ended) {
    Raw(absl::StrCat("INSERT INTO identities VALUES ('", key, "', '", node, "', 'slurmd', x'04', 1, 't1', 400, ", ended,
                     ")"));
  }
  void InsertToken(const std::string& id, const std::string& node) {
    Raw(absl::StrCat("INSERT INTO tokens VALUES ('", id, "', '", node,
                     "', 'slurmd', 2, x'05', 300, 4000000000000, 'jane', 0, 0, '', 0)"));
  }
  void OpenStore() {
    auto store = Open({.path = path_}, *logger_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  template <typename Function>
  auto Read(Function function) -> decltype(function(std::declval<const Tables&>())) {
    decltype(function(std::declval<const Tables&>())) result = absl::UnknownError("not run");
    EXPECT_EQ(store_->Read([&](const Tables& tables) {
      result = function(tables);
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return result;
  }
  IdentityRow FindIdentity(const std::string& key) {
    const auto row = Read([&](const Tables& tables) { return tables.nodes().FindIdentity(key); });
    EXPECT_TRUE(row.ok()) << row.status();
    return row.value_or(IdentityRow{});
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("signet.db");
  const std::unique_ptr<telemetry::Logger> logger_ = telemetry::MakeNullLogger();
  std::unique_ptr<Store> store_;
};

TEST_F(MigrationTest, WhatANodeEnrolledWithSurvives) {
  InsertNode("n1", "slurmd", false, 900);
  InsertIdentity("k1", "n1", kLive);
  InsertIdentity("k0", "n1", "350");
  InsertToken("t1", "n1");
  OpenStore();
  const auto node = Read([](const Tables& tables) { return tables.nodes().Find("n1", "slurmd"); });
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->key_id, "key of n1");
  EXPECT_EQ(node->seq, 7u);
  EXPECT_EQ(node->boot_id, "boot");
  EXPECT_EQ(node->previous_boot_id, "");
  EXPECT_EQ(node->clone_suspected_at, absl::InfinitePast());
  EXPECT_EQ(node->adapter_version, "1.2");
  EXPECT_EQ(node->last_request_at, absl::FromUnixMillis(900));
  EXPECT_EQ(FindIdentity("k1").superseded_at, absl::InfiniteFuture());
  EXPECT_EQ(FindIdentity("k1").ended_by, EndedBy::kNothing);
  EXPECT_EQ(FindIdentity("k1").pod_uid, "");
  EXPECT_EQ(FindIdentity("k0").ended_by, EndedBy::kEnrolment);
  const auto token = Read([](const Tables& tables) { return tables.tokens().Find("t1"); });
  EXPECT_FALSE(token->revoked);
  EXPECT_EQ(token->label, "");
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.blocks().Find("n1"); }).status()));
}

TEST_F(MigrationTest, ABlockedNodeBecomesABlockThatEndsItsKeysAndTokens) {
  InsertNode("n1", "slurmd", true, 900);
  InsertNode("n1", "sackd", true, 950);
  InsertNode("n2", "slurmd", false, 900);
  InsertIdentity("k1", "n1", kLive);
  InsertIdentity("k0", "n1", "350");
  InsertIdentity("k2", "n2", kLive);
  InsertToken("t1", "n1");
  InsertToken("t2", "n2");
  OpenStore();
  const auto block = Read([](const Tables& tables) { return tables.blocks().Find("n1"); });
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(block->blocked_at, absl::FromUnixMillis(950));
  EXPECT_EQ(FindIdentity("k1").ended_by, EndedBy::kBlock);
  EXPECT_EQ(FindIdentity("k1").superseded_at, block->blocked_at);
  EXPECT_EQ(FindIdentity("k0").ended_by, EndedBy::kEnrolment);
  EXPECT_EQ(FindIdentity("k0").superseded_at, absl::FromUnixMillis(350));
  EXPECT_EQ(FindIdentity("k2").ended_by, EndedBy::kNothing);
  EXPECT_TRUE(Read([](const Tables& tables) { return tables.tokens().Find("t1"); })->revoked);
  EXPECT_FALSE(Read([](const Tables& tables) { return tables.tokens().Find("t2"); })->revoked);
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.blocks().Find("n2"); }).status()));
}

TEST_F(MigrationTest, IsDoneOnceAndTheStoreWorksAfterwards) {
  InsertNode("n1", "slurmd", true, 900);
  OpenStore();
  EXPECT_EQ(store_->Write([](Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(tables.blocks().Delete("n1").status());
    SIGNET_RETURN_IF_ERROR(tables.nodes().Put(Node("n3")));
    return tables.approvals().Put(Approval("k9"));
  }),
            absl::OkStatus());
  store_.reset();
  OpenStore();
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.blocks().Find("n1"); }).status()));
  EXPECT_EQ(Read([](const Tables& tables) { return tables.nodes().Find("n3", "slurmd"); })->previous_boot_id,
            "boot before");
}

TEST_F(MigrationTest, AuthoritiesHaveTheirStateSinceTheyWereMadeOrImported) {
  Raw(kMigration2);
  Raw("PRAGMA user_version = 2");
  for (int state = 1; state <= 3; ++state) {
    Raw(absl::StrCat("INSERT INTO authorities VALUES (", state, ", 'a", state, "', 1, ", state,
                     ", x'01', 'sealed', x'02', x'03', 4, ", 100 * state, ")"));
  }
  OpenStore();
  const auto rows = Read([](const Tables& tables) { return tables.authorities().List(); });
  ASSERT_EQ(rows->size(), 3u);
  const AuthorityRow& prepared = rows->at(0);
  EXPECT_EQ(prepared.activated_at, absl::InfinitePast());
  EXPECT_EQ(prepared.retired_at, absl::InfinitePast());
  const AuthorityRow& active = rows->at(1);
  EXPECT_EQ(active.id, "a2");
  EXPECT_EQ(active.created_at, absl::FromUnixMillis(200));
  EXPECT_EQ(active.activated_at, absl::FromUnixMillis(200));
  EXPECT_EQ(active.retired_at, absl::InfinitePast());
  EXPECT_EQ(active.generation, 4u);
  const AuthorityRow& retired = rows->at(2);
  EXPECT_EQ(retired.activated_at, absl::InfinitePast());
  EXPECT_EQ(retired.retired_at, absl::FromUnixMillis(300));
  for (const AuthorityRow& row : *rows) {
    EXPECT_EQ(row.revoked_at, absl::InfinitePast());
    EXPECT_EQ(row.stolen_at, absl::InfinitePast());
    EXPECT_EQ(row.intermediates_pem, "");
    EXPECT_EQ(row.anchor_der, "");
    EXPECT_EQ(row.certificate_der, "\x01");
  }
}

TEST_F(MigrationTest, CertificatesThatWereThereCanBeListedAndRevoked) {
  Raw(kMigration2);
  Raw("PRAGMA user_version = 2");
  for (const char* serial : {"51", "52"}) {
    Raw(absl::StrCat("INSERT INTO certificates VALUES (NULL, '", serial, "', 'a1', 1, 'n1', 'slurmd', 2, x'01', 'k1', ",
                     serial, ", 100, 900, 150, x'02', x'03', x'04')"));
  }
  OpenStore();
  const auto before = Read([](const Tables& tables) { return tables.certificates().Find("51"); });
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->state, CertificateState::kIssued);
  EXPECT_EQ(before->revoked_at, absl::InfinitePast());
  EXPECT_EQ(before->revocation_reason, RevocationReason::kUnspecified);
  EXPECT_EQ(before->der, "\x04");
  const absl::Time now = absl::FromUnixMillis(800);
  EXPECT_EQ(*Read([&](const Tables& tables) { return tables.certificates().CountLive("a1", now); }), 2);
  EXPECT_EQ(store_->Write([&](Tables& tables) {
    return tables.certificates().Revoke("51", now, RevocationReason::kKeyCompromise).status();
  }),
            absl::OkStatus());
  const auto live = Read([&](const Tables& tables) { return tables.certificates().ListLive("a1", now, "", 9); });
  ASSERT_EQ(live->size(), 1u);
  EXPECT_EQ(live->front().serial, "52");
  EXPECT_EQ(*Read([](const Tables& tables) { return tables.certificates().CountRevocations("a1"); }), 1);
}

TEST_F(MigrationTest, AStepThatFailsLeavesTheOldSchemaAsItWas) {
  InsertNode("n1", "slurmd", true, 900);
  Raw("CREATE TABLE provisioners (a)");
  EXPECT_FALSE(Open({.path = path_}, *logger_).ok());
  Raw("DROP TABLE provisioners");
  OpenStore();
  EXPECT_TRUE(Read([](const Tables& tables) { return tables.blocks().Find("n1"); }).ok());
}

}  // namespace
}  // namespace signet::store::sqlite
