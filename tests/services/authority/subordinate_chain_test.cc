#include "services/authority/subordinate_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "services/base/reason.h"
#include "tests/testing/changed_certificate.h"
#include "tests/testing/offline_root.h"

namespace signet::authority {
namespace {

using ::signet::testing::AddExtension;
using ::signet::testing::Changed;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::NameIssuerAndSerial;
using ::signet::testing::PemOf;
using ::signet::testing::RemoveExtension;
using ::signet::testing::ReplaceExtension;
using ::signet::testing::SignAuthority;
using ::signet::testing::TestRoot;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);
constexpr absl::Duration kDay = absl::Hours(24);
constexpr absl::Duration kNeeded = absl::Hours(24 * 194);

class ChainTest : public ::testing::Test {
 protected:
  static keys::PrivateKey Key() { return Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256)); }
  // A subordinate of `above`, whose key may sign in its turn.
  static TestRoot Below(const TestRoot& above, absl::string_view subject, absl::Duration lifetime = kDay * 1000,
                        const keys::PrivateKey& key = Key()) {
    return {key, SignAuthority(above, key.public_key().spki_der(), subject, kNow, lifetime)};
  }
  TestRoot ChangedBy(const TestRoot& one, const TestRoot& issuer, const std::function<void(X509*)>& change,
                     const EVP_MD* digest = EVP_sha256()) {
    return {one.key, Must(Changed(one.certificate, change, issuer.key, digest))};
  }
  static std::string Fault(const std::vector<x509::Certificate>& chain) {
    const absl::Status status = CheckChain(chain, kNow + kNeeded, kNow);
    return status.ok() ? "none" : std::string(status.message());
  }
  static std::string Unread(const std::string& pem) {
    const absl::Status status = ReadChain(pem).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(base::NextOf(status), HasSubstr("ROOT.pem"));
    return std::string(status.message());
  }

  const TestRoot root = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP384, "CN=Offline root");
  const TestRoot middle = Below(root, "CN=Middle", kDay * 2000);
  const TestRoot own = Below(middle, "CN=Issuing");
};

TEST_F(ChainTest, TakesAChainWithAndWithoutAnIntermediateOne) {
  const std::vector<x509::Certificate> chain = {own.certificate, middle.certificate, root.certificate};
  EXPECT_EQ(Must(ReadChain(PemOf(chain))).size(), 3U);
  EXPECT_EQ(Fault(chain), "none");
  EXPECT_EQ(Fault({Below(root, "CN=Direct").certificate, root.certificate}), "none");
}

TEST_F(ChainTest, ReadsTheRootLastAndNothingElseSelfSigned) {
  EXPECT_THAT(Unread(""), HasSubstr("chain_pem"));
  EXPECT_THAT(Unread(own.certificate.pem()), HasSubstr("one certificate only"));
  EXPECT_THAT(Unread(PemOf({own.certificate, middle.certificate})), HasSubstr("CN=Middle: it is the last one"));
  EXPECT_THAT(Unread(PemOf({own.certificate, root.certificate, middle.certificate})),
              HasSubstr("CN=Offline root: it is self-signed"));
  EXPECT_THAT(Unread(PemOf({root.certificate, own.certificate})), HasSubstr("self-signed"));
}

TEST_F(ChainTest, ReadsNoMoreThanVerifiersTake) {
  std::vector<TestRoot> line = {root};
  for (int i = 0; i < 7; ++i) line.push_back(Below(line.back(), "CN=Level " + std::to_string(i)));
  std::vector<x509::Certificate> chain;
  for (auto one = line.rbegin(); one != line.rend(); ++one) chain.push_back(one->certificate);
  EXPECT_EQ(ReadChain(PemOf(chain)).status().code(), absl::StatusCode::kInvalidArgument);
  chain.erase(chain.begin());
  EXPECT_TRUE(ReadChain(PemOf(chain)).ok());
}

TEST_F(ChainTest, EachIsSignedByTheNext) {
  const TestRoot other = MakeTestRoot(kNow, kDay * 3650, x509::KeyType::kEcP256, "CN=Offline root");
  EXPECT_THAT(Fault({own.certificate, middle.certificate, other.certificate}), HasSubstr("CN=Middle: the next"));
  EXPECT_THAT(Fault({own.certificate, root.certificate}), HasSubstr("did not sign it"));
  const TestRoot old = ChangedBy(
      own, middle, [](X509*) {}, EVP_sha1());
  EXPECT_THAT(Fault({old.certificate, middle.certificate, root.certificate}), HasSubstr("algorithm"));
}

TEST_F(ChainTest, EachIsACaThatS2nTakes) {
  const auto fault_of = [&](const std::function<void(X509*)>& change) {
    return Fault({ChangedBy(own, middle, change).certificate, middle.certificate, root.certificate});
  };
  EXPECT_THAT(fault_of([](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:FALSE"); }),
              HasSubstr("not a CA"));
  EXPECT_THAT(fault_of([](X509* c) { RemoveExtension(c, NID_basic_constraints); }), HasSubstr("not a CA"));
  EXPECT_THAT(fault_of([](X509* c) { ReplaceExtension(c, NID_key_usage, "critical,cRLSign"); }),
              HasSubstr("keyCertSign"));
  EXPECT_THAT(fault_of([](X509* c) { AddExtension(c, NID_ext_key_usage, "serverAuth"); }),
              HasSubstr("TLS in both directions"));
  EXPECT_EQ(fault_of([](X509* c) { AddExtension(c, NID_ext_key_usage, "serverAuth,clientAuth"); }), "none");
  EXPECT_THAT(fault_of([](X509* c) { AddExtension(c, NID_name_constraints, "permitted;DNS:example.org"); }),
              HasSubstr("must not be passed over"));
  EXPECT_THAT(fault_of([](X509* c) { AddExtension(c, NID_policy_constraints, "critical,requireExplicitPolicy:0"); }),
              HasSubstr("must not be passed over"));
}

TEST_F(ChainTest, NoneEndsBeforeWhatItSignedOrBeforeItIsNeeded) {
  const TestRoot longer = Below(middle, "CN=Longer", kDay * 2500);
  EXPECT_THAT(Fault({longer.certificate, middle.certificate, root.certificate}), HasSubstr("which signed it and ends"));
  const TestRoot brief = Below(middle, "CN=Brief", kNeeded - absl::Seconds(1));
  EXPECT_THAT(Fault({brief.certificate, middle.certificate, root.certificate}), HasSubstr("needed until"));
  EXPECT_EQ(Fault({Below(middle, "CN=Enough", kNeeded).certificate, middle.certificate, root.certificate}), "none");
  const auto later = [&](absl::Time now) {
    return std::string(CheckChain({own.certificate, middle.certificate, root.certificate}, now, now).message());
  };
  EXPECT_THAT(later(kNow - kDay * 2), HasSubstr("begins only at"));
  EXPECT_THAT(later(kNow + kDay * 1001), HasSubstr("expired"));
}

TEST_F(ChainTest, PathLengthsAllowWhatIsBelow) {
  const auto with = [&](const char* constraints) {
    return ChangedBy(middle, root, [constraints](X509* c) { ReplaceExtension(c, NID_basic_constraints, constraints); });
  };
  const auto chain = [&](const TestRoot& one) {
    return Fault({SignAuthority({middle.key, one.certificate}, own.key.public_key().spki_der(), "CN=Issuing", kNow),
                  one.certificate, root.certificate});
  };
  EXPECT_THAT(chain(with("critical,CA:TRUE,pathlen:0")), HasSubstr("CN=Middle: it has pathlen 0"));
  EXPECT_EQ(chain(with("critical,CA:TRUE,pathlen:1")), "none");
  const TestRoot tight = {
      root.key,
      Must(Changed(
          root.certificate, [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:1"); },
          root.key, EVP_sha384()))};
  EXPECT_THAT(Fault({own.certificate, middle.certificate, tight.certificate}), HasSubstr("pathlen 1"));
}

TEST_F(ChainTest, KeyIdentifiersLeadUpwardsAndThroughACrossCertificate) {
  const auto fault_of = [&](const std::function<void(X509*)>& change) {
    return Fault({ChangedBy(own, middle, change).certificate, middle.certificate, root.certificate});
  };
  EXPECT_THAT(fault_of([](X509* c) { RemoveExtension(c, NID_subject_key_identifier); }),
              HasSubstr("no subjectKeyIdentifier"));
  EXPECT_THAT(
      fault_of([](X509* c) { ReplaceExtension(c, NID_authority_key_identifier, "DER:30:06:80:04:01:02:03:04"); }),
      HasSubstr("authorityKeyIdentifier is not"));
  EXPECT_EQ(fault_of([](X509* c) { RemoveExtension(c, NID_authority_key_identifier); }), "none");
  const TestRoot named = ChangedBy(middle, root, [&](X509* c) { NameIssuerAndSerial(c, root.certificate); });
  EXPECT_THAT(Fault({own.certificate, named.certificate, root.certificate}), HasSubstr("issuer and serial"));
}

TEST_F(ChainTest, AnIssuerThatWasRenewedSinceIsNotTheOneThatIsNamed) {
  const TestRoot below = ChangedBy(own, middle, [&](X509* c) { NameIssuerAndSerial(c, middle.certificate); });
  EXPECT_EQ(Fault({below.certificate, middle.certificate, root.certificate}), "none");
  // The same key, name and key identifier, and another serial.
  const TestRoot renewed = Below(root, "CN=Middle", kDay * 1500, middle.key);
  ASSERT_EQ(renewed.certificate.subject_key_id(), middle.certificate.subject_key_id());
  EXPECT_THAT(Fault({below.certificate, renewed.certificate, root.certificate}),
              HasSubstr("OpenSSL does not take the certificate of CN=Middle"));
}

TEST_F(ChainTest, NoTwoHaveOneNameOrOneKey) {
  const TestRoot same_name = Below(middle, "CN=Offline root");
  EXPECT_THAT(Fault({same_name.certificate, middle.certificate, root.certificate}), HasSubstr("one name or one key"));
  const TestRoot same_key = Below(middle, "CN=Other", kDay * 1000, middle.key);
  EXPECT_THAT(Fault({same_key.certificate, middle.certificate, root.certificate}), HasSubstr("one name or one key"));
}

}  // namespace
}  // namespace signet::authority
