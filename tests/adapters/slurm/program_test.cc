// The real program, run as Slurm runs it, against servers that behave badly.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <random>

#include "adapters/slurm/process.h"
#include "adapters/slurm/verb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/evidence/statement.h"
#include "services/keys/request_signing.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/program_fixture.h"

namespace signet::slurm {
namespace {

// Accepts connections by its backlog and never reads.
class SilentListener {
 public:
  explicit SilentListener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
  }
  ~SilentListener() { close(fd_); }

 private:
  int fd_;
};

TEST_F(ProgramTest, GoesThroughAnEnrolmentSilently) {
  const auto server = Serve();
  RunOptions merged = Options();
  merged.merge = true;
  const Outcome token = RunProgram({"get_node_token", "n1"}, merged);
  EXPECT_EQ(token.exit_code, 0) << token.out;
  EXPECT_TRUE(evidence::DecodeScriptToken(token.out).ok()) << token.out;
  EXPECT_NE(token.out.back(), '\n');
  const Outcome csr = RunProgram({"generate_csr", "n1"}, merged);
  ASSERT_TRUE(x509::CertificateRequest::FromPem(csr.out).ok()) << csr.out;
  const Outcome valid = RunProgram({"validate_node", "n1", "good"}, merged);
  EXPECT_EQ(valid.exit_code, 0);
  EXPECT_EQ(valid.out, "");
  const Outcome chain = RunProgram({"sign_csr", csr.out}, merged);
  EXPECT_EQ(chain.exit_code, 0) << chain.out;
  const auto certificate = x509::Certificate::FromPem(chain.out);
  ASSERT_TRUE(certificate.ok()) << chain.out;
  const Outcome key = RunProgram({"get_node_cert_key", "n1"}, merged);
  const auto parsed = keys::PrivateKey::FromPem(base::SecretBytes(key.out));
  ASSERT_TRUE(parsed.ok()) << key.out.size();
  EXPECT_TRUE(parsed->public_key() == certificate->public_key());
}

TEST_F(ProgramTest, RefusesAWrongAnswer) {
  const auto server = Serve();
  const auto other = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const absl::Time now = absl::Now();
  server->answer = [&](const auto&) {
    return server->authority.Issue(other.public_key(), "n1", now - absl::Hours(1), now + absl::Hours(1));
  };
  ExpectRefusal(Run({"sign-csr", CsrPem()}), "sign-csr");
  server->answer = [&](const auto& csr) {
    return server->authority.Issue(csr.public_key(), "n2", now - absl::Hours(1), now + absl::Hours(1));
  };
  ExpectRefusal(Run({"sign-csr", CsrPem()}), "sign-csr");
  server->answer = [&](const auto& csr) {
    return server->authority.Issue(csr.public_key(), "n1", now - absl::Hours(2), now - absl::Hours(1));
  };
  ExpectRefusal(Run({"sign-csr", CsrPem()}), "sign-csr");
  server->answer = [](const auto&) { return std::string(); };
  ExpectRefusal(Run({"sign-csr", CsrPem()}), "sign-csr");
}

// Slurm reads through a pipe, which holds 64 KiB.
TEST_F(ProgramTest, AChainOfSevenCertificatesIsPrintedWhole) {
  const auto server = Serve();
  std::vector<TestAuthority> line;
  for (int i = 0; i < 7; ++i) line.emplace_back("Slurm CA " + std::to_string(i));
  std::string crosses;
  for (std::size_t i = 6; i > 0; --i) crosses += line[i - 1].VouchFor(line[i], absl::Now() + absl::Hours(99));
  server->answer = [&](const x509::CertificateRequest& csr) {
    return line[6].Issue(csr.public_key(), "n1", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(1)) + crosses;
  };
  RunOptions merged = Options();
  merged.merge = true;
  for (const std::size_t trusted : {0, 3, 6}) {
    WriteFile(config_.ca_cert_file, line[trusted].root.pem());
    const Outcome outcome = RunProgram({"sign_csr", CsrPem()}, merged);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.out;
    const auto chain = x509::Certificate::ListFromPem(outcome.out);
    ASSERT_TRUE(chain.ok()) << chain.status();
    EXPECT_EQ(chain->size(), 7u);
    EXPECT_EQ(chain->front().common_name(), "n1");
    EXPECT_LT(outcome.out.size(), 65536u);
  }
}

TEST_F(ProgramTest, AsksNobodyWithoutACaFile) {
  const auto server = Serve();
  for (const std::string& content : {std::string(), std::string("garbage")}) {
    WriteFile(config_.ca_cert_file, content);
    ExpectRefusal(Run({"sign-csr", CsrPem()}), "sign-csr");
  }
  EXPECT_EQ(server->calls, 0);
}

TEST_F(ProgramTest, SaysWhatTheServerRefusedAndWhatToTypeNext) {
  const auto server = Serve();
  google::rpc::ErrorInfo info;
  info.set_reason("TOKEN_USED");
  info.set_domain("signet");
  (*info.mutable_metadata())["next"] = "signetctl token create n1";
  (*info.mutable_metadata())["request_id"] = "r-77";
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  server->refusal =
      grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the token was used", details.SerializeAsString());
  const Outcome outcome = Run({"validate-node", "n1", "good"});
  ExpectRefusal(outcome, "validate-node");
  EXPECT_EQ(outcome.err, "signet-slurm validate-node: the token was used (request r-77); signetctl token create n1\n");
}

TEST_F(ProgramTest, DoesNotPassARefusalOnToTheNextServer) {
  const auto first = Serve();
  FakeSignetd second(scratch_ / "second.sock");
  config_.servers.push_back("unix:" + (scratch_ / "second.sock"));
  Configure();
  ExpectRefusal(Run({"validate-node", "n1", "bad"}), "validate-node");
  EXPECT_EQ(first->calls, 1);
  EXPECT_EQ(second.calls, 0);
}

TEST_F(ProgramTest, ReachesTheSecondServerWhenTheFirstIsDeadOrSilent) {
  const auto server = Serve();
  const SilentListener silent(scratch_ / "silent.sock");
  for (const char* first : {"nobody.sock", "silent.sock"}) {
    config_.servers = {"unix:" + (scratch_ / first), "unix:" + (scratch_ / "signetd.sock")};
    Configure();
    const Outcome valid = Run({"validate-node", "n1", "good"});
    EXPECT_EQ(valid.exit_code, 0) << valid.err;
    const Outcome chain = Run({"sign-csr", CsrPem()});
    EXPECT_EQ(chain.exit_code, 0) << chain.err;
    EXPECT_EQ(chain.err, "");
  }
}

TEST_F(ProgramTest, GivesUpBeforeSlurmKillsIt) {
  const SilentListener silent(scratch_ / "signetd.sock");
  const Outcome outcome = Run({"validate-node", "n1", "good"});
  ExpectRefusal(outcome, "validate-node");
  EXPECT_LT(outcome.took, absl::Milliseconds(4700)) << "Slurm kills at 5 s, and a killed script explains nothing";
}

TEST_F(ProgramTest, NeverExitsZeroFromASignal) {
  const SilentListener silent(scratch_ / "signetd.sock");
  RunOptions options = Options();
  options.term_after = absl::Milliseconds(300);
  EXPECT_EQ(RunProgram({"validate-node", "n1", "good"}, options).signal, SIGTERM);
  // A daemon that ignores or blocks the signal hands that down.
  options.in_child = [] {
    signal(SIGTERM, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
  };
  EXPECT_EQ(RunProgram({"validate-node", "n1", "good"}, options).signal, SIGTERM);
}

TEST_F(ProgramTest, ADeadServerIsNamed) {
  const Outcome outcome = Run({"validate-node", "n1", "good"});
  ExpectRefusal(outcome, "validate-node");
  EXPECT_NE(outcome.err.find(scratch_ / "signetd.sock"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("systemctl status signetd"), std::string::npos) << outcome.err;
}

TEST_F(ProgramTest, WaitsForAServerThatIsBeingRestarted) {
  std::unique_ptr<FakeSignetd> server;
  std::thread start([&] {
    absl::SleepFor(absl::Milliseconds(700));
    server = Serve();
  });
  const Outcome outcome = Run({"validate-node", "n1", "good"});
  start.join();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(ProgramTest, RefusesBytesThatNoRequestCanCarry) {
  const auto server = Serve();
  ExpectRefusal(Run({"validate-node", "n1", "\xff\xfe"}), "validate-node");
  ExpectRefusal(Run({"sign-csr", "\xff"}), "sign-csr");
  EXPECT_EQ(server->calls, 0);
}

TEST_F(ProgramTest, ADamagedBundleBesideTheCaFileIsNotSpokenOf) {
  // A SignedBundle with a Bundle whose cluster is no UTF-8: protobuf would say so on stderr.
  std::string damaged = "\x0a\x06\x0a\x04";
  damaged += "d\xffmo";
  WriteFile(config_.ca_cert_file, "# a file\n");
  WriteFile(config_.ca_cert_file.substr(0, config_.ca_cert_file.rfind('/')) + "/signet-bundle", damaged);
  const Outcome csr = Run({"generate-csr", "n1"});
  EXPECT_EQ(csr.exit_code, 0) << csr.err;
  EXPECT_EQ(csr.err, "");
}

TEST_F(ProgramTest, CertgenDoesNotNeedASoundConfiguration) {
  WriteFile(scratch_ / "config.yaml", "clsuter: x\n");
  const Outcome certificate = Run({"certgen", std::string(key_.ToPem()->ExposeSecret())});
  EXPECT_EQ(certificate.exit_code, 0) << certificate.err;
  ExpectRefusal(Run({"generate-csr", "n1"}), "generate-csr");
}

TEST_F(ProgramTest, WorksWithClosedDescriptors) {
  RunOptions options = Options();
  options.in_child = [] {
    close(0);
    close(2);
  };
  const Outcome csr = RunProgram({"generate-csr", "n1"}, options);
  EXPECT_EQ(csr.exit_code, 0);
  EXPECT_TRUE(x509::CertificateRequest::FromPem(csr.out).ok()) << csr.out;
  options.in_child = [] { close(1); };
  ExpectRefusal(RunProgram({"generate-csr", "n1"}, options), "generate-csr");
  options.in_child = [] {
    for (int fd = 0; fd < 3; ++fd) close(fd);
  };
  EXPECT_EQ(RunProgram({"generate-csr", "n1"}, options).exit_code, 1);
}

TEST_F(ProgramTest, FailsWhenItsReaderIsGoneOrTheDiskIsFull) {
  RunOptions options = Options();
  options.in_child = [] {
    int ends[2];
    if (pipe(ends) != 0) _exit(125);
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
  };
  EXPECT_EQ(RunProgram({"keygen"}, options).exit_code, 1);
}

TEST_F(ProgramTest, TakesAnArgumentOf128KiB) {
  const auto server = Serve();
  // The kernel's own limit for one argument is 128 KiB with its NUL.
  ExpectRefusal(Run({"sign-csr", std::string(128 * 1024 - 1, 'x')}), "sign-csr");
  EXPECT_EQ(server->calls, 1) << "the server's audit log shows what was refused";
}

TEST_F(ProgramTest, IsNotSteeredByItsEnvironmentOrDirectory) {
  const auto server = Serve();
  RunOptions options = Options();
  for (const char* variable :
       {"http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1", "GRPC_TRACE=all", "GRPC_VERBOSITY=DEBUG",
        "grpc_proxy=http://127.0.0.1:1", "LC_ALL=tr_TR.UTF-8", "OPENSSL_CONF=/nonexistent"}) {
    options.environment.push_back(variable);
  }
  options.merge = true;
  options.in_child = [] {
    if (chdir("/proc/self/fd") != 0) _exit(125);
  };
  const Outcome chain = RunProgram({"sign-csr", CsrPem()}, options);
  EXPECT_EQ(chain.exit_code, 0) << chain.out;
  EXPECT_TRUE(x509::Certificate::FromPem(chain.out).ok()) << chain.out;
}

TEST_F(ProgramTest, AnswersPeopleOnStdout) {
  for (const char* flag : {"--help", "--version"}) {
    const Outcome outcome = Run({"signet-slurm", flag});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_NE(outcome.out, "");
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_EQ(Run({"signet-slurm", "frobnicate"}).exit_code, 1);
}

TEST_F(ProgramTest, InstallsItselfUnderSevenNames) {
  const std::string dest = scratch_ / "opt/bin";
  for (int round = 0; round < 2; ++round) ASSERT_EQ(Run({"signet-slurm", "install", "--dest", dest}).exit_code, 0);
  for (const char* name : kScriptNames) EXPECT_EQ(std::filesystem::read_symlink(dest + "/" + name), "signet-slurm");
  const Outcome key = RunProgram(dest + "/keygen", {dest + "/keygen"}, {});
  EXPECT_TRUE(keys::PrivateKey::FromPem(base::SecretBytes(key.out)).ok()) << key.err;
}

TEST_F(ProgramTest, InstallMakesAStateDirectoryForItsUserAlone) {
  const std::string volume = scratch_ / "volume";
  std::filesystem::create_directory(volume);
  ASSERT_EQ(chmod(volume.c_str(), 0777), 0);
  const std::vector<std::string> install = {"signet-slurm", "install",     "--dest",
                                            scratch_ / "a", "--state-dir", volume + "/state"};
  for (int round = 0; round < 2; ++round) ASSERT_EQ(Run(install).exit_code, 0);
  struct stat info = {};
  ASSERT_EQ(lstat((volume + "/state").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755U);
  const std::string own = absl::StrCat(volume, "/state/", geteuid());
  ASSERT_EQ(lstat(own.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  ASSERT_EQ(chmod(own.c_str(), 0777), 0);
  EXPECT_EQ(Run(install).exit_code, 1);
}

TEST_F(ProgramTest, RunsInAnEmptyReadOnlyRoot) {
  if (!SIGNET_STATIC_ADAPTER || geteuid() != 0) GTEST_SKIP() << "needs the static program and root";
  const std::string root = scratch_ / "root";
  std::filesystem::create_directories(root);
  std::filesystem::copy_file(SIGNET_SLURM, root + "/signet-slurm");
  FakeSignetd server(root + "/signetd.sock");
  WriteFile(root + "/ca_cert.pem", server.authority.root.pem());
  WriteFile(root + "/config.yaml", "servers: [\"unix:/signetd.sock\"]\nca_cert_file: /ca_cert.pem\n");
  ASSERT_EQ(chmod(root.c_str(), 0555), 0);
  RunOptions options = {.environment = {"SIGNET_SLURM_CONFIG=/config.yaml"}, .merge = true};
  options.in_child = [&root] {
    if (chroot(root.c_str()) != 0 || chdir("/") != 0) _exit(125);
    close(0);
  };
  const Outcome chain = RunProgram("/signet-slurm", {"sign_csr", CsrPem()}, options);
  EXPECT_EQ(chain.exit_code, 0) << chain.out;
  EXPECT_TRUE(x509::Certificate::FromPem(chain.out).ok()) << chain.out;
}

TEST_F(ProgramTest, AKillAtAnyMomentLeavesStateThatTheNextCallUses) {
  std::mt19937 random(20261121);
  const char* const scripts[] = {"get-node-token", "generate-csr", "get-node-cert-key"};
  std::string csr_pem;
  uint64_t last_seq = 0;
  for (int round = 0; round < 60; ++round) {
    RunOptions options = Options();
    options.kill_after = absl::Microseconds(random() % 12000);
    RunProgram({scripts[random() % 3], "n1"}, options);
    if (round % 4 != 3) continue;
    const Outcome csr = Run({"generate-csr", "n1"});
    ASSERT_EQ(csr.exit_code, 0) << csr.err;
    const auto request = x509::CertificateRequest::FromPem(csr.out);
    ASSERT_TRUE(request.ok());
    const auto statement = evidence::SignedStatement::Parse(*request->statement());
    ASSERT_TRUE(statement.ok());
    EXPECT_GE(statement->statement().seq, last_seq);
    last_seq = statement->statement().seq;
    RunProgram({"get-node-cert-key", "n1"}, options);
    const Outcome key = Run({"get-node-cert-key", "n1"});
    ASSERT_EQ(key.exit_code, 0) << key.err;
    EXPECT_TRUE(keys::PrivateKey::FromPem(base::SecretBytes(key.out))->public_key() == request->public_key()) << round;
  }
}

}  // namespace
}  // namespace signet::slurm
