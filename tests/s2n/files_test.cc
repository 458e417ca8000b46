// Files that s2n refuses kill Slurm's daemons: whatever it refuses, our checks find before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "services/bundle/ca_file.h"
#include "tests/golden/refused_roots.h"
#include "tests/s2n/verdict.h"

namespace signet::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1763740800);

bool S2nLoads(const std::string& ca_file) { return S2nFiles::Load(ca_file, "", "").ok(); }

class S2nCaFile : public ::testing::Test {
 protected:
  const TestRoot first_ = MakeTestRoot(kNow);
  const TestRoot second_ =
      MakeTestRoot(kNow, absl::Hours(24 * 3650), x509::KeyType::kEcP384, "CN=a----b -----END CERTIFICATE-----");
  const std::string good_ = Must(bundle::RenderCaFile({first_.certificate, second_.certificate}));
};

TEST_F(S2nCaFile, LoadsWhatTheWriterWrites) {
  EXPECT_TRUE(S2nLoads(good_));
  for (std::size_t count = 1; count <= 64; ++count)
    EXPECT_TRUE(S2nLoads(Must(bundle::RenderCaFile(Certificates(count, first_.certificate))))) << count;
}

TEST_F(S2nCaFile, EveryFileThatItRefusesHasAFaultInOurEyesToo) {
  const std::string leaf = ShowLeaf(first_.certificate, first_.key, kNow).chain[0].pem();
  std::vector<std::string> files = {"",
                                    "\n",
                                    "garbage",
                                    good_ + "free text\n",
                                    good_ + "--",
                                    "# a -- b\n" + good_,
                                    good_.substr(0, good_.size() - 30),
                                    good_.substr(0, good_.size() / 3),
                                    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                                    absl::StrReplaceAll(good_, {{"BEGIN CERTIFICATE", "BEGIN TRUSTED CERTIFICATE"}}),
                                    absl::StrReplaceAll(good_, {{"-----END", "----END"}}),
                                    absl::StrReplaceAll(good_, {{"\n", ""}}),
                                    absl::StrReplaceAll(good_, {{"\n", "\r\n"}}),
                                    std::string(1, '\0') + good_,
                                    good_ + PemOf(first_.key),
                                    "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                                    leaf};
  for (const std::string& root : RefusedRoots()) files.push_back(good_ + root);
  for (std::size_t cut = 0; cut < good_.size(); cut += 7) files.push_back(good_.substr(0, cut));
  for (std::size_t at = 0; at < good_.size(); at += 5) {
    std::string changed = good_;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    files.push_back(changed);
  }
  int refused = 0;
  for (const std::string& file : files) {
    if (S2nLoads(file)) continue;
    ++refused;
    EXPECT_THAT(bundle::FaultsOfCaFile(file, kNow), Not(IsEmpty())) << file;
  }
  EXPECT_GT(refused, 20);
}

TEST_F(S2nCaFile, ItDoesRefuseWhatOnlyTheContractCallsDeadly) {
  EXPECT_FALSE(S2nLoads("# a -- b\n" + good_));
  EXPECT_FALSE(S2nLoads(good_ + "free text\n"));
  EXPECT_FALSE(S2nLoads(""));
}

class S2nOwnFiles : public ::testing::Test {
 protected:
  bool Loads(const Certificates& chain, const keys::PrivateKey& key) {
    return S2nFiles::Load(root_.certificate.pem(), PemOf(chain), PemOf(key)).ok();
  }
  const TestRoot root_ = MakeTestRoot(kNow);
  const Shown shown_ = ShowLeaf(root_.certificate, root_.key, kNow);
};

TEST_F(S2nOwnFiles, LoadsALeafAndItsKeyAndRefusesAnothers) {
  EXPECT_TRUE(Loads(shown_.chain, shown_.key));
  EXPECT_FALSE(Loads(shown_.chain, root_.key));
}

TEST_F(S2nOwnFiles, RefusesAnAuthorityBeforeTheLeaf) {
  EXPECT_TRUE(Loads({shown_.chain[0], root_.certificate}, shown_.key));
  EXPECT_FALSE(Loads({root_.certificate, shown_.chain[0]}, shown_.key));
}

}  // namespace
}  // namespace signet::testing
