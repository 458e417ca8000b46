#include "services/audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/audit/chain_hash.h"
#include "services/base/reason.h"
#include "services/keys/private_key.h"
#include "services/store/sqlite/sqlite_store.h"
#include "signet/v1/audit.pb.h"
#include "tests/services/audit/collecting_logger.h"
#include "tests/services/store/temporary_directory.h"

namespace signet::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::shared_ptr<const keys::PrivateKey> NewKey() {
  return std::make_shared<const keys::PrivateKey>(*keys::PrivateKey::Generate(x509::KeyType::kEcP256));
}

// A key that cannot be reached.
class AbsentSigner final : public keys::Signer {
 public:
  explicit AbsentSigner(const x509::PublicKey& key) : key_(key) {}
  const x509::PublicKey& public_key() const override { return key_; }
  absl::StatusOr<std::string> Sign(x509::SignatureAlgorithm, absl::string_view) const override {
    return absl::UnavailableError("the key is away");
  }

 private:
  x509::PublicKey key_;
};

Event Done(const std::string& subject) {
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
    EXPECT_THAT(verdict.fault, HasSubstr(fault));
  }

  mutable base::FakeClock clock_{absl::FromUnixMillis(1'800'000'000'123)};
  mutable CollectingLogger logger_;
  store::TemporaryDirectory directory_;
  const std::string path_ = directory_.File("signet.db");
  std::shared_ptr<const keys::Signer> key_ = NewKey();
  std::unique_ptr<store::Store> store_;
};

TEST_F(AuditLogTest, WritesEveryFieldOfAnEvent) {
  Fill(1);
  const v1::AuditRecord record = Record(1);
  EXPECT_EQ(record.sequence(), 1u);
  EXPECT_EQ(record.previous_sha256(), "");
  EXPECT_EQ(record.time_ms(), 1'800'000'000'123);
  EXPECT_EQ(record.actor(), "signetd");
  EXPECT_EQ(record.request_id(), "00112233aabbccdd");
  EXPECT_EQ(record.action(), "certificate.sign");
  EXPECT_EQ(record.subject(), "n1");
  EXPECT_EQ(record.outcome(), v1::AUDIT_OUTCOME_DONE);
  EXPECT_EQ(record.reason(), "");
  EXPECT_EQ(record.message(), "signed");
  EXPECT_EQ(record.facts().at("serial"), "51");
  EXPECT_EQ(record.facts().size(), 2u);
}

TEST_F(AuditLogTest, ChainsByTheLengthPrefixedHashOfTheStoredBytes) {
  Fill(2);
  const std::string first = Row(1).bytes;
  const std::string length = std::string(7, '\0') + static_cast<char>(first.size());
  ASSERT_LT(first.size(), 128u);
  EXPECT_EQ(Record(2).previous_sha256(), x509::Sha256(length + first));
}

TEST_F(AuditLogTest, MakesEqualBytesOfEqualEvents) {
  Event event = Done("n1");
  for (int i = 0; i < 50; ++i) event.facts[absl::StrCat("fact", i)] = "value";
  ASSERT_EQ(Log().Record(*store_, event), absl::OkStatus());
  const std::string bytes = Row(1).bytes;
  for (int i = 0; i < 5; ++i) {
    Tamper("DELETE FROM audit");
    ASSERT_EQ(Log().Record(*store_, event), absl::OkStatus());
    EXPECT_EQ(Row(1).bytes, bytes);
  }
}

TEST_F(AuditLogTest, RecordsARefusalWithItsReason) {
  const absl::Status refusal =
      base::Refusal(absl::StatusCode::kPermissionDenied, base::kNodeBlocked, "node n1 is blocked");
  ASSERT_EQ(Log().Record(*store_, RefusedEvent({"node:n1/slurmd", "id"}, "certificate.sign", "n1", refusal)),
            absl::OkStatus());
  EXPECT_EQ(Record(1).outcome(), v1::AUDIT_OUTCOME_REFUSED);
  EXPECT_EQ(Record(1).reason(), "NODE_BLOCKED");
  EXPECT_EQ(Record(1).message(), "node n1 is blocked");
}

TEST_F(AuditLogTest, NeverRecordsAnErrorWithoutReasonAsDone) {
  ASSERT_EQ(Log().Record(*store_, RefusedEvent({}, "certificate.sign", "n1", absl::InternalError("?"))),
            absl::OkStatus());
  EXPECT_EQ(Record(1).outcome(), v1::AUDIT_OUTCOME_REFUSED);
  EXPECT_EQ(Record(1).reason(), "INTERNAL");
}

TEST_F(AuditLogTest, CutsLongTextAndReplacesWhatIsNotUtf8) {
  Event event = Done(std::string(100'000, 's'));
  event.message = std::string(1023, 'm') + "\xc3\xa4";
  event.facts = {{"bytes", std::string("a\xff\xc0\x80\xed\xa0\x80z", 8)}, {"long", std::string(5000, 'f')}};
  ASSERT_EQ(Log().Record(*store_, event), absl::OkStatus());
  const v1::AuditRecord record = Record(1);
  EXPECT_EQ(record.message(), std::string(1023, 'm'));
  EXPECT_EQ(record.subject().size(), 16u * 1024);
  EXPECT_EQ(record.facts().at("long").size(), 1024u);
  std::string replaced = "a";
  for (int i = 0; i < 6; ++i) replaced += "\xef\xbf\xbd";
  EXPECT_EQ(record.facts().at("bytes"), replaced + "z");
}

TEST_F(AuditLogTest, AppendsWithinTheCallersTransaction) {
  const AuditLog log = Log();
  EXPECT_EQ(store_->Write([&](store::Tables& tables) -> absl::Status {
    EXPECT_EQ(log.Append(tables, Done("n1")), absl::OkStatus());
    return absl::AbortedError("no");
  }),
            absl::AbortedError("no"));
  EXPECT_EQ(Verify().records, 0u);
}

TEST_F(AuditLogTest, FailsTheTransactionWhenACheckpointCannotBeSigned) {
  const AuditLog log("alpha", std::make_shared<AbsentSigner>(key_->public_key()), clock_, logger_, 2);
  EXPECT_EQ(log.Record(*store_, Done("n1")), absl::OkStatus());
  EXPECT_TRUE(absl::IsUnavailable(log.Record(*store_, Done("n2"))));
  EXPECT_EQ(Verify().records, 1u);
}

TEST_F(AuditLogTest, FailsWhenTheStoreRefusesTheRecord) {
  Tamper("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END");
  EXPECT_TRUE(absl::IsUnavailable(Log().Record(*store_, Done("n1"))));
}

TEST_F(AuditLogTest, ChecksACleanLogOfManyPages) {
  Fill(1300, 256);
  const Verdict verdict = Verify(256);
  EXPECT_EQ(verdict.records, 1300u);
  EXPECT_EQ(verdict.checkpoints, 5u);
  EXPECT_EQ(verdict.first_bad_sequence, 0u);
  EXPECT_THAT(verdict.fault, IsEmpty());
}

TEST_F(AuditLogTest, ChainsRecordsOfManyThreads) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(Log().Record(*store_, Done("n1")), absl::OkStatus());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Verify().records, 400u);
  EXPECT_EQ(Verify().checkpoints, 100u);
  EXPECT_EQ(Verify().fault, "");
}

TEST_F(AuditLogTest, WritesEachCheckpointToTheLogStream) {
  Fill(4);
  ASSERT_THAT(logger_.lines(), SizeIs(1));
  const CollectingLogger::Line line = logger_.lines()[0];
  EXPECT_EQ(line.event, "audit.checkpoint");
  EXPECT_EQ(line.fields.at("sequence"), "4");
  EXPECT_EQ(line.fields.at("sha256"), absl::BytesToHexString(ChainHash(Row(4).bytes)));
  // Enough to verify it without the store.
  v1::Checkpoint checkpoint;
  checkpoint.set_cluster(line.fields.at("cluster"));
  checkpoint.set_sequence(4);
  checkpoint.set_sha256(ChainHash(Row(4).bytes));
  checkpoint.set_time_ms(std::stoll(line.fields.at("time_ms")));
  std::string signature;
  ASSERT_TRUE(absl::Base64Unescape(line.fields.at("signature"), &signature));
  EXPECT_EQ(
      keys::VerifyInDomain(key_->public_key(), keys::kCheckpointDomain, checkpoint.SerializeAsString(), signature),
      absl::OkStatus());
}

TEST_F(AuditLogTest, SignsACheckpointOnRequestOnce) {
  Fill(6);
  const AuditLog log = Log();
  for (int time = 0; time < 2; ++time) {
    ASSERT_EQ(store_->Write([&](store::Tables& tables) { return log.Checkpoint(tables); }), absl::OkStatus());
  }
  EXPECT_EQ(Verify().checkpoints, 2u);
  EXPECT_THAT(logger_.lines(), SizeIs(2));
}

TEST_F(AuditLogTest, SignsNoCheckpointOverNothing) {
  const AuditLog log = Log();
  ASSERT_EQ(store_->Write([&](store::Tables& tables) { return log.Checkpoint(tables); }), absl::OkStatus());
  EXPECT_EQ(Verify().checkpoints, 0u);
  EXPECT_EQ(Verify().fault, "");
}

// Tampering, each named by its first bad record.

TEST_F(AuditLogTest, NamesADeletedRecord) {
  Fill(10);
  Tamper("DELETE FROM audit WHERE sequence = 6");
  ExpectBad(6, "record 6 is missing");
}

TEST_F(AuditLogTest, NamesADeletedFirstRecord) {
  Fill(10);
  Tamper("DELETE FROM audit WHERE sequence = 1");
  ExpectBad(1, "record 1 is missing");
}

TEST_F(AuditLogTest, NamesADeletedRecordWhoseGapWasClosed) {
  Fill(10, 100);
  Tamper("DELETE FROM audit WHERE sequence = 6; UPDATE audit SET sequence = sequence - 1 WHERE sequence > 6");
  ExpectBad(6, "not what was written", 100);
}

TEST_F(AuditLogTest, NamesAnEditedRecord) {
  Fill(10);
  v1::AuditRecord record = Record(6);
  record.set_subject("n666");
  Overwrite(6, record);
  ExpectBad(6, "record 6 was changed");
}

TEST_F(AuditLogTest, NamesTheFirstOfTwoEditedRecords) {
  Fill(12);
  for (uint64_t sequence : {3, 10}) {
    v1::AuditRecord record = Record(sequence);
    record.set_actor("nobody");
    Overwrite(sequence, record);
  }
  ExpectBad(3, "record 3 was changed");
}

TEST_F(AuditLogTest, NamesARecordWhoseLinkWasEdited) {
  Fill(10);
  v1::AuditRecord record = Record(6);
  record.set_previous_sha256(std::string(32, 'x'));
  Overwrite(6, record);
  ExpectBad(6, "record 6 was changed");
}

TEST_F(AuditLogTest, NamesARecordThatHoldsGarbageOrNothing) {
  Fill(10);
  Overwrite(6, std::string("\xff\xff\xff"));
  ExpectBad(6, "not what was written");
  Overwrite(6, std::string());
  ExpectBad(6, "not what was written");
}

TEST_F(AuditLogTest, NamesAnEditedLastRecordByItsCheckpoint) {
  Fill(8);
  v1::AuditRecord record = Record(8);
  record.set_message("nothing happened");
  Overwrite(8, record);
  ExpectBad(8, "contradicts its signed checkpoint");
}

TEST_F(AuditLogTest, NamesBytesAddedBehindARecord) {
  Fill(10);
  Overwrite(6, Row(6).bytes + Row(6).bytes);
  ExpectBad(6, "record 6 was changed");
}

TEST_F(AuditLogTest, NamesTheFirstOfTwoReorderedRecords) {
  Fill(10);
  const std::string fifth = Row(5).bytes;
  const std::string sixth = Row(6).bytes;
  Overwrite(5, sixth);
  Overwrite(6, fifth);
  ExpectBad(5, "not what was written");
}

TEST_F(AuditLogTest, NamesTheFirstOfTwoReorderedRecordsThatWereRenumbered) {
  Fill(10, 100);
  v1::AuditRecord fifth = Record(5);
  v1::AuditRecord sixth = Record(6);
  fifth.set_sequence(6);
  sixth.set_sequence(5);
  Overwrite(5, sixth);
  Overwrite(6, fifth);
  ExpectBad(5, "record 5 was changed", 100);
}

TEST_F(AuditLogTest, NamesTheFirstRecordOfATailThatWasCut) {
  Fill(10);
  Tamper("DELETE FROM audit WHERE sequence > 6");
  ExpectBad(7, "the log ends at 6, a checkpoint covers record 8");
}

TEST_F(AuditLogTest, NamesTheFirstRecordOfALogThatWasEmptied) {
  Fill(10);
  Tamper("DELETE FROM audit");
  ExpectBad(1, "record 1 is missing");
}

// A chain that fits itself, from `first` on.
TEST_F(AuditLogTest, FindsAForkAtTheFirstCheckpointItContradicts) {
  Fill(10);
  for (uint64_t sequence = 6; sequence <= 10; ++sequence) {
    v1::AuditRecord record = Record(sequence);
    record.set_actor("somebody else");
    record.set_previous_sha256(ChainHash(Row(sequence - 1).bytes));
    Overwrite(sequence, record);
  }
  ExpectBad(8, "records 5 to 8 may have been rewritten");
}

TEST_F(AuditLogTest, FindsARewrittenLogWhoseCheckpointsWereRemoved) {
  Fill(10);
  for (uint64_t sequence = 6; sequence <= 10; ++sequence) {
    v1::AuditRecord record = Record(sequence);
    record.set_actor("somebody else");
    record.set_previous_sha256(ChainHash(Row(sequence - 1).bytes));
    Overwrite(sequence, record);
  }
  Tamper("DELETE FROM checkpoints WHERE sequence = 8");
  ExpectBad(8, "a checkpoint between records 5 and 8 is missing");
}

TEST_F(AuditLogTest, FindsAForkWithCheckpointsOfAnotherKey) {
  Fill(7);
  const AuditLog forger("alpha", NewKey(), clock_, logger_, 4);
  ASSERT_EQ(forger.Record(*store_, Done("n8")), absl::OkStatus());
  ExpectBad(8, "not signed by the audit key");
}

TEST_F(AuditLogTest, FindsACheckpointOfAnotherCluster) {
  Fill(7);
  const AuditLog other("beta", key_, clock_, logger_, 4);
  ASSERT_EQ(other.Record(*store_, Done("n8")), absl::OkStatus());
  ExpectBad(8, "of cluster beta");
}

TEST_F(AuditLogTest, FindsACheckpointThatWasMovedToAnotherRecord) {
  Fill(10);
  Tamper("UPDATE checkpoints SET sequence = 7 WHERE sequence = 8");
  ExpectBad(7, "belongs to record 8");
}

TEST_F(AuditLogTest, FindsACheckpointOfGarbage) {
  Fill(10);
  Tamper("UPDATE checkpoints SET bytes = x'ff' WHERE sequence = 4");
  ExpectBad(4, "not signed by the audit key");
}

TEST_F(AuditLogTest, FindsASignatureMadeInAnotherDomain) {
  Fill(4);
  v1::Checkpoint checkpoint;
  checkpoint.set_cluster("alpha");
  checkpoint.set_sequence(4);
  checkpoint.set_sha256(ChainHash(Row(4).bytes));
  v1::SignedCheckpoint signed_checkpoint;
  signed_checkpoint.set_checkpoint(checkpoint.SerializeAsString());
  signed_checkpoint.set_signature(*keys::SignInDomain(*key_, keys::kBundleDomain, signed_checkpoint.checkpoint()));
  Tamper(absl::StrCat("UPDATE checkpoints SET bytes = x'",
                      absl::BytesToHexString(signed_checkpoint.SerializeAsString()), "'"));
  ExpectBad(4, "not signed by the audit key");
}

}  // namespace
}  // namespace signet::audit
