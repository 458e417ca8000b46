// The real program on a node: several users and daemons, kills, and what it prints before slurmd starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "services/evidence/statement.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kSlurm = 401;

class NodeProgramTest : public testing::Test {
 protected:
  NodeProgramTest() { Configure(); }
  void Configure() { WriteFile(scratch_ / "config.yaml", YamlOf(config_)); }
  RunOptions Options() const { return {.environment = {"SIGNET_SLURM_CONFIG=" + (scratch_ / "config.yaml")}}; }
  Outcome Run(const std::vector<std::string>& argv) const { return RunProgram(argv, Options()); }
  static evidence::Statement StatementIn(const std::string& csr_pem) {
    const auto csr = x509::CertificateRequest::FromPem(csr_pem);
    EXPECT_TRUE(csr.ok()) << csr_pem;
    return evidence::SignedStatement::Parse(*csr->statement())->statement();
  }
  void ExpectQuietSuccess(const Outcome& outcome, const std::string& words) const {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr(words));
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
  }

  const Scratch scratch_;
  Config config_ = ConfigIn(scratch_);
};

TEST_F(NodeProgramTest, PreStartNeverKeepsSlurmdFromStarting) {
  ExpectQuietSuccess(Run({"signet-slurm", "pre-start"}), "nothing to do");
  ASSERT_EQ(mkdir(config_.slurmd_spool_dir.c_str(), 0755), 0);
  WriteFile(config_.slurmd_spool_dir + "/certmgr_state", "garbage", 0600);
  ExpectQuietSuccess(Run({"signet-slurm", "pre-start"}), "left alone");
  RunOptions deaf = Options();
  deaf.in_child = [] { close(1); };
  EXPECT_EQ(RunProgram({"signet-slurm", "pre-start"}, deaf).exit_code, 0);
  WriteFile(scratch_ / "config.yaml", "clsuter: x\n");
  ExpectQuietSuccess(Run({"signet-slurm", "pre-start"}), "nothing done");
}

TEST_F(NodeProgramTest, PreStartTellsWrongUsage) {
  EXPECT_EQ(Run({"signet-slurm", "pre-start", "--nodes", "n1"}).exit_code, 1);
  EXPECT_EQ(Run({"signet-slurm", "pre-start", "--node"}).exit_code, 1);
}

TEST_F(NodeProgramTest, StateShowAnswersPeople) {
  EXPECT_EQ(Run({"signet-slurm", "state", "show"}).exit_code, 1);
  ASSERT_EQ(Run({"get-node-token", "n1"}).exit_code, 0);
  const Outcome shown = Run({"signet-slurm", "state", "show", "--node", "n1"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("identity key: "));
}

TEST_F(NodeProgramTest, DoctorExitsOneForAFaultAndStillTellsEverything) {
  const Outcome outcome = Run({"signet-slurm", "doctor"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("fault: ca_cert_file: "));
  EXPECT_THAT(outcome.out, HasSubstr("note: "));
  EXPECT_EQ(outcome.err, "signet-slurm doctor: faults found: 1\n");
}

TEST_F(NodeProgramTest, SlurmdAndSackdUnderTwoUsersKeepSeparateState) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to run as another user";
  config_.token_files = {scratch_ / "sackd.token", scratch_ / "{node}.token"};
  Configure();
  WriteToken(scratch_ / "sackd.token", "n1", "sackd");
  ASSERT_EQ(chown((scratch_ / "sackd.token").c_str(), kSlurm, kSlurm), 0);
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
  const std::string own = config_.state_dir + "/" + std::to_string(kSlurm);
  std::filesystem::create_directories(own);
  ASSERT_EQ(chmod(own.c_str(), 0700) + chown(own.c_str(), kSlurm, kSlurm), 0);
  RunOptions as_sackd = Options();
  as_sackd.in_child = [] {
    if (setgid(kSlurm) != 0 || setuid(kSlurm) != 0) _exit(125);
  };
  // A copy: another user may not enter a build directory below root's home.
  const std::string program = scratch_ / "signet-slurm";
  std::filesystem::copy_file(SIGNET_SLURM, program);
  const Outcome slurmd = Run({"generate-csr", "n1"});
  const Outcome sackd = RunProgram(program, {"generate-csr", "n1"}, as_sackd);
  ASSERT_EQ(slurmd.exit_code, 0) << slurmd.err;
  ASSERT_EQ(sackd.exit_code, 0) << sackd.err;
  EXPECT_EQ(StatementIn(slurmd.out).daemon, "slurmd");
  EXPECT_EQ(StatementIn(sackd.out).daemon, "sackd");
  EXPECT_NE(StatementIn(slurmd.out).key_id, StatementIn(sackd.out).key_id);
  // At its renewal sackd passes an empty name, or what a dangling pointer finds.
  for (const std::string& name : {std::string(), std::string("\x01\xfe garbage"), std::string(120000, 'x')}) {
    const Outcome again = RunProgram(program, {"generate-csr", name}, as_sackd);
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(StatementIn(again.out).node, "n1");
    EXPECT_EQ(StatementIn(again.out).key_id, StatementIn(sackd.out).key_id);
  }
}

TEST_F(NodeProgramTest, SeveralSlurmdsOnOneHostKeepSeparateState) {
  WriteToken(scratch_ / "n2.token", "n2", "slurmd");
  const Outcome one = Run({"generate-csr", "n1"});
  const Outcome two = Run({"generate-csr", "n2"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_NE(StatementIn(one.out).key_id, StatementIn(two.out).key_id);
  EXPECT_EQ(Run({"generate-csr", "n1"}).out.empty(), false);
  EXPECT_EQ(StatementIn(Run({"generate-csr", "n1"}).out).key_id, StatementIn(one.out).key_id);
}

TEST_F(NodeProgramTest, AFileSystemThatTakesNoStateIsNamedWithWhatToType) {
  config_.state_dir = "/proc/signet-slurm";
  Configure();
  for (const char* script : {"get-node-token", "generate-csr"}) {
    const Outcome refused = Run({script, "n1"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, HasSubstr("state directory: "));
    EXPECT_THAT(refused.err, HasSubstr("install -d"));
  }
}

TEST_F(NodeProgramTest, AFullDiskLeavesTheStateAsItWas) {
  ASSERT_EQ(Run({"get-node-token", "n1"}).exit_code, 0);
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  const std::string identity = ReadFile(config_.state_dir + "/" + std::to_string(geteuid()) + "/n1/identity");
  RunOptions full = Options();
  full.in_child = [] {
    const rlimit none = {0, 0};
    setrlimit(RLIMIT_FSIZE, &none);
    signal(SIGXFSZ, SIG_IGN);
  };
  const Outcome refused = RunProgram({"get-node-token", "n1"}, full);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("df -h " + config_.state_dir));
  EXPECT_EQ(ReadFile(config_.state_dir + "/" + std::to_string(geteuid()) + "/n1/identity"), identity);
  EXPECT_EQ(Run({"get-node-token", "n1"}).exit_code, 0);
}

TEST_F(NodeProgramTest, AKillAtAnyMomentNeverSpendsATokenOnTwoKeys) {
  std::mt19937 random(20261122);
  std::map<std::string, std::string> key_of_token;
  const auto note = [&key_of_token](const evidence::Statement& statement) {
    if (statement.token_id.empty()) return;
    const auto [entry, fresh] = key_of_token.emplace(statement.token_id, statement.key_id);
    EXPECT_TRUE(fresh || entry->second == statement.key_id) << statement.token_id;
  };
  for (int round = 0; round < 40; ++round) {
    if (round % 4 == 0) WriteToken(scratch_ / "n1.token", "n1", "slurmd");
    RunOptions killed = Options();
    killed.kill_after = absl::Microseconds(random() % 12000);
    const Outcome token = RunProgram({"get-node-token", "n1"}, killed);
    // What came out whole may have reached the server.
    if (const auto bytes = evidence::DecodeScriptToken(token.out); bytes.ok()) {
      if (const auto parsed = evidence::SignedStatement::Parse(*bytes); parsed.ok()) note(parsed->statement());
    }
    if (round % 4 != 3) continue;
    const Outcome whole = Run({"get-node-token", "n1"});
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    const Outcome csr = Run({"generate-csr", "n1"});
    ASSERT_EQ(csr.exit_code, 0) << csr.err;
    note(StatementIn(csr.out));
    EXPECT_NE(StatementIn(csr.out).token_id, "");
    const Outcome key = Run({"get-node-cert-key", "n1"});
    EXPECT_TRUE(keys::PrivateKey::FromPem(base::SecretBytes(key.out))->public_key() ==
                x509::CertificateRequest::FromPem(csr.out)->public_key());
  }
  EXPECT_EQ(key_of_token.size(), 10u);
}

}  // namespace
}  // namespace signet::slurm
