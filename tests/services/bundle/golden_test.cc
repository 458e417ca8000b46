// Both sides of the bundle's format against tests/golden/.
#include <gtest/gtest.h>

#include "services/bundle/signed_bundle.h"
#include "signet/v1/bundle.pb.h"
#include "tests/golden/vector.h"

namespace signet::bundle {
namespace {

TEST(Golden, BundleIsMadeWithTheSameBytes) {
  const GoldenVector golden("bundle.txt");
  const Bundle bundle{golden.Text("cluster"),
                      std::stoull(golden.Text("generation")),
                      golden.Bytes("previous_sha256"),
                      golden.Bytes("ca_cert_pem"),
                      absl::FromUnixMillis(std::stoll(golden.Text("created_at_ms"))),
                      golden.Bytes("next_bundle_key")};
  v1::SignedBundle made;
  ASSERT_TRUE(made.ParseFromString(*Sign(bundle, golden.Key("bundle_key_scalar"))));
  EXPECT_EQ(made.bundle(), golden.Bytes("bundle"));
}

TEST(Golden, BundleIsRead) {
  const GoldenVector golden("bundle.txt");
  const auto read = Verify(golden.Bytes("signed_bundle"), golden.Bytes("pin"), golden.Text("cluster"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->generation, 2u);
  EXPECT_EQ(read->ca_cert_pem, golden.Bytes("ca_cert_pem"));
  EXPECT_EQ(read->next_bundle_key, golden.Bytes("next_bundle_key"));
  EXPECT_EQ(*BundleSha256(golden.Bytes("signed_bundle")), golden.Bytes("bundle_sha256"));
}

}  // namespace
}  // namespace signet::bundle
