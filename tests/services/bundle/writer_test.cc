#include "services/bundle/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "services/base/reason.h"
#include "services/bundle/file_system.h"
#include "services/files/file.h"
#include "services/files/lock.h"
#include "tests/services/bundle/anchors.h"
#include "tests/services/files/temporary_directory.h"

namespace signet::bundle {
namespace {

class WriterTest : public ::testing::Test {
 protected:
  WriterTest() {
    target_ = {etc_ / "ca_cert.pem", state_ / "bundle", "alpha", key_.public_key().spki_sha256()};
    for (uint64_t generation = 1; generation <= 3; ++generation) {
      bundles_.push_back(MakeBundle(generation, {MakeAnchor({.common_name = "CA " + std::to_string(generation)})}));
      signed_.push_back(*Sign(bundles_.back(), key_));
    }
  }
  absl::StatusOr<WriteResult> Offer(std::size_t generation) { return Write(target_, signed_[generation - 1], Now()); }
  std::string CaFile() { return files::Read(target_.ca_cert_file).value_or(""); }
  const std::string& PemOf(std::size_t generation) { return bundles_[generation - 1].ca_cert_pem; }

  const files::TemporaryDirectory etc_;
  const files::TemporaryDirectory state_;
  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  Target target_;
  std::vector<Bundle> bundles_;
  std::vector<std::string> signed_;
};

TEST_F(WriterTest, WritesOnceAndThenFindsItUnchanged) {
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  EXPECT_EQ(CaFile(), PemOf(1));
  struct stat info = {};
  ASSERT_EQ(stat(target_.ca_cert_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
  const auto inode = info.st_ino;
  EXPECT_EQ(*Offer(1), WriteResult::kUnchanged);
  // Signed again: other bytes, the same bundle.
  EXPECT_EQ(*Write(target_, *Sign(bundles_[0], key_), Now()), WriteResult::kUnchanged);
  ASSERT_EQ(stat(target_.ca_cert_file.c_str(), &info), 0);
  EXPECT_EQ(info.st_ino, inode);
}

TEST_F(WriterTest, FollowsGenerationsUpAndNeverDown) {
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  EXPECT_EQ(*Offer(3), WriteResult::kWritten);
  const auto refused = Offer(2);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kSequenceRegressed);
  EXPECT_EQ(CaFile(), PemOf(3));
}

// The file is gone, what was seen is not.
TEST_F(WriterTest, RemembersTheHighestGenerationWithoutTheFiles) {
  EXPECT_EQ(*Offer(3), WriteResult::kWritten);
  std::filesystem::remove(target_.ca_cert_file);
  std::filesystem::remove(etc_ / "signet-bundle");
  EXPECT_EQ(base::ReasonOf(Offer(2).status()), base::kSequenceRegressed);
  EXPECT_EQ(CaFile(), "");
  EXPECT_EQ(*Offer(3), WriteResult::kWritten);
}

TEST_F(WriterTest, HoldsTheGenerationOnDiskWithoutAMemory) {
  target_.memory_dir.clear();
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  EXPECT_EQ(base::ReasonOf(Offer(1).status()), base::kSequenceRegressed);
}

TEST_F(WriterTest, RefusesTwoBundlesOfOneGeneration) {
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  const std::string other = *Sign(MakeBundle(2, {MakeAnchor({.common_name = "Other"})}), key_);
  EXPECT_EQ(base::ReasonOf(Write(target_, other, Now()).status()), base::kSequenceRegressed);
  std::filesystem::remove(etc_ / "signet-bundle");
  EXPECT_EQ(base::ReasonOf(Write(target_, other, Now()).status()), base::kSequenceRegressed);
  EXPECT_EQ(CaFile(), PemOf(2));
}

TEST_F(WriterTest, RefusesADamagedMemory) {
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  for (const char* damaged : {"", "x", "a b c", "7"}) {
    ASSERT_TRUE(files::WriteAtomically(state_ / "bundle/generation", damaged).ok());
    EXPECT_EQ(Offer(3).status().code(), absl::StatusCode::kFailedPrecondition) << damaged;
  }
  EXPECT_EQ(CaFile(), PemOf(2));
}

TEST_F(WriterTest, BeginsAnewUnderAnotherPin) {
  EXPECT_EQ(*Offer(3), WriteResult::kWritten);
  const keys::PrivateKey next = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  target_.pin = next.public_key().spki_sha256();
  EXPECT_EQ(*Write(target_, *Sign(bundles_[0], next), Now()), WriteResult::kWritten);
  EXPECT_EQ(CaFile(), PemOf(1));
}

TEST_F(WriterTest, KeepsTheFirstPinThatVerifiedWhereItWasOnlyFound) {
  target_.first_pin_only = true;
  const keys::PrivateKey other = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string first = target_.pin;
  target_.pin = other.public_key().spki_sha256();
  EXPECT_FALSE(Offer(1).ok());
  // That pin verified nothing and is not kept.
  target_.pin = first;
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  target_.pin = other.public_key().spki_sha256();
  const auto refused = Write(target_, *Sign(bundles_[2], other), Now());
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kConfiguration);
  EXPECT_THAT(base::NextOf(refused.status()), ::testing::HasSubstr("rm " + target_.memory_dir + "/generation"));
  EXPECT_EQ(CaFile(), PemOf(1));
  std::filesystem::remove(target_.memory_dir + "/generation");
  EXPECT_EQ(*Write(target_, *Sign(bundles_[2], other), Now()), WriteResult::kWritten);
  EXPECT_EQ(CaFile(), PemOf(3));
}

TEST_F(WriterTest, WritesNothingThatDoesNotVerify) {
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  const keys::PrivateKey thief = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  EXPECT_FALSE(Write(target_, *Sign(bundles_[1], thief), Now()).ok());
  EXPECT_FALSE(Write(target_, "", Now()).ok());
  EXPECT_FALSE(Write(target_, signed_[1].substr(1), Now()).ok());
  Target unpinned = target_;
  unpinned.pin.clear();
  EXPECT_FALSE(Write(unpinned, signed_[1], Now()).ok());
  Target other = target_;
  other.cluster = "beta";
  EXPECT_EQ(base::ReasonOf(Write(other, signed_[1], Now()).status()), base::kWrongCluster);
  EXPECT_EQ(CaFile(), PemOf(1));
}

TEST_F(WriterTest, WritesNothingWhenNoAnchorIsValidByThisClock) {
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  for (const absl::Time now : {absl::FromUnixSeconds(0), Now() + absl::Hours(24 * 4000)}) {
    EXPECT_EQ(Write(target_, signed_[1], now).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(CaFile(), PemOf(1));
}

TEST_F(WriterTest, HealsAPairThatDoesNotMatchAndObservesItHonestly) {
  EXPECT_EQ(Observe(target_.ca_cert_file).generation, 0u);
  EXPECT_EQ(Observe(target_.ca_cert_file).sha256, "");
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  EXPECT_EQ(Observe(target_.ca_cert_file).generation, 1u);
  EXPECT_EQ(Observe(target_.ca_cert_file).sha256, x509::Sha256(PemOf(1)));
  // As after a kill between the two files.
  ASSERT_TRUE(files::WriteAtomically(etc_ / "signet-bundle", signed_[1]).ok());
  EXPECT_EQ(Observe(target_.ca_cert_file).generation, 0u);
  EXPECT_EQ(Observe(target_.ca_cert_file).sha256, x509::Sha256(PemOf(1)));
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  EXPECT_EQ(Observe(target_.ca_cert_file).generation, 2u);
  EXPECT_EQ(CaFile(), PemOf(2));
}

TEST_F(WriterTest, HealsWhatOthersChanged) {
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  ASSERT_TRUE(files::WriteAtomically(target_.ca_cert_file, "edited by hand").ok());
  ASSERT_TRUE(files::WriteAtomically(etc_ / "signet-bundle", "garbage").ok());
  EXPECT_EQ(Observe(target_.ca_cert_file).generation, 0u);
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  EXPECT_EQ(CaFile(), PemOf(2));
}

TEST_F(WriterTest, MendsTheModeAndTheOwnerOfTheRightBytes) {
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  const char* const path = target_.ca_cert_file.c_str();
  struct stat info = {};
  for (const mode_t wrong : {0600, 0640, 0604, 0044, 0664, 0646, 0666, 0755, 0654, 0645}) {
    ASSERT_EQ(chmod(path, wrong), 0);
    EXPECT_EQ(*Offer(2), WriteResult::kWritten) << std::oct << wrong;
    ASSERT_EQ(stat(path, &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0644u) << std::oct << wrong;
  }
  ASSERT_EQ(chmod(path, 0444), 0);
  EXPECT_EQ(*Offer(2), WriteResult::kUnchanged);
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(path, 12345, 0), 0);
  EXPECT_EQ(*Offer(2), WriteResult::kWritten);
  ASSERT_EQ(stat(path, &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(WriterTest, RemovesWhatKilledWritersLeft) {
  EXPECT_EQ(*Offer(1), WriteResult::kWritten);
  for (const char* left : {".ca_cert.pem.aB3xYz", ".signet-bundle.aB3xYz", ".another.aB3xYz"}) {
    ASSERT_TRUE(files::WriteAtomically(etc_ / left, "").ok());
  }
  EXPECT_EQ(*Offer(1), WriteResult::kUnchanged);
  EXPECT_FALSE(files::Exists(etc_ / ".ca_cert.pem.aB3xYz"));
  EXPECT_FALSE(files::Exists(etc_ / ".signet-bundle.aB3xYz"));
  EXPECT_TRUE(files::Exists(etc_ / ".another.aB3xYz"));
}

TEST_F(WriterTest, LeavesALinkToWhoeverMadeIt) {
  ASSERT_TRUE(files::WriteAtomically(etc_ / "managed", "theirs").ok());
  ASSERT_EQ(symlink("managed", target_.ca_cert_file.c_str()), 0);
  EXPECT_EQ(*Offer(1), WriteResult::kManagedElsewhere);
  EXPECT_EQ(*files::Read(etc_ / "managed"), "theirs");
}

TEST_F(WriterTest, WritesNothingOnAReadOnlyFileSystem) {
  if (mount("tmpfs", etc_.path().c_str(), "tmpfs", MS_RDONLY, "size=64k") != 0) GTEST_SKIP() << "mount not permitted";
  const auto result = Offer(1);
  umount2(etc_.path().c_str(), MNT_DETACH);
  EXPECT_EQ(*result, WriteResult::kManagedElsewhere);
  EXPECT_FALSE(files::Exists(state_ / "bundle"));
}

TEST_F(WriterTest, SaysToRunAsRootWhereItMayNotWrite) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  ASSERT_EQ(chmod(etc_.path().c_str(), 0755), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setegid(12345) != 0 || seteuid(12345) != 0) _exit(2);
    const auto result = Offer(1);
    _exit(absl::IsPermissionDenied(result.status()) && base::NextOf(result.status()) == "run as root" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(std::filesystem::is_empty(etc_.path()));
}

TEST_F(WriterTest, LeavesALinkToWhoeverMadeItWhereItMayNotWriteEither) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  ASSERT_EQ(chmod(etc_.path().c_str(), 0755), 0);
  ASSERT_EQ(symlink("managed", target_.ca_cert_file.c_str()), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setegid(12345) != 0 || seteuid(12345) != 0) _exit(2);
    const auto result = Offer(1);
    _exit(result.ok() && *result == WriteResult::kManagedElsewhere ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(WriterTest, SaysWhenTheDirectoryIsMissing) {
  target_.ca_cert_file = etc_ / "none/ca_cert.pem";
  EXPECT_EQ(Offer(1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WriterTest, WaitsForAnotherWriterOnlySoLong) {
  const auto lock = files::FileLock::Acquire(etc_ / ".signet-bundle.lock", absl::ZeroDuration());
  ASSERT_TRUE(lock.ok());
  target_.lock_timeout = absl::Milliseconds(20);
  EXPECT_EQ(Offer(1).status().code(), absl::StatusCode::kDeadlineExceeded);
}

// The file is never absent or torn, and after each kill the next call brings generation and file together.
TEST_F(WriterTest, SurvivesAKillAtAnyMoment) {
  ASSERT_EQ(*Offer(1), WriteResult::kWritten);
  uint64_t generation = 1;
  for (int round = 0; round < 40; ++round) {
    int written[2] = {};
    ASSERT_EQ(pipe(written), 0);
    const pid_t child = fork();
    if (child == 0) {
      for (uint64_t next = generation + 1;; ++next) {
        Bundle bundle = bundles_[next % 2 == 0 ? 1 : 2];
        bundle.generation = next;
        const auto result = Write(target_, *Sign(bundle, key_), Now());
        if (!result.ok() || write(written[1], "w", 1) != 1) _exit(1);
      }
    }
    close(written[1]);
    char one = 0;
    // However slow the machine, the kill falls between the first write and some later one.
    ASSERT_EQ(read(written[0], &one, 1), 1);
    for (int look = 0; look < 10; ++look) {
      usleep(100 + static_cast<useconds_t>(131 * round % 700));
      const std::string seen = CaFile();
      ASSERT_TRUE(seen == PemOf(1) || seen == PemOf(2) || seen == PemOf(3));
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    close(written[0]);
    ASSERT_TRUE(WIFSIGNALED(status));
    const std::string remembered = *files::Read(state_ / "bundle/generation");
    const std::size_t first = remembered.find(' ') + 1;
    generation = std::stoull(remembered.substr(first));
    // The same bundle again heals; were it a generation lower, it would be refused.
    if (generation > 1) {
      Bundle bundle = bundles_[generation % 2 == 0 ? 1 : 2];
      bundle.generation = generation;
      ASSERT_TRUE(Write(target_, *Sign(bundle, key_), Now()).ok());
      ASSERT_EQ(Observe(target_.ca_cert_file).generation, generation);
    }
  }
  EXPECT_GT(generation, 1u);
}

TEST(FileSystem, KnowsNetworksFromDisks) {
  for (const uint32_t network :
       {0x6969u, 0x517Bu, 0xFF534D42u, 0x0BD00BD0u, 0x47504653u, 0x00C36400u, 0x19830326u, 0x65735546u}) {
    EXPECT_TRUE(IsNetworkFileSystem(network)) << std::hex << network;
  }
  for (const uint32_t local : {0xEF53u, 0x58465342u, 0x01021994u, 0x794C7630u, 0x9123683Eu, 0u}) {
    EXPECT_FALSE(IsNetworkFileSystem(local)) << std::hex << local;
  }
}

}  // namespace
}  // namespace signet::bundle
