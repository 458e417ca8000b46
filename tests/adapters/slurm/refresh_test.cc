#include "adapters/slurm/refresh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "adapters/slurm/enrolment.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/evidence/statement.h"
#include "services/files/file.h"
#include "services/files/lock.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;

class RefreshTest : public testing::Test {
 protected:
  RefreshTest() {
    config_.cluster = "alpha";
    config_.bundle_pin = key_.public_key().spki_sha256();
    config_.bundle_sources = {scratch_ / "missing", scratch_ / "bundle"};
    Offer(3);
  }
  void Offer(uint64_t generation, const std::vector<x509::Certificate>& others = {}) {
    std::vector<x509::Certificate> anchors = {authority_.root};
    anchors.insert(anchors.end(), others.begin(), others.end());
    bundle::Bundle offered;
    offered.cluster = "alpha";
    offered.generation = generation;
    if (generation > 1) offered.previous_sha256 = std::string(32, 'p');
    offered.ca_cert_pem = *bundle::RenderCaFile(anchors);
    offered.created_at = absl::FromUnixMillis(absl::ToUnixMillis(absl::Now()));
    const auto bytes = bundle::Sign(offered, key_);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    WriteFile(scratch_ / "bundle", *bytes);
  }
  absl::StatusOr<std::string> Run() const {
    return Refresh(config_, HostNamed("n1"), Deadline(absl::Milliseconds(1800)), absl::Now());
  }

  const Scratch scratch_;
  const TestAuthority authority_;
  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  Config config_ = ConfigIn(scratch_);
};

TEST_F(RefreshTest, WritesAVerifiedBundleFromAFileWhenNoServerAnswers) {
  const auto line = Run();
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line, config_.ca_cert_file + ": written, generation 3\n");
  EXPECT_EQ(*Run(), config_.ca_cert_file + ": unchanged, generation 3\n");
}

TEST_F(RefreshTest, ServersThatDoNotAnswerLeaveTimeForTheFiles) {
  const Deadline deadline(absl::Milliseconds(2500));
  EXPECT_TRUE(Refresh(config_, HostNamed("n1"), deadline, absl::Now()).ok());
  EXPECT_GT(deadline.left(), absl::Milliseconds(500));
}

TEST_F(RefreshTest, WritesNothingForAnotherPinAnotherClusterOrAnOlderGeneration) {
  ASSERT_TRUE(Run().ok());
  const std::string before = ReadFile(config_.ca_cert_file);
  Offer(2);
  EXPECT_FALSE(Run().ok());
  Offer(4);
  config_.bundle_pin = x509::Sha256("another key");
  EXPECT_FALSE(Run().ok());
  config_.bundle_pin = key_.public_key().spki_sha256();
  config_.cluster = "beta";
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(ReadFile(config_.ca_cert_file), before);
}

TEST_F(RefreshTest, WritesNothingWithoutAPin) {
  config_.bundle_pin = "";
  config_.token_files = {};
  EXPECT_FALSE(Run().ok());
  EXPECT_FALSE(files::Exists(config_.ca_cert_file));
}

TEST_F(RefreshTest, ChecksAFileThatIsManagedElsewhere) {
  ASSERT_EQ(symlink("managed", config_.ca_cert_file.c_str()), 0);
  const auto absent = Run();
  EXPECT_EQ(absent.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr(config_.ca_cert_file + " is managed elsewhere"));
  const std::string managed = config_.ca_cert_file.substr(0, config_.ca_cert_file.rfind('/')) + "/managed";
  const std::string good = *bundle::RenderCaFile({authority_.root});
  WriteFile(managed, good + "text");
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("text after the last END line"));
  WriteFile(managed, "");
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("no certificate in it"));
  WriteFile(managed, good);
  const auto line = Run();
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("not written: managed elsewhere"));
  EXPECT_EQ(ReadFile(managed), good);
  // An old root that ended beside one that is good keeps no daemon from starting.
  const std::string ended = TestAuthority(absl::Now() - absl::Hours(48), absl::Now() - absl::Hours(1)).root.pem();
  WriteFile(managed, ended + good);
  EXPECT_TRUE(Run().ok());
  WriteFile(managed, ended);
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("expired at"));
}

TEST_F(RefreshTest, AnEnrolmentByRootReportsTheBundleThatItJustWrote) {
  Host host = HostNamed("n1");
  if (host.uid != 0) GTEST_SKIP() << "only root's generate-csr writes";
  const base::SystemClock clock;
  const Deadline deadline(absl::Seconds(10));
  const auto token = Enrolment(config_, host, clock, deadline).NodeToken("n1");
  ASSERT_TRUE(token.ok()) << token.status();
  const auto statement = evidence::SignedStatement::Parse(*evidence::DecodeScriptToken(*token));
  ASSERT_TRUE(statement.ok());
  EXPECT_EQ(statement->statement().bundle_on_disk.generation, 3u);
  EXPECT_EQ(statement->statement().bundle_on_disk.sha256, x509::Sha256(ReadFile(config_.ca_cert_file)));
}

// What opens the gate for a node: the daemon loads what generate-csr wrote once its request was answered, so the next
// renewal of the same process knows.
TEST_F(RefreshTest, TwoRenewalsAfterANewRootTheStatementSaysItIsLoaded) {
  Host host = HostNamed("n1");
  if (host.uid != 0) GTEST_SKIP() << "only root's generate-csr writes";
  const base::SystemClock clock;
  const Deadline deadline(absl::Seconds(10));
  Enrolment enrolment(config_, host, clock, deadline);
  ASSERT_TRUE(enrolment.NodeToken("n1").ok());
  ASSERT_TRUE(enrolment.CertKey("n1").ok());
  const auto renew = [&enrolment] {
    const auto csr = x509::CertificateRequest::FromPem(*enrolment.Csr("n1"));
    EXPECT_TRUE(csr.ok()) << csr.status();
    EXPECT_TRUE(enrolment.CertKey("n1").ok());
    return evidence::SignedStatement::Parse(*csr->statement())->statement();
  };
  renew();
  EXPECT_EQ(renew().bundle_loaded.generation, 3u);
  Offer(4, {TestAuthority("Slurm CA 2").root});
  const evidence::Statement first = renew();
  EXPECT_EQ(x509::Certificate::ListFromPem(ReadFile(config_.ca_cert_file))->size(), 2u);
  EXPECT_EQ(first.bundle_on_disk.generation, 4u);
  EXPECT_FALSE(first.loaded_seen_at_renewal) << "on disk is not loaded";
  EXPECT_EQ(first.bundle_loaded.sha256, "");
  const evidence::Statement second = renew();
  EXPECT_TRUE(second.loaded_seen_at_renewal);
  EXPECT_EQ(second.bundle_loaded.generation, 4u);
  EXPECT_EQ(second.bundle_loaded.sha256, x509::Sha256(ReadFile(config_.ca_cert_file)));
}

TEST_F(RefreshTest, ARenewalThatWasNotAnsweredHasLoadedNothing) {
  Host host = HostNamed("n1");
  if (host.uid != 0) GTEST_SKIP() << "only root's generate-csr writes";
  const base::SystemClock clock;
  const Deadline deadline(absl::Seconds(10));
  Enrolment enrolment(config_, host, clock, deadline);
  ASSERT_TRUE(enrolment.NodeToken("n1").ok());
  ASSERT_TRUE(enrolment.CertKey("n1").ok());
  Offer(4, {TestAuthority("Slurm CA 2").root});
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto csr = x509::CertificateRequest::FromPem(*enrolment.Csr("n1"));
    const auto statement = evidence::SignedStatement::Parse(*csr->statement())->statement();
    EXPECT_EQ(statement.bundle_on_disk.generation, 4u);
    EXPECT_FALSE(statement.loaded_seen_at_renewal) << attempt;
  }
}

TEST_F(RefreshTest, ManySourcesAndAHeldLockLeaveAnEnrolmentItsTime) {
  const Deadline deadline(absl::Seconds(10));
  config_.bundle_sources = std::vector<std::string>(60, scratch_ / "bundle");
  const std::string directory = config_.ca_cert_file.substr(0, config_.ca_cert_file.rfind('/'));
  const auto lock = files::FileLock::Acquire(directory + "/.signet-bundle.lock", absl::ZeroDuration());
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(RefreshFromFiles(config_, "alpha", "", absl::Now())));
  EXPECT_GT(deadline.left(), absl::ZeroDuration());
}

TEST_F(RefreshTest, ABadSourceNeverStopsAnEnrolment) {
  WriteFile(scratch_ / "bundle", "garbage");
  const Host host = HostNamed("n1");
  const base::SystemClock clock;
  const Deadline deadline(absl::Seconds(10));
  EXPECT_TRUE(Enrolment(config_, host, clock, deadline).NodeToken("n1").ok());
}

}  // namespace
}  // namespace signet::slurm
