#include "services/bundle/signed_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "services/base/reason.h"
#include "signet/v1/bundle.pb.h"
#include "tests/services/bundle/anchors.h"

namespace signet::bundle {
namespace {

class SignedBundleTest : public ::testing::Test {
 protected:
  std::string Reason(absl::string_view bytes) { return base::ReasonOf(Verify(bytes, pin_, "alpha").status()); }
  // Signs any content with the right key: only the checks of the content can refuse.
  std::string SignMessage(const v1::Bundle& message) {
    v1::SignedBundle outer;
    outer.set_bundle(message.SerializeAsString());
    outer.set_signature(*keys::SignInDomain(key_, keys::kBundleDomain, outer.bundle()));
    outer.set_bundle_key(key_.public_key().spki_der());
    return outer.SerializeAsString();
  }
  v1::Bundle Message() {
    v1::SignedBundle outer;
    v1::Bundle message;
    outer.ParseFromString(good_);
    message.ParseFromString(outer.bundle());
    return message;
  }

  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const keys::PrivateKey thief_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  const std::string pin_ = key_.public_key().spki_sha256();
  const Bundle bundle_ = MakeBundle(2, {MakeAnchor()});
  const std::string good_ = *Sign(bundle_, key_);
};

TEST_F(SignedBundleTest, ComesBackAsItWasSigned) {
  const auto read = Verify(good_, pin_, "alpha");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->cluster, "alpha");
  EXPECT_EQ(read->generation, 2u);
  EXPECT_EQ(read->previous_sha256, bundle_.previous_sha256);
  EXPECT_EQ(read->ca_cert_pem, bundle_.ca_cert_pem);
  EXPECT_EQ(read->created_at, bundle_.created_at);
  EXPECT_EQ(read->next_bundle_key, "");
}

TEST_F(SignedBundleTest, AnnouncesTheNextKey) {
  Bundle bundle = bundle_;
  bundle.next_bundle_key = thief_.public_key().spki_der();
  EXPECT_EQ(Verify(*Sign(bundle, key_), pin_, "alpha")->next_bundle_key, bundle.next_bundle_key);
  bundle.next_bundle_key = "no key";
  EXPECT_FALSE(Sign(bundle, key_).ok());
}

// A machine in the middle brings a bundle with a key of its own, or with the real key and its own
// signature.
TEST_F(SignedBundleTest, OfAnotherKeyIsNotBelieved) {
  const std::string forged = *Sign(bundle_, thief_);
  EXPECT_EQ(Reason(forged), base::kEvidenceInvalid);
  v1::SignedBundle outer;
  ASSERT_TRUE(outer.ParseFromString(forged));
  outer.set_bundle_key(key_.public_key().spki_der());
  EXPECT_EQ(Reason(outer.SerializeAsString()), base::kEvidenceInvalid);
  outer.clear_bundle_key();
  EXPECT_EQ(Reason(outer.SerializeAsString()), base::kEvidenceInvalid);
}

TEST_F(SignedBundleTest, IsNotBelievedWithoutAPin) {
  for (const std::string& pin : {std::string(), pin_.substr(1), pin_ + "x", std::string(32, '\0')}) {
    const auto refused = Verify(good_, pin, "alpha");
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(base::ReasonOf(refused.status()), base::kEvidenceInvalid);
  }
}

TEST_F(SignedBundleTest, OfAnotherClusterIsRefused) {
  EXPECT_EQ(base::ReasonOf(Verify(good_, pin_, "beta").status()), base::kWrongCluster);
  EXPECT_EQ(base::ReasonOf(Verify(good_, pin_, "").status()), base::kWrongCluster);
}

TEST_F(SignedBundleTest, OfAnotherDomainIsRefused) {
  v1::SignedBundle outer;
  ASSERT_TRUE(outer.ParseFromString(good_));
  outer.set_signature(*keys::SignInDomain(key_, keys::kStatementDomain, outer.bundle()));
  EXPECT_EQ(Reason(outer.SerializeAsString()), base::kEvidenceInvalid);
}

TEST_F(SignedBundleTest, IsRefusedWhenCutOrChangedAnywhere) {
  for (std::size_t at = 0; at < good_.size(); ++at) {
    EXPECT_NE(Reason(good_.substr(0, at)), "") << at;
    std::string changed = good_;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    EXPECT_NE(Reason(changed), "") << at;
  }
  EXPECT_EQ(Reason(std::string((1 << 20) + 1, 'x')), base::kMalformed);
}

TEST_F(SignedBundleTest, IsRefusedWithAnyFieldOutOfItsBounds) {
  const std::pair<const char*, std::function<void(v1::Bundle&)>> wrongs[] = {
      {"cluster", [](auto& m) { m.clear_cluster(); }},
      {"cluster path", [](auto& m) { m.set_cluster("../alpha"); }},
      {"generation zero", [](auto& m) { m.clear_generation(); }},
      {"generation huge", [](auto& m) { m.set_generation(~0ull); }},
      {"no previous", [](auto& m) { m.clear_previous_sha256(); }},
      {"a previous at the first", [](auto& m) { m.set_generation(1); }},
      {"previous short", [](auto& m) { m.set_previous_sha256("short"); }},
      {"never created", [](auto& m) { m.clear_created_at_ms(); }},
      {"created after 9999", [](auto& m) { m.set_created_at_ms(std::numeric_limits<int64_t>::max()); }},
      {"next key garbage", [](auto& m) { m.set_next_bundle_key("garbage"); }},
      {"next key P-384",
       [](auto& m) {
         m.set_next_bundle_key(keys::PrivateKey::Generate(x509::KeyType::kEcP384)->public_key().spki_der());
       }},
      {"no PEM", [](auto& m) { m.clear_ca_cert_pem(); }},
      {"text after the end", [](auto& m) { m.set_ca_cert_pem(m.ca_cert_pem() + "# x\n"); }},
      {"dashes", [](auto& m) { m.set_ca_cert_pem("# --\n" + m.ca_cert_pem()); }},
      {"4096",
       [](auto& m) {
         m.set_ca_cert_pem("#" + std::string(4096 - m.ca_cert_pem().size() - 2, 'x') + "\n" + m.ca_cert_pem());
       }},
      {"a leaf", [](auto& m) { m.set_ca_cert_pem(MakeAnchor({.is_ca = false}).pem()); }},
      {"an expired anchor",
       [](auto& m) { m.set_ca_cert_pem(MakeAnchor({.not_after = Now() - absl::Hours(1)}).pem()); }},
  };
  ASSERT_EQ(Reason(SignMessage(Message())), "");
  for (const auto& [what, change] : wrongs) {
    v1::Bundle message = Message();
    change(message);
    EXPECT_NE(Reason(SignMessage(message)), "") << what;
  }
}

TEST_F(SignedBundleTest, IsNotMadeWithWhatWouldCrashSlurm) {
  Bundle bundle = bundle_;
  bundle.ca_cert_pem += "# the end\n";
  EXPECT_EQ(base::ReasonOf(Sign(bundle, key_).status()), base::kMalformed);
  EXPECT_FALSE(Sign(bundle_, *keys::PrivateKey::Generate(x509::KeyType::kEcP384)).ok());
}

TEST_F(SignedBundleTest, HasAHashThatSigningAgainDoesNotChange) {
  EXPECT_EQ(*BundleSha256(good_), *BundleSha256(*Sign(bundle_, key_)));
  EXPECT_EQ(BundleSha256(good_)->size(), 32u);
  EXPECT_FALSE(BundleSha256("").ok());
  EXPECT_FALSE(BundleSha256("garbage").ok());
}

TEST_F(SignedBundleTest, IsReadAsItWasMadeOrRefused) {
  const auto read = ReadUnverified(good_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->generation, bundle_.generation);
  EXPECT_EQ(read->ca_cert_pem, bundle_.ca_cert_pem);
  EXPECT_EQ(base::ReasonOf(ReadUnverified("").status()), base::kMalformed);
  EXPECT_EQ(base::ReasonOf(ReadUnverified("garbage").status()), base::kMalformed);
}

}  // namespace
}  // namespace signet::bundle
