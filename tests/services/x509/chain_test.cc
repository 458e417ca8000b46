#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "services/base/reason.h"
#include "services/x509/certificate.h"
#include "services/x509/name.h"
#include "services/x509/tls_use.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

using ::testing::HasSubstr;

// An old and a new authority, and the new one signed by the old: a rotation.
struct Authorities {
  TestKey old_key = TestKey::Ec();
  TestKey new_key = TestKey::Ec("P-384");
  TestKey leaf_key = TestKey::Ec();
  Certificate old_root = Issue(RootTemplate("Old CA", old_key), old_key);
  Certificate new_root = Issue(RootTemplate("New CA", new_key), new_key);
  Certificate cross = MakeCross();
  Certificate leaf = Issue(LeafTemplate("n1", leaf_key, new_root), new_key);

  Certificate MakeCross() const {
    CertificateTemplate cross_template = RootTemplate("New CA", new_key);
    cross_template.issuer_der = old_root.subject_der();
    cross_template.authority_key_id = old_root.subject_key_id();
    return Issue(cross_template, old_key);
  }
};

const Authorities& All() {
  static const Authorities all;
  return all;
}

absl::Time Now() { return TestTime() + absl::Hours(1); }

void ExpectRefused(const absl::Status& status, absl::string_view problem) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(problem)));
}

TEST(VerifyChain, AcceptsALeafUnderItsRoot) {
  EXPECT_TRUE(VerifyChain(All().leaf, {}, {All().new_root}, Now()).ok());
  EXPECT_TRUE(VerifyChain(All().leaf, {}, {All().old_root, All().new_root}, Now()).ok());
}

TEST(VerifyChain, AcceptsTheNewLeafWithItsCrossUnderTheOldRoot) {
  const absl::Status status = VerifyChain(All().leaf, {All().cross}, {All().old_root}, Now());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(VerifyChain(All().leaf, {All().cross}, {All().old_root, All().new_root}, Now()).ok());
  EXPECT_TRUE(VerifyChain(All().leaf, {All().cross}, {All().new_root}, Now()).ok());
}

TEST(VerifyChain, RefusesTheNewLeafAloneUnderTheOldRoot) {
  ExpectRefused(VerifyChain(All().leaf, {}, {All().old_root}, Now()), "no anchor for issuer CN=New CA");
}

TEST(VerifyChain, RefusesWithoutAnyAnchor) {
  ExpectRefused(VerifyChain(All().leaf, {All().cross}, {}, Now()), "no anchor for issuer");
  ExpectRefused(VerifyChain(All().new_root, {All().new_root}, {}, Now()), "no anchor for issuer CN=New CA");
}

TEST(VerifyChain, RefusesARootOfTheSameNameAndAnotherKey) {
  const TestKey other = TestKey::Ec();
  const Certificate impostor = Issue(RootTemplate("New CA", other), other);
  EXPECT_FALSE(VerifyChain(All().leaf, {}, {impostor}, Now()).ok());
}

TEST(VerifyChain, TakesAnIntermediateAsAnAnchorOnlyWhenTheBundleHoldsIt) {
  EXPECT_TRUE(VerifyChain(All().leaf, {}, {All().cross}, Now()).ok());
  ExpectRefused(
      VerifyChain(All().leaf, {All().cross}, {Issue(RootTemplate("Third CA", All().old_key), All().old_key)}, Now()),
      "no anchor for issuer CN=Old CA");
}

TEST(VerifyChain, NeverTakesALeafAsAnAnchor) {
  EXPECT_FALSE(VerifyChain(All().leaf, {}, {All().leaf}, Now()).ok());
  EXPECT_FALSE(
      VerifyChain(All().leaf, {}, {All().leaf, All().MakeCross(), All().old_root}, TestTime() - absl::Hours(1)).ok());
  CertificateTemplate self = LeafTemplate("n1", All().leaf_key, All().new_root);
  self.issuer_der = self.subject_der;
  self.authority_key_id = "";
  const Certificate self_signed = Issue(self, All().leaf_key);
  EXPECT_FALSE(VerifyChain(self_signed, {}, {self_signed, All().cross}, Now()).ok());
}

TEST(VerifyChain, NamesTheDateWhenExpiredOrNotYetValid) {
  ExpectRefused(VerifyChain(All().leaf, {}, {All().new_root}, TestTime() + absl::Hours(24 * 8)),
                "CN=n1 expired on 2026-01-08 00:00:00 UTC");
  ExpectRefused(VerifyChain(All().leaf, {}, {All().new_root}, TestTime() - absl::Seconds(1)),
                "is not yet valid until 2026-01-01 00:00:00 UTC");
}

TEST(VerifyChain, WantsBothDirectionsOfTls) {
  CertificateTemplate server_only = LeafTemplate("n1", All().leaf_key, All().new_root);
  server_only.client_auth = false;
  ExpectRefused(VerifyChain(Issue(server_only, All().new_key), {}, {All().new_root}, Now()), "purpose");
  CertificateTemplate client_only = LeafTemplate("n1", All().leaf_key, All().new_root);
  client_only.server_auth = false;
  ExpectRefused(VerifyChain(Issue(client_only, All().new_key), {}, {All().new_root}, Now()), "purpose");
  EXPECT_TRUE(VerifyClientChain(Issue(client_only, All().new_key), {}, {All().new_root}, Now()).ok());
  ExpectRefused(VerifyClientChain(Issue(server_only, All().new_key), {}, {All().new_root}, Now()), "as a client");
  CertificateTemplate neither = LeafTemplate("n1", All().leaf_key, All().new_root);
  neither.server_auth = neither.client_auth = false;
  EXPECT_TRUE(VerifyChain(Issue(neither, All().new_key), {}, {All().new_root}, Now()).ok());
}

TEST(VerifyChain, RefusesALeafThatActsAsACa) {
  CertificateTemplate below = LeafTemplate("n2", All().leaf_key, All().leaf);
  ExpectRefused(VerifyChain(Issue(below, All().leaf_key), {All().leaf}, {All().new_root}, Now()), "CN=n1");
}

TEST(VerifyChain, RefusesASmallRsaKey) {
  const TestKey rsa = TestKey::Rsa(1024);
  const Certificate leaf = Issue(LeafTemplate("n1", rsa, All().new_root), All().new_key);
  ExpectRefused(VerifyChain(leaf, {}, {All().new_root}, Now()), "too weak");
}

TEST(VerifyChain, RefusesMoreThanSevenIntermediates) {
  std::vector<TestKey> keys = {TestKey::Ec()};
  std::vector<Certificate> chain = {Issue(RootTemplate("CA 0", keys[0]), keys[0])};
  for (int i = 1; i <= 9; ++i) {
    keys.push_back(TestKey::Ec());
    CertificateTemplate next = RootTemplate("CA " + std::to_string(i), keys.back());
    next.issuer_der = chain.back().subject_der();
    next.authority_key_id = chain.back().subject_key_id();
    chain.push_back(Issue(next, keys[keys.size() - 2]));
  }
  const auto verify = [&](std::size_t intermediates) {
    const Certificate leaf = Issue(LeafTemplate("n1", All().leaf_key, chain[intermediates]), keys[intermediates]);
    return VerifyChain(leaf, {chain.begin() + 1, chain.end()}, {chain.front()}, Now());
  };
  EXPECT_TRUE(verify(7).ok()) << verify(7);
  EXPECT_FALSE(verify(8).ok());
}

}  // namespace
}  // namespace signet::x509
