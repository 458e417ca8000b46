// The real program as the containers beside Slurm's daemons run it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/bundle/writer.h"
#include "services/files/file.h"
#include "services/x509/name.h"
#include "tests/adapters/slurm/program_fixture.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kToken[] = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnLW5f";

class PodProgramTest : public ProgramTest {
 protected:
  PodProgramTest() {
    config_.cluster = "alpha";
    config_.bundle_pin_file = scratch_ / "pin";
    config_.bundle_sources = {scratch_ / "bundle"};
    Configure();
  }
  std::string Bundle(uint64_t generation) const {
    bundle::Bundle offered;
    offered.cluster = "alpha";
    offered.generation = generation;
    if (generation > 1) offered.previous_sha256 = std::string(32, 'p');
    offered.ca_cert_pem = *bundle::RenderCaFile({authority_.root});
    offered.created_at = absl::FromUnixMillis(absl::ToUnixMillis(absl::Now()));
    return *bundle::Sign(offered, bundle_key_);
  }
  // What the kubelet does when the ConfigMap was filled: each key as a whole.
  void Publish(uint64_t generation) const {
    ASSERT_TRUE(files::WriteAtomically(scratch_ / "bundle", Bundle(generation)).ok());
    PublishPin(bundle_key_.public_key().spki_sha256());
  }
  void PublishPin(const std::string& pin) const {
    ASSERT_TRUE(files::WriteAtomically(scratch_ / "pin", absl::BytesToHexString(pin)).ok());
  }
  // Runs the program; when `script` has ended, SIGTERM ends it.
  Outcome RunUntil(const std::vector<std::string>& argv, const std::function<void()>& script) const {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    RunOptions options = Options();
    options.in_child = [ends] {
      const pid_t self = getpid();
      if (write(ends[1], &self, sizeof(self)) != sizeof(self)) _exit(99);
    };
    std::thread kubelet([&] {
      pid_t child = 0;
      EXPECT_EQ(read(ends[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
      script();
      EXPECT_EQ(kill(child, SIGTERM), 0);
    });
    Outcome outcome = RunProgram(argv, options);
    kubelet.join();
    close(ends[0]);
    close(ends[1]);
    return outcome;
  }
  // False when it did not come in a minute.
  static bool Eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 1200; ++i) {
      if (holds()) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }
  bool Wrote() const { return files::Exists(config_.ca_cert_file); }

  const TestAuthority authority_;
  const keys::PrivateKey bundle_key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
};

TEST_F(PodProgramTest, AnInitContainerWaitsForTheFirstBundle) {
  std::thread kubelet([this] {
    absl::SleepFor(absl::Seconds(1));
    // The other keys of the same ConfigMap may come first.
    PublishPin(bundle_key_.public_key().spki_sha256());
    absl::SleepFor(absl::Seconds(1));
    Publish(3);
  });
  const Outcome outcome = Run({"signet-slurm", "refresh", "--wait", "60s"});
  kubelet.join();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, config_.ca_cert_file + ": written, generation 3\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(PodProgramTest, AnInitContainerThatWaitedInVainSaysWhatToLookAt) {
  ExpectRefusal(Run({"signet-slurm", "refresh", "--wait", "1s"}), "refresh");
  Publish(3);
  PublishPin(x509::Sha256("another key"));
  const Outcome outcome = Run({"signet-slurm", "refresh", "--wait", "1s"});
  ExpectRefusal(outcome, "refresh");
  EXPECT_THAT(outcome.err, HasSubstr("no success within 1s: "));
  EXPECT_FALSE(Wrote());
}

TEST_F(PodProgramTest, AnEmptyOrCutConfigMapWritesNothing) {
  for (const std::string& content : {std::string(), std::string("x"), Bundle(3).substr(0, 40)}) {
    Publish(3);
    ASSERT_TRUE(files::WriteAtomically(scratch_ / "bundle", content).ok());
    ExpectRefusal(Run({"signet-slurm", "refresh"}), "refresh");
    EXPECT_FALSE(Wrote());
  }
  Publish(3);
  ASSERT_EQ(unlink((scratch_ / "pin").c_str()), 0);
  ASSERT_EQ(mkdir((scratch_ / "pin").c_str(), 0700), 0);
  const Outcome outcome = Run({"signet-slurm", "refresh"});
  ExpectRefusal(outcome, "refresh");
  EXPECT_THAT(outcome.err, HasSubstr("bundle_pin_file"));
}

TEST_F(PodProgramTest, ASidecarFollowsTheConfigMapNeverGoesBackAndEndsWithTerm) {
  Publish(3);
  const Outcome outcome = RunUntil({"signet-slurm", "refresh", "--every", "1s", "--wait", "60s"}, [this] {
    EXPECT_TRUE(Eventually([this] { return Wrote(); }));
    Publish(5);
    EXPECT_TRUE(Eventually([this] { return bundle::Observe(config_.ca_cert_file).generation == 5; }));
    Publish(4);
    // Several rounds.
    absl::SleepFor(absl::Seconds(4));
  });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith(config_.ca_cert_file + ": written, generation 3\n"));
  EXPECT_THAT(outcome.out, HasSubstr(": written, generation 5\n"));
  EXPECT_EQ(bundle::Observe(config_.ca_cert_file).generation, 5u);
  // One line for the older one, however often it was seen.
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

TEST_F(PodProgramTest, APinThatChangedIsRefusedUntilItIsConfiguredOrTheMemoryIsRemoved) {
  Publish(3);
  EXPECT_EQ(Run({"signet-slurm", "refresh"}).exit_code, 0);
  const std::string held = ReadFile(config_.ca_cert_file);
  const keys::PrivateKey other = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const TestAuthority stranger;
  bundle::Bundle offered = *bundle::ReadUnverified(Bundle(9));
  offered.ca_cert_pem = *bundle::RenderCaFile({stranger.root});
  ASSERT_TRUE(files::WriteAtomically(scratch_ / "bundle", *bundle::Sign(offered, other)).ok());
  PublishPin(other.public_key().spki_sha256());
  const Outcome outcome = Run({"signet-slurm", "refresh"});
  ExpectRefusal(outcome, "refresh");
  EXPECT_THAT(outcome.err, HasSubstr("the first one that verified a bundle here"));
  EXPECT_THAT(outcome.err, HasSubstr("rm " + config_.state_dir + "/bundle/generation"));
  EXPECT_EQ(ReadFile(config_.ca_cert_file), held);
  ASSERT_EQ(unlink((config_.state_dir + "/bundle/generation").c_str()), 0);
  EXPECT_EQ(Run({"signet-slurm", "refresh"}).exit_code, 0);
  EXPECT_EQ(ReadFile(config_.ca_cert_file), offered.ca_cert_pem);
}

TEST_F(PodProgramTest, ASidecarThatNeverSucceedsStillEndsWithTerm) {
  const Outcome outcome =
      RunUntil({"signet-slurm", "refresh", "--every", "1s"}, [] { absl::SleepFor(absl::Seconds(3)); });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.signal;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, StartsWith("signet-slurm refresh: "));
}

TEST_F(PodProgramTest, AWaitingInitContainerEndsWithTerm) {
  EXPECT_EQ(RunUntil({"signet-slurm", "refresh", "--wait", "60s"}, [] { absl::SleepFor(absl::Seconds(2)); }).exit_code,
            0);
}

TEST_F(PodProgramTest, ATokenIsMirroredUntilTerm) {
  const std::string from = scratch_ / "from";
  const std::string to = scratch_ / "mirrored";
  WriteFile(from, kToken, 0444);
  const std::string next = std::string(kToken) + "2";
  const Outcome outcome = RunUntil({"signet-slurm", "mirror-token", "--from", from, "--to", to, "--every", "1s"}, [&] {
    EXPECT_TRUE(Eventually([&] { return files::Exists(to); }));
    EXPECT_TRUE(files::WriteAtomically(from, next).ok());
    EXPECT_TRUE(Eventually([&] { return ReadFile(to) == next; }));
  });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find(kToken), std::string::npos);
}

TEST_F(PodProgramTest, WrongUsageIsNamed) {
  for (const std::vector<std::string>& argv :
       std::vector<std::vector<std::string>>{{"signet-slurm", "refresh", "--every"},
                                             {"signet-slurm", "refresh", "--every", "soon"},
                                             {"signet-slurm", "refresh", "--often", "1s"},
                                             {"signet-slurm", "mirror-token", "--from", "/a", "--every", "1s"},
                                             {"signet-slurm", "mirror-token", "--from", "/a"}}) {
    ExpectRefusal(Run(argv), argv[1]);
  }
}

// A signetd that a tester asks.
class TestedSignetd final : public v1::CertAuthority::Service {
 public:
  TestedSignetd(const std::string& socket, std::string bundle) : bundle_(std::move(bundle)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~TestedSignetd() override { server_->Shutdown(std::chrono::system_clock::now()); }
  grpc::Status GetTrustBundle(grpc::ServerContext*, const v1::GetTrustBundleRequest*,
                              v1::GetTrustBundleResponse* response) override {
    response->mutable_signed_bundle()->ParseFromString(bundle_);
    return grpc::Status::OK;
  }
  grpc::Status IssueProbeCertificate(grpc::ServerContext*, const v1::IssueProbeCertificateRequest* request,
                                     v1::IssueProbeCertificateResponse* response) override {
    EXPECT_EQ(request->authority_id(), "");
    response->set_certificate_chain_pem(answer(*x509::CertificateRequest::FromPem(request->csr_pem())));
    return grpc::Status::OK;
  }
  std::function<std::string(const x509::CertificateRequest&)> answer;

 private:
  const std::string bundle_;
  std::unique_ptr<grpc::Server> server_;
};

class SelfTestTest : public PodProgramTest {
 protected:
  SelfTestTest() {
    PublishPin(bundle_key_.public_key().spki_sha256());
    Answer(authority_, "signet-probe", absl::Minutes(10));
  }
  void Answer(const TestAuthority& authority, const std::string& name, absl::Duration life) {
    server_.answer = [&authority, name, life](const x509::CertificateRequest& csr) {
      return authority.Issue(csr.public_key(), name, absl::Now() - absl::Hours(1), absl::Now() + life);
    };
  }
  Outcome SelfTest() const { return Run({"signet-slurm", "selftest"}); }
  // Exit 1, and a line that says what is wrong.
  void ExpectFault(const std::string& what) const {
    const Outcome outcome = SelfTest();
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr(what));
  }
  TestedSignetd server_{scratch_ / "signetd.sock", Bundle(3)};
  const TestAuthority stranger_;
};

TEST_F(SelfTestTest, SaysALineForEachCheck) {
  const Outcome outcome = SelfTest();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* check : {"ok: bundle: generation 3 of cluster alpha",
                            "ok: issue: ", "ok: chain: ", "ok: names: ", "ok: use: ", "ok: life: "}) {
    EXPECT_THAT(outcome.out, HasSubstr(check));
  }
  EXPECT_FALSE(Wrote());
}

TEST_F(SelfTestTest, StopsAtAnotherPinBeforeAnythingIsIssued) {
  PublishPin(x509::Sha256("another key"));
  server_.answer = nullptr;
  const Outcome outcome = SelfTest();
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
}

TEST_F(SelfTestTest, FindsACertificateThatDaemonsWouldNotTake) {
  Answer(stranger_, "signet-probe", absl::Minutes(10));
  ExpectFault("does not chain");
  Answer(authority_, "n1", absl::Minutes(10));
  ExpectFault("is for \"n1\"");
  Answer(authority_, "signet-probe", absl::Hours(24));
  ExpectFault("lives for");
  Answer(authority_, "signet-probe", -absl::Minutes(10));
  ExpectFault("valid from");
  server_.answer = [this](const x509::CertificateRequest&) {
    return authority_.Issue(bundle_key_.public_key(), "signet-probe", absl::Now(), absl::Now() + absl::Minutes(5));
  };
  ExpectFault("another key");
  server_.answer = [this](const x509::CertificateRequest& csr) {
    return authority_.IssueTo(csr.public_key(), x509::CommonNameDer("signet-probe"), "signet-probe", absl::Now(),
                              absl::Now() + absl::Minutes(5));
  };
  ExpectFault("not for a client alone");
  server_.answer = [](const x509::CertificateRequest&) { return "junk"; };
  ExpectFault("no certificate chain");
}

TEST_F(SelfTestTest, NeedsAClusterAndAPin) {
  config_.cluster = "";
  Configure();
  ExpectFault("no cluster");
  config_.cluster = "alpha";
  config_.bundle_pin_file = "";
  Configure();
  ExpectFault("no bundle_pin");
}

}  // namespace
}  // namespace signet::slurm
