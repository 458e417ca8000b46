// Rotations by signetctl at a signetd that is killed in the middle of every step, and by two administrators at once.
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "signet/v1/cert_authority.pb.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

using Arguments = std::vector<std::string>;

class AdministratorTest : public testing::Test {
 protected:
  AdministratorTest() {
    cluster_.CreateTokens("n001");
    cluster_.WriteBundle();
    EXPECT_EQ(node_.Enrol(cluster_.Controller()), absl::OkStatus());
  }

  template <typename Message>
  Message Ask(Arguments args) {
    args.insert(args.end(), {"-o", "json"});
    ScriptResult result = cluster_.Ctl(args);
    Message message;
    // A closed gate has its word on stderr, behind the answer.
    const std::size_t end = result.output.find("\n{\"error\"");
    const auto parsed = google::protobuf::util::JsonStringToMessage(
        std::string(result.output.substr(0, end == std::string::npos ? end : end + 1)), &message);
    EXPECT_TRUE(parsed.ok()) << result.output;
    return message;
  }
  std::vector<v1::Authority> Authorities() {
    const auto list = Ask<v1::ListAuthoritiesResponse>({"authority", "list"});
    std::vector<v1::Authority> slurm;
    for (const v1::Authority& one : list.authorities()) {
      if (one.purpose() == v1::AUTHORITY_PURPOSE_SLURM) slurm.push_back(one);
    }
    return slurm;
  }
  std::string IdIn(v1::AuthorityState state) {
    for (const v1::Authority& one : Authorities()) {
      if (one.state() == state) return one.id();
    }
    ADD_FAILURE() << "no authority is " << v1::AuthorityState_Name(state);
    return "";
  }
  std::string SubjectOf(const std::string& id) {
    for (const v1::Authority& one : Authorities()) {
      if (one.id() == id) return one.subject();
    }
    return "";
  }
  // Everything that a step may change.
  std::string Fingerprint() {
    std::string text;
    int active = 0;
    for (const v1::Authority& one : Authorities()) {
      absl::StrAppend(&text, one.id(), "=", v1::AuthorityState_Name(one.state()),
                      one.has_key() ? " " : " without key ");
      active += one.state() == v1::AUTHORITY_STATE_ACTIVE ? 1 : 0;
    }
    EXPECT_EQ(active, 1) << text;
    const ScriptResult bundle = cluster_.Ctl({"bundle", "show", "-o", "name"});
    EXPECT_TRUE(bundle.exited_zero()) << bundle.Describe();
    return absl::StrCat(text, "bundle ", bundle.output);
  }
  Arguments Forced(const std::string& verb, const std::string& id) {
    return {"authority", verb, id, "--force", "--reason", "a drill", "--yes"};
  }

  TestCluster cluster_;
  SlurmNode node_ = cluster_.Node("n001");
};

class KilledServerTest : public AdministratorTest {
 protected:
  int64_t LogSize() const {
    struct stat status {};
    return stat(cluster_.path("data/signet.db-wal").c_str(), &status) == 0 ? status.st_size + status.st_mtim.tv_nsec
                                                                           : 0;
  }

  // Takes the step again and again, and kills signetd each time: as soon as the store is written to, or so long after
  // the beginning. What is found after a restart is the state before, or, once, the state after.
  void KillIn(const Arguments& step, bool repeats = true) {
    const std::string before = Fingerprint();
    const auto begin = std::chrono::steady_clock::now();
    Arguments dry = step;
    dry.push_back("--dry-run");
    cluster_.Ctl(dry);
    const auto usual = std::chrono::steady_clock::now() - begin;
    for (int attempt = 0; attempt < 12; ++attempt) {
      const int64_t log = LogSize();
      ScriptResult answer;
      std::thread admin([&] { answer = cluster_.Ctl(step); });
      const auto until = std::chrono::steady_clock::now() + usual * (4 + attempt) / 10;
      while (std::chrono::steady_clock::now() < until && (attempt % 2 == 0 || LogSize() == log)) {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
      cluster_.KillServer();
      admin.join();
      ++kills_;
      cluster_.StartServer();
      const ScriptResult log_verdict = cluster_.Ctl({"audit", "verify"});
      EXPECT_TRUE(log_verdict.exited_zero()) << log_verdict.Describe();
      if (Fingerprint() == before) {
        EXPECT_FALSE(answer.exited_zero()) << "it was told that it is done: " << answer.output;
        ++before_;
        continue;
      }
      if (!answer.exited_zero()) ++unheard_;
      break;
    }
    if (Fingerprint() == before) {
      const ScriptResult done = cluster_.Ctl(step);
      EXPECT_TRUE(done.exited_zero()) << done.Describe();
    }
    const std::string after = Fingerprint();
    EXPECT_NE(after, before) << step[1];
    if (!repeats) return;
    const ScriptResult again = cluster_.Ctl(step);
    EXPECT_TRUE(again.exited_zero()) << again.Describe();
    EXPECT_EQ(Fingerprint(), after) << step[1] << " twice";
  }
  // How many certificates the node's next one comes with, and whether sign-csr and openssl take it.
  std::size_t ChainAfterARenewal() {
    cluster_.WriteBundle();
    const absl::Status renewed = node_.Renew(cluster_.Controller());
    EXPECT_EQ(renewed, absl::OkStatus());
    std::size_t count = 0;
    for (std::size_t at = 0; (at = node_.certificate_pem().find("BEGIN CERT", at)) != std::string::npos; ++at) ++count;
    return count;
  }

  int kills_ = 0;
  int before_ = 0;   // found as it was
  int unheard_ = 0;  // done, and the administrator did not learn it
};

TEST_F(KilledServerTest, InAnyStepOfARotationFindsTheStateBeforeOrAfterAndGoesOn) {
  const std::string first = IdIn(v1::AUTHORITY_STATE_ACTIVE);
  KillIn({"authority", "prepare"}, /*repeats=*/false);
  const std::string second = IdIn(v1::AUTHORITY_STATE_PREPARED);
  EXPECT_EQ(ChainAfterARenewal(), 1u);
  KillIn(Forced("activate", second));
  EXPECT_EQ(ChainAfterARenewal(), 2u) << "the cross certificate came with the activation";
  KillIn(Forced("rollback", first));
  EXPECT_EQ(ChainAfterARenewal(), 1u);
  KillIn(Forced("revoke", second));
  KillIn({"authority", "destroy", second, "--yes"});
  KillIn({"authority", "prepare"}, /*repeats=*/false);
  KillIn({"authority", "withdraw", IdIn(v1::AUTHORITY_STATE_PREPARED), "--yes"});
  EXPECT_EQ(ChainAfterARenewal(), 1u);
  KillIn({"authority", "emergency", first, "--reason", "a drill", "--subject", SubjectOf(first), "--yes"});
  EXPECT_NE(IdIn(v1::AUTHORITY_STATE_ACTIVE), first);
  EXPECT_EQ(ChainAfterARenewal(), 1u);
  RecordProperty("kills", kills_);
  RecordProperty("unheard", unheard_);
  EXPECT_GE(before_, 4) << "of " << kills_ << " kills none came early enough to mean anything";
  EXPECT_GE(kills_ - before_, 4) << "of " << kills_ << " kills none came late enough to mean anything";
}

TEST_F(AdministratorTest, TwoAtOnceTakeAStepOnceAndLeaveOneActiveAuthority) {
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(cluster_.Ctl({"authority", "prepare"}).exited_zero());
  EXPECT_FALSE(cluster_.Ctl({"authority", "prepare"}).exited_zero()) << "two are prepared";
  std::vector<std::string> prepared;
  for (const v1::Authority& one : Authorities()) {
    if (one.state() == v1::AUTHORITY_STATE_PREPARED) prepared.push_back(one.id());
  }
  ASSERT_EQ(prepared.size(), 2u);
  const auto both = [&](const Arguments& one, const Arguments& other) {
    ScriptResult results[2];
    std::thread first([&] { results[0] = cluster_.Ctl(one); });
    results[1] = cluster_.Ctl(other);
    first.join();
    int changed = 0;
    for (const ScriptResult& result : results) {
      changed += result.exited_zero() && result.output.find("nothing was changed") == std::string::npos ? 1 : 0;
    }
    return changed;
  };
  EXPECT_EQ(both(Forced("activate", prepared[0]), Forced("activate", prepared[0])), 1);
  EXPECT_EQ(IdIn(v1::AUTHORITY_STATE_ACTIVE), prepared[0]);
  EXPECT_EQ(both(Forced("activate", prepared[1]), Forced("withdraw", prepared[1])), 1) << "they exclude each other";
  Fingerprint();  // one is active
  EXPECT_TRUE(cluster_.Ctl({"audit", "verify"}).exited_zero());
  EXPECT_EQ(node_.Renew(cluster_.Controller()), absl::OkStatus());
}

}  // namespace
}  // namespace signet::contract
