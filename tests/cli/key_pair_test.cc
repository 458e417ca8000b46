#include "cli/key_pair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "services/files/file.h"
#include "services/files/lock.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_root.h"

namespace signet::cli {
namespace {

using signet::testing::MakeTestRoot;
using signet::testing::Must;
using signet::testing::TestRoot;

class KeyPair : public ::testing::Test {
 protected:
  void Write(const TestRoot& made) { Must(WritePair(paths_, {}, made.key, {made.certificate})); }
  static TestRoot Make() { return MakeTestRoot(absl::Now()); }

  const signet::testing::TempDir dir_;
  const PairPaths paths_{.key = dir_.File("key.pem"), .cert = dir_.File("cert.pem")};
};

TEST_F(KeyPair, RunsAtOnceLeaveAPairThatFits) {
  std::vector<TestRoot> made;
  for (int i = 0; i < 3; ++i) made.push_back(Make());
  Write(made[0]);
  std::atomic<int> failures{0};
  std::vector<std::thread> runs;
  for (const TestRoot& one : made) {
    runs.emplace_back([&] {
      for (int i = 0; i < 40; ++i) {
        if (!WritePair(paths_, {}, one.key, {one.certificate}).ok()) ++failures;
        // A run that begins looks for what a killed one left.
        if (HealPair(paths_).value_or(true)) ++failures;
      }
    });
  }
  for (std::thread& run : runs) run.join();
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(ReadPair(paths_).ok()) << ReadPair(paths_).status();
  EXPECT_FALSE(files::Exists(dir_.File("cert.pem.signetctl-new")));
  EXPECT_FALSE(files::Exists(dir_.File("key.pem.signetctl-old")));
}

TEST_F(KeyPair, HealingWaitsForTheRunThatIsBetweenItsRenames) {
  const std::string waiting = dir_.File("cert.pem.signetctl-new");
  Write(Make());
  const std::string old_cert = Must(files::Read(paths_.cert));
  Write(Make());
  const std::string new_cert = Must(files::Read(paths_.cert));
  // The other run: its key is in place, and its certificate waits.
  Must(files::WriteAtomically(waiting, new_cert, {}));
  Must(files::WriteAtomically(paths_.cert, old_cert, {}));
  std::atomic<bool> done{false};
  absl::StatusOr<bool> healed = true;
  std::thread other;
  {
    const auto held = Must(files::FileLock::Acquire(dir_.File("key.pem.signetctl-lock"), absl::ZeroDuration()));
    other = std::thread([&] {
      healed = HealPair(paths_);
      done = true;
    });
    absl::SleepFor(absl::Milliseconds(100));
    EXPECT_FALSE(done);
    EXPECT_EQ(std::rename(waiting.c_str(), paths_.cert.c_str()), 0) << "it was taken from a run that lives";
  }
  other.join();
  ASSERT_TRUE(healed.ok()) << healed.status();
  EXPECT_FALSE(*healed);
  EXPECT_EQ(Must(files::Read(paths_.cert)), new_cert);
}

}  // namespace
}  // namespace signet::cli
