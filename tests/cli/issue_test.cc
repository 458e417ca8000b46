// service issue, client issue, bundle show, write, verify.
#include <gmock/gmock.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "services/bundle/ca_file.h"
#include "services/files/file.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class IssueCommands : public CliTest {
 protected:
  IssueCommands() { std::filesystem::create_directory(Path("etc")); }
  Result IssueSlurmctld(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {
        "service", "issue", "slurmctld", "--dir", Path("etc"), "--owner", std::to_string(geteuid())};
    args.insert(args.end(), more.begin(), more.end());
    return Run(args);
  }
  bool PairFits(const std::string& cert, const std::string& key) {
    const auto private_key =
        keys::PrivateKey::FromPem(files::ReadSecret(Path(key), {.allow_group_read = true}).value());
    return x509::Certificate::ListFromPem(Read(cert))->front().public_key() == private_key->public_key();
  }
};

TEST_F(IssueCommands, ServiceIssueWritesSlurmsDefaultNamesWithTheirModes) {
  const Result result = IssueSlurmctld();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Mode("etc/ctld_cert_key.pem"), 0600u);
  EXPECT_EQ(Mode("etc/ctld_cert.pem"), 0644u);
  EXPECT_EQ(Mode("etc/ca_cert.pem"), 0644u);
  EXPECT_TRUE(Exists("etc/signet-bundle"));
  EXPECT_TRUE(PairFits("etc/ctld_cert.pem", "etc/ctld_cert_key.pem"));
  EXPECT_THAT(bundle::FaultsOfCaFile(Read("etc/ca_cert.pem"), now_), IsEmpty());
  EXPECT_THAT(result.out, HasSubstr("scontrol reconfigure"));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(IssueCommands, ServiceIssueLetsAGroupReadTheKey) {
  ASSERT_EQ(IssueSlurmctld({"--group", std::to_string(getegid())}).code, 0);
  EXPECT_EQ(Mode("etc/ctld_cert_key.pem"), 0640u);
}

TEST_F(IssueCommands, ServiceIssueKnowsTheLabsNames) {
  ASSERT_EQ(IssueSlurmctld({"--layout", "lab"}).code, 0);
  EXPECT_TRUE(PairFits("etc/slurmctld.pem", "etc/slurmctld.key"));
  EXPECT_TRUE(Exists("etc/slurm_ca.pem"));
}

TEST_F(IssueCommands, ServiceIssueReplacesThePairAndSaysWhatItReplaced) {
  ASSERT_EQ(IssueSlurmctld().code, 0);
  const std::string before = Read("etc/ctld_cert_key.pem");
  const Result again = IssueSlurmctld();
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("replaced certificate 2201 of slurmctld"));
  EXPECT_NE(Read("etc/ctld_cert_key.pem"), before);
  EXPECT_TRUE(PairFits("etc/ctld_cert.pem", "etc/ctld_cert_key.pem"));
}

TEST_F(IssueCommands, ServiceIssueWritesNothingForAWrongAnswer) {
  const auto refused = [this](const std::string& what) {
    const Result result = IssueSlurmctld();
    EXPECT_EQ(result.code, 1) << what;
    EXPECT_THAT(result.err, HasSubstr(what));
    EXPECT_EQ(FilesIn("etc"), 0) << what;
  };
  signetd_.answer_for_another_key = true;
  refused("another key");
  signetd_.answer_for_another_key = false;
  signetd_.answer_for_another_name = "slurmdbd";
  refused("a certificate for slurmdbd");
  signetd_.answer_for_another_name = "";
  signetd_.sign_by_stranger = true;
  refused("does not verify");
  signetd_.sign_by_stranger = false;
  signetd_.leaf_age = absl::Hours(24 * 91);
  refused("does not verify");
}

TEST_F(IssueCommands, ServiceIssueBelievesThePinOverTheServer) {
  const Result result = IssueSlurmctld({"--pin", std::string(64, 'a')});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(FilesIn("etc"), 0);
  EXPECT_EQ(IssueSlurmctld({"--pin", "aa"}).code, 2);
  EXPECT_EQ(IssueSlurmctld({"--pin", absl::BytesToHexString(signetd_.pin())}).code, 0);
}

TEST_F(IssueCommands, ServiceIssueBelievesACaFileThatIsManagedElsewhereOnlyIfItVerifiesTheCertificate) {
  FakeSignetd other(Path("other.sock"), now_);
  ASSERT_TRUE(std::filesystem::create_directory(Path("managed")));
  ASSERT_EQ(Run({"--server", "unix:" + Path("other.sock"), "bundle", "write", "--dir", Path("managed")}).code, 0);
  std::filesystem::create_symlink(Path("managed/ca_cert.pem"), Path("etc/ca_cert.pem"));
  signetd_.status.set_bundle_generation(7);
  const Result behind = IssueSlurmctld();
  EXPECT_EQ(behind.code, 1);
  EXPECT_THAT(behind.err, HasSubstr("place generation 7 of the bundle there first"));
  EXPECT_EQ(FilesIn("etc"), 1);
  std::filesystem::remove_all(Path("managed"));
  EXPECT_EQ(IssueSlurmctld().code, 1);
  EXPECT_EQ(FilesIn("etc"), 1);

  std::filesystem::create_directory(Path("managed"));
  ASSERT_EQ(Run({"bundle", "write", "--dir", Path("managed")}).code, 0);
  const Result current = IssueSlurmctld();
  ASSERT_EQ(current.code, 0) << current.err;
  EXPECT_TRUE(std::filesystem::is_symlink(Path("etc/ca_cert.pem")));
  EXPECT_TRUE(PairFits("etc/ctld_cert.pem", "etc/ctld_cert_key.pem"));
}

TEST_F(IssueCommands, AFailureWhileWritingLeavesTheOldPair) {
  ASSERT_EQ(IssueSlurmctld().code, 0);
  const std::string key = Read("etc/ctld_cert_key.pem");
  std::filesystem::remove(Path("etc/ctld_cert.pem"));
  std::filesystem::create_directory(Path("etc/ctld_cert.pem"));
  const int files = FilesIn("etc");
  EXPECT_EQ(IssueSlurmctld().code, 1);
  EXPECT_EQ(Read("etc/ctld_cert_key.pem"), key);
  EXPECT_EQ(FilesIn("etc"), files);
}

TEST_F(IssueCommands, ServiceIssueRefusesOtherNamesAndUnknownUsers) {
  EXPECT_EQ(Run({"service", "issue", "n1"}).code, 2);
  EXPECT_EQ(Run({"service", "issue", "slurmctld", "--dir", Path("etc"), "--owner", "no-such-user"}).code, 2);
  EXPECT_EQ(FilesIn("etc"), 0);
}

TEST_F(IssueCommands, ServiceIssueAsksForNothingThatItCouldNotWrite) {
  Write("file", "");
  for (const std::string& dir : {Path("missing"), Path("file"), std::string("/proc")}) {
    const Result result = Run({"service", "issue", "slurmctld", "--dir", dir, "--owner", "0"});
    EXPECT_EQ(result.code, 1) << dir;
    EXPECT_THAT(result.err, HasSubstr("cannot create files in " + dir));
  }
  EXPECT_THAT(Run({"cert", "list", "-o", "name"}).out, IsEmpty());
}

TEST_F(IssueCommands, ADryRunOfServiceIssueWritesNothing) {
  EXPECT_EQ(IssueSlurmctld({"--dry-run"}).code, 0);
  EXPECT_EQ(FilesIn("etc"), 0);
}

TEST_F(IssueCommands, ClientIssueWritesThreeFilesAndTheLinesForTheAdapter) {
  const Result result = Run({"client", "issue", "head2", "--role", "controller", "--out-dir", Path("head2")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Mode("head2"), 0700u);
  EXPECT_EQ(Mode("head2/control.key"), 0600u);
  EXPECT_TRUE(PairFits("head2/control.pem", "head2/control.key"));
  EXPECT_TRUE(x509::Certificate::FromPem(Read("head2/control_ca.pem")).ok());
  EXPECT_THAT(result.out, HasSubstr("tls: {cert: /etc/signet/control.pem"));
  EXPECT_THAT(result.out, HasSubstr("install -o slurm -m 0400 control.key /etc/signet/control.key\n"));
  EXPECT_EQ(Run({"client", "issue", "head2", "--role", "controller", "--out-dir", Path("head2")}).code, 1);
}

TEST_F(IssueCommands, ClientIssueWritesNothingForAWrongAnswer) {
  signetd_.answer_for_another_key = true;
  EXPECT_EQ(Run({"client", "issue", "head2", "--role", "admin", "--out-dir", Path("head2")}).code, 1);
  EXPECT_FALSE(Exists("head2"));
  EXPECT_EQ(Run({"client", "issue", "head2", "--role", "public", "--out-dir", Path("head2")}).code, 2);
}

TEST_F(IssueCommands, AProvisionerGetsItsNodesAndHowToUseThem) {
  const std::vector<std::string> issue = {"client",      "issue",     "warewulf", "--role",
                                          "provisioner", "--out-dir", Path("ww")};
  const Result without = Run(issue);
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.err, HasSubstr("--nodes"));
  std::vector<std::string> with = issue;
  with.insert(with.end(), {"--nodes", "n[001-128]"});
  const Result result = Run(with);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(signetd_.client.nodes(), "n[001-128]");
  EXPECT_THAT(result.out, HasSubstr("token create NODE --boot"));
  EXPECT_THAT(result.out, Not(HasSubstr("signet-slurm.yaml")));
  EXPECT_EQ(Run({"client", "issue", "h", "--role", "controller", "--nodes", "n1", "--out-dir", Path("h")}).code, 2);
  EXPECT_FALSE(Exists("h"));
}

TEST_F(IssueCommands, ClientListShowsRolesAndTheNodesOfProvisioners) {
  ASSERT_EQ(
      Run({"client", "issue", "warewulf", "--role", "provisioner", "--nodes", "n[1-4]", "--out-dir", Path("ww")}).code,
      0);
  ASSERT_EQ(Run({"client", "issue", "head2", "--role", "controller", "--out-dir", Path("head2")}).code, 0);
  ASSERT_EQ(IssueSlurmctld().code, 0);
  v1::Provisioner& provisioner = *signetd_.provisioners.add_provisioners();
  provisioner.set_name("warewulf");
  provisioner.set_nodes("n[1-4]");
  signetd_.provisioners.add_provisioners()->set_name("xcat");
  const std::string out = Run({"client", "list"}).out;
  EXPECT_THAT(out, HasSubstr("warewulf  provisioner  in 89d 23h        n[1-4]\n"));
  EXPECT_THAT(out, HasSubstr("head2     controller"));
  EXPECT_THAT(out, HasSubstr("xcat      provisioner  -"));
  EXPECT_THAT(out, Not(HasSubstr("slurmctld")));
  EXPECT_EQ(Run({"client", "list", "-o", "name"}).out, "warewulf\nhead2\n");
  const std::string json = Run({"client", "list", "-o", "json"}).out;
  EXPECT_THAT(json, HasSubstr("\"provisioners\""));
  EXPECT_THAT(json, HasSubstr("\"certificates\""));
}

TEST_F(IssueCommands, AuthorityImportSendsTheCertificateAndNeverAKey) {
  Write("root.pem", signetd_.stranger().pem());
  const Result tried = Run({"authority", "import", Path("root.pem"), "--dry-run"});
  EXPECT_EQ(tried.code, 0) << tried.err;
  EXPECT_THAT(signetd_.anchors, IsEmpty());
  const Result result = Run({"authority", "import", Path("root.pem")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(signetd_.anchors.size(), 1u);
  EXPECT_THAT(result.out, HasSubstr("retired"));
  EXPECT_THAT(result.out, HasSubstr("generation 2"));
  Write("both.pem", signetd_.stranger().pem() + "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");
  const Result key = Run({"authority", "import", Path("both.pem")});
  EXPECT_EQ(key.code, 2);
  EXPECT_THAT(key.err, HasSubstr("holds a private key"));
  Write("text.pem", "hello\n");
  EXPECT_EQ(Run({"authority", "import", Path("text.pem")}).code, 2);
  EXPECT_EQ(signetd_.anchors.size(), 1u);
}

TEST_F(IssueCommands, BundleWriteIsIdempotentAndNeverGoesBack) {
  signetd_.status.set_bundle_generation(3);
  EXPECT_THAT(Run({"bundle", "write", "--dir", Path("etc")}).out, HasSubstr("generation 3 written"));
  EXPECT_THAT(Run({"bundle", "write", "--dir", Path("etc")}).out, HasSubstr("generation 3 unchanged"));
  signetd_.status.set_bundle_generation(2);
  const std::string before = Read("etc/ca_cert.pem");
  EXPECT_EQ(Run({"bundle", "write", "--dir", Path("etc")}).code, 1);
  EXPECT_EQ(Read("etc/ca_cert.pem"), before);
}

TEST_F(IssueCommands, BundleWriteWritesTheFileThatIsNamed) {
  const Result result = Run({"bundle", "write", "--file", Path("etc/slurm_ca.pem")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(Path("etc/slurm_ca.pem") + ": generation 1 written"));
  EXPECT_TRUE(Exists("etc/signet-bundle"));
  EXPECT_EQ(FilesIn("etc"), 3);
  EXPECT_EQ(Run({"bundle", "verify", Path("etc/slurm_ca.pem")}).code, 0);
  EXPECT_EQ(Run({"bundle", "write", "--file", Path("etc/slurm_ca.pem"), "--dir", Path("etc")}).code, 2);
}

TEST_F(IssueCommands, BundleShowNamesGenerationAndPin) {
  const Result result = Run({"bundle", "show"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(absl::BytesToHexString(signetd_.pin())));
  EXPECT_THAT(result.out, HasSubstr("CN=Slurm CA"));
}

TEST_F(IssueCommands, BundleVerifyListsEverythingThatWouldCrashSlurm) {
  ASSERT_EQ(Run({"bundle", "write", "--dir", Path("etc")}).code, 0);
  EXPECT_EQ(Run({"bundle", "verify", Path("etc/ca_cert.pem")}).code, 0);
  Write("bad.pem", "# a -- b\n" + Read("etc/ca_cert.pem") + "trailing text\n");
  const Result bad = Run({"bundle", "verify", Path("bad.pem")});
  EXPECT_EQ(bad.code, 1);
  EXPECT_GE(std::count(bad.out.begin(), bad.out.end(), '\n'), 2) << bad.out;
  Write("empty.pem", "");
  EXPECT_EQ(Run({"bundle", "verify", Path("empty.pem")}).code, 1);
}

TEST_F(IssueCommands, BundleVerifyNotesAnOldRootThatExpiredBesideAGoodOne) {
  static constexpr char kExpired[] = R"(-----BEGIN CERTIFICATE-----
MIIBIzCByqADAgECAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBk9sZCBDQTAe
Fw0yMDAxMDEwMDAwMDBaFw0yMTAxMDEwMDAwMDBaMBExDzANBgNVBAMMBk9sZCBD
QTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMXNdmfACTPt8f27gZBNIR78+WXe
8zOAf/kKA6gpJT+LuYvACFrtofZy7vxQPPRRNWTvu/FJz3aZVTytuogPKvujEzAR
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgekOgW5qakQTi4WhO
doCKrtRAErDBXTbtDZQeQULNd4oCIQCjj/bG0487SvZkVjNY0wi3Sx2kN1J5dA9Q
iLAtqxr/Ow==
-----END CERTIFICATE-----
)";
  ASSERT_EQ(Run({"bundle", "write", "--dir", Path("etc")}).code, 0);
  Write("old.pem", kExpired + Read("etc/ca_cert.pem"));
  const Result noted = Run({"bundle", "verify", Path("old.pem")});
  EXPECT_EQ(noted.code, 0) << noted.err;
  EXPECT_THAT(noted.out, HasSubstr(": note: certificate 1: expired at 2021-01-01"));
  EXPECT_THAT(noted.out, HasSubstr(": good\n"));
  Write("only.pem", kExpired);
  EXPECT_EQ(Run({"bundle", "verify", Path("only.pem")}).code, 1);
}

TEST_F(IssueCommands, BundleVerifyBelievesASignedBundleByItsPinOnly) {
  ASSERT_EQ(Run({"bundle", "write", "--dir", Path("etc")}).code, 0);
  const std::string file = Path("etc/signet-bundle");
  EXPECT_EQ(Run({"bundle", "verify", file}).code, 2);
  EXPECT_EQ(Run({"bundle", "verify", file, "--pin", absl::BytesToHexString(signetd_.pin())}).code, 0);
  EXPECT_EQ(Run({"bundle", "verify", file, "--pin", std::string(64, 'b')}).code, 1);
  EXPECT_EQ(Run({"bundle", "verify", file, "--pin", absl::BytesToHexString(signetd_.pin()), "--cluster", "beta"}).code,
            1);
}

}  // namespace
}  // namespace signet::cli
