// The tables' promises: blocks, approvals, refusals, provisioners.
#include <gmock/gmock.h>

#include "services/base/reason.h"
#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"

namespace signet::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Names that must not be taken for "n1".
const std::string kNotN1[] = {"n", "n10", "N1", "n1 ", std::string("n1\0x", 4), "n%", "' OR 1=1 --", ""};

TEST_P(StoreConformance, BlocksAreOneAName) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.blocks().Insert(Block("n1")); }), absl::OkStatus());
  ExpectDuplicate(Write([](Tables& tables) {
    BlockRow again = Block("n1");
    again.reason = "another";
    return tables.blocks().Insert(again);
  }));
  const auto found = Read([](const Tables& tables) { return tables.blocks().Find("n1"); });
  EXPECT_EQ(found->node, "n1");
  EXPECT_EQ(found->reason, "reason of n1");
  EXPECT_EQ(found->blocked_by, "socket:admin");
  EXPECT_EQ(found->blocked_at, At(11));
  for (const std::string& name : kNotN1) {
    EXPECT_TRUE(absl::IsNotFound(Read([&](const Tables& tables) { return tables.blocks().Find(name); }).status()));
  }
  const auto unblock = [&](const std::string& name) {
    bool was = false;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(was, tables.blocks().Delete(name));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return was;
  };
  for (const std::string& name : kNotN1) EXPECT_FALSE(unblock(name)) << name;
  EXPECT_TRUE(unblock("n1"));
  EXPECT_FALSE(unblock("n1"));
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.blocks().Find("n1"); }).status()));
}

TEST_P(StoreConformance, ApprovalsAreOneAKeyAndAreReplaced) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.approvals().Put(Approval("k1")); }), absl::OkStatus());
  const auto found = Read([](const Tables& tables) { return tables.approvals().Find("k1"); });
  EXPECT_EQ(found->key_id, "k1");
  EXPECT_EQ(found->node, "n1");
  EXPECT_EQ(found->daemon, "sackd");
  EXPECT_EQ(found->approved_by, "tls:signet://alpha/admin/jane");
  EXPECT_EQ(found->approved_at, At(12));
  EXPECT_EQ(found->expires_at, At(13) + absl::Milliseconds(1));
  ASSERT_EQ(Write([](Tables& tables) { return tables.approvals().Put(Approval("k1", "n2")); }), absl::OkStatus());
  EXPECT_EQ(Read([](const Tables& tables) { return tables.approvals().Find("k1"); })->node, "n2");
  EXPECT_THAT(*Read([](const Tables& tables) { return tables.approvals().List("n1"); }), IsEmpty());
  for (const char* key : {"", "k", "K1", "k1 ", "k10"}) {
    EXPECT_TRUE(absl::IsNotFound(Read([&](const Tables& tables) { return tables.approvals().Find(key); }).status()));
  }
}

TEST_P(StoreConformance, ApprovalsOfANodeAreListedNewestFirstAndGoTogether) {
  ApprovalRow newer = Approval("k2");
  newer.approved_at = At(20);
  for (const ApprovalRow& row : {Approval("k1"), newer, Approval("k3", "n10"), Approval("k4")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.approvals().Put(row); }), absl::OkStatus());
  }
  const auto keys = [&](const std::string& node) {
    std::string text;
    const auto rows = Read([&](const Tables& tables) { return tables.approvals().List(node); });
    for (const ApprovalRow& row : *rows) absl::StrAppend(&text, row.key_id, " ");
    return text;
  };
  EXPECT_EQ(keys("n1"), "k2 k1 k4 ");
  bool was = false;
  int64_t dropped = 0;
  const auto drop = [&](Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(was, tables.approvals().Delete("k1"));
    SIGNET_ASSIGN_OR_RETURN(dropped, tables.approvals().DeleteOfNode("n1"));
    return absl::OkStatus();
  };
  ASSERT_EQ(Write(drop), absl::OkStatus());
  EXPECT_TRUE(was);
  EXPECT_EQ(dropped, 2);
  ASSERT_EQ(Write(drop), absl::OkStatus());
  EXPECT_FALSE(was);
  EXPECT_EQ(dropped, 0);
  EXPECT_EQ(keys("n10"), "k3 ");
}

TEST_P(StoreConformance, RefusalsKeepEveryFieldNewestFirst) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.refusals().Insert(Refusal("n1", 1, true)); }), absl::OkStatus());
  RefusalRow later = Refusal("n1", 2, false);
  later.at = At(0);  // a clock that was set back
  ASSERT_EQ(Write([&](Tables& tables) { return tables.refusals().Insert(later); }), absl::OkStatus());
  const auto rows = Read([](const Tables& tables) { return tables.refusals().List("n1"); });
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).message, "message 2");
  EXPECT_FALSE(rows->at(0).proven);
  const RefusalRow& row = rows->at(1);
  const RefusalRow expected = Refusal("n1", 1, true);
  EXPECT_EQ(row.node, expected.node);
  EXPECT_EQ(row.at, expected.at);
  EXPECT_EQ(row.action, expected.action);
  EXPECT_EQ(row.reason, expected.reason);
  EXPECT_EQ(row.message, expected.message);
  EXPECT_EQ(row.next, expected.next);
  EXPECT_EQ(row.actor, expected.actor);
  EXPECT_EQ(row.request_id, expected.request_id);
  EXPECT_EQ(row.key_id, expected.key_id);
  EXPECT_TRUE(row.proven);
  for (const std::string& name : kNotN1) {
    EXPECT_THAT(*Read([&](const Tables& tables) { return tables.refusals().List(name); }), IsEmpty()) << name;
  }
}

TEST_P(StoreConformance, RefusalsOfStrangersPushOutNoneThatTheNodeItselfMet) {
  ASSERT_EQ(Write([](Tables& tables) -> absl::Status {
              for (int i = 0; i < 20; ++i) {
                SIGNET_RETURN_IF_ERROR(tables.refusals().Insert(Refusal("n1", i, i < 10)));
                SIGNET_RETURN_IF_ERROR(tables.refusals().Insert(Refusal("n2", i, false)));
              }
              return absl::OkStatus();
            }),
            absl::OkStatus());
  std::vector<std::string> kept;
  const auto rows = Read([](const Tables& tables) { return tables.refusals().List("n1"); });
  for (const RefusalRow& row : *rows) kept.push_back(row.message);
  ASSERT_EQ(kRefusalsKept, 4);
  EXPECT_THAT(kept, ElementsAre("message 19", "message 18", "message 17", "message 16", "message 9", "message 8",
                                "message 7", "message 6"));
  EXPECT_EQ(Read([](const Tables& tables) { return tables.refusals().List("n2"); })->size(), 4u);
}

TEST_P(StoreConformance, RefusalsUnderMadeUpNamesAreBoundedInAll) {
  const auto insert = [&](int from, int to) {
    return Write([&](Tables& tables) -> absl::Status {
      for (int i = from; i < to; ++i) {
        SIGNET_RETURN_IF_ERROR(tables.refusals().Insert(Refusal(absl::StrCat("made-up-", i), i, false)));
      }
      return absl::OkStatus();
    });
  };
  ASSERT_EQ(Write([](Tables& tables) { return tables.refusals().Insert(Refusal("n1", 0, true)); }), absl::OkStatus());
  ASSERT_EQ(insert(0, kUnprovenRefusalsKept), absl::OkStatus());
  const auto has = [&](int i) {
    return !Read([&](const Tables& tables) { return tables.refusals().List(absl::StrCat("made-up-", i)); })->empty();
  };
  EXPECT_TRUE(has(0));
  ASSERT_EQ(insert(kUnprovenRefusalsKept, kUnprovenRefusalsKept + 3), absl::OkStatus());
  EXPECT_FALSE(has(0));
  EXPECT_FALSE(has(2));
  EXPECT_TRUE(has(3));
  EXPECT_TRUE(has(kUnprovenRefusalsKept + 2));
  EXPECT_EQ(Read([](const Tables& tables) { return tables.refusals().List("n1"); })->size(), 1u);
}

TEST_P(StoreConformance, ProvisionersAreReplacedByNameAndListedByIt) {
  const ProvisionerRow warewulf{"warewulf", "n[1-4]", "socket:admin", At(1)};
  const ProvisionerRow cloud{"cloud", "c[1-9]", "tls:signet://alpha/admin/jane", At(2)};
  for (const ProvisionerRow& row : {warewulf, cloud}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.provisioners().Put(row); }), absl::OkStatus());
  }
  const auto found = Read([](const Tables& tables) { return tables.provisioners().Find("cloud"); });
  EXPECT_EQ(found->name, "cloud");
  EXPECT_EQ(found->nodes, "c[1-9]");
  EXPECT_EQ(found->issued_by, "tls:signet://alpha/admin/jane");
  EXPECT_EQ(found->issued_at, At(2));
  ProvisionerRow narrowed = warewulf;
  narrowed.nodes = "n1";
  ASSERT_EQ(Write([&](Tables& tables) { return tables.provisioners().Put(narrowed); }), absl::OkStatus());
  EXPECT_EQ(Read([](const Tables& tables) { return tables.provisioners().Find("warewulf"); })->nodes, "n1");
  const auto rows = Read([](const Tables& tables) { return tables.provisioners().List(); });
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).name, "cloud");
  EXPECT_EQ(rows->at(1).name, "warewulf");
  for (const char* name : {"", "Cloud", "clou", "cloud "}) {
    EXPECT_TRUE(
        absl::IsNotFound(Read([&](const Tables& tables) { return tables.provisioners().Find(name); }).status()));
  }
}

}  // namespace
}  // namespace signet::store
