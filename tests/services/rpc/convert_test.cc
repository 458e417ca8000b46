#include "services/rpc/convert.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/rpc/reply_status.h"
#include "tests/testing/world.h"

namespace signet::rpc {
namespace {

TEST(CertificateToProto, GivesEachProfileAndStateItsNumberAndNoOther) {
  store::CertificateRow row;
  for (const auto& [profile, number] : std::vector<std::pair<store::Profile, v1::Profile>>{
           {store::Profile::kNode, v1::PROFILE_NODE},
           {store::Profile::kService, v1::PROFILE_SERVICE},
           {store::Profile::kControl, v1::PROFILE_CONTROL},
           {store::Profile::kProbe, v1::PROFILE_PROBE},
           {static_cast<store::Profile>(99), v1::PROFILE_UNSPECIFIED}}) {
    row.profile = profile;
    EXPECT_EQ(ToProto(row, false).profile(), number);
  }
  for (const auto& [state, number] : std::vector<std::pair<store::CertificateState, v1::CertificateState>>{
           {store::CertificateState::kRecorded, v1::CERTIFICATE_STATE_RECORDED},
           {store::CertificateState::kIssued, v1::CERTIFICATE_STATE_ISSUED},
           {store::CertificateState::kRevoked, v1::CERTIFICATE_STATE_REVOKED},
           {static_cast<store::CertificateState>(99), v1::CERTIFICATE_STATE_UNSPECIFIED}}) {
    row.state = state;
    EXPECT_EQ(ToProto(row, true).state(), number);
    EXPECT_EQ(ToProto(row, true).pem(), "");
  }
}

TEST(AuthorityToProto, GivesEachPurposeAndStateItsNumberAndNoOther) {
  testing::World world;
  authority::Authority authority = *testing::Must(world.authorities->Active(store::Purpose::kSlurm));
  EXPECT_EQ(ToProto(authority, false).purpose(), v1::AUTHORITY_PURPOSE_SLURM);
  for (const auto& [state, number] : std::vector<std::pair<store::AuthorityState, v1::AuthorityState>>{
           {store::AuthorityState::kPrepared, v1::AUTHORITY_STATE_PREPARED},
           {store::AuthorityState::kActive, v1::AUTHORITY_STATE_ACTIVE},
           {store::AuthorityState::kRetired, v1::AUTHORITY_STATE_RETIRED},
           {store::AuthorityState::kRevoked, v1::AUTHORITY_STATE_REVOKED},
           {store::AuthorityState::kDestroyed, v1::AUTHORITY_STATE_DESTROYED},
           {static_cast<store::AuthorityState>(99), v1::AUTHORITY_STATE_UNSPECIFIED}}) {
    authority.state = state;
    EXPECT_EQ(ToProto(authority, false).state(), number);
  }
  authority.purpose = store::Purpose::kControl;
  EXPECT_EQ(ToProto(authority, true).purpose(), v1::AUTHORITY_PURPOSE_CONTROL);
  authority.purpose = static_cast<store::Purpose>(99);
  EXPECT_EQ(ToProto(authority, true).purpose(), v1::AUTHORITY_PURPOSE_UNSPECIFIED);
}

TEST(AuthorityToProto, TellsEachStepOfItsLifeThatItTook) {
  testing::World world;
  authority::Authority authority = *testing::Must(world.authorities->Active(store::Purpose::kSlurm));
  authority.prepared_at = absl::FromUnixSeconds(1);
  authority.activated_at = absl::FromUnixSeconds(2);
  authority.retired_at = authority.revoked_at = absl::InfinitePast();
  v1::Authority message = ToProto(authority, false);
  EXPECT_TRUE(message.has_key());
  EXPECT_EQ(message.prepared_at().seconds(), 1);
  EXPECT_EQ(message.activated_at().seconds(), 2);
  EXPECT_FALSE(message.has_retired_at());
  EXPECT_FALSE(message.has_revoked_at());
  authority.signer = nullptr;
  authority.prepared_at = authority.activated_at = absl::InfinitePast();
  authority.retired_at = absl::FromUnixSeconds(3);
  authority.revoked_at = absl::FromUnixSeconds(4);
  message = ToProto(authority, false);
  EXPECT_FALSE(message.has_key());
  EXPECT_FALSE(message.has_prepared_at());
  EXPECT_FALSE(message.has_activated_at());
  EXPECT_EQ(message.retired_at().seconds(), 3);
  EXPECT_EQ(message.revoked_at().seconds(), 4);
}

TEST(NodeToProto, LeavesUnsetWhatNeverWas) {
  store::NodeRow row;
  store::IdentityRow identity;
  identity.evidence = 5;
  identity.pod_uid = "uid";
  const v1::Node bare = ToProto(row, identity, 0, false);
  EXPECT_FALSE(bare.has_not_after());
  EXPECT_FALSE(bare.has_clone_suspected_at());
  EXPECT_EQ(bare.superseded_keys(), 0);
  EXPECT_EQ(bare.evidence(), v1::EVIDENCE_KUBERNETES);
  EXPECT_EQ(bare.pod_uid(), "uid");
  row.serial = "00";
  row.clone_suspected_at = absl::FromUnixSeconds(7);
  identity.evidence = 99;
  const v1::Node full = ToProto(row, identity, 3, true);
  EXPECT_TRUE(full.has_not_after());
  EXPECT_EQ(full.clone_suspected_at().seconds(), 7);
  EXPECT_EQ(full.superseded_keys(), 2);
  EXPECT_EQ(full.evidence(), v1::EVIDENCE_UNSPECIFIED);
  EXPECT_TRUE(full.blocked());
}

TEST(TokenToProto, AStoredKindThatIsNoneIsUnset) {
  store::TokenRow row;
  row.kind = 99;
  EXPECT_EQ(ToProto(row).kind(), v1::TOKEN_KIND_UNSPECIFIED);
}

TEST(ExplanationToProto, GivesEachSeverityItsNumberAndNoOther) {
  enrollment::Explanation explanation;
  for (const auto severity : {enrollment::Severity::kOk, enrollment::Severity::kWarning, enrollment::Severity::kError,
                              static_cast<enrollment::Severity>(99)}) {
    explanation.findings.push_back({severity, "CODE", "cause", "next"});
  }
  const v1::ExplainNodeResponse response = ToProto(explanation);
  ASSERT_EQ(response.findings_size(), 4);
  EXPECT_EQ(response.findings(0).severity(), v1::SEVERITY_OK);
  EXPECT_EQ(response.findings(1).severity(), v1::SEVERITY_WARNING);
  EXPECT_EQ(response.findings(2).severity(), v1::SEVERITY_ERROR);
  EXPECT_EQ(response.findings(3).severity(), v1::SEVERITY_UNSPECIFIED);
  EXPECT_FALSE(response.has_block());
}

TEST(ReasonFor, EveryCodeHasOne) {
  const std::vector<std::pair<absl::StatusCode, std::string>> rows = {
      {absl::StatusCode::kOutOfRange, base::kMalformed},
      {absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid},
      {absl::StatusCode::kNotFound, base::kNotFound},
      {absl::StatusCode::kAlreadyExists, base::kAlreadyExists},
      {absl::StatusCode::kResourceExhausted, base::kOverloaded},
      {absl::StatusCode::kDeadlineExceeded, base::kDeadlineTooShort},
      {absl::StatusCode::kAborted, base::kStoreUnavailable},
      {absl::StatusCode::kCancelled, base::kInternal},
  };
  for (const auto& [code, reason] : rows) EXPECT_EQ(ReasonFor(absl::Status(code, "x")), reason);
  EXPECT_TRUE(ReplyStatus(absl::OkStatus(), "00ff").ok());
}

}  // namespace
}  // namespace signet::rpc
