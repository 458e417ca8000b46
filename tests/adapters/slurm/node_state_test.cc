#include "adapters/slurm/node_state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "services/files/file.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

class NodeStateTest : public testing::Test {
 protected:
  absl::StatusOr<NodeState> Open(absl::Duration timeout = absl::Milliseconds(50)) {
    return NodeState::Open(scratch_ / "state", host_, "n1", timeout);
  }
  std::string File(const std::string& name) const {
    return scratch_ / ("state/" + std::to_string(host_.uid) + "/" + name);
  }

  const Scratch scratch_;
  Host host_ = HostNamed("host1");
};

TEST_F(NodeStateTest, KeepsTheIdentity) {
  std::string id;
  {
    auto state = Open();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_FALSE(state->identity().has_value());
    ASSERT_TRUE(state->CreateIdentity("").ok());
    id = state->identity()->key.public_key().key_id();
  }
  EXPECT_EQ(Open()->identity()->key.public_key().key_id(), id);
}

TEST_F(NodeStateTest, IsForItsUserAlone) {
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  struct stat info = {};
  for (const char* directory : {"", "n1"}) {
    ASSERT_EQ(stat(File(directory).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u) << directory;
  }
  ASSERT_EQ(stat(File("n1/identity").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(NodeStateTest, RefusesADirectoryThatSomebodyElseMade) {
  ASSERT_TRUE(files::MakeDirectories(File(""), 0777).ok());
  ASSERT_EQ(chmod(File("").c_str(), 0777), 0);
  const auto state = Open();
  ASSERT_FALSE(state.ok());
  EXPECT_NE(state.status().message().find("alone"), absl::string_view::npos) << state.status();
}

TEST_F(NodeStateTest, IsHeldByOneProcessAtATime) {
  const auto held = Open();
  ASSERT_TRUE(held.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(Open().status()));
}

TEST_F(NodeStateTest, SequenceGrowsThoughTheClockGoesBack) {
  auto state = Open();
  const auto first = state->NextSeq(absl::FromUnixMillis(5000));
  EXPECT_EQ(*first, 5000u);
  EXPECT_EQ(*state->NextSeq(absl::FromUnixMillis(10)), 5001u);
  EXPECT_EQ(*state->NextSeq(absl::FromUnixMillis(-10)), 5002u);
  EXPECT_EQ(*state->NextSeq(absl::FromUnixMillis(9000)), 9000u);
}

TEST_F(NodeStateTest, AClonedImageStartsOver) {
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  const std::string original = ReadFile(File("n1/identity"));
  host_.machine_id_sha256 = x509::Sha256("machine two");
  EXPECT_FALSE(Open()->identity().has_value());
  EXPECT_EQ(ReadFile(File(".n1.aside/identity")), original);
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  EXPECT_TRUE(Open()->identity().has_value()) << "the clone keeps its own";
}

TEST_F(NodeStateTest, AContainerWithoutAMachineIdKeepsItsState) {
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  host_.machine_id_sha256 = "";
  EXPECT_TRUE(Open()->identity().has_value());
}

TEST_F(NodeStateTest, ADamagedIdentityStartsOver) {
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  WriteFile(File("n1/identity"), "", 0600);
  EXPECT_FALSE(Open()->identity().has_value());
  EXPECT_TRUE(files::Exists(File(".n1.aside/identity")));
}

TEST_F(NodeStateTest, KeepsTwoIdentitiesThatChangePlaces) {
  std::string first;
  std::string second;
  {
    auto state = Open();
    ASSERT_TRUE(state->CreateIdentity("aa").ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(state->UseOtherIdentity()));
    first = state->identity()->key.public_key().key_id();
    ASSERT_TRUE(state->CreateIdentity("").ok());
    second = state->identity()->key.public_key().key_id();
  }
  {
    auto state = Open();
    EXPECT_EQ(state->identity()->key.public_key().key_id(), second);
    EXPECT_EQ(state->identity()->token_id, "");
    EXPECT_EQ(state->other_identity()->token_id, "aa");
    ASSERT_TRUE(state->UseOtherIdentity().ok());
  }
  EXPECT_EQ(Open()->identity()->key.public_key().key_id(), first);
  EXPECT_EQ(Open()->other_identity()->key.public_key().key_id(), second);
}

TEST_F(NodeStateTest, DamagedRequestsCountAsNone) {
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  WriteFile(File("n1/pending"), "signet-request1\nrenewal: ", 0600);
  EXPECT_FALSE(Open()->pending().has_value());
}

TEST_F(NodeStateTest, KnowsNodesByTheirIdentity) {
  EXPECT_TRUE(KnownNodes(scratch_ / "state", host_.uid).empty());
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(KnownNodes(scratch_ / "state", host_.uid).empty()) << "nothing enrolled yet";
  ASSERT_TRUE(Open()->CreateIdentity("").ok());
  EXPECT_EQ(KnownNodes(scratch_ / "state", host_.uid), std::vector<std::string>{"n1"});
}

}  // namespace
}  // namespace signet::slurm
