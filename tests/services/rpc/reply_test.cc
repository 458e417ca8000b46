#include <string>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/rpc/convert.h"
#include "services/rpc/limits.h"
#include "services/rpc/page.h"
#include "services/rpc/reply_status.h"

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

TEST(ReplyStatus, TellsAShedCallWhenToComeBack) {
  const grpc::Status reply =
      ReplyStatus(base::Refusal(absl::StatusCode::kResourceExhausted, base::kOverloaded, "too many"), "00ff");
  google::rpc::RetryInfo retry;
  ASSERT_EQ(Details(reply).details_size(), 2);
  ASSERT_TRUE(Details(reply).details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
}

TEST(ReplyStatus, StaysWithinWhatAClientAcceptsAsTrailers) {
  std::string message = "x";
  while (message.size() < 100000) message += "ü";
  const grpc::Status reply = ReplyStatus(absl::InvalidArgumentError(message), "00ff");
  EXPECT_LT(reply.error_message().size() * 3 + reply.error_details().size() * 4 / 3, 8000u);
  EXPECT_THAT(reply.error_message(), testing::EndsWith("ü…"));
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

}  // namespace
}  // namespace signet::rpc
