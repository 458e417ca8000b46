// A sealed key of an earlier release still opens.
#include <gtest/gtest.h>

#include "services/keys/sealed/sealed_custody.h"
#include "tests/golden/vector.h"

namespace signet::keys::sealed {
namespace {

TEST(Golden, SealedKeyIsOpened) {
  const GoldenVector golden("sealed_key.txt");
  base::SystemRandom random;
  const auto custody = *SealedCustody::Create(base::SecretBytes(golden.Bytes("kek")), random);
  const auto signer =
      custody->Open(golden.Text("label"), {golden.Text("custody"), golden.Bytes("handle"), golden.Bytes("spki_der")});
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ((*signer)->public_key().spki_der(), golden.Bytes("spki_der"));
}

}  // namespace
}  // namespace signet::keys::sealed
