// RFC 5280's rules for the certificates of a path, beyond who signed whom; each verdict is held against OpenSSL's.
#include <gmock/gmock.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_fields.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Time Now() { return TestTime() + absl::Hours(1); }

std::string Extension(absl::string_view oid, bool critical, absl::string_view value) {
  return WriteDer(kDerSequence, absl::StrCat(WriteDerOid(oid), critical ? WriteDer(kDerBoolean, "\xff") : "",
                                             WriteDer(kDerOctetString, value)));
}

// The certificate of `form` with other extensions: those of the form that do not begin with one of `without`, then
// `extra`. Signed by `key`.
std::string Changed(const CertificateTemplate& form, const TestKey& key, const std::vector<std::string>& without,
                    const std::string& extra) {
  const SignatureAlgorithm algorithm = SignatureAlgorithm::kEcdsaSha256;
  const std::string tbs = EncodeTbs(form, algorithm).value();
  std::string kept;
  std::string extensions;
  for (DerReader reader(ReadDer(tbs, kDerSequence, "tbs").value()); !reader.done();) {
    const bool last = reader.Is(DerContextConstructed(3));
    const DerElement element = reader.ReadAny("field").value();
    if (!last) {
      kept += std::string(element.whole);
      continue;
    }
    for (DerReader list(ReadDer(element.contents, kDerSequence, "extensions").value()); !list.done();) {
      const DerElement one = list.ReadAny("extension").value();
      bool drop = false;
      for (const std::string& oid : without) drop = drop || absl::StartsWith(one.contents, WriteDerOid(oid));
      if (!drop) extensions += std::string(one.whole);
    }
  }
  extensions += extra;
  const std::string changed = WriteDer(
      kDerSequence, absl::StrCat(kept, WriteDer(DerContextConstructed(3), WriteDer(kDerSequence, extensions))));
  return AssembleCertificate(changed, algorithm, key.Sign(algorithm, changed));
}

Certificate Change(const CertificateTemplate& form, const TestKey& key, const std::vector<std::string>& without,
                   const std::string& extra) {
  return Certificate::FromDer(Changed(form, key, without, extra)).value();
}

bool OpensslAccepts(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                    const std::vector<Certificate>& anchors, absl::Time now) {
  X509_STORE* store = X509_STORE_new();
  for (const Certificate& anchor : anchors) X509_STORE_add_cert(store, anchor.ParseWithOpenssl().get());
  STACK_OF(X509)* untrusted = sk_X509_new_null();
  std::vector<std::shared_ptr<X509>> owned;
  for (const Certificate& one : intermediates) {
    owned.push_back(one.ParseWithOpenssl());
    sk_X509_push(untrusted, owned.back().get());
  }
  const std::shared_ptr<X509> subject = leaf.ParseWithOpenssl();
  bool good = true;
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, subject.get(), untrusted);
    X509_STORE_CTX_set_purpose(context, purpose);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), absl::ToTimeT(now));
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), 2);
    good = good && X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
  }
  sk_X509_free(untrusted);
  X509_STORE_free(store);
  return good;
}

// A root, an authority below it, and a leaf below that.
class ChainRules : public ::testing::Test {
 protected:
  CertificateTemplate Below() const {
    CertificateTemplate below = RootTemplate("Site CA", middle_key_);
    below.issuer_der = root_.subject_der();
    below.authority_key_id = root_.subject_key_id();
    return below;
  }
  // Refused by us with these words, and by OpenSSL as well.
  void ExpectRefused(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                     const std::vector<Certificate>& anchors, const std::string& words, absl::Time now = Now()) {
    const absl::Status status = VerifyChain(leaf, intermediates, anchors, now);
    EXPECT_EQ(base::ReasonOf(status), base::kConfiguration) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_FALSE(OpensslAccepts(leaf, intermediates, anchors, now));
  }
  void ExpectAccepted(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                      const std::vector<Certificate>& anchors) {
    EXPECT_EQ(VerifyChain(leaf, intermediates, anchors, Now()), absl::OkStatus());
    EXPECT_TRUE(OpensslAccepts(leaf, intermediates, anchors, Now()));
  }
  // An authority that allows `length` authorities below it.
  static std::string PathLength(char length) {
    return Extension("2.5.29.19", true,
                     WriteDer(kDerSequence, absl::StrCat(WriteDer(kDerBoolean, "\xff"),
                                                         WriteDer(kDerInteger, absl::string_view(&length, 1)))));
  }

  TestKey root_key_ = TestKey::Ec();
  TestKey middle_key_ = TestKey::Ec();
  TestKey leaf_key_ = TestKey::Ec();
  Certificate root_ = Issue(RootTemplate("Root CA", root_key_), root_key_);
  Certificate middle_ = Issue(Below(), root_key_);
  Certificate leaf_ = Issue(LeafTemplate("n1", leaf_key_, middle_), middle_key_);
};

TEST_F(ChainRules, AcceptAPlainPath) { ExpectAccepted(leaf_, {middle_}, {root_}); }

TEST_F(ChainRules, RefuseAnAuthorityThatExpiredBeforeItsLeaf) {
  CertificateTemplate below = Below();
  below.not_after = TestTime() + absl::Minutes(30);
  ExpectRefused(leaf_, {Issue(below, root_key_)}, {root_}, "CN=Site CA expired on 2026-01-01 00:30:00 UTC");
}

TEST_F(ChainRules, RefuseAnExpiredRoot) {
  ExpectRefused(leaf_, {middle_}, {root_}, "expired", TestTime() + absl::Hours(24 * 366));
  CertificateTemplate old = RootTemplate("Root CA", root_key_);
  old.not_after = TestTime() + absl::Minutes(30);
  ExpectRefused(leaf_, {middle_}, {Issue(old, root_key_)}, "CN=Root CA expired on");
}

TEST_F(ChainRules, CountTheAuthoritiesThatARootAllowsBelowIt) {
  const CertificateTemplate form = RootTemplate("Root CA", root_key_);
  ExpectRefused(leaf_, {middle_}, {Change(form, root_key_, {"2.5.29.19"}, PathLength(0))},
                "CN=Root CA allows 0 authorities below it, and there are 1");
  ExpectAccepted(leaf_, {middle_}, {Change(form, root_key_, {"2.5.29.19"}, PathLength(1))});
}

TEST_F(ChainRules, RefuseACriticalExtensionThatNobodyHereReads) {
  const std::string unknown = Extension("1.2.3.4", true, "\x05\x00");
  ExpectRefused(Change(LeafTemplate("n1", leaf_key_, middle_), middle_key_, {}, unknown), {middle_}, {root_},
                "CN=n1: extension 1.2.3.4 must not be passed over");
  ExpectRefused(leaf_, {Change(Below(), root_key_, {}, unknown)}, {root_}, "CN=Site CA: extension 1.2.3.4");
  ExpectAccepted(Change(LeafTemplate("n1", leaf_key_, middle_), middle_key_, {},
                        Extension("1.2.3.4", false, absl::string_view("\x05\x00", 2))),
                 {middle_}, {root_});
}

TEST_F(ChainRules, RefuseNameConstraintsEvenWhenTheyAreNotCritical) {
  // permittedSubtrees: dNSName example.
  const std::string subtree = WriteDer(kDerSequence, WriteDer(DerContext(2), "example"));
  const std::string constraints = WriteDer(kDerSequence, WriteDer(DerContextConstructed(0), subtree));
  for (const bool critical : {true, false}) {
    ExpectRefused(leaf_, {Change(Below(), root_key_, {}, Extension("2.5.29.30", critical, constraints))}, {root_},
                  "CN=Site CA: extension 2.5.29.30");
  }
}

TEST_F(ChainRules, RefuseAnAuthorityWithoutKeyCertSign) {
  ExpectRefused(leaf_, {Change(Below(), root_key_, {"2.5.29.15"}, "")},
                {Change(RootTemplate("Root CA", root_key_), root_key_, {"2.5.29.15"},
                        Extension("2.5.29.15", true, "\x03\x02\x07\x80"))},
                "CN=Root CA is no authority");
}

TEST_F(ChainRules, AllowEveryUseWhenKeyUsageIsAbsent) {
  ExpectAccepted(Change(LeafTemplate("n1", leaf_key_, middle_), middle_key_, {"2.5.29.15"}, ""),
                 {Change(Below(), root_key_, {"2.5.29.15"}, "")}, {root_});
}

TEST_F(ChainRules, RefuseALeafThatMayNotSign) {
  // keyAgreement alone.
  const Certificate silent = Change(LeafTemplate("n1", leaf_key_, middle_), middle_key_, {"2.5.29.15"},
                                    Extension("2.5.29.15", true, "\x03\x02\x03\x08"));
  EXPECT_THAT(std::string(VerifyChain(silent, {middle_}, {root_}, Now()).message()), HasSubstr("purpose (keyUsage)"));
}

TEST_F(ChainRules, RefuseAnAuthorityWhoseUsesAreNotTls) {
  CertificateTemplate below = Below();
  // emailProtection.
  const std::string mail = Extension("2.5.29.37", false, WriteDer(kDerSequence, WriteDerOid("1.3.6.1.5.5.7.3.4")));
  ExpectRefused(leaf_, {Change(below, root_key_, {}, mail)}, {root_}, "CN=Site CA: its purpose (extendedKeyUsage)");
}

TEST_F(ChainRules, RefuseAnyExtendedKeyUsageInPlaceOfTls) {
  const std::string any = Extension("2.5.29.37", false, WriteDer(kDerSequence, WriteDerOid("2.5.29.37.0")));
  ExpectRefused(Change(LeafTemplate("n1", leaf_key_, middle_), middle_key_, {"2.5.29.37"}, any), {middle_}, {root_},
                "CN=n1: its purpose (extendedKeyUsage)");
  ExpectRefused(leaf_, {Change(Below(), root_key_, {}, any)}, {root_}, "CN=Site CA: its purpose (extendedKeyUsage)");
}

TEST_F(ChainRules, RefuseKeyIdentifiersThatAreCritical) {
  const Certificate subject = Change(Below(), root_key_, {"2.5.29.14"},
                                     Extension("2.5.29.14", true, WriteDer(kDerOctetString, middle_.subject_key_id())));
  ExpectRefused(leaf_, {subject}, {root_}, "CN=Site CA: extension 2.5.29.14");
  const Certificate authority =
      Change(Below(), root_key_, {"2.5.29.35"},
             Extension("2.5.29.35", true, WriteDer(kDerSequence, WriteDer(DerContext(0), root_.subject_key_id()))));
  ExpectRefused(leaf_, {authority}, {root_}, "CN=Site CA: extension 2.5.29.35");
}

TEST_F(ChainRules, RefuseAKeyUsageWhoseUnusedBitsAreSet) {
  const CertificateTemplate form = RootTemplate("Root CA", root_key_);
  const auto with = [&](absl::string_view bits) {
    return Certificate::FromDer(Changed(form, root_key_, {"2.5.29.15"}, Extension("2.5.29.15", true, bits)));
  };
  EXPECT_TRUE(with("\x03\x02\x02\x04").ok());
  EXPECT_FALSE(with("\x03\x02\x03\x04").ok());
  EXPECT_FALSE(with("\x03\x02\x07\x84").ok());
}

TEST_F(ChainRules, RefuseALeafThatNamesAnotherIssuerKey) {
  CertificateTemplate leaf = LeafTemplate("n1", leaf_key_, middle_);
  leaf.authority_key_id = "some other key";
  ExpectRefused(Issue(leaf, middle_key_), {middle_}, {root_}, "no anchor for issuer CN=Site CA");
}

TEST_F(ChainRules, FindTheWayAmongSeveralAuthoritiesOfOneName) {
  const TestKey other_key = TestKey::Ec();
  CertificateTemplate impostor = RootTemplate("Site CA", other_key);
  impostor.issuer_der = root_.subject_der();
  impostor.subject_key_id = middle_.subject_key_id();
  // OpenSSL does not come back from a wrong turn.
  EXPECT_EQ(VerifyChain(leaf_, {Issue(impostor, root_key_), middle_}, {root_}, Now()), absl::OkStatus());
}

TEST_F(ChainRules, GiveUpAmongManyCertificatesThatAllBearOneName) {
  // Each claims to be issued by its own name, so that every order of them is a path.
  std::vector<Certificate> crowd;
  for (int i = 0; i < 40; ++i) {
    CertificateTemplate one = RootTemplate("Site CA", middle_key_);
    one.serial = absl::StrCat("\x01", std::string(1, static_cast<char>('A' + i)));
    crowd.push_back(Issue(one, middle_key_));
  }
  EXPECT_THAT(std::string(VerifyChain(leaf_, crowd, {root_}, Now()).message()),
              HasSubstr("too many certificates bear one name"));
}

TEST_F(ChainRules, RefuseASignatureByAnAlgorithmThatIsNoneOfOurs) {
  // ecdsa-with-SHA1 (1.2.840.10045.4.1), well-formed and consistent.
  std::string der = leaf_.der();
  const std::string sha256 = WriteDerOid("1.2.840.10045.4.3.2");
  const std::string sha1 = WriteDerOid("1.2.840.10045.4.1");
  const auto fields = ReadCertificateFields(der).value();
  EXPECT_THAT(fields.signature_algorithm_der, HasSubstr(sha256));
  std::string tbs(ReadDer(fields.tbs_der, kDerSequence, "tbs").value());
  const std::string algorithm = WriteDer(kDerSequence, sha1);
  tbs.replace(tbs.find(fields.signature_algorithm_der), fields.signature_algorithm_der.size(), algorithm);
  const std::string signed_tbs = WriteDer(kDerSequence, tbs);
  const std::string weak = WriteDer(
      kDerSequence, absl::StrCat(signed_tbs, algorithm,
                                 WriteDerBits(middle_key_.Sign(SignatureAlgorithm::kEcdsaSha256, signed_tbs))));
  ExpectRefused(Certificate::FromDer(weak).value(), {middle_}, {root_}, "signature algorithm 1.2.840.10045.4.1");
}

TEST_F(ChainRules, RefuseAnAlgorithmOutsideThatIsNotTheOneInside) {
  const auto fields = ReadCertificateFields(leaf_.der()).value();
  const std::string other = WriteDer(kDerSequence, WriteDerOid("1.2.840.10045.4.3.3"));
  const std::string two = WriteDer(kDerSequence, absl::StrCat(fields.tbs_der, other, WriteDerBits(fields.signature)));
  EXPECT_THAT(std::string(Certificate::FromDer(two).status().message()), HasSubstr("algorithms that differ"));
}

TEST_F(ChainRules, RefuseExtensionsThatAreBroken) {
  const CertificateTemplate form = RootTemplate("Root CA", root_key_);
  const std::string bool_of_two = WriteDer(kDerSequence, WriteDer(kDerBoolean, "\xff\xff"));
  for (const std::string& broken : {
           Extension("2.5.29.19", true, bool_of_two),
           Extension("2.5.29.19", true, WriteDer(kDerSequence, WriteDer(kDerInteger, "\x01"))),  // pathlen, not a CA
           Extension("2.5.29.19", true, "\x30\x01"),
       }) {
    EXPECT_THAT(std::string(Certificate::FromDer(Changed(form, root_key_, {"2.5.29.19"}, broken)).status().message()),
                HasSubstr("broken or there twice"));
  }
  EXPECT_FALSE(
      Certificate::FromDer(Changed(form, root_key_, {"2.5.29.15"}, Extension("2.5.29.15", true, "\x03\x01"))).ok());
  EXPECT_FALSE(
      Certificate::FromDer(Changed(form, root_key_, {}, Extension("2.5.29.37", false, WriteDer(kDerSequence, ""))))
          .ok());
}

TEST_F(ChainRules, ReadTheSameAsOpenssl) {
  for (const Certificate& one : {root_, middle_, leaf_}) {
    const std::shared_ptr<X509> theirs = one.ParseWithOpenssl();
    ASSERT_NE(theirs, nullptr);
    EXPECT_EQ((X509_get_extension_flags(theirs.get()) & EXFLAG_CA) != 0, one.is_ca());
    EXPECT_EQ((X509_get_key_usage(theirs.get()) & KU_DIGITAL_SIGNATURE) != 0, one.allows_digital_signature());
    EXPECT_EQ((X509_get_key_usage(theirs.get()) & KU_KEY_CERT_SIGN) != 0, one.allows_certificate_signing());
    BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(theirs.get()), nullptr);
    char* serial = BN_bn2hex(number);
    BN_free(number);
    EXPECT_EQ(absl::AsciiStrToLower(serial), one.serial());
    OPENSSL_free(serial);
  }
  EXPECT_THAT(leaf_.extended_key_usages(), ElementsAre("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"));
  EXPECT_THAT(leaf_.dns_names(), ElementsAre("n1"));
}

}  // namespace
}  // namespace signet::x509
