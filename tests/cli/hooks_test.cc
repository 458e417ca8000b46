// The provisioning hooks of packaging/hooks, run as shell with the real signetctl and with stubs of wwctl and
// systemctl.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>

#include "services/evidence/token.h"
#include "services/files/file.h"
#include "tests/cli/cli_fixture.h"
#include "tests/testing/paths.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Hooks : public CliTest {
 protected:
  Hooks() {
    Configure("");
    Stub("wwctl");
    Stub("systemctl");
    Stub("chown");
  }
  void Configure(const std::string& more) {
    Write("provisioner.conf", "SIGNET_SERVER=unix:" + socket_ + "\nSIGNET_TLS_DIR=\n" + more);
  }
  // A program that writes down how it was called.
  void Stub(const std::string& name) {
    Write("stubs/" + name, "#!/bin/sh\necho \"" + name + " $*\" >> " + Path("calls") + "\n");
    chmod(Path("stubs/" + name).c_str(), 0755);
  }
  // Exit code; standard output and error go to "out" and "err".
  int Hook(const std::string& command, const std::string& environment = "") {
    const std::string line =
        "env -i PATH=" + Path("stubs") + ":/usr/bin:/bin SIGNET_PROVISIONER_CONF=" + Path("provisioner.conf") +
        " SIGNETCTL=" SIGNET_BINARY_DIR "/bin/signetctl " + environment + " " SIGNET_SOURCE_DIR "/packaging/hooks/" +
        command + " > " + Path("out") + " 2> " + Path("err");
    Meet();
    const int status = std::system(line.c_str());
    Meet();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void ExpectBootTokenOf(const std::string& name, const std::string& node) {
    const auto secret = files::ReadSecret(Path(name));
    ASSERT_TRUE(secret.ok()) << secret.status();
    const auto token = evidence::ParseTokenFile(*secret);
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->node, node);
    ASSERT_TRUE(signetd_.tokens.contains(token->id()));
    EXPECT_EQ(signetd_.tokens.at(token->id()).kind(), v1::TOKEN_KIND_BOOT);
    EXPECT_EQ(Mode(name), 0400u);
  }
};

TEST_F(Hooks, MintMakesOneSecretFileANodeAndReplacesThatOfTheLastBoot) {
  ASSERT_EQ(Hook("mint-boot-tokens 'n[1-2]' " + Path("tokens")), 0) << Read("err");
  ExpectBootTokenOf("tokens/n1.token", "n1");
  ExpectBootTokenOf("tokens/n2.token", "n2");
  EXPECT_EQ(Mode("tokens"), 0700u);
  const std::string first = Read("tokens/n1.token");
  ASSERT_EQ(Hook("mint-boot-tokens n1 " + Path("tokens")), 0) << Read("err");
  EXPECT_NE(Read("tokens/n1.token"), first);
  EXPECT_EQ(FilesIn("tokens"), 2);
  EXPECT_THAT(Read("out") + Read("err"), Not(HasSubstr("signet-token1.")));
}

TEST_F(Hooks, MintLeavesTheOldTokensWhenTheServerRefuses) {
  ASSERT_EQ(Hook("mint-boot-tokens n1 " + Path("tokens")), 0);
  const std::string before = Read("tokens/n1.token");
  signetd_.refusal = FakeSignetd::Refuse(grpc::StatusCode::PERMISSION_DENIED, "NOT_YOUR_NODE",
                                         "node n1: not in the provisioner's hostlist", "");
  EXPECT_NE(Hook("mint-boot-tokens n1 " + Path("tokens")), 0);
  EXPECT_THAT(Read("err"), HasSubstr("not in the provisioner's hostlist"));
  EXPECT_EQ(Read("tokens/n1.token"), before);
  EXPECT_EQ(FilesIn("tokens"), 1);
}

TEST_F(Hooks, MintGivesTheOthersTheirTokensWhenOneNodeIsRefusedAndNamesIt) {
  signetd_.blocked_for_tokens = "n2";
  EXPECT_EQ(Hook("mint-boot-tokens 'n[1-3]' " + Path("tokens")), 1);
  EXPECT_EQ(Read("out"), "n1\nn3\n");
  EXPECT_THAT(Read("err"), HasSubstr("no token for n2: node n2 is blocked"));
  EXPECT_THAT(Read("err"), HasSubstr("1 of 3 nodes got no token: n2"));
  ExpectBootTokenOf("tokens/n1.token", "n1");
  ExpectBootTokenOf("tokens/n3.token", "n3");
  EXPECT_EQ(FilesIn("tokens"), 2);
}

TEST_F(Hooks, MintMakesItsDirectoryForItselfAloneAndSweepsTheKeysOfAKilledRun) {
  ASSERT_EQ(Hook("mint-boot-tokens n1 " + Path("deep/tokens")), 0) << Read("err");
  EXPECT_EQ(Mode("deep"), 0700u);
  EXPECT_EQ(Mode("deep/tokens"), 0700u);
  Write("deep/tokens/.mint.young/n7.token", "a run that goes on beside this one");
  Write("deep/tokens/.mint.dead/.n8.token.pending", "a key");
  std::filesystem::last_write_time(Path("deep/tokens/.mint.dead"),
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(3));
  ASSERT_EQ(Hook("mint-boot-tokens n1 " + Path("deep/tokens")), 0) << Read("err");
  EXPECT_FALSE(Exists("deep/tokens/.mint.dead"));
  EXPECT_TRUE(Exists("deep/tokens/.mint.young"));
}

TEST_F(Hooks, EveryHookRefusesToRunWithoutItsConfigurationOrNodes) {
  for (const char* hook :
       {"mint-boot-tokens", "warewulf/signet-warewulf", "xcat/signet-prescript", "slurm/signet-resume"}) {
    EXPECT_EQ(Hook(hook), 2) << hook;
  }
  std::filesystem::remove(Path("provisioner.conf"));
  for (const std::string& hook :
       std::vector<std::string>{"mint-boot-tokens n1 " + Path("tokens"), std::string("warewulf/signet-warewulf n1"),
                                std::string("xcat/signet-prescript n1"), std::string("slurm/signet-resume n1")}) {
    EXPECT_EQ(Hook(hook), 2) << hook;
    EXPECT_THAT(Read("err"), HasSubstr("provisioner.conf")) << hook;
  }
  EXPECT_THAT(signetd_.tokens, IsEmpty());
  EXPECT_FALSE(Exists("calls"));
}

TEST_F(Hooks, WarewulfBuildsTheNodesOverlaysAfterTheirTokensAreThere) {
  Configure("SIGNET_TOKEN_DIR=" + Path("tokens") + "\n");
  Write("stubs/wwctl",
        "#!/bin/sh\necho \"wwctl $*\" >> " + Path("calls") + "\nls " + Path("tokens") + " >> " + Path("calls") + "\n");
  ASSERT_EQ(Hook("warewulf/signet-warewulf 'n[1-2]'"), 0) << Read("err");
  const std::string tokens = "n1.token\nn2.token\n";
  EXPECT_EQ(Read("calls"), "wwctl overlay build n1\n" + tokens + "wwctl overlay build n2\n" + tokens);
}

TEST_F(Hooks, WarewulfBuildsTheOthersWhenOneNodeIsRefusedAndAnotherIsUnknownToIt) {
  Configure("SIGNET_TOKEN_DIR=" + Path("tokens") + "\n");
  signetd_.blocked_for_tokens = "n1";
  Write("stubs/wwctl", "#!/bin/sh\necho \"wwctl $*\" >> " + Path("calls") + "\n[ \"$3\" != n2 ]\n");
  EXPECT_EQ(Hook("warewulf/signet-warewulf 'n[1-3]'"), 1);
  EXPECT_EQ(Read("calls"), "wwctl overlay build n2\nwwctl overlay build n3\n");
  EXPECT_THAT(Read("err"), HasSubstr("n2: its overlay was not built"));
}

TEST_F(Hooks, WarewulfInstallsItsOverlayWithATemplateForRootAlone) {
  ASSERT_EQ(Hook("warewulf/signet-warewulf --install"), 0) << Read("err");
  EXPECT_THAT(Read("calls"), HasSubstr("wwctl overlay create signet\nwwctl overlay import --parents signet "));
  EXPECT_THAT(Read("calls"), HasSubstr("wwctl overlay chmod signet /etc/signet/token.ww 0400\n"));
  std::ifstream file(SIGNET_SOURCE_DIR "/packaging/hooks/warewulf/overlay/etc/signet/token.ww");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, HasSubstr("/etc/signet/boot-tokens/%s.token"));
  EXPECT_THAT(text, HasSubstr("if not $token }}{{ abort }}"));
}

TEST_F(Hooks, WarewulfBuildsNothingWithoutTokens) {
  Configure("SIGNET_TOKEN_DIR=" + Path("tokens") + "\n");
  signetd_.Stop();
  EXPECT_NE(Hook("warewulf/signet-warewulf n1"), 0);
  EXPECT_FALSE(Exists("calls"));
}

TEST_F(Hooks, XcatSendsEveryNodeItsOwnTokenAndNoOther) {
  Configure("SIGNET_TOKEN_DIR=" + Path("tokens") + "\nSIGNET_SYNCLIST=" + Path("synclist") + "\n");
  ASSERT_EQ(Hook("xcat/signet-prescript", "NODES=n1,n2 ACTION=netboot"), 0) << Read("err");
  ExpectBootTokenOf("tokens/n2.token", "n2");
  EXPECT_EQ(Read("synclist"), Path("tokens/n1.token") + " -> (n1) /etc/signet/token\n" + Path("tokens/n2.token") +
                                  " -> (n2) /etc/signet/token\n");
  ASSERT_EQ(Hook("xcat/signet-prescript n3"), 0) << Read("err");
  EXPECT_THAT(Read("synclist"), HasSubstr("n1.token -> (n1)"));
  EXPECT_THAT(Read("synclist"), HasSubstr("n3.token -> (n3)"));
}

TEST_F(Hooks, XcatGoesOnWithTheOthersUnderNodesetAndFailsByHand) {
  Configure("SIGNET_TOKEN_DIR=" + Path("tokens") + "\nSIGNET_SYNCLIST=" + Path("synclist") + "\n");
  signetd_.blocked_for_tokens = "n1";
  EXPECT_EQ(Hook("xcat/signet-prescript", "NODES=n1,n2 ACTION=netboot"), 0);
  EXPECT_THAT(Read("err"), HasSubstr("1 of 2 nodes got no token: n1"));
  EXPECT_EQ(Read("synclist"), Path("tokens/n2.token") + " -> (n2) /etc/signet/token\n");
  EXPECT_EQ(Hook("xcat/signet-prescript n1,n2"), 1);
  EXPECT_NE(Hook("xcat/signet-prescript", "NODES=n1 ACTION=netboot"), 0);
}

TEST_F(Hooks, XcatsPostscriptGuardsTheTokenAndStartsSlurmd) {
  EXPECT_EQ(Hook("xcat/signet-postscript", "SIGNET_TOKEN=" + Path("token")), 1);
  EXPECT_FALSE(Exists("calls"));
  Write("token", "signet-token1.x\n");
  ASSERT_EQ(Hook("xcat/signet-postscript", "SIGNET_TOKEN=" + Path("token")), 0) << Read("err");
  EXPECT_EQ(Mode("token"), 0400u);
  EXPECT_THAT(Read("calls"), HasSubstr("systemctl --no-block start slurmd\n"));
}

TEST_F(Hooks, ResumeHandsTheNodesToTheSitesCommandOnceTheirTokensAreThere) {
  Write("stubs/resume-site",
        "#!/bin/sh\necho \"$1 $(ls \"$SIGNET_TOKEN_DIR\" | tr '\\n' ' ')\" > " + Path("calls") + "\nexit 7\n");
  chmod(Path("stubs/resume-site").c_str(), 0755);
  Configure("SIGNET_RESUME_COMMAND=" + Path("stubs/resume-site") + "\nSIGNET_TOKEN_DIR=" + Path("tokens") + "\n");
  EXPECT_EQ(Hook("slurm/signet-resume 'c[1-2]'"), 7);
  EXPECT_EQ(Read("calls"), "c[1-2] c1.token c2.token \n");
  ExpectBootTokenOf("tokens/c1.token", "c1");
}

TEST_F(Hooks, ResumeStartsTheNodesThatGotTokensAndFailsForTheOthers) {
  Stub("resume-site");
  Configure("SIGNET_RESUME_COMMAND=" + Path("stubs/resume-site") + "\nSIGNET_TOKEN_DIR=" + Path("tokens") + "\n");
  signetd_.blocked_for_tokens = "c2";
  EXPECT_EQ(Hook("slurm/signet-resume 'c[1-3]'"), 1);
  EXPECT_EQ(Read("calls"), "resume-site c1,c3\n");
  EXPECT_THAT(Read("err"), HasSubstr("no token for c2"));
}

TEST_F(Hooks, ResumeStartsNoNodeThatCouldNotEnrol) {
  Stub("resume-site");
  Configure("SIGNET_RESUME_COMMAND=" + Path("stubs/resume-site") + "\nSIGNET_TOKEN_DIR=" + Path("tokens") + "\n");
  signetd_.Stop();
  EXPECT_NE(Hook("slurm/signet-resume c1"), 0);
  EXPECT_FALSE(Exists("calls"));
}

}  // namespace
}  // namespace signet::cli
