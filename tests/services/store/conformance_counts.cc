// The tables' promises: how many there are of each kind.
#include <gmock/gmock.h>

#include <map>
#include <utility>

#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"

namespace signet::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

template <typename Key>
std::vector<std::pair<Key, int64_t>> Pairs(const std::vector<Tally<Key>>& tallies) {
  std::vector<std::pair<Key, int64_t>> pairs;
  for (const Tally<Key>& tally : tallies) pairs.emplace_back(tally.key, tally.count);
  return pairs;
}

TEST_P(NodeCounting, CountsCertifiedNodesByEvidenceBundleAndAdapter) {
  Enrol("n1", 1, 7, "1.0");
  Enrol("n2", 1, 6, "1.1");
  Enrol("n3", 2, 0, "1.1");
  Enrol("n4", 6, 8, "1.1");
  Enrol("n5", 6, ~uint64_t{0}, "0.9");
  const NodeTallies counts = Count(At(100), 7, 2);
  EXPECT_THAT(Pairs(counts.by_evidence), UnorderedElementsAre(Pair(1, 2), Pair(2, 1), Pair(6, 2)));
  EXPECT_THAT(Pairs(counts.by_bundle),
              UnorderedElementsAre(Pair(LoadedBundle::kCurrent, 1), Pair(LoadedBundle::kBehind, 1),
                                   Pair(LoadedBundle::kAhead, 2), Pair(LoadedBundle::kUnknown, 1)));
  EXPECT_THAT(Pairs(counts.by_adapter), ElementsAre(Pair("1.1", 3), Pair("0.9", 1))) << "the commonest two";
}

TEST_P(NodeCounting, LeavesOutNodesThatAreBlockedOrHaveNoCertificateLeft) {
  Enrol("n1", 1, 7, "1.0");
  Enrol("n2", 2, 7, "1.1");
  ASSERT_EQ(Write([](Tables& tables) { return tables.blocks().Insert(Block("n2")); }), absl::OkStatus());
  const NodeTallies counts = Count(At(100), 7, 16);
  EXPECT_THAT(Pairs(counts.by_evidence), ElementsAre(Pair(1, 1)));
  EXPECT_THAT(Pairs(counts.by_bundle), ElementsAre(Pair(LoadedBundle::kCurrent, 1)));
  EXPECT_THAT(Pairs(counts.by_adapter), ElementsAre(Pair("1.0", 1)));
  EXPECT_THAT(Count(At(101), 7, 16).by_evidence, IsEmpty());
}

TEST_P(NodeCounting, CountsANodeByTheKeyThatItHasNow) {
  Enrol("n1", 1, 7, "1.0");
  IdentityRow old = Identity("former key", "n1");
  old.evidence = 4;
  old.superseded_at = At(1);
  ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().InsertIdentity(old); }), absl::OkStatus());
  EXPECT_THAT(Pairs(Count(At(100), 7, 16).by_evidence), ElementsAre(Pair(1, 1)));
}

TEST_P(StoreConformance, BlockedNamesAreCounted) {
  const auto count = [this] { return *Read([](const Tables& tables) { return tables.blocks().Count(); }); };
  EXPECT_EQ(count(), 0);
  for (const char* name : {"n1", "n2"}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.blocks().Insert(Block(name)); }), absl::OkStatus());
  }
  EXPECT_EQ(count(), 2);
}

TEST_P(StoreConformance, TokensAreCountedByKindAndState) {
  const auto insert = [this](const std::string& id, int kind, int64_t uses, int64_t end, bool revoked) {
    TokenRow row = Token(id);
    row.kind = kind;
    row.uses = uses;
    row.expires_at = At(end);
    row.revoked = revoked;
    ASSERT_EQ(Write([&](Tables& tables) { return tables.tokens().Insert(row); }), absl::OkStatus());
  };
  insert("single", 1, 0, 1000, false);
  insert("single soon", 1, 0, 60, false);
  insert("single at the bound", 1, 0, 100, false);
  insert("single spent", 1, 1, 1000, false);
  insert("single spent and expired", 1, 1, 10, false);
  insert("single expired", 1, 0, 50, false);
  insert("boot used", 2, 9, 1000, false);
  insert("reusable soon", 3, 9, 51, false);
  insert("lab spent", 4, 1, 1000, false);
  insert("lab revoked", 4, 1, 10, true);
  const auto tallies =
      Read([](const Tables& tables) { return tables.tokens().CountStates(At(50), /*expiring_before=*/At(100)); });
  ASSERT_TRUE(tallies.ok()) << tallies.status();
  std::map<std::pair<int, TokenState>, int64_t> counts;
  for (const TokenTally& tally : *tallies) counts[{tally.kind, tally.state}] = tally.count;
  EXPECT_THAT(counts, ElementsAre(Pair(Pair(1, TokenState::kLive), 2), Pair(Pair(1, TokenState::kExpiring), 1),
                                  Pair(Pair(1, TokenState::kSpent), 2), Pair(Pair(1, TokenState::kExpired), 1),
                                  Pair(Pair(2, TokenState::kLive), 1), Pair(Pair(3, TokenState::kExpiring), 1),
                                  Pair(Pair(4, TokenState::kSpent), 1), Pair(Pair(4, TokenState::kRevoked), 1)));
}

}  // namespace
}  // namespace signet::store
