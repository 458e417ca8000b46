#include "adapters/slurm/verb.h"

#include <gtest/gtest.h>

namespace signet::slurm {
namespace {

absl::StatusOr<Invocation> Parse(std::vector<const char*> argv) {
  return ParseInvocation(static_cast<int>(argv.size()), argv.data());
}

TEST(Verb, IsTheProgramsName) {
  for (const char* name : {"/usr/libexec/signet/sign-csr", "sign_csr", "./sign_csr.sh", "sign-csr.sh"}) {
    const auto invocation = Parse({name, "the csr"});
    ASSERT_TRUE(invocation.ok()) << name;
    EXPECT_EQ(invocation->verb, Verb::kSignCsr);
    EXPECT_TRUE(invocation->script);
    EXPECT_EQ(invocation->arguments, std::vector<std::string>{"the csr"});
  }
}

TEST(Verb, IsTheFirstArgumentOfTheProgramItself) {
  const auto invocation = Parse({"/usr/bin/signet-slurm", "generate-csr", "n1"});
  ASSERT_TRUE(invocation.ok());
  EXPECT_EQ(invocation->verb, Verb::kGenerateCsr);
  EXPECT_EQ(invocation->arguments, std::vector<std::string>{"n1"});
}

TEST(Verb, ScriptsNeverTakeTheirNodeForAVerb) {
  const auto invocation = Parse({"get_node_token", "keygen"});
  ASSERT_TRUE(invocation.ok());
  EXPECT_EQ(invocation->verb, Verb::kGetNodeToken);
}

TEST(Verb, UnknownOrMissingIsRefused) {
  EXPECT_FALSE(Parse({"signet-slurm"}).ok());
  EXPECT_FALSE(Parse({"signet-slurm", "sign"}).ok());
  EXPECT_FALSE(Parse({"report"}).ok());
  EXPECT_FALSE(Parse({"refresh"}).ok()) << "a command for people has no program name of its own";
  EXPECT_FALSE(Parse({}).ok());
}

TEST(Verb, IsNotQuotedWhenUnknownSinceItMayBeAKey) {
  const auto refused = Parse({"my-certgen", "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE"});
  EXPECT_EQ(refused.status().message().find("MHcC"), absl::string_view::npos);
  EXPECT_EQ(refused.status().message().find("BEGIN"), absl::string_view::npos);
}

TEST(Verb, TakesExactlySlurmsArguments) {
  EXPECT_TRUE(CheckArguments(*Parse({"validate-node", "n1", "token"})).ok());
  EXPECT_FALSE(CheckArguments(*Parse({"validate-node", "n1"})).ok());
  EXPECT_FALSE(CheckArguments(*Parse({"sign-csr"})).ok());
  EXPECT_FALSE(CheckArguments(*Parse({"sign-csr", "csr", "more"})).ok());
  EXPECT_FALSE(CheckArguments(*Parse({"keygen", "n1"})).ok());
  EXPECT_TRUE(CheckArguments(*Parse({"generate-csr"})).ok());
  EXPECT_TRUE(CheckArguments(*Parse({"signet-slurm", "report", "--program", "slurmdbd"})).ok());
  EXPECT_FALSE(CheckArguments(*Parse({"signet-slurm", "report", "--program", "slurmdbd", "more"})).ok());
}

}  // namespace
}  // namespace signet::slurm
