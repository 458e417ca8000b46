// node block, unblock, forget, approve, explain, list.
#include <gmock/gmock.h>

#include <chrono>

#include "cli/scontrol.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const char kKey[] = "00112233445566778899aabbccddeeff";

class NodeCommands : public CliTest {
 protected:
  v1::Node& Enrol(const std::string& name) {
    v1::Node& node = *signetd_.nodes.add_nodes();
    node.set_name(name);
    node.set_daemon("slurmd");
    node.set_key_id(kKey);
    node.mutable_not_after()->set_seconds(absl::ToUnixSeconds(now_ + absl::Hours(72)));
    node.mutable_bundle_on_disk()->set_generation(1);
    return node;
  }
  v1::ExplainNodeResponse& Explain(const std::string& name) { return signetd_.explanations[name]; }
  static void AddFinding(v1::ExplainNodeResponse& explanation, v1::Severity severity, const std::string& code,
                         const std::string& cause, const std::string& next) {
    v1::Finding& finding = *explanation.add_findings();
    finding.set_severity(severity);
    finding.set_code(code);
    finding.set_cause(cause);
    finding.set_next(next);
  }
  void InstallScontrol(const std::string& script) {
    Write("bin/scontrol", "#!/bin/sh\n" + script);
    ASSERT_EQ(chmod(Path("bin/scontrol").c_str(), 0755), 0);
  }
};

TEST_F(NodeCommands, BlockSendsTheReasonAndSaysWhatEnded) {
  const Result result = Run({"node", "block", "n[1-3]", "--reason", "stolen"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(signetd_.blocked,
              ElementsAre(testing::Pair("n1", "stolen"), testing::Pair("n2", "stolen"), testing::Pair("n3", "stolen")));
  EXPECT_THAT(result.out, StartsWith("n[1-3]: 3 newly blocked; 0 identity keys ended, 0 tokens revoked\n"));
  EXPECT_THAT(Run({"node", "block", "n[3-4]", "--reason", "again"}).out, StartsWith("n[3-4]: 1 newly blocked"));
}

TEST_F(NodeCommands, BlockWantsAReasonOfAtMostTwoHundredBytesAndAHostlist) {
  EXPECT_EQ(Run({"node", "block", "n1"}).code, 2);
  EXPECT_EQ(Run({"node", "block", "n1", "--reason", ""}).code, 2);
  EXPECT_EQ(Run({"node", "block", "n1", "--reason", std::string(201, 'x')}).code, 2);
  EXPECT_EQ(Run({"node", "block", "n[1-", "--reason", "x"}).code, 2);
  EXPECT_THAT(signetd_.blocked, IsEmpty());
}

TEST_F(NodeCommands, BlockOfManyNodesGoesInCallsOfAThousandAndShowsHowFarItIs) {
  const Result result = Run({"node", "block", "n[1-2500]", "--reason", "fire"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(signetd_.calls, 3);
  EXPECT_EQ(signetd_.blocked.size(), 2500u);
  EXPECT_THAT(result.err, HasSubstr("blocked: 2000 of 2500"));
}

TEST_F(NodeCommands, UnblockLiftsAndNamesTheTokenToMake) {
  ASSERT_EQ(Run({"node", "block", "n[1-2]", "--reason", "x"}).code, 0);
  const Result result = Run({"node", "unblock", "n[1-3]"});
  EXPECT_THAT(result.out, StartsWith("n[1-3]: 2 blocks lifted\n"));
  EXPECT_THAT(result.out, HasSubstr("signetctl token create 'n[1-3]'"));
  EXPECT_THAT(signetd_.blocked, IsEmpty());
}

TEST_F(NodeCommands, ForgetOfSeveralNodesWantsConfirmation) {
  Enrol("n1");
  const Result asked = Run({"node", "forget", "n[1-2]"});
  EXPECT_EQ(asked.code, 2);
  EXPECT_THAT(asked.err, HasSubstr("confirm it with --yes"));
  EXPECT_THAT(signetd_.forgotten, IsEmpty());
  EXPECT_EQ(Run({"node", "forget", "n1"}).out.substr(0, 60),
            "n1: 1 daemons forgotten; 1 identity keys ended, 0 tokens rev");
  EXPECT_EQ(Run({"node", "forget", "n[1-2]", "--yes"}).code, 0);
}

TEST_F(NodeCommands, ADryRunShowsWhatWouldEndAndChangesNothing) {
  Enrol("n1");
  Enrol("n7");
  for (const char* verb : {"block", "forget"}) {
    std::vector<std::string> args = {"node", verb, "n[1-2]", "--dry-run"};
    if (std::string(verb) == "block") args.insert(args.end(), {"--reason", "x"});
    const Result result = Run(args);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("n[1-2]: 1 daemons are in the ledger, 0 tokens are open"));
    EXPECT_THAT(result.out, Not(HasSubstr("n7")));
  }
  EXPECT_EQ(Run({"node", "unblock", "n1", "--dry-run"}).code, 0);
  EXPECT_EQ(Run({"node", "unblock", "n1", "--dry-run", "-o", "json"}).out, "{\n \"unblocked\": \"0\"\n}\n")
      << "for a parser";
  EXPECT_EQ(Run({"node", "approve", "n1", "--key", kKey, "--dry-run"}).code, 0);
  EXPECT_EQ(signetd_.calls, 0);
  EXPECT_EQ(signetd_.approved.node(), "");
}

TEST_F(NodeCommands, ApproveTakesAFingerprintAsPeopleCopyIt) {
  const Result result = Run({"node", "approve", "n1", "--key", "0011:2233:4455:6677:8899:AABB:CCDD:EEFF", "--daemon",
                             "sackd", "--ttl", "2h"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(signetd_.approved.key_id(), kKey);
  EXPECT_EQ(signetd_.approved.daemon(), "sackd");
  EXPECT_EQ(signetd_.approved.ttl_seconds(), 7200);
  EXPECT_THAT(result.out, HasSubstr("systemctl restart sackd"));
  EXPECT_EQ(Run({"node", "approve", "n1", "--key", "0011"}).code, 2);
  EXPECT_EQ(Run({"node", "approve", "slurmctld", "--key", kKey}).code, 2);
}

TEST_F(NodeCommands, ExplainPutsFindingsFirstWithTheCommandToType) {
  v1::ExplainNodeResponse& explanation = Explain("n17");
  AddFinding(explanation, v1::SEVERITY_ERROR, "TOKEN_EXPIRED", "its token ended 2h ago", "signetctl token create n17");
  AddFinding(explanation, v1::SEVERITY_WARNING, "BUNDLE_BEHIND", "it holds generation 1", "");
  explanation.mutable_block()->set_reason("stolen");
  v1::Refusal& refusal = *explanation.add_refusals();
  refusal.mutable_at()->set_seconds(absl::ToUnixSeconds(now_ - absl::Minutes(3)));
  refusal.set_reason("TOKEN_EXPIRED");
  refusal.set_proven(true);
  v1::Token& token = *explanation.add_tokens();
  token.set_node("n17");
  const Result result = Run({"node", "explain", "n17"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("error [TOKEN_EXPIRED]: its token ended 2h ago\n"
                                     "  next: signetctl token create n17\n"
                                     "warning [BUNDLE_BEHIND]: it holds generation 1\n"));
  EXPECT_THAT(result.out, HasSubstr("reason:   stolen"));
  EXPECT_THAT(result.out, HasSubstr("3m ago"));
  EXPECT_EQ(Run({"node", "explain", "n17", "-o", "name"}).out, "TOKEN_EXPIRED\nBUNDLE_BEHIND\n");
}

TEST_F(NodeCommands, ExplainRecognisesASetCertToken) {
  AddFinding(Explain("n17"), v1::SEVERITY_OK, "OK", "nothing is wrong", "");
  InstallScontrol(
      "[ \"$*\" = 'show node n17 --json' ] || exit 3\n"
      "echo '{\"nodes\":[{\"name\":\"n17\",\"cert_flags\":[\"TOKEN_SET\"]}]}'\n");
  const Result result = Run({"node", "explain", "n17"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, StartsWith("error [CERT_TOKEN_SET]: a CertToken is set"));
  EXPECT_THAT(result.out, HasSubstr("  next: scontrol update NodeName=n17 CertToken=\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("nothing is wrong")));
  Enrol("n17");
  *Explain("n17").add_nodes() = signetd_.nodes.nodes(0);
  EXPECT_THAT(Run({"node", "explain", "n17"}).out, StartsWith("warning [CERT_TOKEN_SET]"));
}

TEST_F(NodeCommands, ExplainSaysTheSameWithoutScontrolOrWithOneThatIsBroken) {
  AddFinding(Explain("n17"), v1::SEVERITY_OK, "OK", "nothing is wrong", "");
  const std::string without = Run({"node", "explain", "n17"}).out;
  EXPECT_THAT(without, StartsWith("ok [OK]: nothing is wrong"));
  for (const char* script :
       {"exit 1\n", "echo not json\n", "echo '{\"nodes\":[{\"name\":\"n18\",\"cert_flags\":[\"TOKEN_SET\"]}]}'\n",
        "echo '{\"nodes\":[{\"name\":\"n17\",\"cert_flags\":[]}]}'\n", "cat /dev/zero\n"}) {
    InstallScontrol(script);
    EXPECT_EQ(Run({"node", "explain", "n17"}).out, without) << script;
  }
}

TEST_F(NodeCommands, AHangingScontrolIsEndedWithItsChildren) {
  InstallScontrol("echo $$ > " + Path("pid") + "\nsleep 1000 &\nwait\n");
  EXPECT_FALSE(AskScontrol(Path("bin"), "n17", absl::Milliseconds(300)).has_value());
  const pid_t group = std::stoi(Read("pid"));
  // Killed children are gone once their new parent has seen it.
  for (int i = 0; i < 100 && kill(-group, 0) == 0; ++i) usleep(20000);
  EXPECT_NE(kill(-group, 0), 0);
}

TEST_F(NodeCommands, ExplainRefusesWhatIsNoNodeName) {
  EXPECT_EQ(Run({"node", "explain", "--", "-n17"}).code, 2);
  EXPECT_EQ(Run({"node", "explain", "a b"}).code, 2);
}

TEST_F(NodeCommands, ListFiltersByStateAndHostlist) {
  Enrol("n1");
  Enrol("n2").set_blocked(true);
  Enrol("n3").mutable_not_after()->set_seconds(absl::ToUnixSeconds(now_ - absl::Hours(1)));
  Enrol("n4").mutable_clone_suspected_at()->set_seconds(absl::ToUnixSeconds(now_));
  Enrol("n5").set_superseded_keys(2);
  Enrol("n6").clear_bundle_on_disk();
  const auto names = [this](const std::string& state) {
    return Run({"node", "list", "--state", state, "-o", "name"}).out;
  };
  EXPECT_EQ(names("blocked"), "n2\n");
  EXPECT_EQ(names("expired"), "n3\n");
  EXPECT_EQ(names("clone"), "n4\n");
  EXPECT_EQ(names("superseded"), "n5\n");
  EXPECT_EQ(names("foreign-bundle"), "n6\n");
  EXPECT_EQ(names("ok"), "n1\nn5\nn6\n");
  EXPECT_EQ(Run({"node", "list", "--nodes", "n[2-3]", "-o", "name"}).out, "n2\nn3\n");
  EXPECT_EQ(Run({"node", "list", "--state", "lost"}).code, 2);
}

TEST_F(NodeCommands, ShowNamesAClonePodAndEvidence) {
  v1::Node& node = Enrol("n1");
  node.set_evidence(v1::EVIDENCE_KUBERNETES);
  node.set_pod_uid("7d0f2c1e");
  node.mutable_clone_suspected_at()->set_seconds(absl::ToUnixSeconds(now_ - absl::Minutes(5)));
  const Result result = Run({"node", "show", "n1"});
  EXPECT_THAT(result.out, HasSubstr("admitted by:      kubernetes"));
  EXPECT_THAT(result.out, HasSubstr("pod uid:          7d0f2c1e"));
  EXPECT_THAT(result.out, HasSubstr("(5m ago)"));
}

}  // namespace
}  // namespace signet::cli
