// authority create and import: what leaves the host, and what is written where.
#include <gmock/gmock.h>

#include "services/keys/private_key.h"
#include "tests/cli/cli_fixture.h"
#include "tests/testing/offline_root.h"

namespace signet::cli {
namespace {

using ::signet::testing::MakeRunningCa;
using ::signet::testing::Must;
using ::signet::testing::RsaKey;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kSubject[] = "CN=Issuing CA,O=Example";

class AuthorityCommands : public CliTest {
 protected:
  std::vector<std::string> Create(const std::vector<std::string>& more) {
    std::vector<std::string> args = {"authority", "create", "--subordinate", "--subject", kSubject};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
  void WriteLab(mode_t mode = 0600) {
    Write("ca_cert.pem", lab_.certificate.pem());
    Write("ca_key.pem", std::string(Must(lab_.key.ToPem()).ExposeSecret()));
    chmod(Path("ca_key.pem").c_str(), mode);
  }
  std::vector<std::string> ImportLab() {
    return {"authority", "import", Path("ca_cert.pem"), "--ca-key", Path("ca_key.pem")};
  }

  const TestRoot lab_ = MakeRunningCa(RsaKey(2048), "CN=Lab", now_);
};

TEST_F(AuthorityCommands, CreateWritesTheRequestAndSaysWhatComesNext) {
  const Result made = Run(Create({"--out", Path("sub.csr")}));
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(Read("sub.csr"), signetd_.requests[0].csr_pem());
  EXPECT_EQ(Mode("sub.csr"), 0644U);
  EXPECT_THAT(made.out, HasSubstr("requested"));
  EXPECT_THAT(made.out, HasSubstr("# signetctl authority import --chain FILE --dry-run"));
  const Result again = Run(Create({"--out", Path("sub.csr")}));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(signetd_.requests, SizeIs(1));
  EXPECT_EQ(Run(Create({})).out, signetd_.requests[0].csr_pem());
  EXPECT_EQ(Run(Create({"-o", "name"})).out, signetd_.requests[0].id() + "\n");
  EXPECT_THAT(Run(Create({"-o", "json"})).out, HasSubstr("\"csr_pem\""));
}

TEST_F(AuthorityCommands, CreateNeverOverwritesAnotherFile) {
  Write("kept", "something else\n");
  const Result made = Run(Create({"--out", Path("kept")}));
  EXPECT_EQ(made.code, 2);
  EXPECT_THAT(made.err, HasSubstr("it stays"));
  EXPECT_EQ(Read("kept"), "something else\n");
  EXPECT_THAT(signetd_.requests, IsEmpty());
}

TEST_F(AuthorityCommands, CreateByDryRunWritesNothing) {
  const Result judged = Run(Create({"--out", Path("sub.csr"), "--dry-run"}));
  EXPECT_EQ(judged.code, 0) << judged.err;
  EXPECT_THAT(judged.out, HasSubstr("# dry run: nothing was changed"));
  EXPECT_FALSE(Exists("sub.csr"));
  EXPECT_THAT(signetd_.requests, IsEmpty());
}

TEST_F(AuthorityCommands, CreateIsForSubordinateOnes) {
  const Result made = Run({"authority", "create", "--subject", kSubject});
  EXPECT_EQ(made.code, 2);
  EXPECT_THAT(made.err, HasSubstr("authority prepare"));
  EXPECT_EQ(Run({"authority", "create", "--subordinate"}).code, 2);
}

TEST_F(AuthorityCommands, ARequestIsListedAndWithdrawn) {
  ASSERT_EQ(Run(Create({"--out", Path("sub.csr")})).code, 0);
  const std::string id = signetd_.requests[0].id();
  EXPECT_THAT(Run({"authority", "list"}).out, HasSubstr(id + "  slurm    requested  -"));
  EXPECT_THAT(Run({"authority", "list", "-o", "wide"}).out, HasSubstr("requested"));
  EXPECT_THAT(Run({"authority", "list", "-o", "name"}).out, HasSubstr(id + "\n"));
  const Result gone = Run({"authority", "withdraw", id, "--yes"});
  ASSERT_EQ(gone.code, 0) << gone.err;
  EXPECT_THAT(gone.out, HasSubstr("the step is taken"));
  EXPECT_THAT(gone.out, Not(HasSubstr("AUTHORITY")));
  EXPECT_THAT(signetd_.requests, IsEmpty());
}

TEST_F(AuthorityCommands, ImportSendsAChain) {
  const std::string chain = signetd_.root().pem() + signetd_.stranger().pem();
  Write("chain.pem", chain);
  const Result judged = Run({"authority", "import", "--chain", Path("chain.pem"), "--dry-run"});
  EXPECT_EQ(judged.code, 0) << judged.err;
  EXPECT_THAT(judged.out, HasSubstr("# dry run: nothing was changed"));
  const Result imported = Run({"authority", "import", "--chain", Path("chain.pem")});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(signetd_.imports.back().chain_pem(), chain);
  EXPECT_EQ(signetd_.imports.back().certificate_pem(), "");
  EXPECT_THAT(imported.out, HasSubstr("prepared"));
  EXPECT_THAT(imported.out, HasSubstr("rotation status --wait"));
  EXPECT_THAT(Run({"authority", "import", "--chain", Path("chain.pem")}).out, HasSubstr("It stood so already"));
  Write("both.pem", chain + "-----BEGIN PRIVATE KEY-----\n");
  const std::size_t sent = signetd_.imports.size();
  EXPECT_EQ(Run({"authority", "import", "--chain", Path("both.pem")}).code, 2);
  EXPECT_THAT(signetd_.imports, SizeIs(sent));
}

TEST_F(AuthorityCommands, ImportSendsTheKeyOfARunningCaAndNeverPrintsIt) {
  WriteLab();
  const Result imported = Run(ImportLab());
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(signetd_.imports.back().key_pem(), Read("ca_key.pem"));
  EXPECT_THAT(imported.out, HasSubstr("retired"));
  EXPECT_THAT(imported.out, HasSubstr("remove " + Path("ca_key.pem") + " and every other copy"));
  const std::string secret = Read("ca_key.pem").substr(100, 40);
  EXPECT_THAT(imported.out + imported.err, Not(HasSubstr(secret)));
  EXPECT_THAT(Run({"authority", "import", Path("ca_cert.pem"), "--ca-key", Path("ca_key.pem"), "-o", "json"}).out,
              Not(HasSubstr(secret)));
}

TEST_F(AuthorityCommands, AKeyThatOthersCanReadOrThatIsAnotherOnesStaysHere) {
  WriteLab(0644);
  const Result open = Run(ImportLab());
  EXPECT_NE(open.code, 0);
  EXPECT_THAT(open.err, HasSubstr("chmod"));
  WriteLab();
  Write("ca_key.pem", std::string(Must(RsaKey(2048).ToPem()).ExposeSecret()));
  const Result other = Run(ImportLab());
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("is not the key of CN=Lab; nothing was sent"));
  Write("ca_key.pem", "no key\n");
  EXPECT_EQ(Run(ImportLab()).code, 2);
  EXPECT_THAT(signetd_.imports, IsEmpty());
}

TEST_F(AuthorityCommands, AKeyLeavesThisHostOnNoWire) {
  WriteLab();
  std::vector<std::string> args = ImportLab();
  args.insert(args.end(), {"--server", "head:6843"});
  const Result result = Run(args);
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("admin socket only; nothing was sent"));
}

TEST_F(AuthorityCommands, ImportTakesOneThingAtATime) {
  EXPECT_EQ(Run({"authority", "import"}).code, 2);
  EXPECT_EQ(Run({"authority", "import", "a.pem", "--chain", "b.pem"}).code, 2);
  EXPECT_EQ(Run({"authority", "import", "--chain", "b.pem", "--ca-key", "k.pem"}).code, 2);
  EXPECT_THAT(signetd_.imports, IsEmpty());
}

TEST_F(AuthorityCommands, StatusTellsOfTheLastDayToPrepare) {
  signetd_.rotation.set_step(v1::ROTATION_STEP_IDLE);
  signetd_.rotation.set_warning("Slurm CA ends soon");
  signetd_.rotation.set_warning_next("signetctl authority prepare");
  EXPECT_THAT(Run({"status"}).out, HasSubstr("\nwarning: Slurm CA ends soon; next: signetctl authority prepare\n"));
  EXPECT_THAT(Run({"rotation", "status"}).out,
              HasSubstr("warning: Slurm CA ends soon\n  next: signetctl authority prepare\n"));
  signetd_.rotation.set_step(v1::ROTATION_STEP_HOLDING);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("warning: Slurm CA ends soon"));
}

}  // namespace
}  // namespace signet::cli
