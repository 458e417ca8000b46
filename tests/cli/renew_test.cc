// client renew, service renew: what a timer does on a service's host.
#include <gmock/gmock.h>

#include "cli/daemon_process.h"
#include "cli/key_pair.h"
#include "services/keys/private_key.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class Renewal : public CliTest {
 protected:
  Renewal() { std::filesystem::create_directory(Path("etc")); }
  Result Renew(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {"service", "renew", "--dir", Path("etc")};
    args.insert(args.end(), more.begin(), more.end());
    return Run(args);
  }
  void Issue(const std::string& service) {
    const Result result =
        Run({"service", "issue", service, "--dir", Path("etc"), "--owner", std::to_string(geteuid())});
    ASSERT_EQ(result.code, 0) << result.err;
  }
  PairPaths Pair(const std::string& stem) const {
    return {.key = Path("etc/" + stem + "_cert_key.pem"), .cert = Path("etc/" + stem + "_cert.pem")};
  }
  // A process of this name that began at `start` of the machine's clock, as /proc shows it.
  void Process(int pid, const std::string& name, absl::Time start) {
    Write("proc/stat", "cpu  1 2 3\nbtime 1000000000\nprocesses 7\n");
    const std::string folder = "proc/" + std::to_string(pid);
    Write(folder + "/comm", name + "\n");
    Write(folder + "/stat", StatLine(name, start));
  }
  static std::string StatLine(const std::string& name, absl::Time start) {
    const int64_t ticks =
        absl::ToInt64Milliseconds(start - absl::FromUnixSeconds(1000000000)) * sysconf(_SC_CLK_TCK) / 1000;
    return "42 (" + name + " (x) y) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 " + std::to_string(ticks) +
           " 1 2 3\n";
  }
  // A program that writes down how it was called, and makes a new process of `service`.
  void InstallRestarter(const std::string& program, const std::string& service) {
    Write("next_stat", StatLine(service, absl::Now() + absl::Hours(1)));
    InstallProgram(program, "cp " + Path("next_stat") + " " + Path("proc/42/stat") + "\n");
  }
  void InstallProgram(const std::string& program, const std::string& script) {
    Write("bin/" + program, "#!/bin/sh\necho \"$*\" >> " + Path("calls") + "\nPATH=/usr/bin:/bin\n" + script);
    ASSERT_EQ(chmod(Path("bin/" + program).c_str(), 0755), 0);
  }
};

TEST_F(Renewal, ACertificateIsDueWhenTwoThirdsOfItsLifeAreOver) {
  Issue("slurmctld");
  const x509::Certificate leaf = ReadPair(Pair("ctld"))->front();
  EXPECT_FALSE(IsDue(leaf, leaf.not_before() + absl::Hours(24 * 60) - absl::Seconds(1)));
  EXPECT_TRUE(IsDue(leaf, leaf.not_before() + absl::Hours(24 * 60)));
}

TEST_F(Renewal, WhatIsNotDueIsLeftAndReported) {
  Issue("slurmctld");
  const std::string key = Read("etc/ctld_cert_key.pem");
  Process(42, "slurmctld", absl::Now() + absl::Hours(1));
  const Result result = Renew();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Read("etc/ctld_cert_key.pem"), key);
  EXPECT_EQ(signetd_.services_issued, 1);
  EXPECT_THAT(result.out, HasSubstr("slurmctld  no       in 89d 23h  1       yes     -\n"));
  ASSERT_THAT(signetd_.reports, SizeIs(1));
  const v1::HostReport& report = signetd_.reports[0];
  EXPECT_EQ(report.program(), "slurmctld");
  EXPECT_THAT(report.host(), Not(IsEmpty()));
  EXPECT_EQ(report.bundle_on_disk().generation(), 1u);
  EXPECT_THAT(report.bundle_on_disk().sha256(), SizeIs(32));
  EXPECT_EQ(report.bundle_loaded().sha256(), report.bundle_on_disk().sha256());
  EXPECT_EQ(report.loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  EXPECT_EQ(report.served_serial(), ReadPair(Pair("ctld"))->front().serial());
}

TEST_F(Renewal, AProcessThatIsOlderThanItsFilesHasLoadedNothingAsFarAsAnybodyIsTold) {
  Issue("slurmdbd");
  Process(42, "slurmdbd", absl::Now() + absl::Hours(1));
  Process(43, "slurmdbd", absl::Now() - absl::Hours(1));
  const Result result = Renew();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("no      systemctl restart slurmdbd\n"));
  ASSERT_THAT(signetd_.reports, SizeIs(1));
  EXPECT_FALSE(signetd_.reports[0].has_bundle_loaded());
  EXPECT_EQ(signetd_.reports[0].loaded_evidence(), v1::LOADED_EVIDENCE_UNSPECIFIED);
  EXPECT_THAT(signetd_.reports[0].served_serial(), IsEmpty());
  EXPECT_EQ(signetd_.reports[0].bundle_on_disk().generation(), 1u);
}

TEST_F(Renewal, AProcessThatBeganInTheSecondOfItsFilesIsInDoubt) {
  Issue("slurmdbd");
  // Of the file system's own clock, which is not quite the machine's.
  Process(42, "slurmdbd", LastChange(Path("etc/dbd_cert_key.pem")) + absl::Milliseconds(500));
  ASSERT_EQ(Renew().code, 0);
  EXPECT_FALSE(signetd_.reports.at(0).has_bundle_loaded());
  EXPECT_EQ(signetd_.reports.at(0).served_serial(), "");
}

TEST_F(Renewal, AServiceThatDoesNotRunHereHasLoadedNothing) {
  Issue("slurmrestd");
  const Result result = Renew({"--restart-command", "/bin/false"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("does not run here"));
  EXPECT_FALSE(signetd_.reports.at(0).has_bundle_loaded());
}

TEST_F(Renewal, WhatIsDueGetsANewKeyAndTheControllerReadsItAtOnce) {
  Issue("slurmctld");
  Process(42, "slurmctld", absl::Now() - absl::Hours(1));
  InstallRestarter("scontrol", "slurmctld");
  clock_.Advance(absl::Hours(24 * 60));
  signetd_.leaf_age = absl::Hours(-24 * 59);
  const x509::Certificate old = ReadPair(Pair("ctld"))->front();
  const Result tried = Renew({"--dry-run"});
  EXPECT_THAT(tried.out, HasSubstr("two thirds of its life are over"));
  EXPECT_THAT(signetd_.reports, IsEmpty());
  const Result result = Renew();
  ASSERT_EQ(result.code, 0) << result.err;
  const auto pair = ReadPair(Pair("ctld"));
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_FALSE(pair->front().public_key() == old.public_key());
  EXPECT_EQ(Mode("etc/ctld_cert_key.pem"), 0600u);
  EXPECT_EQ(Read("calls"), "reconfigure\n");
  ASSERT_THAT(signetd_.reports, SizeIs(1));
  EXPECT_EQ(signetd_.reports[0].served_serial(), pair->front().serial());
  EXPECT_EQ(signetd_.reports[0].loaded_evidence(), v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
}

TEST_F(Renewal, NowRenewsWhatIsNotDueAndKeepsTheModeOfTheKey) {
  Issue("slurmctld");
  Issue("slurmdbd");
  ASSERT_EQ(chmod(Path("etc/dbd_cert_key.pem").c_str(), 0640), 0);
  const std::string key = Read("etc/ctld_cert_key.pem");
  const Result result = Renew({"slurmdbd", "--now", "-o", "name"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, ReadPair(Pair("dbd"))->front().serial() + "\n");
  EXPECT_EQ(Mode("etc/dbd_cert_key.pem"), 0640u);
  EXPECT_EQ(Read("etc/ctld_cert_key.pem"), key);
  EXPECT_EQ(signetd_.services_issued, 3);
}

TEST_F(Renewal, ANewBundleIsWrittenAndReadThoughNoCertificateIsDue) {
  Issue("slurmdbd");
  signetd_.status.set_bundle_generation(2);
  Process(42, "slurmdbd", absl::Now() - absl::Hours(1));
  InstallRestarter("restart", "slurmdbd");
  const Result result = Renew({"--restart-command", "restart --of {service}"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Read("calls"), "--of slurmdbd\n");
  ASSERT_THAT(signetd_.reports, SizeIs(1));
  EXPECT_EQ(signetd_.reports[0].bundle_loaded().generation(), 2u);
  EXPECT_EQ(signetd_.services_issued, 1);
  // Nothing is stale any more.
  ASSERT_EQ(Renew({"--restart-command", "restart --of {service}"}).code, 0);
  EXPECT_EQ(Read("calls"), "--of slurmdbd\n");
}

TEST_F(Renewal, ACertificateThatTheBundleNoLongerVerifiesIsRenewed) {
  Write("etc/x", "");
  signetd_.sign_by_stranger = true;
  signetd_.anchors = {signetd_.stranger()};
  Issue("slurmctld");
  EXPECT_THAT(Renew({"--dry-run"}).out, HasSubstr("another authority signs now"));
  signetd_.sign_by_stranger = false;
  signetd_.anchors.clear();
  signetd_.status.set_bundle_generation(2);
  const Result result = Renew();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("the bundle does not verify it"));
  EXPECT_TRUE(ReadPair(Pair("ctld"))->front().VerifySignedBy(signetd_.root()).ok());
  EXPECT_EQ(signetd_.reports.at(0).bundle_on_disk().generation(), 2u);
}

TEST_F(Renewal, AHookThatFailsIsToldAndTriedAgainNextTime) {
  Issue("slurmctld");
  Process(42, "slurmctld", absl::Now() - absl::Hours(1));
  InstallProgram("scontrol", "exit 1\n");
  const Result failed = Renew({"--now"});
  EXPECT_EQ(failed.code, 1);
  EXPECT_THAT(failed.err, HasSubstr("slurmctld has not read its new files: "));
  EXPECT_THAT(failed.err, HasSubstr("  next: scontrol reconfigure\n"));
  EXPECT_TRUE(ReadPair(Pair("ctld")).ok());
  ASSERT_THAT(signetd_.reports, SizeIs(1));
  EXPECT_FALSE(signetd_.reports[0].has_bundle_loaded());
  // One that runs, but after which the old process goes on.
  InstallProgram("scontrol", "");
  EXPECT_EQ(Renew().code, 1);
  InstallRestarter("scontrol", "slurmctld");
  EXPECT_EQ(Renew().code, 0);
  EXPECT_TRUE(signetd_.reports.back().has_bundle_loaded());
  EXPECT_EQ(signetd_.services_issued, 2);
  std::filesystem::remove(Path("bin/scontrol"));
  Process(42, "slurmctld", absl::Now() - absl::Hours(1));
  EXPECT_THAT(Renew().err, HasSubstr("no program for \"scontrol reconfigure\" in PATH"));
}

TEST_F(Renewal, OneServiceThatFailsDoesNotStopTheOthers) {
  Issue("slurmctld");
  Issue("slurmdbd");
  Write("etc/ctld_cert.pem", "garbage\n");
  const std::string before = Read("etc/dbd_cert.pem");
  const Result result = Renew({"--now"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("slurmctld: "));
  EXPECT_NE(Read("etc/dbd_cert.pem"), before);
  EXPECT_EQ(Read("etc/ctld_cert.pem"), "garbage\n");
}

TEST_F(Renewal, AWrongAnswerReplacesNothing) {
  Issue("slurmctld");
  const std::string key = Read("etc/ctld_cert_key.pem");
  const std::string cert = Read("etc/ctld_cert.pem");
  signetd_.answer_for_another_key = true;
  EXPECT_EQ(Renew({"--now"}).code, 1);
  signetd_.answer_for_another_key = false;
  EXPECT_EQ(Renew({"--now", "--pin", std::string(64, 'a')}).code, 1);
  FakeSignetd other(Path("other.sock"), now_);
  EXPECT_EQ(Run({"--server", "unix:" + Path("other.sock"), "service", "renew", "--now", "--dir", Path("etc")}).code, 1);
  EXPECT_EQ(Read("etc/ctld_cert_key.pem"), key);
  EXPECT_EQ(Read("etc/ctld_cert.pem"), cert);
}

TEST_F(Renewal, AReportThatIsRefusedIsAFailureButTheCertificateIsRenewed) {
  Issue("slurmctld");
  signetd_.refuse_reports = true;
  const std::string before = Read("etc/ctld_cert.pem");
  EXPECT_EQ(Renew({"--now"}).code, 1);
  EXPECT_NE(Read("etc/ctld_cert.pem"), before);
}

TEST_F(Renewal, WithoutACertificateThereIsNothingToRenew) {
  const Result result = Renew();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("next: signetctl service issue slurmctld"));
  EXPECT_EQ(Renew({"n1"}).code, 2);
}

TEST_F(Renewal, ARunThatWasKilledBetweenTheTwoRenamesIsFinished) {
  Issue("slurmctld");
  const std::string old_key = Read("etc/ctld_cert_key.pem");
  const std::string old_cert = Read("etc/ctld_cert.pem");
  ASSERT_EQ(Renew({"--now"}).code, 0);
  const std::string new_key = Read("etc/ctld_cert_key.pem");
  const std::string new_cert = Read("etc/ctld_cert.pem");
  // The new certificate still waits.
  Write("etc/ctld_cert.pem", old_cert);
  Write("etc/ctld_cert.pem.signetctl-new", new_cert);
  const Result finished = Renew();
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("finished what a run that was killed had begun"));
  EXPECT_EQ(Read("etc/ctld_cert.pem"), new_cert);
  // Only the old key is left.
  Write("etc/ctld_cert.pem", old_cert);
  Write("etc/ctld_cert_key.pem.signetctl-old", old_key);
  ASSERT_EQ(chmod(Path("etc/ctld_cert_key.pem.signetctl-old").c_str(), 0600), 0);
  const Result taken_back = Renew();
  ASSERT_EQ(taken_back.code, 0) << taken_back.err;
  EXPECT_EQ(Read("etc/ctld_cert_key.pem"), old_key);
  // Nothing fits: told, and left as it is.
  Write("etc/ctld_cert_key.pem", new_key);
  const Result stuck = Renew();
  EXPECT_EQ(stuck.code, 1);
  EXPECT_THAT(stuck.err, HasSubstr("is not the key of"));
}

TEST_F(Renewal, AKeyThatOthersCanReadIsNotHandedOnToTheNextOne) {
  Issue("slurmctld");
  ASSERT_EQ(chmod(Path("etc/ctld_cert_key.pem").c_str(), 0644), 0);
  const Result result = Renew({"--now"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("next: chmod 0600"));
}

TEST_F(Renewal, OnlyAProcProcessOfThatNameCounts) {
  EXPECT_EQ(OldestStart(Path("proc"), "slurmctld"), absl::InfinitePast());
  const absl::Time start = absl::FromUnixSeconds(1795000000);
  Process(7, "slurmctld", start);
  Process(8, "slurmscriptd", start - absl::Hours(9));
  EXPECT_EQ(OldestStart(Path("proc"), "slurmctld"), start);
  Process(9, "slurmctld", start - absl::Hours(1));
  EXPECT_EQ(OldestStart(Path("proc"), "slurmctld"), start - absl::Hours(1));
  Write("proc/9/stat", "garbage\n");
  EXPECT_EQ(OldestStart(Path("proc"), "slurmctld"), absl::InfinitePast());
  EXPECT_EQ(LastChange(Path("missing")), absl::InfiniteFuture());
}

// The server's own clock is the machine's, since TLS is judged by it.
class RenewalOverTls : public Renewal {
 protected:
  RenewalOverTls() {
    clock_.Set(start_);
    address_ = tls_.ListenTls();
  }
  void IssueClient(const std::string& role, const std::string& name) {
    tls_.renewed_uri = "signet://alpha/" + role + "/" + name;
    const Result result = Run(
        {"--server", "unix:" + Path("tls.sock"), "client", "issue", name, "--role", role, "--out-dir", Path("tls")});
    ASSERT_EQ(result.code, 0) << result.err;
  }
  Result RunOverTls(const std::vector<std::string>& args) {
    std::vector<std::string> all = {"--server", address_,
                                    "--cert",   Path("tls/control.pem"),
                                    "--key",    Path("tls/control.key"),
                                    "--ca",     Path("tls/control_ca.pem")};
    all.insert(all.end(), args.begin(), args.end());
    return Run(all);
  }
  PairPaths Control() const { return {.key = Path("tls/control.key"), .cert = Path("tls/control.pem")}; }

  const absl::Time start_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  FakeSignetd tls_{Path("tls.sock"), start_};
  std::string address_;
};

TEST_F(RenewalOverTls, ClientRenewSwapsKeyAndCertificate) {
  IssueClient("controller", "head2");
  ASSERT_EQ(chmod(Path("tls/control.key").c_str(), 0400), 0);
  const x509::Certificate old = ReadPair(Control())->front();
  EXPECT_EQ(RunOverTls({"client", "renew", "--dry-run"}).code, 0);
  EXPECT_EQ(ReadPair(Control())->front().serial(), old.serial());
  const Result result = RunOverTls({"client", "renew"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto pair = ReadPair(Control());
  ASSERT_TRUE(pair.ok()) << pair.status();
  EXPECT_NE(pair->front().serial(), old.serial());
  EXPECT_FALSE(pair->front().public_key() == old.public_key());
  EXPECT_EQ(Mode("tls/control.key"), 0400u);
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("PRIVATE KEY")));
  // And the new one is good for the next call.
  EXPECT_EQ(RunOverTls({"client", "renew"}).code, 0);
}

TEST_F(RenewalOverTls, ClientRenewTakesNoOtherRoleNameOrKey) {
  IssueClient("controller", "head2");
  const std::string key = Read("tls/control.key");
  const auto files = FilesIn("tls");
  tls_.renewed_uri = "signet://alpha/admin/head2";
  EXPECT_EQ(RunOverTls({"client", "renew"}).code, 1);
  tls_.renewed_uri = "signet://alpha/controller/head2";
  tls_.answer_for_another_name = "head3";
  EXPECT_EQ(RunOverTls({"client", "renew"}).code, 1);
  tls_.answer_for_another_name = "";
  tls_.sign_by_stranger = true;
  EXPECT_EQ(RunOverTls({"client", "renew"}).code, 1);
  EXPECT_EQ(Read("tls/control.key"), key);
  EXPECT_EQ(FilesIn("tls"), files);
}

TEST_F(RenewalOverTls, ClientRenewIsForCallersOverTcp) {
  const Result result = Run({"client", "renew"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("SIGNET_TLS_DIR"));
}

TEST_F(RenewalOverTls, AServicesHostRenewsItsControlCertificateToo) {
  tls_.leaf_age = absl::Hours(24 * 61);
  IssueClient("service", "slurmdbd");
  tls_.leaf_age = absl::Hours(1);
  const Result issued = Run({"--server", "unix:" + Path("tls.sock"), "service", "issue", "slurmdbd", "--dir",
                             Path("etc"), "--owner", std::to_string(geteuid())});
  ASSERT_EQ(issued.code, 0) << issued.err;
  const std::string old = ReadPair(Control())->front().serial();
  const Result result = RunOverTls({"service", "renew", "--dir", Path("etc")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("renewed the control certificate of slurmdbd"));
  EXPECT_NE(ReadPair(Control())->front().serial(), old);
  EXPECT_EQ(tls_.services_issued, 1);
  EXPECT_THAT(tls_.reports, SizeIs(1));
}

TEST_F(RenewalOverTls, AServiceGetsAControlCertificateOfItsOwn) {
  const Result result = Run({"--server", "unix:" + Path("tls.sock"), "client", "issue", "slurmdbd", "--role", "service",
                             "--out-dir", Path("tls")});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(tls_.client.role(), v1::ROLE_SERVICE);
  EXPECT_THAT(result.out, HasSubstr("signet-service-renew.timer"));
  EXPECT_THAT(result.out, HasSubstr("SIGNET_TLS_DIR="));
}

}  // namespace
}  // namespace signet::cli
