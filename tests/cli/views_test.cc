// What the reading commands print.
#include <gmock/gmock.h>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Views : public CliTest {
 protected:
  void Enrol(const std::string& name, const std::string& daemon) {
    v1::Node& node = *signetd_.nodes.add_nodes();
    node.set_name(name);
    node.set_daemon(daemon);
    node.set_evidence(v1::EVIDENCE_SINGLE_USE);
    node.set_key_id("00112233445566778899aabbccddeeff");
    node.mutable_not_after()->set_seconds(absl::ToUnixSeconds(now_ + absl::Hours(6 * 24 + 2)));
  }
  void AddRecord(uint64_t sequence, const std::string& message) {
    v1::AuditRecord& record = *signetd_.records.add_records();
    record.set_sequence(sequence);
    record.set_time_ms(absl::ToUnixMillis(now_));
    record.set_action("token.create");
    record.set_outcome(v1::AUDIT_OUTCOME_DONE);
    record.set_message(message);
  }
};

TEST_F(Views, StatusBeginsWithHowLongTheClusterLivesWithoutSignetd) {
  signetd_.status.set_nodes_enrolled(128);
  signetd_.status.set_nodes_certified(128);
  signetd_.status.set_first_lost_node("n017");
  signetd_.status.mutable_first_lost_at()->set_seconds(absl::ToUnixSeconds(now_ + absl::Hours(6 * 24 + 2)));
  const Result result = Run({"status"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(
      result.out,
      StartsWith("alpha: 128/128 nodes enrolled; if signetd stops now, the first node is lost in 6d 2h (n017)\n"));
  EXPECT_THAT(result.out, HasSubstr("generation 1"));
}

TEST_F(Views, StatusOfANewClusterSaysWhatToTypeNext) {
  EXPECT_THAT(Run({"status"}).out,
              StartsWith("alpha: no node enrolled yet; next: signetctl token create 'n[001-128]' --out-dir DIR\n"));
  signetd_.status.set_tokens_open(4);
  EXPECT_THAT(Run({"status"}).out, StartsWith("alpha: no node enrolled yet; 4 tokens open"));
}

TEST_F(Views, StatusDoesNotPromiseTimeThatHasPassed) {
  signetd_.status.set_nodes_enrolled(2);
  signetd_.status.set_first_lost_node("n1");
  signetd_.status.mutable_first_lost_at()->set_seconds(absl::ToUnixSeconds(now_ - absl::Hours(3)));
  EXPECT_THAT(Run({"status"}).out, StartsWith("alpha: 0/2 nodes enrolled; the first node was lost 3h ago (n1)\n"));
  signetd_.status.clear_first_lost_at();
  EXPECT_THAT(Run({"status"}).out, HasSubstr("no node holds a valid certificate"));
}

TEST_F(Views, JsonKeepsTheNamesOfTheProto) {
  const Result result = Run({"-o", "json", "status"});
  google::protobuf::Struct status;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &status).ok()) << result.out;
  EXPECT_EQ(status.fields().at("cluster").string_value(), "alpha");
  EXPECT_EQ(status.fields().at("nodes_enrolled").string_value(), "0");
}

TEST_F(Views, YamlQuotesStringsSoThatNumbersStayStrings) {
  signetd_.status.set_version("0123");
  const Result result = Run({"-o", "yaml", "status"});
  EXPECT_THAT(result.out, HasSubstr("cluster: \"alpha\"\n"));
  EXPECT_THAT(result.out, HasSubstr("version: \"0123\"\n"));
  EXPECT_THAT(result.out, HasSubstr("authorities: []\n"));
}

TEST_F(Views, NodeListNamesANodeWithTwoDaemonsOnce) {
  Enrol("n1", "slurmd");
  Enrol("n1", "sackd");
  Enrol("n2", "slurmd");
  EXPECT_EQ(Run({"node", "list", "-o", "name"}).out, "n1\nn2\n");
  EXPECT_THAT(Run({"node", "list"}).out, HasSubstr("n1    sackd   ok     in 6d 2h"));
  EXPECT_THAT(Run({"node", "list"}).out, Not(HasSubstr("00112233")));
  EXPECT_THAT(Run({"node", "list", "-o", "wide"}).out, HasSubstr("00112233"));
}

TEST_F(Views, NodeShowListsEveryDaemonAndRefusesAnUnknownNode) {
  Enrol("n1", "slurmd");
  Enrol("n1", "sackd");
  const Result shown = Run({"node", "show", "n1"});
  EXPECT_THAT(shown.out, HasSubstr("daemon:          slurmd\n"));
  EXPECT_THAT(shown.out, HasSubstr("daemon:          sackd\n"));
  const Result missing = Run({"node", "show", "n9"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.err, HasSubstr("  next: signetctl node list\n"));
}

TEST_F(Views, CertShowPrintsThePemOnlyWhenAsked) {
  ASSERT_EQ(Run({"client", "issue", "head2", "--role", "controller", "--out-dir", Path("head2")}).code, 0);
  const std::string serial = Run({"cert", "list", "-o", "name"}).out.substr(0, 4);
  EXPECT_THAT(Run({"cert", "show", serial}).out, Not(HasSubstr("BEGIN CERTIFICATE")));
  EXPECT_THAT(Run({"cert", "show", serial, "--pem"}).out, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_THAT(Run({"cert", "show", serial, "-o", "wide"}).out, HasSubstr("BEGIN CERTIFICATE"));
}

TEST_F(Views, AuthorityListShowsPurposeAndState) {
  const Result result = Run({"authority", "list"});
  EXPECT_THAT(result.out, HasSubstr("slurm    active"));
}

TEST_F(Views, AnAuditRecordStaysOnOneLine) {
  AddRecord(1, "first\n2026-11-21T00:00:00Z #2 done forged");
  const Result result = Run({"audit", "tail"});
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
}

TEST_F(Views, AuditTailShowsTheNewestAndFollowEndsWhenTheServerGoes) {
  for (uint64_t i = 1; i <= 5; ++i) AddRecord(i, "made");
  EXPECT_EQ(Run({"audit", "tail", "-n", "2", "-o", "name"}).out, "4\n5\n");
  signetd_.audit_calls_until_away = 3;
  const Result followed = Run({"audit", "tail", "-n", "1", "--follow", "-o", "name"});
  EXPECT_EQ(followed.code, 3);
  EXPECT_EQ(followed.out, "5\n");
}

TEST_F(Views, AuditVerifyNamesTheFirstBadRecordAndFails) {
  signetd_.verdict.set_records(10);
  EXPECT_EQ(Run({"audit", "verify"}).code, 0);
  signetd_.verdict.set_first_bad_sequence(7);
  signetd_.verdict.set_fault("its hash is not the previous record's");
  const Result bad = Run({"audit", "verify"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.err, HasSubstr("record 7"));
}

TEST_F(Views, SlurmConfNamesAllSevenScripts) {
  const std::string lines = Run({"slurm-conf", "print", "--libexec", "/opt/s", "--dir", "/etc/s"}).out;
  for (const char* part :
       {"TLSType=tls/s2n\n", "ca_cert_file=/etc/s/ca_cert.pem", "ctld_cert_key_file=/etc/s/ctld_cert_key.pem",
        "CertmgrType=certmgr/script\n", "get_node_token_script=/opt/s/get-node-token,",
        "generate_csr_script=/opt/s/generate-csr,", "get_node_cert_key_script=/opt/s/get-node-cert-key,",
        "validate_node_script=/opt/s/validate-node,", "sign_csr_script=/opt/s/sign-csr\n",
        "CertgenType=certgen/script\n", "certgen_script=/opt/s/certgen,keygen_script=/opt/s/keygen\n"}) {
    EXPECT_THAT(lines, HasSubstr(part));
  }
  const std::string dbd = Run({"slurm-conf", "print", "--component", "slurmdbd"}).out;
  EXPECT_THAT(dbd, HasSubstr("dbd_cert_key_file=/etc/slurm/dbd_cert_key.pem\n"));
  EXPECT_THAT(dbd, Not(HasSubstr("Certmgr")));
  EXPECT_EQ(Run({"slurm-conf", "print", "--dir", "relative"}).code, 2);
  EXPECT_EQ(Run({"slurm-conf", "print", "--dir", "/etc/a,b"}).code, 2);
}

}  // namespace
}  // namespace signet::cli
