// An audit log over a store in a temporary directory, and the means to tamper with it.
#ifndef SIGNET_TESTS_SERVICES_AUDIT_AUDIT_LOG_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_AUDIT_AUDIT_LOG_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/audit/audit_log.h"
#include "services/audit/chain_hash.h"
#include "services/keys/private_key.h"
#include "services/store/sqlite/sqlite_store.h"
#include "signet/v1/audit.pb.h"
#include "tests/services/audit/collecting_logger.h"
#include "tests/services/store/temporary_directory.h"

namespace signet::audit {

inline std::shared_ptr<const keys::PrivateKey> NewKey() {
  return std::make_shared<const keys::PrivateKey>(*keys::PrivateKey::Generate(x509::KeyType::kEcP256));
}

inline Event Done(const std::string& subject) {
  return {.origin = {.actor = "signetd", .request_id = "00112233aabbccdd"},
          .action = "certificate.sign",
          .subject = subject,
          .reason = "",
          .message = "signed",
          .facts = {{"serial", "51"}, {"key_id", "ab"}}};
}

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() { store_ = *store::sqlite::Open({.path = path_}, logger_); }

  AuditLog Log(uint64_t every = 4) const { return AuditLog("alpha", key_, clock_, logger_, every); }
  void Fill(int records, uint64_t every = 4) {
    const AuditLog log = Log(every);
    ASSERT_EQ(store_->Write([&](store::Tables& tables) -> absl::Status {
      for (int i = 0; i < records; ++i) EXPECT_EQ(log.Append(tables, Done(absl::StrCat("n", i + 1))), absl::OkStatus());
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  Verdict Verify(uint64_t every = 4) const { return *Log(every).Verify(*store_); }
  store::AuditRow Row(uint64_t sequence) const {
    store::AuditRow row;
    EXPECT_EQ(store_->Read([&](const store::Tables& tables) {
      row = tables.audit().List(sequence - 1, 1)->at(0);
      return absl::OkStatus();
    }),
              absl::OkStatus());
    return row;
  }
  v1::AuditRecord Record(uint64_t sequence) const {
    v1::AuditRecord record;
    EXPECT_TRUE(record.ParseFromString(Row(sequence).bytes));
    return record;
  }
  // What someone with write access to the file can do.
  void Tamper(const std::string& sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    EXPECT_EQ(sqlite3_close(raw), SQLITE_OK);
  }
  void Overwrite(uint64_t sequence, const std::string& bytes) {
    Tamper(absl::StrCat("UPDATE audit SET bytes = x'", absl::BytesToHexString(bytes), "' WHERE sequence = ", sequence));
  }
  void Overwrite(uint64_t sequence, const v1::AuditRecord& record) { Overwrite(sequence, record.SerializeAsString()); }
  void ExpectBad(uint64_t sequence, const std::string& fault, uint64_t every = 4) {
    const Verdict verdict = Verify(every);
    EXPECT_EQ(verdict.first_bad_sequence, sequence) << verdict.fault;
    EXPECT_THAT(verdict.fault, ::testing::HasSubstr(fault));
  }

  mutable base::FakeClock clock_{absl::FromUnixMillis(1'800'000'000'123)};
  mutable CollectingLogger logger_;
  store::TemporaryDirectory directory_;
  const std::string path_ = directory_.File("signet.db");
  std::shared_ptr<const keys::Signer> key_ = NewKey();
  std::unique_ptr<store::Store> store_;
};

}  // namespace signet::audit

#endif  // SIGNET_TESTS_SERVICES_AUDIT_AUDIT_LOG_FIXTURE_H_
