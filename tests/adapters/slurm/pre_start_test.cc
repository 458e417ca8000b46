#include "adapters/slurm/pre_start.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "services/base/reason.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/files/file.h"
#include "tests/adapters/slurm/scratch.h"
#include "tests/testing/paths.h"

namespace signet::slurm {
namespace {

using ::testing::HasSubstr;

constexpr char kAside[] = "certmgr_state.signet-aside";

class PreStartTest : public testing::Test {
 protected:
  PreStartTest() {
    config_.cluster = "alpha";
    config_.bundle_pin = bundle_key_.public_key().spki_sha256();
    EXPECT_EQ(mkdir(config_.slurmd_spool_dir.c_str(), 0755), 0);
    PlaceBundle({authority_.root}, now_ - absl::Hours(24));
    PlaceState(Good());
  }
  // Places the signed object and ca_cert_file as bundle::Write does.
  void PlaceBundle(const std::vector<x509::Certificate>& anchors, absl::Time created_at) {
    bundle::Bundle fields;
    fields.cluster = "alpha";
    fields.generation = 1;
    fields.ca_cert_pem = *bundle::RenderCaFile(anchors);
    fields.created_at = absl::FromUnixMillis(absl::ToUnixMillis(created_at));
    const auto object = bundle::Sign(fields, bundle_key_);
    ASSERT_TRUE(object.ok()) << object.status();
    WriteFile(scratch_ / "signet-bundle", *object);
    WriteFile(config_.ca_cert_file, fields.ca_cert_pem);
  }
  std::string Issued(const TestAuthority& authority, absl::Time not_after) const {
    return authority.Issue(key_.public_key(), "n1", now_ - absl::Hours(48), not_after);
  }
  std::string Packed(const std::string& certificate_pem) const {
    return PackCertmgrState(0x2d00, now_ - absl::Hours(12), certificate_pem, std::string(key_.ToPem()->ExposeSecret()));
  }
  std::string Good() const { return Packed(Issued(authority_, now_ + absl::Hours(24))); }
  std::string Expired() const { return Packed(Issued(authority_, now_ - absl::Hours(1))); }
  std::string Unchained() const { return Packed(Issued(TestAuthority(), now_ + absl::Hours(24))); }

  std::string In(const std::string& name) const { return config_.slurmd_spool_dir + "/" + name; }
  void PlaceState(const std::string& content, const std::string& name = "certmgr_state") const {
    WriteFile(In(name), content, 0600);
  }
  std::string Run() { return PreStart(config_, HostNamed("host1"), {}, now_); }
  void ExpectUntouched(const std::string& words) {
    const std::string before = ReadFile(In("certmgr_state"));
    const std::string line = Run();
    EXPECT_THAT(line, HasSubstr(In("certmgr_state") + ": left alone: "));
    EXPECT_THAT(line, HasSubstr(words));
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
    EXPECT_FALSE(files::Exists(In(kAside))) << words;
    EXPECT_EQ(ReadFile(In("certmgr_state")), before);
  }
  void ExpectAside(const std::string& words) {
    const std::string before = ReadFile(In("certmgr_state"));
    const std::string lines = Run();
    EXPECT_THAT(lines, HasSubstr(In("certmgr_state") + ": moved to " + kAside + ": "));
    EXPECT_THAT(lines, HasSubstr(words));
    EXPECT_FALSE(files::Exists(In("certmgr_state")));
    EXPECT_EQ(ReadFile(In(kAside)), before);
  }

  const Scratch scratch_;
  const TestAuthority authority_;
  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const keys::PrivateKey bundle_key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  Config config_ = ConfigIn(scratch_);
  // Files are written after this, and a file from the future is a doubt.
  absl::Time now_ = absl::Now() + absl::Minutes(1);
};

TEST_F(PreStartTest, KeepsAStateWhoseCertificateIsGood) {
  EXPECT_THAT(Run(), HasSubstr("kept: its certificate is good until "));
  EXPECT_TRUE(files::Exists(In("certmgr_state")));
}

TEST_F(PreStartTest, MovesAnExpiredCertificateAside) {
  PlaceState(Expired());
  ExpectAside("its certificate expired at ");
}

TEST_F(PreStartTest, DoesItsWorkBesideAnOldRootThatExpired) {
  const TestAuthority old(now_ - absl::Hours(96), now_ - absl::Hours(1));
  PlaceBundle({old.root, authority_.root}, now_ - absl::Hours(24));
  EXPECT_THAT(Run(), HasSubstr("kept: its certificate is good until "));
  PlaceState(Packed(Issued(old, now_ + absl::Hours(24))));
  ExpectAside("does not chain to the trust bundle");
  PlaceState(Expired());
  ExpectAside("its certificate expired at ");
}

TEST_F(PreStartTest, KeepsALeafAndItsCrossWhicheverRootTheBundleHolds) {
  const TestAuthority former("Slurm CA");
  const TestAuthority newest("Slurm CA 2");
  PlaceState(Packed(Issued(newest, now_ + absl::Hours(24)) + former.VouchFor(newest, now_ + absl::Hours(24 * 28))));
  for (const std::vector<x509::Certificate>& anchors : std::vector<std::vector<x509::Certificate>>{
           {former.root}, {newest.root}, {former.root, newest.root}, {newest.root, former.root}}) {
    PlaceBundle(anchors, now_ - absl::Hours(24));
    EXPECT_THAT(Run(), HasSubstr("kept: its certificate is good until "));
  }
  PlaceBundle({authority_.root}, now_ - absl::Hours(24));
  ExpectAside("does not chain to the trust bundle");
}

// The node was away while its authority was replaced: what it holds has no cross.
TEST_F(PreStartTest, KeepsALeafOfTheFormerAuthorityUntilThatLeavesTheBundle) {
  const TestAuthority former("Slurm CA");
  const TestAuthority newest("Slurm CA 2");
  PlaceState(Packed(Issued(former, now_ + absl::Hours(24))));
  PlaceBundle({former.root, newest.root}, now_ - absl::Hours(24));
  EXPECT_THAT(Run(), HasSubstr("kept: its certificate is good until "));
  PlaceBundle({newest.root}, now_ - absl::Hours(24));
  ExpectAside("does not chain to the trust bundle");
}

TEST_F(PreStartTest, MovesALeafAsideWhoseCrossHasEnded) {
  const TestAuthority newest("Slurm CA 2");
  PlaceState(Packed(Issued(newest, now_ + absl::Hours(24)) + authority_.VouchFor(newest, now_ - absl::Hours(1))));
  ExpectAside("expired on");
}

TEST_F(PreStartTest, ForeseesWithoutTouchingAnything) {
  const auto act = [this] { return Foresee(config_, HostNamed("host1"), {}, now_).act; };
  EXPECT_EQ(act(), Prospect::Act::kKeep);
  PlaceState(Expired());
  PlaceState("the previous key", "certmgr_state.old");
  EXPECT_EQ(act(), Prospect::Act::kMoveAside);
  EXPECT_TRUE(files::Exists(In("certmgr_state")));
  EXPECT_TRUE(files::Exists(In("certmgr_state.old")));
  ASSERT_EQ(unlink((scratch_ / "signet-bundle").c_str()), 0);
  EXPECT_EQ(act(), Prospect::Act::kLeaveAlone);
  EXPECT_TRUE(Foresee(config_, HostNamed("host1"), {}, now_).expired);
  ASSERT_EQ(unlink(In("certmgr_state").c_str()), 0);
  EXPECT_EQ(act(), Prospect::Act::kNothing);
}

TEST_F(PreStartTest, MovesACertificateAsideThatDoesNotChainToTheVerifiedBundle) {
  PlaceState(Unchained());
  ExpectAside("does not chain to the trust bundle");
}

TEST_F(PreStartTest, MovesAKeyOfAnotherCertificateAsideWhateverClockAndBundleSay) {
  const auto other = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  PlaceState(PackCertmgrState(0x2d00, now_ + absl::Hours(9), Issued(authority_, now_ + absl::Hours(24)),
                              std::string(other.ToPem()->ExposeSecret())));
  ASSERT_EQ(unlink(config_.ca_cert_file.c_str()), 0);
  ExpectAside("on which slurmd crashes");
}

TEST_F(PreStartTest, MovesTheOldStateWithItAndKeepsModesAndTheNewest) {
  PlaceState("an older one", kAside);
  const std::string expired = Expired();
  PlaceState(expired);
  PlaceState("the previous key", "certmgr_state.old");
  ASSERT_EQ(chmod(In("certmgr_state").c_str(), 0640), 0);
  const std::string lines = Run();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_EQ(ReadFile(In(kAside)), expired);
  EXPECT_EQ(ReadFile(In("certmgr_state.old.signet-aside")), "the previous key");
  EXPECT_FALSE(files::Exists(In("certmgr_state.old")));
  struct stat info = {};
  ASSERT_EQ(stat(In(kAside).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST_F(PreStartTest, KeepsTheOldStateBesideAGoodOne) {
  PlaceState("the previous key", "certmgr_state.old");
  Run();
  EXPECT_TRUE(files::Exists(In("certmgr_state.old")));
}

TEST_F(PreStartTest, HasNothingToDoWithoutAStateOrADirectory) {
  ASSERT_EQ(unlink(In("certmgr_state").c_str()), 0);
  EXPECT_THAT(Run(), HasSubstr("nothing to do"));
  config_.slurmd_spool_dir = scratch_ / "elsewhere";
  EXPECT_THAT(Run(), HasSubstr("nothing to do"));
}

TEST_F(PreStartTest, DoesNothingWithoutAPin) {
  config_.bundle_pin = "";
  config_.token_files = {};
  PlaceState(Expired());
  ExpectUntouched("no bundle_pin");
}

TEST_F(PreStartTest, DoesNothingWithoutABundle) {
  PlaceState(Unchained());
  ASSERT_EQ(unlink((scratch_ / "signet-bundle").c_str()), 0);
  ExpectUntouched("no verified trust bundle");
}

TEST_F(PreStartTest, DoesNothingWithABundleOfAnotherKeyOrOneThatWasChanged) {
  PlaceState(Unchained());
  config_.bundle_pin = x509::Sha256("another key");
  ExpectUntouched("no verified trust bundle");
  config_.bundle_pin = bundle_key_.public_key().spki_sha256();
  std::string object = ReadFile(scratch_ / "signet-bundle");
  object[object.size() / 2] ^= 1;
  WriteFile(scratch_ / "signet-bundle", object);
  ExpectUntouched("no verified trust bundle");
}

TEST_F(PreStartTest, DoesNothingWhenCaCertFileIsAbsentOrNotTheBundles) {
  PlaceState(Unchained());
  WriteFile(config_.ca_cert_file, *bundle::RenderCaFile({TestAuthority().root}));
  ExpectUntouched("is not what the signed bundle beside it holds");
  ASSERT_EQ(unlink(config_.ca_cert_file.c_str()), 0);
  ExpectUntouched("no verified trust bundle");
}

TEST_F(PreStartTest, DoesNothingWithAClockBeforeTheStatesOwnTime) {
  PlaceState(PackCertmgrState(0x2d00, now_ + absl::Hours(1), Issued(authority_, now_ - absl::Hours(1)),
                              std::string(key_.ToPem()->ExposeSecret())));
  ExpectUntouched("this host's clock says");
}

TEST_F(PreStartTest, DoesNothingWithAClockBeforeTheFilesTime) {
  PlaceState(Unchained());
  now_ = absl::Now() - absl::Hours(1);
  ExpectUntouched("it was written at");
}

TEST_F(PreStartTest, DoesNothingWithAClockBeforeTheBundles) {
  PlaceState(Expired());
  PlaceBundle({authority_.root}, now_ + absl::Minutes(1));
  ExpectUntouched("the trust bundle was made at");
}

TEST_F(PreStartTest, DoesNothingWithACertificateFromTheFuture) {
  PlaceState(Packed(authority_.Issue(key_.public_key(), "n1", now_ + absl::Hours(1), now_ + absl::Hours(24))));
  ExpectUntouched("its certificate begins at");
}

TEST_F(PreStartTest, DoesNothingWithAStateThatItCannotRead) {
  const std::string good = Expired();
  std::string version = good;
  version[0] = '\x2e';
  PlaceState(version);
  ExpectUntouched("version");
  PlaceState(good + "x");
  ExpectUntouched("follow its end");
  PlaceState(good.substr(0, good.size() - 1));
  ExpectUntouched("ends within");
  PlaceState("");
  ExpectUntouched("ends within");
  PlaceState(std::string(1 << 19, 'x'));
  ExpectUntouched("larger than");
  PlaceState(Packed("no certificate"));
  ExpectUntouched("its certificate");
  PlaceState(PackCertmgrState(0x2d00, now_, Issued(authority_, now_ - absl::Hours(1)), "no key"));
  ExpectUntouched("its key");
}

TEST_F(PreStartTest, DoesNothingWithASymbolicLink) {
  PlaceState(Expired(), "real");
  ASSERT_EQ(unlink(In("certmgr_state").c_str()), 0);
  ASSERT_EQ(symlink("real", In("certmgr_state").c_str()), 0);
  ExpectUntouched("symbolic link");
}

TEST_F(PreStartTest, DoesNothingWithWhatIsNoRegularFile) {
  ASSERT_EQ(unlink(In("certmgr_state").c_str()), 0);
  ASSERT_EQ(mkfifo(In("certmgr_state").c_str(), 0600), 0);
  EXPECT_THAT(Run(), HasSubstr("is not a regular file"));
  ASSERT_EQ(unlink(In("certmgr_state").c_str()), 0);
  ASSERT_EQ(mkdir(In("certmgr_state").c_str(), 0700), 0);
  EXPECT_THAT(Run(), HasSubstr("is not a regular file"));
  EXPECT_FALSE(files::Exists(In(kAside)));
}

TEST_F(PreStartTest, DoesNothingWithAFileOrDirectoryOfSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  PlaceState(Expired());
  ASSERT_EQ(chown(In("certmgr_state").c_str(), 65534, 65534), 0);
  ExpectUntouched("belongs to uid 65534");
  ASSERT_EQ(chown(In("certmgr_state").c_str(), 0, 0), 0);
  ASSERT_EQ(chown(config_.slurmd_spool_dir.c_str(), 65534, 65534), 0);
  ExpectUntouched("belongs to uid 65534");
}

TEST_F(PreStartTest, DoesNothingInADirectoryThatIsALinkOrThatOthersMayWriteTo) {
  PlaceState(Expired());
  ASSERT_EQ(chmod(config_.slurmd_spool_dir.c_str(), 0777), 0);
  ExpectUntouched("others may write to");
  ASSERT_EQ(chmod(config_.slurmd_spool_dir.c_str(), 0755), 0);
  ASSERT_EQ(symlink("spool", (scratch_ / "link").c_str()), 0);
  config_.slurmd_spool_dir = scratch_ / "link";
  ExpectUntouched("is a link or no directory");
}

TEST_F(PreStartTest, SaysWhyItCouldNotMoveTheFile) {
  PlaceState(Expired());
  ASSERT_EQ(mkdir(In(kAside).c_str(), 0755), 0);
  EXPECT_THAT(Run(), HasSubstr(": left alone: "));
  EXPECT_TRUE(files::Exists(In("certmgr_state")));
}

TEST_F(PreStartTest, TakesThePinFromTheTokenFileOfTheNodeThatItIsTold) {
  config_.bundle_pin = "";
  config_.cluster = "";
  PlaceState(Expired());
  EXPECT_THAT(PreStart(config_, HostNamed("host1"), {"n7", ""}, now_), HasSubstr("no bundle_pin"));
  // The token in place pins another key: nothing verifies, and the message says so.
  EXPECT_THAT(PreStart(config_, HostNamed("host1"), {"n1", ""}, now_), HasSubstr("no verified trust bundle"));
}

TEST_F(PreStartTest, ServesSeveralSlurmdsOnOneHost) {
  config_.slurmd_spool_dir = scratch_ / "slurmd.%n.%h";
  for (const char* node : {"n1", "n2"}) {
    ASSERT_EQ(mkdir((scratch_ / (std::string("slurmd.") + node + ".host1")).c_str(), 0755), 0);
  }
  WriteFile(scratch_ / "slurmd.n1.host1/certmgr_state", Expired(), 0600);
  WriteFile(scratch_ / "slurmd.n2.host1/certmgr_state", Good(), 0600);
  EXPECT_THAT(PreStart(config_, HostNamed("host1"), {"n1", ""}, now_), HasSubstr("moved to"));
  EXPECT_THAT(PreStart(config_, HostNamed("host1"), {"n2", ""}, now_), HasSubstr("kept"));
  WriteFile(scratch_ / "spool/certmgr_state", Expired(), 0600);
  EXPECT_THAT(PreStart(config_, HostNamed("host1"), {"", scratch_ / "spool"}, now_), HasSubstr("moved to"));
}

TEST_F(PreStartTest, JudgesARealStateByItsRealRoot) {
  const std::string golden = std::string(SIGNET_SOURCE_DIR) + "/tests/golden/certmgr_state.26.05";
  const auto root = x509::Certificate::FromPem(ReadFile(golden + ".root.pem"));
  ASSERT_TRUE(root.ok()) << root.status();
  const absl::Time written = absl::FromUnixSeconds(1795297853);
  const auto place = [&] {
    PlaceState(ReadFile(golden));
    const timespec times[2] = {absl::ToTimespec(written), absl::ToTimespec(written)};
    ASSERT_EQ(utimensat(AT_FDCWD, In("certmgr_state").c_str(), times, 0), 0);
  };
  place();
  now_ = written + absl::Hours(1);
  PlaceBundle({*root}, written - absl::Minutes(1));
  EXPECT_THAT(Run(), HasSubstr("kept: its certificate is good until 2026-11-23T21:50:53Z"));
  now_ = written + absl::Hours(72);
  ExpectAside("its certificate expired at 2026-11-23T21:50:53Z");
  place();
  now_ = written + absl::Hours(24);
  PlaceBundle({authority_.root}, written);
  ExpectAside("does not chain");
}

TEST(ParsePreStart, TakesANodeAndADirectoryAndNothingElse) {
  const auto options = ParsePreStart({"--spool-dir", "/s", "--node", "n1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->node, "n1");
  EXPECT_EQ(options->spool_dir, "/s");
  EXPECT_TRUE(ParsePreStart({}).ok());
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--node"}, {"n1", "n2"}, {"--node", "../n1"}, {"--node", ""}, {"--spool-dir", "relative"}}) {
    EXPECT_EQ(base::ReasonOf(ParsePreStart(wrong).status()), base::kMalformed);
  }
}

}  // namespace
}  // namespace signet::slurm
