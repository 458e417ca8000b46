#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "services/base/reason.h"
#include "services/policy/profile.h"
#include "services/x509/name.h"
#include "tests/golden/refused_roots.h"
#include "tests/testing/changed_certificate.h"
#include "tests/testing/must.h"
#include "tests/testing/offline_root.h"
#include "tests/testing/test_root.h"

namespace signet::policy {
namespace {

using ::signet::testing::AddExtension;
using ::signet::testing::Changed;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::NameIssuerAndSerial;
using ::signet::testing::RemoveExtension;
using ::signet::testing::ReplaceExtension;
using ::signet::testing::SetSerial;
using ::signet::testing::SignTemplate;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1763740800);
constexpr absl::Duration kDay = absl::Hours(24);

class CrossTest : public ::testing::Test {
 protected:
  static TestRoot Root(absl::string_view subject, absl::Time now = kNow, absl::Duration lifetime = kDay * 3650,
                       x509::KeyType type = x509::KeyType::kEcP256) {
    return MakeTestRoot(now, lifetime, type, subject);
  }
  static absl::StatusOr<x509::CertificateTemplate> Make(const x509::Certificate& issuer,
                                                        const x509::Certificate& subject,
                                                        absl::Duration lifetime = kDay * 28, absl::Time now = kNow) {
    return CrossTemplate(issuer, subject, lifetime, base::SystemRandom().Bytes(20), now);
  }
  x509::CertificateTemplate Good() { return Must(Make(old_.certificate, new_.certificate)); }
  std::string Fault(const x509::Certificate& cross) {
    const absl::Status status = LintCross(cross, old_.certificate, new_.certificate);
    EXPECT_EQ(base::ReasonOf(status), base::kInternal);
    return std::string(status.message());
  }
  std::string Fault(const x509::CertificateTemplate& cross) { return Fault(SignTemplate(cross, old_.key)); }
  std::string FaultAfter(const std::function<void(X509*)>& change, const EVP_MD* digest = EVP_sha256()) {
    const auto changed = Changed(SignTemplate(Good(), old_.key), change, old_.key, digest);
    return changed.ok() ? Fault(*changed) : "does not parse";
  }

  TestRoot old_ = Root("CN=Old CA,O=Example");
  TestRoot new_ = Root("CN=New CA,O=Example");
};

TEST_F(CrossTest, SaysOfTheNextAuthorityWhatItsRootSays) {
  const x509::CertificateTemplate cross = Good();
  EXPECT_EQ(cross.subject_der, new_.certificate.subject_der());
  EXPECT_EQ(cross.spki_der, new_.certificate.public_key().spki_der());
  EXPECT_EQ(cross.subject_key_id, new_.certificate.subject_key_id());
  EXPECT_EQ(cross.issuer_der, old_.certificate.subject_der());
  EXPECT_EQ(cross.authority_key_id, old_.certificate.subject_key_id());
  EXPECT_TRUE(cross.is_ca && cross.certificate_signing);
  EXPECT_FALSE(cross.server_auth || cross.client_auth || cross.digital_signature);
  EXPECT_TRUE(LintCross(SignTemplate(cross, old_.key), old_.certificate, new_.certificate).ok());
}

TEST_F(CrossTest, IsBackdatedADayAndLivesAsLongAsAsked) {
  EXPECT_EQ(Good().not_before, kNow - kAuthorityBackdate);
  EXPECT_EQ(Good().not_after, kNow + kDay * 28);
  const auto later = Must(Make(old_.certificate, new_.certificate, kDay * 2, kNow + kDay * 5 + absl::Milliseconds(7)));
  EXPECT_EQ(later.not_before, kNow + kDay * 4);
  EXPECT_EQ(later.not_after, kNow + kDay * 7);
}

TEST_F(CrossTest, BeginsWithAnAuthorityThatBeganToday) {
  const TestRoot fresh = Root("CN=Fresh CA", kNow + kDay - absl::Hours(1));
  const auto cross = Must(Make(old_.certificate, fresh.certificate));
  EXPECT_EQ(cross.not_before, kNow - absl::Hours(1));
  EXPECT_TRUE(LintCross(SignTemplate(cross, old_.key), old_.certificate, fresh.certificate).ok());
}

TEST_F(CrossTest, OutlivesNeitherAuthority) {
  const TestRoot ending = Root("CN=Ending CA", kNow, kDay * 20);
  for (const auto& cross : {Make(ending.certificate, new_.certificate), Make(old_.certificate, ending.certificate)}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(cross.status()));
    EXPECT_THAT(std::string(cross.status().message()), HasSubstr("CN=Ending CA is valid from"));
  }
  EXPECT_TRUE(Make(ending.certificate, new_.certificate, kDay * 20).ok());
  const TestRoot coming = Root("CN=Coming CA", kNow + kDay * 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(Make(old_.certificate, coming.certificate).status()));
}

TEST_F(CrossTest, IsNotMadeBetweenTwoOfOneNameOrOneKeyNorForNoTime) {
  const TestRoot namesake = Root("CN=Old CA,O=Example");
  EXPECT_TRUE(absl::IsFailedPrecondition(Make(old_.certificate, namesake.certificate).status()));
  const auto again = SignTemplate(
      Must(RootTemplate("CN=Again", kDay * 3650, old_.key.public_key(), base::SystemRandom().Bytes(20), kNow)),
      old_.key);
  EXPECT_TRUE(absl::IsFailedPrecondition(Make(old_.certificate, again).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Make(old_.certificate, new_.certificate, absl::ZeroDuration()).status()));
  EXPECT_FALSE(CrossTemplate(old_.certificate, new_.certificate, kDay, "short", kNow).ok());
}

TEST_F(CrossTest, KeepsTheKeyIdentifierThatAForeignRootChose) {
  const auto foreign = Must(Changed(
      new_.certificate, [](X509* c) { ReplaceExtension(c, NID_subject_key_identifier, "0102030405060708"); },
      new_.key));
  const auto cross = Must(Make(old_.certificate, foreign));
  EXPECT_EQ(cross.subject_key_id, "\1\2\3\4\5\6\7\10");
  EXPECT_TRUE(LintCross(SignTemplate(cross, old_.key), old_.certificate, foreign).ok());
  const auto bare = Must(Changed(
      new_.certificate, [](X509* c) { RemoveExtension(c, NID_subject_key_identifier); }, new_.key));
  const auto made = Must(Make(old_.certificate, bare));
  EXPECT_EQ(made.subject_key_id, x509::KeyIdentifier(new_.key.public_key()));
  EXPECT_TRUE(LintCross(SignTemplate(made, old_.key), old_.certificate, bare).ok());
}

TEST_F(CrossTest, MayGoFromOneCurveToTheOther) {
  const TestRoot p384 = Root("CN=P-384 CA", kNow, kDay * 3650, x509::KeyType::kEcP384);
  const auto up = SignTemplate(Must(Make(old_.certificate, p384.certificate)), old_.key);
  EXPECT_TRUE(LintCross(up, old_.certificate, p384.certificate).ok());
  const auto down = SignTemplate(Must(Make(p384.certificate, new_.certificate)), p384.key);
  EXPECT_TRUE(LintCross(down, p384.certificate, new_.certificate).ok());
}

TEST_F(CrossTest, LintNamesTheRuleThatACrossCertificateBreaks) {
  const struct {
    std::function<void(X509*)> change;
    const char* fault;
    const EVP_MD* digest = EVP_sha256();
  } cases[] = {
      {[](X509* c) { SetSerial(c, "7fffffffffffffff"); }, "63 bits"},
      {[](X509*) {}, "signature algorithm", EVP_sha384()},
      {[](X509* c) { AddExtension(c, NID_ext_key_usage, "serverAuth"); }, "no profile has"},
      {[](X509* c) { AddExtension(c, NID_ext_key_usage, "serverAuth,clientAuth"); }, "no profile has"},
      {[](X509* c) { AddExtension(c, NID_crl_distribution_points, "URI:http://x/"); }, "no profile has"},
      {[](X509* c) { RemoveExtension(c, NID_key_usage); }, "keyUsage"},
      {[](X509* c) { ReplaceExtension(c, NID_key_usage, "keyCertSign,cRLSign"); }, "keyUsage"},
      {[](X509* c) { ReplaceExtension(c, NID_key_usage, "critical,keyCertSign"); }, "keyCertSign and cRLSign"},
      {[](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:FALSE"); }, "must be a CA"},
      {[](X509* c) { ReplaceExtension(c, NID_basic_constraints, "CA:TRUE"); }, "basicConstraints"},
      {[](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); }, "pathlen"},
      {[](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:9"); }, "pathlen"},
      {[](X509* c) { ReplaceExtension(c, NID_subject_key_identifier, "00010203"); }, "subjectKeyIdentifier is not"},
      {[](X509* c) { RemoveExtension(c, NID_authority_key_identifier); }, "authorityKeyIdentifier"},
      {[this](X509* c) { NameIssuerAndSerial(c, old_.certificate); }, "names issuer and serial"},
      {[](X509* c) { ASN1_TIME_set(X509_getm_notAfter(c), absl::ToTimeT(kNow - kDay * 2)); }, "ends before"},
      {[](X509* c) { ASN1_TIME_set(X509_getm_notAfter(c), absl::ToTimeT(kNow + kDay * 3651)); }, "within the issuer's"},
      {[](X509* c) { ASN1_TIME_set(X509_getm_notBefore(c), absl::ToTimeT(kNow - kDay * 2)); }, "within the issuer's"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(FaultAfter(one.change, one.digest), HasSubstr(one.fault));
  }
}

TEST_F(CrossTest, LintRequiresNamesKeysAndSignatureOfTheTwoAuthorities) {
  x509::CertificateTemplate cross = Good();
  cross.issuer_der = x509::CommonNameDer("Another CA");
  EXPECT_THAT(Fault(cross), HasSubstr("issuer's name"));
  cross = Good();
  cross.subject_der = x509::CommonNameDer("Another CA");
  EXPECT_THAT(Fault(cross), HasSubstr("subject's name"));
  const TestRoot other = Root("CN=Other CA");
  cross = Good();
  cross.spki_der = other.key.public_key().spki_der();
  EXPECT_THAT(Fault(cross), HasSubstr("key is not the other authority's"));
  cross = Good();
  cross.authority_key_id = std::string(20, 'x');
  EXPECT_THAT(Fault(cross), HasSubstr("authorityKeyIdentifier is not"));
  EXPECT_THAT(Fault(SignTemplate(Good(), other.key)), HasSubstr("did not sign"));
  EXPECT_THAT(Fault(new_.certificate), HasSubstr("issuer's name"));
}

TEST_F(CrossTest, LintRequiresAnEndBeforeTheNextAuthoritys) {
  const TestRoot ending = Root("CN=New CA,O=Example", kNow, kDay * 20);
  x509::CertificateTemplate cross = Must(Make(old_.certificate, ending.certificate, kDay * 20));
  cross.not_after += absl::Seconds(1);
  EXPECT_THAT(std::string(LintCross(SignTemplate(cross, old_.key), old_.certificate, ending.certificate).message()),
              HasSubstr("within the other authority's"));
}

TEST_F(CrossTest, WhatNamesIssuerAndSerialDoesNotFollowACross) {
  const auto below = SignTemplate(Good(), old_.key);
  EXPECT_TRUE(CheckFollowsCross(below).ok());
  const auto bound = Must(Changed(
      below, [this](X509* c) { NameIssuerAndSerial(c, old_.certificate); }, old_.key));
  const absl::Status refused = CheckFollowsCross(bound);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("issuer and serial"));
}

TEST_F(CrossTest, WhatOpensslCannotReadIsNobodysCertificate) {
  const auto unread = Must(x509::Certificate::FromPem(signet::testing::RefusedRoots()[1]));
  EXPECT_THAT(Fault(unread), HasSubstr("OpenSSL does not read it"));
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckFollowsCross(unread)));
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckNamesIssuer(unread, old_.certificate)));
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckNamesIssuer(old_.certificate, unread)));
  EXPECT_TRUE(CheckNamesIssuer(SignTemplate(Good(), old_.key), old_.certificate).ok());
}

TEST(ProbeProfileTest, LivesTenMinutesWhichNoOtherProfileMay) {
  EXPECT_EQ(ProbeProfile().lifetime, absl::Minutes(10));
  EXPECT_TRUE(CheckProfile(ProbeProfile()).ok());
  EXPECT_FALSE(CheckProfile(NodeProfile(absl::Minutes(10))).ok());
  EXPECT_FALSE(CheckProfile(ServiceProfile(absl::Minutes(10))).ok());
  Profile longer = ProbeProfile();
  longer.lifetime = absl::Hours(1);
  EXPECT_FALSE(CheckProfile(longer).ok());
  longer.lifetime = absl::Minutes(9);
  EXPECT_FALSE(CheckProfile(longer).ok());
}

TEST_F(CrossTest, AnImportedAuthorityVouchesWithTheKeyThatItHas) {
  for (const x509::KeyType type : {x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    const TestRoot lab = testing::MakeRunningCa(Must(keys::PrivateKey::Generate(type)), "CN=Lab", kNow);
    const x509::CertificateTemplate cross = Must(Make(lab.certificate, new_.certificate));
    EXPECT_EQ(LintCross(SignTemplate(cross, lab.key), lab.certificate, new_.certificate), absl::OkStatus());
  }
  const TestRoot lab = testing::MakeRunningCa(Must(keys::PrivateKey::Generate(x509::KeyType::kRsa)), "CN=Lab", kNow);
  const x509::Certificate good = SignTemplate(Must(Make(lab.certificate, new_.certificate)), lab.key);
  const auto other_hash = Must(Changed(
      good, [](X509*) {}, lab.key, EVP_sha384()));
  EXPECT_THAT(std::string(LintCross(other_hash, lab.certificate, new_.certificate).message()),
              HasSubstr("signature algorithm"));
}

}  // namespace
}  // namespace signet::policy
