#include "services/audit/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/services/audit/audit_log_fixture.h"

namespace signet::audit {
namespace {

using ::testing::IsEmpty;

// Whoever can write the file tampers with it; each attempt is named by its first bad record.
class VerifierTest : public AuditLogTest {};

TEST_F(VerifierTest, ChecksACleanLogOfManyPages) {
  Fill(1300, 256);
  const Verdict verdict = Verify(256);
  EXPECT_EQ(verdict.records, 1300u);
  EXPECT_EQ(verdict.checkpoints, 5u);
  EXPECT_EQ(verdict.first_bad_sequence, 0u);
  EXPECT_THAT(verdict.fault, IsEmpty());
}

TEST_F(VerifierTest, NamesADeletedRecord) {
  Fill(10);
  Tamper("DELETE FROM audit WHERE sequence = 6");
  ExpectBad(6, "record 6 is missing");
}

TEST_F(VerifierTest, NamesADeletedFirstRecord) {
  Fill(10);
  Tamper("DELETE FROM audit WHERE sequence = 1");
  ExpectBad(1, "record 1 is missing");
}

TEST_F(VerifierTest, NamesADeletedRecordWhoseGapWasClosed) {
  Fill(10, 100);
  Tamper("DELETE FROM audit WHERE sequence = 6; UPDATE audit SET sequence = sequence - 1 WHERE sequence > 6");
  ExpectBad(6, "not what was written", 100);
}

TEST_F(VerifierTest, NamesAnEditedRecord) {
  Fill(10);
  v1::AuditRecord record = Record(6);
  record.set_subject("n666");
  Overwrite(6, record);
  ExpectBad(6, "record 6 was changed");
}

TEST_F(VerifierTest, NamesTheFirstOfTwoEditedRecords) {
  Fill(12);
  for (uint64_t sequence : {3, 10}) {
    v1::AuditRecord record = Record(sequence);
    record.set_actor("nobody");
    Overwrite(sequence, record);
  }
  ExpectBad(3, "record 3 was changed");
}

TEST_F(VerifierTest, NamesARecordWhoseLinkWasEdited) {
  Fill(10);
  v1::AuditRecord record = Record(6);
  record.set_previous_sha256(std::string(32, 'x'));
  Overwrite(6, record);
  ExpectBad(6, "record 6 was changed");
}

TEST_F(VerifierTest, NamesARecordThatHoldsGarbageOrNothing) {
  Fill(10);
  Overwrite(6, std::string("\xff\xff\xff"));
  ExpectBad(6, "not what was written");
  Overwrite(6, std::string());
  ExpectBad(6, "not what was written");
}

TEST_F(VerifierTest, NamesAnEditedLastRecordByItsCheckpoint) {
  Fill(8);
  v1::AuditRecord record = Record(8);
  record.set_message("nothing happened");
  Overwrite(8, record);
  ExpectBad(8, "contradicts its signed checkpoint");
}

TEST_F(VerifierTest, NamesBytesAddedBehindARecord) {
  Fill(10);
  Overwrite(6, Row(6).bytes + Row(6).bytes);
  ExpectBad(6, "record 6 was changed");
}

TEST_F(VerifierTest, NamesTheFirstOfTwoReorderedRecords) {
  Fill(10);
  const std::string fifth = Row(5).bytes;
  const std::string sixth = Row(6).bytes;
  Overwrite(5, sixth);
  Overwrite(6, fifth);
  ExpectBad(5, "not what was written");
}

TEST_F(VerifierTest, NamesTheFirstOfTwoReorderedRecordsThatWereRenumbered) {
  Fill(10, 100);
  v1::AuditRecord fifth = Record(5);
  v1::AuditRecord sixth = Record(6);
  fifth.set_sequence(6);
  sixth.set_sequence(5);
  Overwrite(5, sixth);
  Overwrite(6, fifth);
  ExpectBad(5, "record 5 was changed", 100);
}

TEST_F(VerifierTest, NamesTheFirstRecordOfATailThatWasCut) {
  Fill(10);
  Tamper("DELETE FROM audit WHERE sequence > 6");
  ExpectBad(7, "the log ends at 6, a checkpoint covers record 8");
}

TEST_F(VerifierTest, NamesTheFirstRecordOfALogThatWasEmptied) {
  Fill(10);
  Tamper("DELETE FROM audit");
  ExpectBad(1, "record 1 is missing");
}

// A chain that fits itself, from `first` on.
TEST_F(VerifierTest, FindsAForkAtTheFirstCheckpointItContradicts) {
  Fill(10);
  for (uint64_t sequence = 6; sequence <= 10; ++sequence) {
    v1::AuditRecord record = Record(sequence);
    record.set_actor("somebody else");
    record.set_previous_sha256(ChainHash(Row(sequence - 1).bytes));
    Overwrite(sequence, record);
  }
  ExpectBad(8, "records 5 to 8 may have been rewritten");
}

TEST_F(VerifierTest, FindsARewrittenLogWhoseCheckpointsWereRemoved) {
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

TEST_F(VerifierTest, FindsAForkWithCheckpointsOfAnotherKey) {
  Fill(7);
  const AuditLog forger("alpha", NewKey(), clock_, logger_, 4);
  ASSERT_EQ(forger.Record(*store_, Done("n8")), absl::OkStatus());
  ExpectBad(8, "not signed by the audit key");
}

TEST_F(VerifierTest, FindsACheckpointOfAnotherCluster) {
  Fill(7);
  const AuditLog other("beta", key_, clock_, logger_, 4);
  ASSERT_EQ(other.Record(*store_, Done("n8")), absl::OkStatus());
  ExpectBad(8, "of cluster beta");
}

TEST_F(VerifierTest, FindsACheckpointThatWasMovedToAnotherRecord) {
  Fill(10);
  Tamper("UPDATE checkpoints SET sequence = 7 WHERE sequence = 8");
  ExpectBad(7, "belongs to record 8");
}

TEST_F(VerifierTest, FindsACheckpointOfGarbage) {
  Fill(10);
  Tamper("UPDATE checkpoints SET bytes = x'ff' WHERE sequence = 4");
  ExpectBad(4, "not signed by the audit key");
}

TEST_F(VerifierTest, FindsASignatureMadeInAnotherDomain) {
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
