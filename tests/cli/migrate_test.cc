// migrate lab: from the documented scripts to Signet, node by node.
#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "services/evidence/token.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const char kA[] = "a3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2841";
const char kB[] = "b3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2846a3f1c09d5e7b2842";
const char kKey[] = "-----BEGIN EC PRIVATE KEY-----\nthe old CA's own\n-----END EC PRIVATE KEY-----\n";

// The directory that the published lab makes on the head node.
class MigrateLab : public CliTest {
 protected:
  MigrateLab() {
    Write("certmgr/slurm_ca.pem", signetd_.stranger().pem());
    Write("certmgr/slurm_ca.key", kKey);
    for (const std::string service : {"slurmctld", "slurmdbd"}) {
      Write("certmgr/" + service + ".pem", signetd_.LeafOfStranger(service));
      Write("certmgr/" + service + ".key", kKey);
    }
    Write("certmgr/slurmctld_sign_csr.sh", "#!/bin/bash\n");
    Write("certmgr/node_token_list", std::string("n1 ") + kA + "\nn2 " + kB + "\n");
  }
  Result Migrate(const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"migrate", "lab", Path("certmgr")};
    args.insert(args.end(), more.begin(), more.end());
    return Run(args);
  }
  void Enrol(const std::string& name) {
    v1::Node& node = *signetd_.nodes.add_nodes();
    node.set_name(name);
    node.set_daemon("slurmd");
  }
  void IssueServices() {
    for (const char* service : {"slurmctld", "slurmdbd"}) {
      ASSERT_EQ(Run({"service", "issue", service, "--layout", "lab", "--dir", Path("certmgr"), "--owner",
                     std::to_string(geteuid())})
                    .code,
                0);
    }
  }
};

TEST_F(MigrateLab, ADryRunShowsThePlanAndChangesNothing) {
  const Result result = Migrate({"--dry-run"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("to import:           2\n"));
  EXPECT_THAT(result.out, HasSubstr("nodes still old:     2: n[1-2]\n"));
  EXPECT_THAT(result.out, HasSubstr("does not hold Signet's root yet"));
  EXPECT_THAT(result.out, HasSubstr("not yet an anchor:   "));
  EXPECT_THAT(result.out, HasSubstr("slurmctld  " + Path("certmgr/slurmctld.pem") + "  old CA"));
  EXPECT_THAT(signetd_.tokens, IsEmpty());
  EXPECT_THAT(signetd_.anchors, IsEmpty());
}

TEST_F(MigrateLab, ARunImportsTokensAndTheOldRootAndNamesWhatToTypeInOrder) {
  const Result result = Migrate();
  ASSERT_EQ(result.code, 0) << result.err;
  ASSERT_EQ(signetd_.tokens.size(), 2u);
  const auto key = evidence::DeriveLabKey(base::SecretBytes(kA), "alpha", "n1").value();
  EXPECT_TRUE(signetd_.tokens.contains(key.public_key().key_id()));
  ASSERT_EQ(signetd_.anchors.size(), 1u);
  EXPECT_EQ(signetd_.anchors[0].der(), signetd_.stranger().der());
  EXPECT_THAT(result.out, HasSubstr("to import:           0\n"));
  EXPECT_THAT(result.out, HasSubstr("imported:            2\n"));
  std::size_t at = 0;
  for (const std::string& step : std::vector<std::string>{
           "next: cp -p " + Path("certmgr/slurm_ca.pem") + " " + Path("certmgr/old_ca.pem"),
           "# in " + Path("certmgr/slurmctld_sign_csr.sh") + " set CA_CERT=" + Path("certmgr/old_ca.pem"),
           "next: signetctl bundle write --file " + Path("certmgr/slurm_ca.pem"), std::string("next: squeue -t R "),
           std::string("next: systemctl restart slurmdbd"), std::string("next: scontrol reconfigure"),
           "next: signetctl service issue slurmctld --layout lab --dir " + Path("certmgr"),
           std::string("next: scontrol reconfigure"), std::string("next: signetctl service issue slurmdbd"),
           "#   cluster: alpha\n#   bundle_pin: " + absl::BytesToHexString(signetd_.pin()) +
               "\n#   ca_cert_file: " + Path("certmgr/slurm_ca.pem") + "\n#   slurmd_spool_dir: ",
           std::string("--reusable tokens or a boot hook for diskless nodes"),
           std::string("next: signetctl slurm-conf print"), "next: signetctl migrate lab " + Path("certmgr")}) {
    const std::size_t found = result.out.find(step, at);
    ASSERT_NE(found, std::string::npos) << step << "\n" << result.out;
    at = found;
  }
  EXPECT_THAT(result.out, Not(HasSubstr("shred")));
}

TEST_F(MigrateLab, ARepeatedRunImportsNothingTwice) {
  ASSERT_EQ(Migrate().code, 0);
  const int calls = signetd_.create_calls;
  ASSERT_EQ(Migrate().code, 0);
  EXPECT_EQ(signetd_.create_calls, calls);
  EXPECT_EQ(signetd_.anchors.size(), 1u);
}

TEST_F(MigrateLab, NodeByNodeItNamesWhoIsStillOldUntilNothingIs) {
  ASSERT_EQ(Migrate().code, 0);
  ASSERT_EQ(Run({"bundle", "write", "--file", Path("certmgr/slurm_ca.pem")}).code, 0);
  IssueServices();
  Enrol("n1");
  const Result half = Migrate();
  EXPECT_THAT(half.out, HasSubstr("nodes on Signet:     1: n1\n"));
  EXPECT_THAT(half.out, HasSubstr("nodes still old:     1: n2\n"));
  EXPECT_THAT(half.out, Not(HasSubstr("service issue")));
  EXPECT_THAT(half.out, Not(HasSubstr("nothing is old")));
  EXPECT_EQ(Migrate({"-o", "name"}).out, "n2\n");
  Enrol("n2");
  const Result whole = Migrate();
  EXPECT_EQ(whole.code, 0);
  EXPECT_THAT(whole.out, HasSubstr("# nothing is old\n"));
  EXPECT_THAT(whole.out, HasSubstr("next: shred -u " + Path("certmgr/slurm_ca.key")));
  EXPECT_EQ(Read("certmgr/slurm_ca.key"), kKey);
}

TEST_F(MigrateLab, TheOldCaKeyIsNeverOpened) {
  std::filesystem::remove(Path("certmgr/slurm_ca.key"));
  ASSERT_EQ(mkfifo(Path("certmgr/slurm_ca.key").c_str(), 0600), 0);  // opening it would hang for ever
  EXPECT_EQ(Migrate().code, 0);
}

TEST_F(MigrateLab, ANodeThatRunsOnSignetKeepsItsOwnEvidence) {
  Enrol("n1");
  ASSERT_EQ(Migrate().code, 0);
  ASSERT_EQ(signetd_.tokens.size(), 1u);
  EXPECT_EQ(signetd_.tokens.begin()->second.node(), "n2");
}

TEST_F(MigrateLab, OneBadTokenStopsAllOfThem) {
  Write("certmgr/node_token_list", std::string("n1 ") + kA + "\nn2 " + kA + "\nn3 short\nn4 " + kB + "\nn5 a b\n");
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{{"--dry-run"}, {}}) {
    const Result result = Migrate(more);
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.err, HasSubstr("node_token_list:2: the same token as"));
    EXPECT_THAT(result.err, HasSubstr("node_token_list:3: "));
    EXPECT_THAT(result.err, HasSubstr("node_token_list:5: has 3 fields"));
    EXPECT_THAT(result.err, HasSubstr("3 tokens cannot be imported; nothing was"));
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(kA)));
    EXPECT_THAT(result.out, HasSubstr("cannot be imported:  3\n"));
  }
  EXPECT_THAT(signetd_.tokens, IsEmpty());
  EXPECT_THAT(signetd_.anchors, IsEmpty());
}

TEST_F(MigrateLab, ARefusedAnchorLeavesTheTokensAlone) {
  Write("certmgr/slurm_ca.pem", signetd_.LeafOfStranger("no-ca"));
  EXPECT_EQ(Migrate().code, 1);
  EXPECT_THAT(signetd_.tokens, IsEmpty());
}

TEST_F(MigrateLab, ReadsTheNamesOfSlurmsOwnPages) {
  std::filesystem::remove_all(Path("certmgr"));
  Write("certmgr/root_cert.pem", signetd_.stranger().pem());
  Write("certmgr/root_key.pem", kKey);
  Write("certmgr/n1_token.txt", kA);
  Write("certmgr/n2_token.txt", kB);
  Write("certmgr/node_token_list.txt", std::string(kA) + "\n" + kB + "\n");  // tokens without names
  Write("ctld_cert.pem", signetd_.LeafOfStranger("ctld"));
  const Result result = Migrate();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(signetd_.tokens.size(), 2u);
  EXPECT_THAT(result.out, HasSubstr(Path("ctld_cert.pem") + "  old CA"));
  EXPECT_THAT(result.out, HasSubstr("service issue slurmctld --dir " + directory_ + "\n"));
}

TEST_F(MigrateLab, AnImportedTokenThatEndedIsNamedWithTheCure) {
  ASSERT_EQ(Migrate().code, 0);
  for (auto& [id, token] : signetd_.tokens) {
    if (token.node() == "n2") token.set_revoked(true);
  }
  const Result result = Migrate();
  EXPECT_THAT(result.out, HasSubstr("ended:               1: n2\n"));
  EXPECT_THAT(result.out, HasSubstr("next: signetctl token create 'n2' --out-dir"));
}

TEST_F(MigrateLab, TheOldCaIsSetAsideOnlyWhileTheFileIsStillTheOldOne) {
  ASSERT_EQ(Migrate().code, 0);
  ASSERT_EQ(Run({"bundle", "write", "--file", Path("certmgr/slurm_ca.pem")}).code, 0);
  const Result result = Migrate();
  EXPECT_THAT(result.out, Not(HasSubstr("cp -p")));  // it would replace the copy by the new file
  EXPECT_THAT(result.out, HasSubstr("next: squeue"));
}

TEST_F(MigrateLab, WithoutATokenNobodySaysThatNothingIsOld) {
  ASSERT_EQ(Migrate().code, 0);
  ASSERT_EQ(Run({"bundle", "write", "--file", Path("certmgr/slurm_ca.pem")}).code, 0);
  IssueServices();
  std::filesystem::remove(Path("certmgr/node_token_list"));
  const Result result = Migrate();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("nodes still old:     nodes unknown\n"));
  EXPECT_THAT(result.out, HasSubstr(" --tokens FILE   # nodes unknown"));
  EXPECT_THAT(result.out, Not(HasSubstr("nothing is old")));
  EXPECT_THAT(result.out, Not(HasSubstr("shred")));
  Write("certmgr/node_token_list", "");
  const Result empty = Migrate();
  EXPECT_NE(empty.code, 0);
  EXPECT_THAT(empty.out, Not(HasSubstr("shred")));
}

TEST_F(MigrateLab, TheNextCommandNamesTheFilesThatThisOneWasToldOf) {
  std::filesystem::rename(Path("certmgr/slurm_ca.pem"), Path("elsewhere.pem"));
  std::filesystem::rename(Path("certmgr/node_token_list"), Path("list"));
  const Result result = Migrate({"--ca", Path("elsewhere.pem"), "--tokens", Path("list")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("next: signetctl migrate lab " + Path("certmgr") + " --ca " +
                                    Path("elsewhere.pem") + " --tokens " + Path("list") + "   #"));
  EXPECT_THAT(result.out, HasSubstr("next: cp -p " + Path("elsewhere.pem") + " " + Path("old_ca.pem")));
}

TEST_F(MigrateLab, JsonSaysWhatIsOld) {
  google::protobuf::Struct document;
  const Result result = Migrate({"--dry-run", "-o", "json"});
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &document).ok()) << result.out;
  EXPECT_FALSE(document.fields().at("done").bool_value());
  EXPECT_EQ(document.fields().at("nodes_old").list_value().values_size(), 2);
  EXPECT_EQ(document.fields().at("services_old").list_value().values_size(), 2);
}

TEST_F(MigrateLab, ADirectoryWithoutACertificateIsAUsageError) {
  std::filesystem::create_directory(Path("empty"));
  EXPECT_EQ(Run({"migrate", "lab", Path("empty")}).code, 2);
  EXPECT_EQ(Run({"migrate", "lab", Path("missing")}).code, 2);
  EXPECT_THAT(Run({"migrate", "lab", Path("empty")}).err, HasSubstr("--ca FILE"));
}

}  // namespace
}  // namespace signet::cli
