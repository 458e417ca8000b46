#include "services/audit/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "services/base/reason.h"
#include "tests/services/audit/audit_log_fixture.h"

namespace signet::audit {
namespace {

using ::testing::SizeIs;

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

}  // namespace
}  // namespace signet::audit
