#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <functional>

#include "services/base/reason.h"
#include "services/policy/profile.h"
#include "services/x509/name.h"
#include "tests/testing/changed_certificate.h"
#include "tests/testing/must.h"
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

class LintLeafTest : public ::testing::Test {
 protected:
  x509::CertificateTemplate Good(const Profile& profile = NodeProfile(), const LeafNames& names = {"n1", {"n1"}, {}}) {
    return Must(
        LeafTemplate(profile, names, key_.public_key(), root_.certificate, base::SystemRandom().Bytes(20), kNow));
  }
  absl::Status Lint(const x509::CertificateTemplate& leaf, const Profile& profile = NodeProfile()) {
    return LintLeaf(profile, SignTemplate(leaf, root_.key), root_.certificate);
  }
  // What LintLeaf says of a good certificate after `change` and a new signature.
  std::string FaultAfter(const std::function<void(X509*)>& change, const EVP_MD* digest = EVP_sha256()) {
    const auto changed = Changed(SignTemplate(Good(), root_.key), change, root_.key, digest);
    if (!changed.ok()) return "does not parse";
    const absl::Status status = LintLeaf(NodeProfile(), *changed, root_.certificate);
    EXPECT_EQ(base::ReasonOf(status), base::kInternal);
    return std::string(status.message());
  }

  TestRoot root_ = MakeTestRoot(kNow);
  keys::PrivateKey key_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
};

TEST_F(LintLeafTest, AcceptsWhatLeafTemplateMakes) {
  EXPECT_TRUE(Lint(Good()).ok()) << Lint(Good());
  const LeafNames service{"slurmctld", {"slurmctld"}, {}};
  EXPECT_TRUE(Lint(Good(ServiceProfile(), service), ServiceProfile()).ok());
  const LeafNames client{"jane", {}, {"signet://alpha/admin/jane"}};
  EXPECT_TRUE(Lint(Good(ControlProfile(), client), ControlProfile()).ok());
  const LeafNames listener{"head1", {"head1", "head1.example"}, {"signet://alpha/server/signetd"}};
  EXPECT_TRUE(Lint(Good(ControlProfile(), listener), ControlProfile()).ok());
  const LeafNames probe{"signet-probe", {"signet-probe"}, {}};
  EXPECT_TRUE(Lint(Good(ProbeProfile(), probe), ProbeProfile()).ok());
}

TEST_F(LintLeafTest, AcceptsTheSignatureOfAThrowawayKey) {
  const keys::PrivateKey throwaway = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  EXPECT_TRUE(LintLeaf(NodeProfile(), SignTemplate(Good(), throwaway), root_.certificate).ok());
}

TEST_F(LintLeafTest, RequiresVersion3) {
  EXPECT_THAT(FaultAfter([](X509* c) { X509_set_version(c, X509_VERSION_1); }),
              ::testing::AnyOf(HasSubstr("version 3"), HasSubstr("does not parse")));
}

TEST_F(LintLeafTest, RequiresAPositiveSerialOf64To159Bits) {
  EXPECT_THAT(FaultAfter([](X509* c) { SetSerial(c, "-400000000000000001"); }),
              ::testing::AnyOf(HasSubstr("negative"), HasSubstr("does not parse")));
  EXPECT_THAT(FaultAfter([](X509* c) { SetSerial(c, "7fffffffffffffff"); }), HasSubstr("63 bits"));
  EXPECT_THAT(FaultAfter([](X509* c) { SetSerial(c, "0"); }),
              ::testing::AnyOf(HasSubstr("0 bits"), HasSubstr("does not parse")));
  EXPECT_THAT(FaultAfter([](X509* c) { SetSerial(c, "8000000000000000000000000000000000000000"); }),
              ::testing::AnyOf(HasSubstr("160 bits"), HasSubstr("does not parse")));
}

TEST_F(LintLeafTest, RequiresTheSignatureAlgorithmOfTheIssuersKey) {
  EXPECT_THAT(FaultAfter([](X509*) {}, EVP_sha384()), HasSubstr("signature algorithm"));
}

TEST_F(LintLeafTest, RequiresTheIssuersName) {
  x509::CertificateTemplate leaf = Good();
  leaf.issuer_der = x509::CommonNameDer("Another CA");
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("issuer's name"));
}

TEST_F(LintLeafTest, RequiresCaFalseToBeThereAndCritical) {
  EXPECT_THAT(FaultAfter([](X509* c) { RemoveExtension(c, NID_basic_constraints); }), HasSubstr("basicConstraints"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_basic_constraints, "CA:FALSE"); }),
              HasSubstr("basicConstraints"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE"); }),
              HasSubstr("not be a CA"));
}

TEST_F(LintLeafTest, RequiresKeyUsageDigitalSignatureAloneAndCritical) {
  EXPECT_THAT(FaultAfter([](X509* c) { RemoveExtension(c, NID_key_usage); }), HasSubstr("keyUsage"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_key_usage, "digitalSignature"); }),
              HasSubstr("keyUsage"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_key_usage, "critical,digitalSignature,keyCertSign"); }),
              HasSubstr("keyUsage"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_key_usage, "critical,keyAgreement"); }),
              HasSubstr("keyUsage"));
}

TEST_F(LintLeafTest, RequiresServerAndClientAuthAndNothingElse) {
  EXPECT_THAT(FaultAfter([](X509* c) { RemoveExtension(c, NID_ext_key_usage); }), HasSubstr("extendedKeyUsage"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_ext_key_usage, "serverAuth"); }),
              HasSubstr("extendedKeyUsage"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_ext_key_usage, "serverAuth,clientAuth,codeSigning"); }),
              HasSubstr("extendedKeyUsage"));
}

TEST_F(LintLeafTest, AProbesCertificateIsAClientsAloneAndNoOtherIs) {
  x509::CertificateTemplate probe = Good(ProbeProfile(), {"signet-probe", {"signet-probe"}, {}});
  EXPECT_TRUE(probe.client_auth);
  EXPECT_FALSE(probe.server_auth);
  const auto parsed = SignTemplate(probe, root_.key).ParseWithOpenssl();
  EXPECT_EQ(X509_check_purpose(parsed.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(parsed.get(), X509_PURPOSE_SSL_SERVER, 0), 0);
  probe.server_auth = true;
  EXPECT_THAT(std::string(Lint(probe, ProbeProfile()).message()), HasSubstr("clientAuth alone"));
  x509::CertificateTemplate node = Good();
  node.server_auth = false;
  EXPECT_THAT(std::string(Lint(node).message()), HasSubstr("serverAuth and clientAuth"));
}

TEST_F(LintLeafTest, RefusesAnyOtherExtensionAndDoubledOnes) {
  EXPECT_THAT(FaultAfter([](X509* c) { AddExtension(c, NID_crl_distribution_points, "URI:http://x/"); }),
              HasSubstr("no profile has"));
  EXPECT_THAT(FaultAfter([](X509* c) { AddExtension(c, NID_subject_alt_name, "DNS:n2"); }),
              ::testing::AnyOf(HasSubstr("subjectAltName"), HasSubstr("does not parse")));
}

TEST_F(LintLeafTest, RequiresTheNamesOfItsProfileExactly) {
  for (const LeafNames& names : std::vector<LeafNames>{
           {"n1", {"n2"}, {}}, {"n1", {"n1", "n2"}, {}}, {"n1", {"n1"}, {"signet://alpha/admin/n1"}}}) {
    EXPECT_EQ(base::ReasonOf(Lint(Good(NodeProfile(), names))), base::kInternal);
  }
  for (const LeafNames& names :
       std::vector<LeafNames>{{"jane", {}, {"https://alpha/admin/jane"}},
                              {"jane", {}, {"signet://alpha/admin/jane", "signet://alpha/admin/joe"}},
                              {"jane", {"jane"}, {}},
                              {"head1", {"head2", "head1"}, {"signet://alpha/server/signetd"}}}) {
    EXPECT_EQ(base::ReasonOf(Lint(Good(ControlProfile(), names), ControlProfile())), base::kInternal);
  }
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_subject_alt_name, "DNS:n1,IP:10.0.0.1"); }),
              HasSubstr("neither a dNSName nor a URI"));
  EXPECT_THAT(FaultAfter([](X509* c) { ReplaceExtension(c, NID_subject_alt_name, "DNS:n1,email:a@b"); }),
              HasSubstr("neither a dNSName nor a URI"));
  EXPECT_THAT(FaultAfter([](X509* c) { RemoveExtension(c, NID_subject_alt_name); }), HasSubstr("subjectAltName"));
}

TEST_F(LintLeafTest, RequiresOneCommonNameAndNothingElseInTheSubject) {
  const auto add = [](X509* c, const char* field, const char* value) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
  };
  EXPECT_THAT(FaultAfter([&](X509* c) { add(c, "CN", "n2"); }), HasSubstr("one common name"));
  EXPECT_THAT(FaultAfter([&](X509* c) { add(c, "O", "Example"); }), HasSubstr("one common name"));
}

TEST_F(LintLeafTest, RequiresTheRightKeyIdentifiers) {
  x509::CertificateTemplate leaf = Good();
  leaf.subject_key_id = std::string(20, 'x');
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("subjectKeyIdentifier is not"));
  leaf = Good();
  leaf.authority_key_id = std::string(20, 'x');
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("authorityKeyIdentifier is not"));
  EXPECT_THAT(FaultAfter([this](X509* c) { NameIssuerAndSerial(c, root_.certificate); }),
              HasSubstr("names issuer and serial"));
}

TEST_F(LintLeafTest, RequiresValidityWithinTheIssuersAndTheProfiles) {
  x509::CertificateTemplate leaf = Good();
  leaf.not_after += absl::Seconds(1);
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("longer than its profile"));
  leaf = Good();
  leaf.not_before = root_.certificate.not_before() - absl::Seconds(1);
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("within the issuer's"));
  leaf = Good();
  leaf.not_after = root_.certificate.not_after() + absl::Seconds(1);
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("within the issuer's"));
}

TEST_F(LintLeafTest, RequiresAKeyTheProfileAllowsThatIsNotTheAuthoritys) {
  const keys::PrivateKey rsa = Must(keys::PrivateKey::Generate(x509::KeyType::kRsa));
  x509::CertificateTemplate leaf = Good();
  leaf.spki_der = rsa.public_key().spki_der();
  leaf.subject_key_id = x509::KeyIdentifier(rsa.public_key());
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("RSA keys are not allowed"));
  leaf.spki_der = root_.key.public_key().spki_der();
  leaf.subject_key_id = x509::KeyIdentifier(root_.key.public_key());
  EXPECT_THAT(std::string(Lint(leaf).message()), HasSubstr("authority's own"));
}

TEST_F(LintLeafTest, RequiresAnEndAfterTheBeginning) {
  EXPECT_THAT(FaultAfter([](X509* c) {
                ASN1_TIME* end = X509_getm_notAfter(c);
                ASN1_TIME_set(end, absl::ToTimeT(kNow - absl::Hours(2)));
              }),
              HasSubstr("ends before"));
}

TEST_F(LintLeafTest, ReadsTheAlgorithmOfAP384Authority) {
  const TestRoot root = MakeTestRoot(kNow, absl::Hours(24 * 365), x509::KeyType::kEcP384);
  const auto leaf = Must(LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key_.public_key(), root.certificate,
                                      base::SystemRandom().Bytes(20), kNow));
  EXPECT_TRUE(LintLeaf(NodeProfile(), SignTemplate(leaf, root.key), root.certificate).ok());
  EXPECT_TRUE(LintRoot(root.certificate).ok());
}

TEST_F(LintLeafTest, RequiresAnIssuerWithAKeyIdentifier) {
  const auto bare = Changed(
      root_.certificate, [](X509* c) { RemoveExtension(c, NID_subject_key_identifier); }, root_.key);
  if (!bare.ok()) return;  // then nothing can issue under it
  EXPECT_THAT(std::string(LintLeaf(NodeProfile(), SignTemplate(Good(), root_.key), *bare).message()),
              HasSubstr("authorityKeyIdentifier"));
}

TEST(LintRootTest, NamesTheRuleThatARootBreaks) {
  const TestRoot root = MakeTestRoot(kNow);
  const struct {
    std::function<void(X509*)> change;
    const char* fault;
    const EVP_MD* digest = EVP_sha256();
  } cases[] = {
      {[](X509* c) { SetSerial(c, "7fffffffffffffff"); }, "63 bits"},
      {[](X509*) {}, "signature algorithm", EVP_sha512()},
      {[](X509* c) { AddExtension(c, NID_crl_distribution_points, "URI:http://x/"); }, "no profile has"},
      {[](X509* c) { AddExtension(c, NID_subject_alt_name, "IP:10.0.0.1"); }, "neither a dNSName nor a URI"},
      {[](X509* c) { RemoveExtension(c, NID_key_usage); }, "keyUsage"},
      {[](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:FALSE"); }, "must be a CA"},
      {[](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); }, "pathlen"},
      {[](X509* c) { ReplaceExtension(c, NID_key_usage, "critical,keyCertSign"); }, "keyCertSign and cRLSign"},
      {[](X509* c) { ReplaceExtension(c, NID_subject_key_identifier, "00:01:02:03"); }, "not the key's"},
      {[](X509* c) { ASN1_TIME_set(X509_getm_notAfter(c), absl::ToTimeT(kNow - absl::Hours(48))); }, "ends before"},
  };
  for (const auto& one : cases) {
    const auto changed = Changed(root.certificate, one.change, root.key, one.digest);
    ASSERT_TRUE(changed.ok()) << one.fault << ": " << changed.status();
    EXPECT_THAT(std::string(LintRoot(*changed).message()), HasSubstr(one.fault));
  }
}

TEST(LintRootTest, RefusesALeafAndARootThatAnotherKeySigned) {
  const TestRoot root = MakeTestRoot(kNow);
  const TestRoot other = MakeTestRoot(kNow);
  EXPECT_TRUE(LintRoot(root.certificate).ok());
  const auto forged = SignTemplate(Must(RootTemplate("CN=Test CA,O=Example", absl::Hours(48), root.key.public_key(),
                                                     base::SystemRandom().Bytes(20), kNow)),
                                   other.key);
  EXPECT_THAT(std::string(LintRoot(forged).message()), HasSubstr("own key"));
  const keys::PrivateKey key = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const auto leaf = SignTemplate(Must(LeafTemplate(NodeProfile(), {"n1", {"n1"}, {}}, key.public_key(),
                                                   root.certificate, base::SystemRandom().Bytes(20), kNow)),
                                 root.key);
  EXPECT_FALSE(LintRoot(leaf).ok());
}

}  // namespace
}  // namespace signet::policy
