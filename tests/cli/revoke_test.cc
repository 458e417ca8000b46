// cert revoke, crl show, crl write.
#include <gmock/gmock.h>

#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class RevokeCommands : public CliTest {
 protected:
  Result Revoke(std::vector<std::string> more) {
    std::vector<std::string> args = {"cert", "revoke", "--reason", "key-compromise", "--comment", "disk stolen"};
    args.insert(args.end(), more.begin(), more.end());
    return Run(args);
  }
};

TEST_F(RevokeCommands, SerialsNodesOrAnAuthorityAreJudgedBeforeTheyAreRevoked) {
  const Result serials = Revoke({"4F:1C", "aa01", "--yes"});
  ASSERT_EQ(serials.code, 0) << serials.err;
  EXPECT_THAT(serials.out, StartsWith("2 certificates revoked, 0 identity keys ended"));
  EXPECT_THAT(serials.out, HasSubstr("Slurm reads no revocation list"));
  ASSERT_THAT(signetd_.revoked, SizeIs(2));
  EXPECT_TRUE(signetd_.revoked[0].dry_run());
  EXPECT_FALSE(signetd_.revoked[1].dry_run());
  EXPECT_THAT(signetd_.revoked[1].serials(), ElementsAre("4f1c", "aa01"));
  EXPECT_EQ(signetd_.revoked[1].reason(), v1::REVOCATION_REASON_KEY_COMPROMISE);
  EXPECT_EQ(signetd_.revoked[1].comment(), "disk stolen");
  EXPECT_THAT(Revoke({"--node", "n[1-3]", "--yes"}).out, StartsWith("3 certificates revoked, 3 identity keys ended"));
  EXPECT_THAT(signetd_.revoked.back().nodes(), ElementsAre("n1", "n2", "n3"));
  EXPECT_EQ(Revoke({"--authority", "ABCDEF01", "--yes"}).code, 0);
  EXPECT_EQ(signetd_.revoked.back().authority_id(), "abcdef01");
}

TEST_F(RevokeCommands, ItNamesOneSortOfThingAndGivesItsReasons) {
  EXPECT_EQ(Revoke({"--yes"}).code, 2);
  EXPECT_EQ(Revoke({"4f1c", "--node", "n1", "--yes"}).code, 2);
  EXPECT_EQ(Revoke({"--authority", "abcdef01", "--node", "n1", "--yes"}).code, 2);
  EXPECT_EQ(Revoke({"xyz", "--yes"}).code, 2);
  EXPECT_EQ(Revoke({"", "--yes"}).code, 2);
  EXPECT_EQ(Revoke({"--node", "n[", "--yes"}).code, 2);
  EXPECT_EQ(Run({"cert", "revoke", "4f1c", "--comment", "c", "--yes"}).code, 2);
  EXPECT_EQ(Run({"cert", "revoke", "4f1c", "--reason", "boredom", "--comment", "c", "--yes"}).code, 2);
  EXPECT_EQ(Run({"cert", "revoke", "4f1c", "--reason", "superseded", "--yes"}).code, 2);
  EXPECT_EQ(Run({"cert", "revoke", "4f1c", "--reason", "superseded", "--comment", "", "--yes"}).code, 2);
  EXPECT_EQ(Run({"cert", "revoke", "4f1c", "--reason", "superseded", "--comment", std::string(201, 'x'), "--yes"}).code,
            2);
  EXPECT_THAT(signetd_.revoked, IsEmpty());
}

TEST_F(RevokeCommands, NothingIsRevokedUnasked) {
  EXPECT_EQ(Revoke({"4f1c"}).code, 2);
  EXPECT_THAT(signetd_.revoked, IsEmpty());
  const Result tried = Revoke({"--node", "n[1-2]", "--dry-run"});
  EXPECT_EQ(tried.code, 0) << tried.err;
  EXPECT_EQ(tried.out, "dry run: revokes 2 certificates, and ends 2 identity keys\n");
  Type("n");
  const Result no = Revoke({"4f1c"});
  EXPECT_EQ(no.code, 1);
  EXPECT_THAT(no.err, HasSubstr("This revokes 1 certificates, and ends 0 identity keys, for ever. Type yes"));
  for (const v1::RevokeCertificatesRequest& request : signetd_.revoked) EXPECT_TRUE(request.dry_run());
  Type("yes");
  EXPECT_EQ(Revoke({"4f1c"}).code, 0);
  EXPECT_FALSE(signetd_.revoked.back().dry_run());
}

TEST_F(RevokeCommands, ALongListIsJudgedWholeBeforeItsFirstPartIsRevoked) {
  const Result result = Revoke({"--node", "n[0001-2500]", "--yes"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("2500 certificates revoked"));
  ASSERT_THAT(signetd_.revoked, SizeIs(6));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(signetd_.revoked[i].dry_run(), i < 3) << i;
}

TEST_F(RevokeCommands, ARevocationListIsShownAndWrittenWhole) {
  signetd_.crl_pem = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
  const Result shown = Run({"crl", "show"});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, StartsWith("number:        12\ncertificates:  3\nnext update:   "));
  EXPECT_THAT(Run({"crl", "show", "--pem"}).out, HasSubstr("BEGIN X509 CRL"));
  EXPECT_EQ(Run({"crl", "show", "-o", "name"}).out, "12\n");
  EXPECT_THAT(Run({"crl", "write", Path("slurm.crl"), "--dry-run"}).out, HasSubstr("would be written"));
  EXPECT_FALSE(Exists("slurm.crl"));
  Write("slurm.crl", "an older one");
  const Result written = Run({"crl", "write", Path("slurm.crl"), "--authority", "abcdef01"});
  ASSERT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(Read("slurm.crl"), signetd_.crl_pem);
  EXPECT_EQ(Mode("slurm.crl"), 0644u);
  EXPECT_THAT(written.out, HasSubstr("list 12, 3 certificates, written; the next one is due in 7d"));
  EXPECT_EQ(Run({"crl", "write"}).code, 2);
  EXPECT_EQ(Run({"crl", "show", "--authority", "abc"}).code, 2);
}

TEST_F(RevokeCommands, WhatIsNoRevocationListIsNotWritten) {
  Write("slurm.crl", "an older one");
  for (const std::string& answer : {std::string(), std::string("hello\n"), signetd_.root().pem()}) {
    signetd_.crl_pem = answer;
    EXPECT_EQ(Run({"crl", "write", Path("slurm.crl")}).code, 1);
    EXPECT_EQ(Read("slurm.crl"), "an older one");
  }
}

}  // namespace
}  // namespace signet::cli
