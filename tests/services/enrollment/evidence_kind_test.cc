#include "services/enrollment/evidence_kind.h"

#include <gtest/gtest.h>

#include "services/base/reason.h"

namespace signet::enrollment {
namespace {

constexpr EvidenceKind kFromStrongToWeak[] = {EvidenceKind::kBoot, EvidenceKind::kSingleUse, EvidenceKind::kKubernetes,
                                              EvidenceKind::kReusable, EvidenceKind::kLab};

TEST(EvidenceKind, EachIsWeakerThanTheOneBefore) {
  for (std::size_t i = 1; i < std::size(kFromStrongToWeak); ++i) {
    EXPECT_LT(StrengthOffered(kFromStrongToWeak[i]), StrengthOffered(kFromStrongToWeak[i - 1]));
    EXPECT_EQ(StrengthHeld(kFromStrongToWeak[i]), StrengthOffered(kFromStrongToWeak[i]));
  }
}

TEST(EvidenceKind, AnApprovalWeighsAsMuchAsTheStrongestAndIsNeverTooStrongToFollow) {
  for (const EvidenceKind kind : kFromStrongToWeak) {
    EXPECT_GE(StrengthOffered(EvidenceKind::kApproval), StrengthHeld(kind));
    EXPECT_GT(StrengthOffered(kind), StrengthHeld(EvidenceKind::kApproval));
  }
}

TEST(EvidenceKind, TheFirstFourAreTheKindsOfTokens) {
  for (const auto kind : {evidence::TokenKind::kSingleUse, evidence::TokenKind::kBoot, evidence::TokenKind::kReusable,
                          evidence::TokenKind::kLab}) {
    EXPECT_EQ(static_cast<int>(EvidenceKindOf(kind)), static_cast<int>(kind));
    EXPECT_EQ(EvidenceKindName(EvidenceKindOf(kind)), evidence::TokenKindName(kind));
  }
  EXPECT_EQ(EvidenceKindName(EvidenceKind::kKubernetes), "kubernetes");
  EXPECT_EQ(EvidenceKindName(EvidenceKind::kApproval), "approval");
}

TEST(EvidenceKind, AStoredNumberIsAKindOrAnError) {
  for (int stored = 1; stored <= 6; ++stored) {
    const auto kind = EvidenceKindFromStored(stored);
    ASSERT_TRUE(kind.ok()) << stored;
    EXPECT_EQ(static_cast<int>(*kind), stored);
  }
  for (const int stored : {-1, 0, 7, 1 << 20}) {
    const auto kind = EvidenceKindFromStored(stored);
    EXPECT_EQ(base::ReasonOf(kind.status()), base::kInternal) << stored;
    EXPECT_EQ(StrengthOffered(static_cast<EvidenceKind>(stored)), 0) << "what is unknown weighs nothing";
  }
}

}  // namespace
}  // namespace signet::enrollment
