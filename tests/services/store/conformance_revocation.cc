// The promises on certificates that are alive, and on those that are revoked.
#include <gmock/gmock.h>

#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"

namespace signet::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(CertificateEnds, ListsAndCountsTheLiveOnesOfAnAuthority) {
  EXPECT_THAT(Live("a1", At(50)), ElementsAre("51", "53", "55", "56", "57", "58"));
  EXPECT_THAT(Live("a1", At(49)), ElementsAre("51", "52", "53", "55", "56", "57", "58")) << "notAfter is still inside";
  EXPECT_THAT(Live("a1", At(101)), ElementsAre("51"));
  EXPECT_THAT(Live("a2", At(50)), ElementsAre("54"));
  EXPECT_THAT(Live("", At(50)), IsEmpty());
  EXPECT_EQ(CountLive("a1", At(50)), 6);
  EXPECT_EQ(CountLive("a1", At(49)), 7);
  EXPECT_EQ(CountLive("a1", At(101)), 1);
  EXPECT_EQ(CountLive("a3", At(50)), 0);
}

TEST_P(CertificateEnds, ListsTheLiveOnesInPages) {
  EXPECT_THAT(Live("a1", At(50), "", 2), ElementsAre("51", "53"));
  EXPECT_THAT(Live("a1", At(50), "53", 2), ElementsAre("55", "56"));
  EXPECT_THAT(Live("a1", At(50), "54", 9), ElementsAre("55", "56", "57", "58"));
  EXPECT_THAT(Live("a1", At(50), "58", 2), IsEmpty());
}

TEST_P(CertificateEnds, ListsEveryFieldButTheTwoLongOnes) {
  Revoke("53", At(60), RevocationReason::kKeyCompromise);
  const auto live = Read([](const Tables& tables) { return tables.certificates().ListLive("a1", At(50), "", 1); });
  const auto dead = Read([](const Tables& tables) { return tables.certificates().ListRevoked("a1", At(50), "", 1); });
  ASSERT_EQ(live->size(), 1u);
  ASSERT_EQ(dead->size(), 1u);
  for (const CertificateRow& row : {live->front(), dead->front()}) {
    const CertificateRow whole = Find(row.serial);
    EXPECT_EQ(row.tbs_der, "");
    EXPECT_EQ(row.der, "");
    EXPECT_EQ(row.authority_id, whole.authority_id);
    EXPECT_EQ(row.profile, whole.profile);
    EXPECT_EQ(row.subject, whole.subject);
    EXPECT_EQ(row.daemon, whole.daemon);
    EXPECT_EQ(row.state, whole.state);
    EXPECT_EQ(row.tbs_sha256, whole.tbs_sha256);
    EXPECT_EQ(row.spki_sha256, whole.spki_sha256);
    EXPECT_EQ(row.identity_key_id, whole.identity_key_id);
    EXPECT_EQ(row.seq, whole.seq);
    EXPECT_EQ(row.not_before, whole.not_before);
    EXPECT_EQ(row.not_after, whole.not_after);
    EXPECT_EQ(row.recorded_at, whole.recorded_at);
    EXPECT_EQ(row.revoked_at, whole.revoked_at);
    EXPECT_EQ(row.revocation_reason, whole.revocation_reason);
  }
}

TEST_P(CertificateEnds, RevokesASerialOnceAndForEver) {
  EXPECT_TRUE(Revoke("53", At(60), RevocationReason::kKeyCompromise));
  EXPECT_FALSE(Revoke("53", At(70), RevocationReason::kSuperseded))
      << "what was revoked, was revoked then and for that";
  EXPECT_EQ(Find("53").state, CertificateState::kRevoked);
  EXPECT_EQ(Find("53").revoked_at, At(60));
  EXPECT_EQ(Find("53").revocation_reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(Find("51").revoked_at, absl::InfinitePast());
  ASSERT_EQ(Write([](Tables& tables) { return tables.certificates().SetIssued("53", "der"); }), absl::OkStatus());
  EXPECT_EQ(Find("53").state, CertificateState::kRevoked) << "a signature that comes late brings nothing back";
  EXPECT_THAT(Live("a1", At(50)), ElementsAre("51", "55", "56", "57", "58"));
  EXPECT_EQ(CountLive("a1", At(50)), 5);
  EXPECT_TRUE(absl::IsNotFound(Write([](Tables& tables) {
    return tables.certificates().Revoke("5", At(50), RevocationReason::kUnspecified).status();
  })));
}

TEST_P(CertificateEnds, RevokesAnIssuedOneToo) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.certificates().SetIssued("53", "der"); }), absl::OkStatus());
  EXPECT_TRUE(Revoke("53"));
  EXPECT_EQ(Find("53").state, CertificateState::kRevoked);
  EXPECT_EQ(Find("53").der, "der");
}

TEST_P(CertificateEnds, RevokesTheLiveOnesOfAnAuthority) {
  Revoke("53", At(40), RevocationReason::kKeyCompromise);
  const auto revoke = [&] {
    return Changed(
        [](CertificateTable& table) { return table.RevokeOfAuthority("a1", At(50), RevocationReason::kSuperseded); });
  };
  EXPECT_EQ(revoke(), 5);
  EXPECT_EQ(revoke(), 0);
  EXPECT_THAT(Live("a1", At(50)), IsEmpty());
  EXPECT_THAT(Revoked("a1", At(50)), ElementsAre("51", "53", "55", "56", "57", "58"));
  EXPECT_EQ(Find("51").revoked_at, At(50));
  EXPECT_EQ(Find("51").revocation_reason, RevocationReason::kSuperseded);
  EXPECT_EQ(Find("53").revoked_at, At(40));
  EXPECT_EQ(Find("52").state, CertificateState::kRecorded) << "it had ended";
  EXPECT_THAT(Live("a2", At(50)), ElementsAre("54"));
}

TEST_P(CertificateEnds, RevokesTheLiveOnesOfASubjectWhoeverSignedThem) {
  const auto revoke = [&](const std::string& subject) {
    return Changed([&](CertificateTable& table) {
      return table.RevokeOfSubject(subject, At(50), RevocationReason::kCessationOfOperation);
    });
  };
  EXPECT_EQ(revoke("n"), 0);
  EXPECT_EQ(revoke("N1"), 0);
  EXPECT_EQ(revoke("n1"), 4) << "51, 54, 55 and the service's 56";
  EXPECT_EQ(revoke("n1"), 0);
  EXPECT_THAT(Live("a1", At(50)), ElementsAre("53", "57", "58"));
  EXPECT_THAT(Revoked("a1", At(50)), ElementsAre("51", "55", "56"));
  EXPECT_THAT(Revoked("a2", At(50)), ElementsAre("54"));
  EXPECT_EQ(Find("54").revocation_reason, RevocationReason::kCessationOfOperation);
}

TEST_P(CertificateEnds, RevokesTheLiveOnesOfAClientInOneRole) {
  CertificateRow admin = Leaf("61", "n1", At(100), "a1", Profile::kControl);
  admin.daemon = "admin";
  CertificateRow other = Leaf("62", "n2", At(100), "a1", Profile::kControl);
  other.daemon = "admin";
  CertificateRow ended = admin;
  ended.serial = "63";
  ended.not_after = At(49);
  CertificateRow renewed = admin;
  renewed.serial = "64";
  renewed.authority_id = "a2";
  for (const CertificateRow& row : {admin, other, ended, renewed}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(row); }), absl::OkStatus());
  }
  const auto revoke = [&](const std::string& subject, const std::string& role) {
    return Changed([&](CertificateTable& table) {
      return table.RevokeOfClient(subject, role, At(50), RevocationReason::kKeyCompromise);
    });
  };
  EXPECT_EQ(revoke("n1", "adm"), 0);
  EXPECT_EQ(revoke("N1", "admin"), 0);
  EXPECT_EQ(revoke("n1", ""), 0);
  EXPECT_EQ(revoke("n1", "admin"), 2) << "61 and 64, whoever signed them";
  EXPECT_EQ(revoke("n1", "admin"), 0);
  EXPECT_THAT(Live("a1", At(50)), ElementsAre("51", "53", "55", "56", "57", "58", "62"));
  EXPECT_EQ(Find("63").state, CertificateState::kRecorded) << "it had ended";
  EXPECT_EQ(Find("64").revoked_at, At(50));
  EXPECT_EQ(Find("64").revocation_reason, RevocationReason::kKeyCompromise);
}

TEST_P(CertificateEnds, ListsTheRevokedOnesInPagesUntilTheyEnd) {
  for (const char* serial : {"55", "51", "53", "52"}) Revoke(serial);
  EXPECT_THAT(Revoked("a1", At(50)), ElementsAre("51", "53", "55"));
  EXPECT_THAT(Revoked("a1", At(49)), ElementsAre("51", "52", "53", "55"));
  EXPECT_THAT(Revoked("a1", At(50), "", 2), ElementsAre("51", "53"));
  EXPECT_THAT(Revoked("a1", At(50), "53", 2), ElementsAre("55"));
  EXPECT_THAT(Revoked("a1", At(101)), ElementsAre("51"));
  EXPECT_THAT(Revoked("a1", At(201)), IsEmpty());
}

TEST_P(CertificateEnds, CountsWhatWasEverRevokedOfAnAuthority) {
  EXPECT_EQ(Revocations("a1"), 0);
  Revoke("51");
  Revoke("51");
  EXPECT_EQ(Revocations("a1"), 1);
  Changed([](CertificateTable& table) { return table.RevokeOfSubject("n1", At(50), RevocationReason::kUnspecified); });
  EXPECT_EQ(Revocations("a1"), 3);
  EXPECT_EQ(Revocations("a2"), 1);
  Changed(
      [](CertificateTable& table) { return table.RevokeOfAuthority("a1", At(50), RevocationReason::kUnspecified); });
  EXPECT_EQ(Revocations("a1"), 6);
  // One that was undone is none.
  EXPECT_FALSE(Write([](Tables& tables) -> absl::Status {
                 SIGNET_RETURN_IF_ERROR(
                     tables.certificates().Revoke("52", At(50), RevocationReason::kUnspecified).status());
                 return absl::CancelledError("undo");
               }).ok());
  EXPECT_EQ(Revocations("a1"), 6);
}

}  // namespace
}  // namespace signet::store
