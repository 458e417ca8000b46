#include "services/kubernetes/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "tests/testing/service_account_issuer.h"

namespace signet::kubernetes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class TokenTest : public ::testing::Test {
 protected:
  std::string Make(const testing::TokenWish& wish = {}) const { return issuer_.Make(bound_, wish, kNow); }
  // A token whose claims were changed; signed all the same.
  std::string Changed(const std::function<void(Json&)>& change) const {
    testing::TokenWish wish;
    wish.change = [&change](Json&, Json& claims) { change(claims); };
    return Make(wish);
  }
  std::string WithAlgorithm(const Json& algorithm) const {
    testing::TokenWish wish;
    wish.change = [&algorithm](Json& header, Json&) { header["alg"] = algorithm; };
    return Make(wish);
  }
  // What is said against it; empty when it was read.
  static std::string FaultOf(const std::string& token) {
    const auto claims = ReadToken(token, "signet", kNow);
    if (claims.ok()) return "";
    EXPECT_EQ(claims.status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(base::ReasonOf(claims.status()), base::kPodRefused);
    return std::string(claims.status().message());
  }

  const testing::ServiceAccountIssuer& issuer_ = testing::ServiceAccountIssuer::Shared();
  const testing::Bound bound_{"slurm",      "slurm-worker", "uid-of-account", "worker-0",
                              "uid-of-pod", "kind-1",       "uid-of-node"};
};

TEST_F(TokenTest, ReadsWhatTheApiServerSigns) {
  for (const bool ecdsa : {false, true}) {
    testing::TokenWish wish;
    wish.ecdsa = ecdsa;
    const auto claims = ReadToken(Make(wish), "signet", kNow);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->subject, "system:serviceaccount:slurm:slurm-worker");
    EXPECT_EQ(claims->service_account, "slurm/slurm-worker");
    EXPECT_EQ(claims->name_space, "slurm");
    EXPECT_EQ(claims->pod_name, "worker-0");
    EXPECT_EQ(claims->pod_uid, "uid-of-pod");
    EXPECT_EQ(claims->expires_at, kNow + absl::Hours(1));
  }
}

TEST_F(TokenTest, RefusesAlgorithmNone) {
  EXPECT_THAT(FaultOf(WithAlgorithm("none")), HasSubstr("alg is not one of"));
  EXPECT_THAT(FaultOf(WithAlgorithm("None")), HasSubstr("alg"));
  const std::string header = testing::Base64Url(R"({"alg":"none","typ":"JWT"})");
  const std::string signed_token = Make();
  const std::string claims = signed_token.substr(signed_token.find('.') + 1);
  const std::string body = claims.substr(0, claims.find('.'));
  EXPECT_NE(FaultOf(absl::StrCat(header, ".", body, ".")), "");
  EXPECT_NE(FaultOf(absl::StrCat(header, ".", body, ".c2ln")), "");
}

TEST_F(TokenTest, RefusesHs256WithThePublicKeyAsSecret) {
  const std::string key = issuer_.rsa_public_key().spki_der();
  const std::string signed_token = Make();
  const std::string claims = signed_token.substr(signed_token.find('.') + 1);
  const std::string message =
      absl::StrCat(testing::Base64Url(R"({"alg":"HS256"})"), ".", claims.substr(0, claims.find('.')));
  std::string mac(32, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), reinterpret_cast<unsigned char*>(mac.data()), nullptr);
  EXPECT_THAT(FaultOf(absl::StrCat(message, ".", testing::Base64Url(mac))), HasSubstr("alg is not one of"));
}

TEST_F(TokenTest, TakesAlgorithmsFromTheListAloneAndWrittenExactly) {
  for (const char* good : {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"}) {
    EXPECT_EQ(FaultOf(WithAlgorithm(good)), "") << good;
  }
  for (const char* bad : {"HS256", "HS384", "HS512", "PS256", "EdDSA", "rs256", "RS256 ", "", "ES256K", "RS1"}) {
    EXPECT_NE(FaultOf(WithAlgorithm(bad)), "") << bad;
  }
  EXPECT_NE(FaultOf(WithAlgorithm(256)), "");
  EXPECT_NE(FaultOf(WithAlgorithm(nullptr)), "");
  EXPECT_NE(FaultOf(WithAlgorithm(Json::array({"RS256"}))), "");
}

TEST_F(TokenTest, RefusesAnotherAudience) {
  for (const Json& bad : {Json(), Json("vault"), Json("signet2"), Json("Signet"), Json::array(), Json::array({"vault"}),
                          Json::object(), Json(1), Json::array({Json::array({"signet"})})}) {
    EXPECT_THAT(FaultOf(Changed([&bad](Json& claims) { claims["aud"] = bad; })),
                HasSubstr("is not for audience signet"))
        << bad;
  }
  EXPECT_EQ(FaultOf(Changed([](Json& claims) { claims["aud"] = "signet"; })), "");
  EXPECT_EQ(FaultOf(Changed([](Json& claims) { claims["aud"] = {"vault", "signet"}; })), "");
  EXPECT_FALSE(ReadToken(Make(), "", kNow).ok());
}

TEST_F(TokenTest, RefusesATokenThatEndedASecondAgo) {
  testing::TokenWish wish;
  wish.lifetime = -absl::Seconds(1);
  EXPECT_THAT(FaultOf(Make(wish)), HasSubstr("ended 1s ago"));
  wish.lifetime = absl::ZeroDuration();
  EXPECT_NE(FaultOf(Make(wish)), "");
  wish.lifetime = absl::Seconds(1);
  EXPECT_EQ(FaultOf(Make(wish)), "");
}

TEST_F(TokenTest, RefusesAnEndThatIsNoTime) {
  for (const Json& bad :
       {Json(), Json("1900000000"), Json(1.9e9), Json(-1), Json(0), Json(253402300801), Json::array({1'900'000'000})}) {
    EXPECT_THAT(FaultOf(Changed([&bad](Json& claims) { claims["exp"] = bad; })), HasSubstr("exp is no time")) << bad;
  }
  EXPECT_NE(FaultOf(Changed([](Json& claims) { claims["exp"] = UINT64_MAX; })), "");
}

TEST_F(TokenTest, RefusesASubjectThatIsNoServiceAccount) {
  for (const char* bad :
       {"", "system:serviceaccount:slurm", "system:serviceaccount:slurm:", "system:serviceaccount::x",
        "system:serviceaccount:slurm:slurm-worker:x", "system:node:slurm:slurm-worker", "slurm:slurm-worker",
        "system:serviceaccount:slurm/../x:slurm-worker", "system:serviceaccount:a.b:slurm-worker",
        "SYSTEM:serviceaccount:slurm:slurm-worker", "system:serviceaccount:Slurm:slurm-worker"}) {
    EXPECT_THAT(FaultOf(Changed([bad](Json& claims) { claims["sub"] = bad; })), HasSubstr("sub")) << bad;
  }
}

TEST_F(TokenTest, RefusesClaimsThatContradictTheSubject) {
  EXPECT_THAT(FaultOf(Changed([](Json& claims) { claims["kubernetes.io"]["namespace"] = "other"; })),
              HasSubstr("contradict"));
  EXPECT_THAT(FaultOf(Changed([](Json& claims) { claims["kubernetes.io"]["serviceaccount"]["name"] = "other"; })),
              HasSubstr("contradict"));
  EXPECT_NE(FaultOf(Changed([](Json& claims) { claims.erase("kubernetes.io"); })), "");
  EXPECT_NE(FaultOf(Changed([](Json& claims) { claims["kubernetes.io"] = "pod"; })), "");
}

TEST_F(TokenTest, RefusesATokenThatIsBoundToNoPod) {
  EXPECT_THAT(FaultOf(Changed([](Json& claims) { claims["kubernetes.io"].erase("pod"); })), HasSubstr("no pod"));
  for (const char* bad : {"", "../secrets/x", "a/b", "a b", "A", "a..b", "-a", "a?x=1", "a%2fb"}) {
    EXPECT_THAT(FaultOf(Changed([bad](Json& claims) { claims["kubernetes.io"]["pod"]["name"] = bad; })),
                HasSubstr("no pod"))
        << bad;
  }
  EXPECT_NE(FaultOf(Changed([](Json& claims) { claims["kubernetes.io"]["pod"]["uid"] = ""; })), "");
  EXPECT_NE(FaultOf(Changed([](Json& claims) { claims["kubernetes.io"]["pod"]["uid"] = std::string(65, 'a'); })), "");
}

TEST_F(TokenTest, RefusesWhatIsNoTokenAndNeverQuotesIt) {
  const std::string good = Make();
  std::vector<std::string> junk = {"",
                                   ".",
                                   "..",
                                   "...",
                                   "a.b.c",
                                   good + ".",
                                   good + ".x",
                                   good + "=",
                                   " " + good,
                                   good + "\n",
                                   good.substr(0, good.rfind('.')),
                                   good.substr(1),
                                   "." + good,
                                   std::string("\0.a.b", 5),
                                   std::string(kMaxTokenBytes + 1, 'a')};
  std::string bad_character = good;
  bad_character[bad_character.find('.') + 5] = '!';
  junk.push_back(bad_character);
  for (const std::string& token : junk) {
    const std::string fault = FaultOf(token);
    EXPECT_NE(fault, "") << token;
    EXPECT_THAT(fault, Not(HasSubstr(good.substr(0, 20)))) << token;
  }
}

TEST_F(TokenTest, RefusesMoreThanEightKibibytes) {
  const auto padded = [this](std::size_t size) {
    return Changed([size](Json& claims) { claims["x"] = std::string(size, 'x'); });
  };
  EXPECT_EQ(FaultOf(padded(4000)), "");
  EXPECT_THAT(FaultOf(padded(kMaxTokenBytes)), HasSubstr("the limit is 8192"));
}

TEST_F(TokenTest, DeepNestingIsRefusedOrReadButNeverFatal) {
  const std::string header = testing::Base64Url(R"({"alg":"RS256"})");
  EXPECT_NE(FaultOf(absl::StrCat(header, ".", testing::Base64Url(std::string(5000, '[')), ".c2ln")), "");
  EXPECT_NE(
      FaultOf(absl::StrCat(header, ".", testing::Base64Url(std::string(2500, '[') + std::string(2500, ']')), ".c2ln")),
      "");
}

}  // namespace
}  // namespace signet::kubernetes
