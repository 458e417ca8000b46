#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"
#include "services/rpc/page.h"
#include "services/rpc/reply_status.h"
#include "signet/v1/rotation.pb.h"

namespace signet::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

google::rpc::ErrorInfo Info(const grpc::Status& status) {
  google::rpc::ErrorInfo info;
  const google::rpc::Status details = Details(status);
  const bool unpacked = details.details_size() > 0 && details.details(0).UnpackTo(&info);
  EXPECT_TRUE(unpacked);
  return info;
}

TEST(ReplyStatus, CarriesReasonNextAndRequestId) {
  const grpc::Status reply = ReplyStatus(
      base::Refusal(absl::StatusCode::kNotFound, base::kTokenUnknown, "no such token", "signetctl token list"), "00ff");
  EXPECT_EQ(reply.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(reply.error_message(), "no such token");
  const google::rpc::ErrorInfo info = Info(reply);
  EXPECT_EQ(info.domain(), "signet");
  EXPECT_EQ(info.reason(), "TOKEN_UNKNOWN");
  EXPECT_EQ(info.metadata().at("next"), "signetctl token list");
  EXPECT_EQ(info.metadata().at("request_id"), "00ff");
}

TEST(ReplyStatus, SaysNothingOfTheServersOwnFaults) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kInternal, absl::StatusCode::kUnknown, absl::StatusCode::kDataLoss}) {
    const grpc::Status reply = ReplyStatus(base::Refusal(code, base::kTokenUnknown, "key at /secret/path"), "00ff");
    EXPECT_EQ(reply.error_message(), "internal error, request 00ff");
    EXPECT_EQ(Info(reply).reason(), "INTERNAL");
    EXPECT_THAT(reply.error_details(), Not(HasSubstr("/secret")));
  }
}

TEST(ReplyStatus, TellsWhoMayComeBackWhen) {
  struct Row {
    absl::StatusCode code;
    std::string reason;
    bool retry;
  };
  for (const Row& row : std::vector<Row>{{absl::StatusCode::kResourceExhausted, base::kOverloaded, true},
                                         {absl::StatusCode::kResourceExhausted, base::kTooManyRequests, true},
                                         {absl::StatusCode::kUnavailable, base::kStoreUnavailable, true},
                                         {absl::StatusCode::kUnavailable, base::kKubernetesUnavailable, true},
                                         {absl::StatusCode::kResourceExhausted, base::kTooManyNewKeys, false},
                                         {absl::StatusCode::kPermissionDenied, base::kNodeBlocked, false}}) {
    const google::rpc::Status details = Details(ReplyStatus(base::Refusal(row.code, row.reason, "no"), "00ff"));
    ASSERT_EQ(details.details_size(), row.retry ? 2 : 1) << row.reason;
    google::rpc::RetryInfo retry;
    if (!row.retry) continue;
    ASSERT_TRUE(details.details(1).UnpackTo(&retry)) << row.reason;
    EXPECT_EQ(retry.retry_delay().seconds(), 1) << row.reason;
  }
}

TEST(ReplyStatus, KeepsWhatIsSaidOfKubernetesAndNotWhatIsSaidOfTheStore) {
  const grpc::Status kubernetes = ReplyStatus(
      base::Refusal(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable, "no answer within 0.8 s"), "00ff");
  EXPECT_EQ(kubernetes.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(kubernetes.error_message(), "no answer within 0.8 s");
  EXPECT_EQ(Info(kubernetes).reason(), "KUBERNETES_UNAVAILABLE");
  const grpc::Status store =
      ReplyStatus(base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable, "/var/lib is full"), "00ff");
  EXPECT_EQ(store.error_message(), "the store is unavailable, request 00ff");
  const grpc::Status lost_race = ReplyStatus(
      base::Refusal(absl::StatusCode::kAborted, base::kStoreUnavailable, "the authorities changed meanwhile"), "00ff");
  EXPECT_EQ(lost_race.error_message(), "the authorities changed meanwhile");
}

TEST(ReplyStatus, StaysWithinWhatAClientAcceptsAsTrailers) {
  std::string message = "x";
  while (message.size() < 100000) message += "ü";
  const grpc::Status reply = ReplyStatus(absl::InvalidArgumentError(message), "00ff");
  EXPECT_LT(reply.error_message().size() * 3 + reply.error_details().size() * 4 / 3, 8000u);
  EXPECT_THAT(reply.error_message(), testing::EndsWith("ü…"));
}

TEST(ReplyStatus, SaysAlsoWhatNoUtf8CanSay) {
  const grpc::Status reply = ReplyStatus(
      base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "no \xff\xfe", std::string(5000, '\xff')), "00ff");
  EXPECT_EQ(reply.error_message(), "no \uFFFD\uFFFD");
  EXPECT_EQ(Info(reply).reason(), "NOT_FOUND");
  EXPECT_LE(Info(reply).metadata().at("next").size(), 403u);
}

TEST(ReplyStatus, CarriesADetailBehindItsOwn) {
  v1::RotationPlan plan;
  plan.add_steps("one");
  const absl::Status closed = base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed, "closed");
  const google::rpc::Status details = Details(ReplyStatus(WithDetail(closed, plan), "00ff"));
  ASSERT_EQ(details.details_size(), 2);
  v1::RotationPlan read;
  ASSERT_TRUE(details.details(1).UnpackTo(&read));
  EXPECT_EQ(read.steps(0), "one");
}

TEST(ReplyStatus, StaysWithinTrailersWithTheLargestDetailAndLeavesOutALargerOne) {
  v1::RotationPlan plan;
  plan.add_steps(std::string(kMaxDetailBytes - 3, 'x'));
  ASSERT_EQ(plan.ByteSizeLong(), kMaxDetailBytes);
  const absl::Status closed = base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed,
                                            std::string(5000, '\xff'), std::string(5000, '%'));
  const grpc::Status reply = ReplyStatus(WithDetail(closed, plan), "0011223344556677");
  EXPECT_EQ(Details(reply).details_size(), 2);
  EXPECT_LT(reply.error_message().size() * 3 + reply.error_details().size() * 4 / 3, 8000u);
  plan.mutable_steps(0)->push_back('x');
  EXPECT_EQ(Details(ReplyStatus(WithDetail(closed, plan), "00ff")).details_size(), 1);
}

TEST(ReplyStatus, TellsNoDetailOfItsOwnFaultsAndMakesNoRefusalOfSuccess) {
  v1::RotationPlan plan;
  EXPECT_EQ(Details(ReplyStatus(WithDetail(absl::InternalError("x"), plan), "00ff")).details_size(), 1);
  EXPECT_TRUE(ReplyStatus(WithDetail(absl::OkStatus(), plan), "00ff").ok());
}

TEST(CheckReason, TakesWordsAndNothingElse) {
  EXPECT_TRUE(CheckReason("reason", "node 7 is at the vendor's, é", true).ok());
  EXPECT_TRUE(CheckReason("reason", "", false).ok());
  EXPECT_THAT(CheckReason("reason", "", true).message(), HasSubstr("reason is empty"));
  EXPECT_THAT(CheckReason("reason", std::string(201, 'a'), true).message(), HasSubstr("reason has 201 bytes"));
  for (const char* text : {"  ", "a\nb", "\x7f", "a\tb"}) {
    EXPECT_THAT(CheckReason("reason", text, false).message(), HasSubstr("reason is not printable")) << text;
  }
}

TEST(ReplyStatus, GivesAReasonAlsoWhereItsMakerGaveNone) {
  EXPECT_EQ(ReasonFor(absl::InvalidArgumentError("x")), base::kMalformed);
  EXPECT_EQ(ReasonFor(absl::PermissionDeniedError("x")), base::kAccessDenied);
  EXPECT_EQ(ReasonFor(absl::UnavailableError("x")), base::kStoreUnavailable);
  EXPECT_EQ(ReasonFor(absl::UnimplementedError("x")), base::kInternal);
  EXPECT_EQ(ReasonFor(absl::OkStatus()), "");
}

TEST(PageSize, IsBounded) {
  EXPECT_EQ(*PageSize(0), kDefaultPageSize);
  EXPECT_EQ(*PageSize(1), 1);
  EXPECT_EQ(*PageSize(1000), 1000);
  EXPECT_EQ(base::ReasonOf(PageSize(1001).status()), base::kMalformed);
  EXPECT_FALSE(PageSize(-1).ok());
}

TEST(PageToken, ComesBackOnlyToItsOwnList) {
  const std::string token = EncodePageToken("nodes", "n1/slurmd");
  EXPECT_EQ(*DecodePageToken("nodes", token), "n1/slurmd");
  EXPECT_EQ(*DecodePageToken("nodes", ""), "");
  EXPECT_EQ(EncodePageToken("nodes", ""), "");
  EXPECT_FALSE(DecodePageToken("tokens", token).ok());
  EXPECT_FALSE(DecodePageToken("nodes", "n1/slurmd").ok());
  EXPECT_FALSE(DecodePageToken("nodes", "!").ok());
  EXPECT_FALSE(DecodePageToken("nodes", std::string(kMaxPageTokenBytes + 1, 'a')).ok());
}

TEST(SerialFromText, ReadsWhatPeoplePaste) {
  EXPECT_EQ(*SerialFromText("AB:0C:ff"), "ab0cff");
  EXPECT_EQ(*SerialFromText("000abc"), "0abc");
  EXPECT_EQ(*SerialFromText("abc"), "0abc");
  for (const std::string text : {"", ":", "xyz", "12 34", "' or 1=1"}) EXPECT_FALSE(SerialFromText(text).ok()) << text;
  EXPECT_FALSE(SerialFromText(std::string(41, 'a')).ok());
}

TEST(NewTokenFromProto, NamesTheFieldThatIsWrong) {
  v1::NewToken token;
  token.set_node("n1");
  token.set_daemon("slurmd");
  token.set_public_key("key");
  EXPECT_THAT(FromProto(token, 3).status().message(), HasSubstr("tokens[3].kind is unset"));
  token.set_kind(static_cast<v1::TokenKind>(77));
  EXPECT_FALSE(FromProto(token, 0).ok());
  token.set_kind(v1::TOKEN_KIND_BOOT);
  ASSERT_TRUE(FromProto(token, 0).ok());
  EXPECT_EQ(FromProto(token, 0)->kind, evidence::TokenKind::kBoot);
  token.set_ttl_seconds(-1);
  EXPECT_THAT(FromProto(token, 0).status().message(), HasSubstr("ttl_seconds"));
  token.set_ttl_seconds(0);
  token.set_node(std::string(1000, 'n'));
  EXPECT_THAT(FromProto(token, 0).status().message(), HasSubstr("tokens[0].node has 1000 bytes"));
}

TEST(NewTokenFromProto, TakesAndBoundsTheLabel) {
  v1::NewToken token;
  token.set_node("n1");
  token.set_daemon("slurmd");
  token.set_public_key("key");
  token.set_kind(v1::TOKEN_KIND_BOOT);
  token.set_label("rack7");
  EXPECT_EQ(FromProto(token, 0)->label, "rack7");
  token.set_label(std::string(65, 'a'));
  EXPECT_THAT(FromProto(token, 2).status().message(), HasSubstr("tokens[2].label has 65 bytes; the limit is 64"));
}

TEST(KeyIdFromText, ReadsThirtyTwoHexDigitsOfEitherCase) {
  EXPECT_EQ(*KeyIdFromText("key_id", "00112233445566778899AABBCCDDEEFF"), "00112233445566778899aabbccddeeff");
  for (const std::string& text : std::vector<std::string>{"", "00ff", std::string(31, 'a'), std::string(33, 'a'),
                                                          std::string(32, 'g'), "0011223344556677 899aabbccddeeff"}) {
    EXPECT_THAT(KeyIdFromText("key_id", text).status().message(), HasSubstr("key_id is not 32")) << text;
  }
}

TEST(TokenKindFromProto, TakesUnsetForAllAndNoUnknownNumber) {
  EXPECT_EQ(*TokenKindFromProto(v1::TOKEN_KIND_UNSPECIFIED), 0);
  EXPECT_EQ(*TokenKindFromProto(v1::TOKEN_KIND_LAB), 4);
  EXPECT_FALSE(TokenKindFromProto(static_cast<v1::TokenKind>(9)).ok());
  EXPECT_FALSE(TokenKindFromProto(static_cast<v1::TokenKind>(-1)).ok());
}

TEST(CheckNames, NamesTheOneThatIsWrong) {
  v1::BlockNodesRequest request;
  request.add_nodes("n1");
  EXPECT_TRUE(CheckNames("nodes", request.nodes()).ok());
  request.add_nodes("");
  EXPECT_THAT(CheckNames("nodes", request.nodes()).message(), HasSubstr("nodes[1] is empty"));
  request.set_nodes(1, std::string(254, 'n'));
  EXPECT_THAT(CheckNames("nodes", request.nodes()).message(), HasSubstr("nodes[1] has 254 bytes; the limit is 253"));
}

TEST(TokenUse, EndsOnlyWhenItsKeyDid) {
  store::IdentityRow identity;
  identity.key_id = "00ff";
  identity.admitted_at = absl::FromUnixSeconds(10);
  EXPECT_FALSE(UseToProto(identity).has_ended_at());
  identity.superseded_at = absl::FromUnixSeconds(20);
  EXPECT_EQ(UseToProto(identity).ended_at().seconds(), 20);
}

}  // namespace
}  // namespace signet::rpc
