// token create, list, revoke, import.
#include <gmock/gmock.h>

#include "services/evidence/token.h"
#include "services/files/file.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class TokenCommands : public CliTest {
 protected:
  evidence::Token Parse(const std::string& name) {
    return evidence::ParseTokenFile(files::ReadSecret(Path(name)).value()).value();
  }
};

TEST_F(TokenCommands, CreateWritesOneSecretFileANodeAndTheServerKnowsItsPublicHalf) {
  const Result result = Run({"token", "create", "n[1-3]", "--out-dir", Path("tokens")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Mode("tokens"), 0700u);
  EXPECT_EQ(FilesIn("tokens"), 3);
  for (const std::string node : {"n1", "n2", "n3"}) {
    const std::string name = "tokens/" + node + ".token";
    EXPECT_EQ(Mode(name), 0400u);
    const evidence::Token token = Parse(name);
    EXPECT_EQ(token.node, node);
    EXPECT_EQ(token.cluster, "alpha");
    EXPECT_EQ(token.bundle_pin, signetd_.pin());
    ASSERT_TRUE(signetd_.tokens.contains(token.id()));
    EXPECT_EQ(signetd_.tokens.at(token.id()).node(), node);
    EXPECT_THAT(result.out, HasSubstr(token.id()));
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(Read(name).substr(0, 60))));
  }
}

TEST_F(TokenCommands, CreatePrintsOneNodesTokenAndManyNodesNeedADirectory) {
  const Result one = Run({"token", "create", "n1"});
  EXPECT_EQ(one.code, 0);
  EXPECT_THAT(one.out, StartsWith("signet-token1."));
  EXPECT_EQ(std::count(one.out.begin(), one.out.end(), '\n'), 1);
  EXPECT_THAT(one.err, HasSubstr("secret"));
  const Result many = Run({"token", "create", "n[1-2]"});
  EXPECT_EQ(many.code, 2);
  EXPECT_THAT(many.err, HasSubstr("--out-dir"));
  EXPECT_EQ(signetd_.tokens.size(), 1u);
}

TEST_F(TokenCommands, CreateOverwritesNoFileUnlessForced) {
  ASSERT_EQ(Run({"token", "create", "n1", "--out-dir", Path("tokens")}).code, 0);
  const std::string before = Read("tokens/n1.token");
  const Result again = Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens")});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("token files of n1 exist"));
  EXPECT_EQ(Read("tokens/n1.token"), before);
  EXPECT_FALSE(Exists("tokens/n2.token"));
  EXPECT_EQ(signetd_.tokens.size(), 1u);
  EXPECT_EQ(Run({"token", "create", "n1", "--out-dir", Path("tokens"), "--force"}).code, 0);
  EXPECT_NE(Read("tokens/n1.token"), before);
}

TEST_F(TokenCommands, ALostReplyLosesNoKeyAndTheRepeatGoesOnWithIt) {
  signetd_.lose_replies_after = 0;
  const Result lost = Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens")});
  EXPECT_EQ(lost.code, 3);
  EXPECT_THAT(lost.err, HasSubstr("repeat the command"));
  EXPECT_FALSE(Exists("tokens/n1.token"));
  ASSERT_EQ(signetd_.tokens.size(), 2u);
  signetd_.lose_replies_after = -1;
  ASSERT_EQ(Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens")}).code, 0);
  EXPECT_EQ(signetd_.tokens.size(), 2u);
  EXPECT_TRUE(signetd_.tokens.contains(Parse("tokens/n1.token").id()));
  EXPECT_EQ(FilesIn("tokens"), 2);
}

TEST_F(TokenCommands, ARunKilledWhileRenamingIsFinishedByTheNext) {
  ASSERT_EQ(Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens")}).code, 0);
  std::filesystem::rename(Path("tokens/n2.token"), Path("tokens/.n2.token.pending"));
  const std::string first = Read("tokens/n1.token");
  const Result result = Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens")});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("finished before: n1"));
  EXPECT_EQ(Read("tokens/n1.token"), first);
  EXPECT_EQ(FilesIn("tokens"), 2);
  EXPECT_EQ(signetd_.tokens.size(), 2u);
}

TEST_F(TokenCommands, AStrayPendingFileMakesNoOlderFileCountAsFinished) {
  ASSERT_EQ(Run({"token", "create", "n[1-3]", "--out-dir", Path("tokens")}).code, 0);
  std::filesystem::rename(Path("tokens/n3.token"), Path("tokens/.n3.token.pending"));
  const std::vector<std::string> again = {"token", "create", "n[1-3]", "--out-dir", Path("tokens")};
  signetd_.tokens.at(Parse("tokens/n1.token").id()).set_uses(1);
  std::filesystem::remove(Path("tokens/n2.token"));
  Write("tokens/n2.token", "not a token\n");
  const Result refused = Run(again);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("token files of n[1-2] exist"));
  EXPECT_FALSE(Exists("tokens/n3.token"));
  EXPECT_TRUE(Exists("tokens/.n3.token.pending"));

  std::filesystem::remove(Path("tokens/n2.token"));
  signetd_.tokens.at(Parse("tokens/n1.token").id()).set_uses(0);
  std::vector<std::string> reusable = again;
  reusable.push_back("--reusable");
  EXPECT_EQ(Run(reusable).code, 1);
  EXPECT_EQ(Run(again).code, 0);
  EXPECT_EQ(FilesIn("tokens"), 3);
}

TEST_F(TokenCommands, APendingTokenThatWasRevokedMeanwhileIsNotHandedOut) {
  ASSERT_EQ(Run({"token", "create", "n1", "--out-dir", Path("tokens")}).code, 0);
  std::filesystem::rename(Path("tokens/n1.token"), Path("tokens/.n1.token.pending"));
  signetd_.tokens.begin()->second.set_revoked(true);
  EXPECT_EQ(Run({"token", "create", "n1", "--out-dir", Path("tokens")}).code, 1);
  EXPECT_EQ(FilesIn("tokens"), 0);
}

TEST_F(TokenCommands, CreateRefusesADirectoryThatOthersCanWrite) {
  std::filesystem::create_directory(Path("open"));
  ASSERT_EQ(chmod(Path("open").c_str(), 0777), 0);
  EXPECT_EQ(Run({"token", "create", "n1", "--out-dir", Path("open")}).code, 1);
  EXPECT_THAT(signetd_.tokens, IsEmpty());
}

TEST_F(TokenCommands, CreateSaysWhatToDoAboutADirectoryOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make one";
  std::filesystem::create_directory(Path("theirs"));
  ASSERT_EQ(chmod(Path("theirs").c_str(), 0700), 0);
  ASSERT_EQ(chown(Path("theirs").c_str(), 12345, static_cast<gid_t>(-1)), 0);
  const Result result = Run({"token", "create", "n1", "--out-dir", Path("theirs")});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("belongs to user 12345"));
  EXPECT_THAT(result.err, HasSubstr("  next: chown 0 " + Path("theirs")));
}

TEST_F(TokenCommands, CreateWritesNothingWhenTheServerRefuses) {
  signetd_.refusal = FakeSignetd::Refuse(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED", "no", "");
  EXPECT_EQ(Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens")}).code, 1);
  EXPECT_EQ(FilesIn("tokens"), 0);
}

TEST_F(TokenCommands, CreateEachMakesTheOthersTokensAndFailsForThoseRefused) {
  signetd_.blocked_for_tokens = "n2";
  const std::vector<std::string> create = {"token", "create", "n[1-3]", "--out-dir", Path("tokens")};
  EXPECT_EQ(Run(create).code, 1);
  EXPECT_EQ(FilesIn("tokens"), 0);
  std::vector<std::string> each = create;
  each.push_back("--each");
  std::vector<std::string> dry = each;
  dry.push_back("--dry-run");
  const Result tried = Run(dry);
  EXPECT_EQ(tried.code, 1);
  EXPECT_THAT(tried.err, HasSubstr("would create 2 "));
  EXPECT_THAT(signetd_.tokens, IsEmpty());
  const Result result = Run(each);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("no token for n2: node n2 is blocked"));
  EXPECT_THAT(result.err, HasSubstr("1 of 3 nodes got no token: n2"));
  EXPECT_TRUE(Exists("tokens/n1.token"));
  EXPECT_TRUE(Exists("tokens/n3.token"));
  EXPECT_EQ(FilesIn("tokens"), 2);
  EXPECT_EQ(signetd_.tokens.size(), 2u);
}

TEST_F(TokenCommands, CreateEachAsksNobodyAgainWhenTheServerIsAway) {
  signetd_.Stop();
  const Result result = Run({"token", "create", "n[1-3]", "--each", "--out-dir", Path("tokens")});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, Not(HasSubstr("no token for")));
}

TEST_F(TokenCommands, ADryRunOfCreateChangesNothing) {
  const Result result = Run({"token", "create", "n[1-2]", "--out-dir", Path("tokens"), "--dry-run"});
  EXPECT_EQ(result.code, 0);
  EXPECT_FALSE(Exists("tokens"));
  EXPECT_THAT(signetd_.tokens, IsEmpty());
}

TEST_F(TokenCommands, CreateSendsLargeSetsInSeveralCalls) {
  ASSERT_EQ(Run({"token", "create", "n[1-1001]", "--out-dir", Path("tokens"), "--reusable", "--ttl", "30d"}).code, 0);
  EXPECT_EQ(signetd_.create_calls, 2);
  const evidence::Token last = Parse("tokens/n1001.token");
  EXPECT_EQ(signetd_.tokens.at(last.id()).node(), "n1001");
  EXPECT_EQ(signetd_.tokens.size(), 1001u);
  EXPECT_EQ(signetd_.tokens.begin()->second.kind(), v1::TOKEN_KIND_REUSABLE);
  EXPECT_EQ(FilesIn("tokens"), 1001);
}

TEST_F(TokenCommands, AReplyThatIsLostInTheMiddleLosesNothing) {
  signetd_.lose_replies_after = 1;
  const Result lost = Run({"token", "create", "n[1-2001]", "--out-dir", Path("tokens")});
  EXPECT_EQ(lost.code, 3);
  EXPECT_THAT(lost.err, HasSubstr("of 2001 tokens are known to be registered"));
  signetd_.lose_replies_after = -1;
  const Result again = Run({"token", "create", "n[1-2001]", "--out-dir", Path("tokens")});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(signetd_.tokens.size(), 2001u);
  EXPECT_EQ(FilesIn("tokens"), 2001);
}

TEST_F(TokenCommands, ABadHostlistAndContradictingKindsAreUsageErrors) {
  EXPECT_EQ(Run({"token", "create", "n[1-"}).code, 2);
  EXPECT_EQ(Run({"token", "create", "n1", "--boot", "--reusable"}).code, 2);
  EXPECT_EQ(Run({"token", "create", "slurmctld"}).code, 2);
}

TEST_F(TokenCommands, ALabelTravelsWithTheTokensAndFindsThem) {
  ASSERT_EQ(Run({"token", "create", "n[1-2]", "--out-dir", Path("a"), "--label", "rack-7"}).code, 0);
  ASSERT_EQ(Run({"token", "create", "n[3-4]", "--out-dir", Path("b"), "--reusable"}).code, 0);
  const auto count = [this](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"token", "list", "-o", "name"};
    args.insert(args.end(), more.begin(), more.end());
    const std::string out = Run(args).out;
    return std::count(out.begin(), out.end(), '\n');
  };
  EXPECT_EQ(count({"--label", "rack-7"}), 2);
  EXPECT_EQ(count({"--label", "rack-8"}), 0);
  EXPECT_EQ(count({"--kind", "reusable"}), 2);
  EXPECT_EQ(count({"--nodes", "n[2-3]"}), 2);
  EXPECT_EQ(count({"--nodes", "n2"}), 1);
  EXPECT_THAT(Run({"token", "list", "-o", "wide"}).out, HasSubstr("rack-7"));
  EXPECT_EQ(Run({"token", "revoke", "--label", "rack-7"}).code, 2);
  EXPECT_THAT(Run({"token", "revoke", "--label", "rack-7", "--dry-run"}).err, HasSubstr("2 open tokens would be"));
  EXPECT_EQ(Run({"token", "revoke", "--label", "rack-7", "--yes"}).out, "2 tokens revoked\n");
  EXPECT_EQ(count({}), 2);
  EXPECT_EQ(count({"--state", "revoked"}), 2);
  EXPECT_EQ(count({"--all"}), 4);
  EXPECT_EQ(Run({"token", "list", "--kind", "weekly"}).code, 2);
}

TEST_F(TokenCommands, UsedAndExpiredTokensAreListedByTheirState) {
  ASSERT_EQ(Run({"token", "create", "n[1-3]", "--out-dir", Path("tokens")}).code, 0);
  signetd_.tokens.at(Parse("tokens/n1.token").id()).set_uses(1);
  signetd_.tokens.at(Parse("tokens/n2.token").id()).mutable_expires_at()->set_seconds(absl::ToUnixSeconds(now_) - 1);
  EXPECT_THAT(Run({"token", "list", "--state", "used"}).out, HasSubstr("n1 "));
  EXPECT_THAT(Run({"token", "list", "--state", "used"}).out, Not(HasSubstr("n2 ")));
  EXPECT_THAT(Run({"token", "list", "--state", "expired"}).out, HasSubstr("n2 "));
  EXPECT_THAT(Run({"token", "list", "--state", "open"}).out, HasSubstr("n3 "));
}

TEST_F(TokenCommands, ShowTellsWhichKeysATokenAdmittedWhen) {
  const std::string id = "00112233445566778899aabbccddeeff";
  v1::GetTokenResponse& history = signetd_.token_histories[id];
  history.mutable_token()->set_id(id);
  history.mutable_token()->set_kind(v1::TOKEN_KIND_REUSABLE);
  for (int i = 0; i < 2; ++i) {
    v1::TokenUse& use = *history.add_uses();
    use.set_key_id("key" + std::to_string(i));
    use.mutable_at()->set_seconds(absl::ToUnixSeconds(now_) - 60);
    if (i == 0) use.mutable_ended_at()->set_seconds(absl::ToUnixSeconds(now_) - 30);
  }
  const Result result = Run({"token", "show", "00112233445566778899AABBCCDDEEFF"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("kind:     reusable\n"));
  EXPECT_THAT(result.out, HasSubstr("(30s ago)"));
  EXPECT_THAT(result.out, HasSubstr("lives\n"));
  EXPECT_EQ(Run({"token", "show", "abc"}).code, 2);
  EXPECT_EQ(Run({"token", "show", std::string(32, '0')}).code, 1);
}

TEST_F(TokenCommands, RevokeOfManyNodesGoesInCallsOfAThousand) {
  ASSERT_EQ(Run({"token", "create", "n[1-3]", "--out-dir", Path("tokens")}).code, 0);
  const Result result = Run({"token", "revoke", "--nodes", "n[1-2500]", "--yes"});
  EXPECT_EQ(result.out, "3 tokens revoked\n");
  EXPECT_EQ(signetd_.calls, 3);
  EXPECT_THAT(result.err, HasSubstr("2000 of 2500"));
}

TEST_F(TokenCommands, RevokeTakesIdsOrNodesOrALabelButNotTwoOfThem) {
  EXPECT_EQ(Run({"token", "revoke", "--nodes", "n1", "--label", "x", "--yes"}).code, 2);
  EXPECT_EQ(Run({"token", "revoke", std::string(32, 'a'), "--label", "x", "--yes"}).code, 2);
  EXPECT_EQ(signetd_.calls, 0);
}

TEST_F(TokenCommands, ListGoesThroughEveryPage) {
  ASSERT_EQ(Run({"token", "create", "n[1-5]", "--out-dir", Path("tokens")}).code, 0);
  const Result names = Run({"token", "list", "-o", "name"});
  EXPECT_EQ(std::count(names.out.begin(), names.out.end(), '\n'), 5);
  EXPECT_THAT(Run({"token", "list", "--node", "n3"}).out, HasSubstr("n3    slurmd  single-use  open   in 7d"));
}

TEST_F(TokenCommands, RevokeByNodeWantsConfirmationAndCanBeTriedFirst) {
  ASSERT_EQ(Run({"token", "create", "n[1-3]", "--out-dir", Path("tokens")}).code, 0);
  EXPECT_EQ(Run({"token", "revoke", "--node", "n[1-2]"}).code, 2);
  EXPECT_THAT(Run({"token", "revoke", "--node", "n[1-2]", "--dry-run"}).err,
              HasSubstr("2 open tokens would be revoked"));
  EXPECT_THAT(Run({"token", "list"}).out, HasSubstr("n1 "));
  EXPECT_EQ(Run({"token", "revoke", "--node", "n[1-2]", "--yes"}).out, "2 tokens revoked\n");
  EXPECT_THAT(Run({"token", "list"}).out, Not(HasSubstr("n1 ")));
}

TEST_F(TokenCommands, RevokeByIdTakesExactIds) {
  ASSERT_EQ(Run({"token", "create", "n1", "--out-dir", Path("tokens")}).code, 0);
  EXPECT_EQ(Run({"token", "revoke", "abc"}).code, 2);
  EXPECT_EQ(Run({"token", "revoke"}).code, 2);
  EXPECT_EQ(Run({"token", "revoke", Parse("tokens/n1.token").id()}).out, "1 tokens revoked\n");
}

const char kA[] = "a3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2841";
const char kB[] = "b3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2842";

TEST_F(TokenCommands, ImportRegistersTheKeysThatNodesWillDerive) {
  Write("list", std::string("# Slurm's list\nn1 ") + kA + "\n\nn2\t" + kB + "\n");
  const Result result = Run({"token", "import", Path("list")});
  ASSERT_EQ(result.code, 0) << result.err;
  ASSERT_EQ(signetd_.tokens.size(), 2u);
  const auto key = evidence::DeriveLabKey(base::SecretBytes(kA), "alpha", "n1").value();
  ASSERT_TRUE(signetd_.tokens.contains(key.public_key().key_id()));
  EXPECT_EQ(signetd_.tokens.at(key.public_key().key_id()).kind(), v1::TOKEN_KIND_LAB);
  EXPECT_EQ(Run({"token", "import", Path("list")}).code, 0);
  EXPECT_EQ(signetd_.tokens.size(), 2u);
}

TEST_F(TokenCommands, ImportReadsADirectoryOfNodeFiles) {
  Write("certmgr/n1_token.txt", std::string(kA) + "\n");
  Write("certmgr/n2_token.txt", kB);
  Write("certmgr/sign_csr.sh", "#!/bin/sh\n");
  ASSERT_EQ(Run({"token", "import", Path("certmgr")}).code, 0);
  EXPECT_TRUE(
      signetd_.tokens.contains(evidence::DeriveLabKey(base::SecretBytes(kB), "alpha", "n2")->public_key().key_id()));
}

TEST_F(TokenCommands, ImportNamesEveryBadLineImportsNoneAndQuotesNoSecret) {
  Write("list", std::string("n1 ") + kA + "\nn2 " + kA + "\nn1 " + kB + "\nn3\nn4 short\nslurmctld " + kB + "\n" + kB +
                    " n5 n6\n");
  const Result result = Run({"token", "import", Path("list")});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("list:2: the same token as " + Path("list:1")));
  EXPECT_THAT(result.err, HasSubstr("list:3: the same node as " + Path("list:1")));
  EXPECT_THAT(result.err, HasSubstr("list:4: has 1 fields"));
  EXPECT_THAT(result.err, HasSubstr("list:5: "));
  EXPECT_THAT(result.err, HasSubstr("list:6: the first field is not a node name"));
  EXPECT_THAT(result.err, HasSubstr("list:7: has 3 fields"));
  EXPECT_THAT(result.err, HasSubstr("6 faults; nothing was imported"));
  EXPECT_THAT(result.err, Not(HasSubstr(kA)));
  EXPECT_THAT(result.err, Not(HasSubstr(kB)));
  EXPECT_THAT(signetd_.tokens, IsEmpty());
}

TEST_F(TokenCommands, ImportWithSwappedColumnsShowsNoSecret) {
  Write("list", std::string(kA) + " n1\n");
  const Result result = Run({"token", "import", Path("list")});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out + result.err, Not(HasSubstr(kA)));
}

TEST_F(TokenCommands, ADryRunOfImportRegistersNothing) {
  Write("list", std::string("n1 ") + kA + "\n");
  EXPECT_EQ(Run({"token", "import", Path("list"), "--dry-run"}).code, 0);
  EXPECT_THAT(signetd_.tokens, IsEmpty());
  EXPECT_EQ(Run({"token", "import", Path("missing")}).code, 1);
}

}  // namespace
}  // namespace signet::cli
