#include "adapters/slurm/state_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/slurm/enrolment.h"
#include "services/base/reason.h"
#include "services/files/file.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StateViewTest : public testing::Test {
 protected:
  std::string Show(const std::string& node = "") const {
    const auto text = ShowState(config_, host_, node, absl::Now());
    return text.ok() ? *text : text.status().ToString();
  }
  std::string KeyId(const std::string& uid, const std::string& node) const {
    const auto identities =
        ParseIdentities(base::SecretBytes(ReadFile(config_.state_dir + "/" + uid + "/" + node + "/identity")));
    return identities->front().key.public_key().key_id();
  }

  const Scratch scratch_;
  Config config_ = ConfigIn(scratch_);
  Host host_ = HostNamed("host1");
  const std::string uid_ = std::to_string(host_.uid);
  const base::SystemClock clock_;
  const Deadline deadline_{absl::Seconds(60)};
  Enrolment enrolment_{config_, host_, clock_, deadline_};
};

TEST_F(StateViewTest, ShowsTheFingerprintToApproveTheTokenAndTheRequest) {
  ASSERT_TRUE(enrolment_.NodeToken("n1").ok());
  EXPECT_THAT(Show(), HasSubstr("node: n1\ndaemon: slurmd\nuid: " + uid_ + "\nidentity key: " + KeyId(uid_, "n1")));
  EXPECT_THAT(Show(), HasSubstr("token file: " + (scratch_ / "n1.token")));
  EXPECT_THAT(Show(), HasSubstr("answer: awaited"));
  EXPECT_THAT(Show(), HasSubstr("bundle on disk: " + config_.ca_cert_file + ", absent"));
  ASSERT_TRUE(enrolment_.CertKey("n1").ok());
  EXPECT_THAT(Show(), HasSubstr("answer: a certificate arrived"));
}

TEST_F(StateViewTest, SaysThatANewTokenWillBringANewKey) {
  ASSERT_TRUE(enrolment_.NodeToken("n1").ok());
  EXPECT_THAT(Show(), Not(HasSubstr("makes a new identity key")));
  WriteToken(scratch_ / "n1.token", "n1", "slurmd");
  EXPECT_THAT(Show(), HasSubstr("the next full enrolment makes a new identity key"));
  ASSERT_TRUE(enrolment_.NodeToken("n1").ok());
  EXPECT_THAT(Show(), HasSubstr("identity key before it: "));
}

TEST_F(StateViewTest, ShowsOneNodeWhenAskedFor) {
  WriteToken(scratch_ / "n2.token", "n2", "slurmd");
  ASSERT_TRUE(enrolment_.NodeToken("n1").ok());
  ASSERT_TRUE(enrolment_.NodeToken("n2").ok());
  EXPECT_THAT(Show("n2"), HasSubstr("node: n2\n"));
  EXPECT_THAT(Show("n2"), Not(HasSubstr("node: n1\n")));
  EXPECT_THAT(Show("n3"), HasSubstr("no identity key of node n3"));
}

TEST_F(StateViewTest, RootSeesEveryUsersStateAndOthersTheirOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to make another user's state";
  ASSERT_TRUE(enrolment_.NodeToken("n1").ok());
  const std::string others = config_.state_dir + "/401/login1";
  ASSERT_TRUE(files::MakeDirectories(others, 0700).ok());
  WriteFile(others + "/identity", ReadFile(config_.state_dir + "/0/n1/identity"), 0600);
  for (const std::string& path : {others, others + "/identity"}) ASSERT_EQ(chown(path.c_str(), 401, 401), 0);
  EXPECT_THAT(Show(), HasSubstr("node: login1\ndaemon: sackd\nuid: 401\nidentity key: " + KeyId("401", "login1")));
  host_.uid = 401;
  EXPECT_THAT(Show(), HasSubstr("uid: 401\n"));
  EXPECT_THAT(Show(), Not(HasSubstr("uid: 0\n")));
}

TEST_F(StateViewTest, ChangesNothingAndHoldsNoSecret) {
  config_.cluster = "alpha";
  WriteFile(config_.kubernetes_token_file, "pod.token.secret", 0400);
  ASSERT_TRUE(enrolment_.NodeToken("pod-0").ok());
  const std::string directory = config_.state_dir + "/" + uid_ + "/pod-0/";
  const std::string before = ReadFile(directory + "identity") + ReadFile(directory + "pending");
  const std::string text = Show();
  EXPECT_THAT(text, HasSubstr("with the pod's token"));
  EXPECT_THAT(text, Not(HasSubstr("pod.token.secret")));
  EXPECT_THAT(text, Not(HasSubstr("PRIVATE")));
  EXPECT_THAT(text, Not(HasSubstr("signet1.")));
  EXPECT_EQ(ReadFile(directory + "identity") + ReadFile(directory + "pending"), before);
}

TEST_F(StateViewTest, NamesAnIdentityThatCannotBeRead) {
  ASSERT_TRUE(enrolment_.NodeToken("n1").ok());
  WriteFile(config_.state_dir + "/" + uid_ + "/n1/identity", "garbage", 0600);
  EXPECT_THAT(Show(), HasSubstr("identity key: cannot be read"));
}

TEST(ParseStateShow, TakesShowAndANode) {
  EXPECT_EQ(*ParseStateShow({"show"}), "");
  EXPECT_EQ(*ParseStateShow({"show", "--node", "n1"}), "n1");
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {}, {"hide"}, {"show", "n1"}, {"show", "--node", "../n1"}, {"show", "--node", ""}}) {
    EXPECT_EQ(base::ReasonOf(ParseStateShow(wrong).status()), base::kMalformed);
  }
}

}  // namespace
}  // namespace signet::slurm
