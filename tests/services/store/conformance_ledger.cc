// The tables' promises: identity keys, tokens, the audit log.
#include <gmock/gmock.h>

#include "services/base/reason.h"
#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"

namespace signet::store {
namespace {

using ::testing::ElementsAre;

void ExpectEqual(const TokenRow& a, const TokenRow& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.node, b.node);
  EXPECT_EQ(a.daemon, b.daemon);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.spki_der, b.spki_der);
  EXPECT_EQ(a.created_at, b.created_at);
  EXPECT_EQ(a.expires_at, b.expires_at);
  EXPECT_EQ(a.created_by, b.created_by);
  EXPECT_EQ(a.uses, b.uses);
  EXPECT_EQ(a.last_used_at, b.last_used_at);
  EXPECT_EQ(a.used_by_key_id, b.used_by_key_id);
  EXPECT_EQ(a.revoked, b.revoked);
  EXPECT_EQ(a.label, b.label);
}

TEST_P(StoreConformance, IdentitiesEndOnceAndAreNeverForgotten) {
  IdentityRow other_daemon = Identity("k3");
  other_daemon.daemon = "sackd";
  for (const IdentityRow& row : {Identity("k1"), Identity("k2"), other_daemon, Identity("k4", "n2")}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().InsertIdentity(row); }), absl::OkStatus());
  }
  ExpectDuplicate(Write([](Tables& tables) { return tables.nodes().InsertIdentity(Identity("k1", "n9")); }));
  const auto end = [&](const std::string& daemon, absl::Time when, EndedBy by) {
    int64_t changed = -1;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(changed, tables.nodes().EndIdentities("n1", daemon, when, by));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return changed;
  };
  EXPECT_EQ(end("slurmd", At(30), EndedBy::kEnrolment), 2);
  EXPECT_EQ(end("slurmd", At(40), EndedBy::kBlock), 0) << "what ended, ended then and by that";
  const auto row = Read([](const Tables& tables) { return tables.nodes().FindIdentity("k1"); });
  EXPECT_EQ(row->superseded_at, At(30));
  EXPECT_EQ(row->ended_by, EndedBy::kEnrolment);
  EXPECT_EQ(row->node, "n1");
  EXPECT_EQ(row->daemon, "slurmd");
  EXPECT_EQ(row->spki_der, "spki of k1");
  EXPECT_EQ(row->evidence, 3);
  EXPECT_EQ(row->token_id, "t1");
  EXPECT_EQ(row->pod_uid, "pod of k1");
  EXPECT_EQ(row->admitted_at, At(8));
  for (const char* live : {"k3", "k4"}) {
    const auto found = Read([&](const Tables& tables) { return tables.nodes().FindIdentity(live); });
    EXPECT_EQ(found->superseded_at, absl::InfiniteFuture());
    EXPECT_EQ(found->ended_by, EndedBy::kNothing);
  }
  EXPECT_EQ(end("", At(50), EndedBy::kForget), 1) << "every daemon";
  EXPECT_EQ(Read([](const Tables& tables) { return tables.nodes().FindIdentity("k3"); })->ended_by, EndedBy::kForget);
  EXPECT_EQ(Read([](const Tables& tables) { return tables.nodes().FindIdentity("k4"); })->ended_by, EndedBy::kNothing);
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.nodes().FindIdentity("k9"); }).status()));
}

TEST_P(StoreConformance, IdentitiesAreFoundByTheirPodTheNewestFirst) {
  IdentityRow older = Identity("k1");
  older.pod_uid = "uid-1";
  IdentityRow newer = older;
  newer.key_id = "k2";
  newer.admitted_at = older.admitted_at + absl::Seconds(1);
  IdentityRow without = Identity("k3");
  without.pod_uid.clear();
  for (const IdentityRow& row : {older, newer, without}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().InsertIdentity(row); }), absl::OkStatus());
  }
  const auto find = [&](const std::string& uid) {
    return Read([&](const Tables& tables) { return tables.nodes().FindIdentityOfPod(uid); });
  };
  EXPECT_EQ(find("uid-1")->key_id, "k2");
  ASSERT_EQ(
      Write([](Tables& tables) { return tables.nodes().EndIdentities("n1", "", At(30), EndedBy::kBlock).status(); }),
      absl::OkStatus());
  EXPECT_EQ(find("uid-1")->key_id, "k2") << "one that ended still owns it";
  for (const char* none : {"", "uid-2", "uid-", "UID-1"}) EXPECT_TRUE(absl::IsNotFound(find(none).status())) << none;
}

TEST_P(StoreConformance, IdentitiesOfATokenAreListedOldestFirst) {
  for (int i = 3; i > 0; --i) {
    IdentityRow row = Identity(absl::StrCat("k", i));
    row.admitted_at = At(i);
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().InsertIdentity(row); }), absl::OkStatus());
  }
  IdentityRow without = Identity("k4");
  without.token_id.clear();
  ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().InsertIdentity(without); }), absl::OkStatus());
  const auto ids = [&](const std::string& token, int limit) {
    std::string text;
    const auto rows = Read([&](const Tables& tables) { return tables.nodes().ListIdentitiesOfToken(token, limit); });
    for (const IdentityRow& row : *rows) absl::StrAppend(&text, row.key_id, " ");
    return text;
  };
  EXPECT_EQ(ids("t1", 10), "k1 k2 k3 ");
  EXPECT_EQ(ids("t1", 2), "k1 k2 ");
  EXPECT_EQ(ids("", 10), "");
}

TEST_P(StoreConformance, IdentitiesAreCountedFromATimeOn) {
  IdentityRow later = Identity("k2");
  later.admitted_at = At(20);
  for (const IdentityRow& row : {Identity("k1"), later}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.nodes().InsertIdentity(row); }), absl::OkStatus());
  }
  const auto count = [&](absl::Time since) {
    return *Read([&](const Tables& tables) { return tables.nodes().CountIdentities("n1", "slurmd", since); });
  };
  EXPECT_EQ(count(absl::UnixEpoch()), 2);
  EXPECT_EQ(count(absl::InfinitePast()), 2);
  EXPECT_EQ(count(At(20)), 1);
  EXPECT_EQ(count(At(21)), 0);
}

TEST_P(StoreConformance, TokensKeepEveryField) {
  TokenRow never_used = Token("t2");
  never_used.last_used_at = absl::InfinitePast();
  for (const TokenRow& row : {Token("t1"), never_used}) {
    ASSERT_EQ(Write([&](Tables& tables) { return tables.tokens().Insert(row); }), absl::OkStatus());
  }
  ExpectEqual(*Read([](const Tables& tables) { return tables.tokens().Find("t1"); }), Token("t1"));
  ExpectEqual(*Read([](const Tables& tables) { return tables.tokens().Find("t2"); }), never_used);
  ExpectDuplicate(Write([](Tables& tables) { return tables.tokens().Insert(Token("t1", "n2")); }));
  TokenRow changed = Token("t1");
  changed.uses = 5;
  changed.revoked = true;
  changed.used_by_key_id = "k9";
  ASSERT_EQ(Write([&](Tables& tables) { return tables.tokens().Update(changed); }), absl::OkStatus());
  ExpectEqual(*Read([](const Tables& tables) { return tables.tokens().Find("t1"); }), changed);
  EXPECT_TRUE(absl::IsNotFound(Write([](Tables& tables) { return tables.tokens().Update(Token("t9")); })));
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.tokens().Find("T1"); }).status()));
}

TEST_P(TokenListing, ShowsOpenTokensByNodeThenNewestFirst) {
  EXPECT_THAT(Ids(Query("")), ElementsAre("newest fresh other last "));
  EXPECT_THAT(Ids(Query("", 1)), ElementsAre("newest ", "fresh ", "other ", "last "));
  EXPECT_THAT(Ids(Query("n1", 1)), ElementsAre("newest ", "fresh "));
  EXPECT_THAT(Ids(Query("n")), ElementsAre(""));
}

TEST_P(TokenListing, ShowsAllTokensOnRequest) {
  TokenQuery all = Query("", 3);
  all.open_only = false;
  EXPECT_THAT(Ids(all), ElementsAre("newest expired fresh ", "revoked spent other ", "last "));
}

TEST_P(TokenListing, RefusesAPageTokenOfAnotherList) {
  for (const char* token : {"x", "1/2", "9/fresh/n1"}) {
    TokenQuery query = Query("n2");
    query.after_token = token;
    EXPECT_TRUE(
        absl::IsInvalidArgument(Read([&](const Tables& tables) { return tables.tokens().List(query); }).status()))
        << token;
  }
}

TEST_P(TokenListing, CountsAndRevokesOpenTokens) {
  const auto open = [&] { return *Read([](const Tables& tables) { return tables.tokens().CountOpen(At(50)); }); };
  EXPECT_EQ(open(), 4);
  int64_t revoked = 0;
  ASSERT_EQ(Write([&](Tables& tables) -> absl::Status {
              SIGNET_ASSIGN_OR_RETURN(revoked, tables.tokens().RevokeOfNode("n1", At(50)));
              return absl::OkStatus();
            }),
            absl::OkStatus());
  EXPECT_EQ(revoked, 2);
  EXPECT_EQ(open(), 2);
  EXPECT_TRUE(Read([](const Tables& tables) { return tables.tokens().Find("fresh"); })->revoked);
  EXPECT_FALSE(Read([](const Tables& tables) { return tables.tokens().Find("spent"); })->revoked);
}

TEST_P(TokenListing, FindsTheOnesOfALabelAndOfAKind) {
  TokenQuery query = Query("");
  query.label = "label of fresh";
  EXPECT_THAT(Ids(query), ElementsAre("fresh "));
  query.label = "label of spent";
  EXPECT_THAT(Ids(query), ElementsAre("")) << "not open";
  query.open_only = false;
  EXPECT_THAT(Ids(query), ElementsAre("spent "));
  query.label = "label of";
  EXPECT_THAT(Ids(query), ElementsAre("")) << "exactly";
  query = Query("n1");
  query.kind = 1;
  EXPECT_THAT(Ids(query), ElementsAre("fresh "));
  query = Query("", 1);
  query.kind = 2;
  EXPECT_THAT(Ids(query), ElementsAre("newest ", "other ", "last "));
}

TEST_P(TokenListing, RevokesTheOpenOnesOfALabel) {
  const auto revoke = [&](const std::string& label) {
    int64_t revoked = -1;
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(revoked, tables.tokens().RevokeOfLabel(label, At(50)));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return revoked;
  };
  TokenRow unlabelled = Token("unlabelled");
  unlabelled.label.clear();
  ASSERT_EQ(Write([&](Tables& tables) { return tables.tokens().Insert(unlabelled); }), absl::OkStatus());
  EXPECT_EQ(revoke(""), 0) << "no label is no label";
  EXPECT_EQ(revoke("label of spent"), 0);
  EXPECT_EQ(revoke("label of other"), 1);
  EXPECT_EQ(revoke("label of other"), 0);
  EXPECT_TRUE(Read([](const Tables& tables) { return tables.tokens().Find("other"); })->revoked);
  EXPECT_FALSE(Read([](const Tables& tables) { return tables.tokens().Find("unlabelled"); })->revoked);
}

TEST_P(StoreConformance, AuditRecordsAndCheckpointsComeBackInOrder) {
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.audit().Last(); }).status()));
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.audit().LastCheckpoint(); }).status()));
  ASSERT_EQ(
      Write([](Tables& tables) -> absl::Status {
        for (const uint64_t sequence : {1, 2, 3, 10}) {
          SIGNET_RETURN_IF_ERROR(tables.audit().Append({sequence, absl::StrCat("record\0", sequence)}));
          SIGNET_RETURN_IF_ERROR(tables.audit().AppendCheckpoint({sequence, absl::StrCat("checkpoint ", sequence)}));
        }
        return absl::OkStatus();
      }),
      absl::OkStatus());
  ExpectDuplicate(Write([](Tables& tables) { return tables.audit().Append({2, "again"}); }));
  ExpectDuplicate(Write([](Tables& tables) { return tables.audit().AppendCheckpoint({2, "again"}); }));
  EXPECT_EQ(Read([](const Tables& tables) { return tables.audit().Last(); })->sequence, 10u);
  EXPECT_EQ(Read([](const Tables& tables) { return tables.audit().LastCheckpoint(); })->bytes, "checkpoint 10");
  const auto records = Read([](const Tables& tables) { return tables.audit().List(1, 2); });
  ASSERT_EQ(records->size(), 2u);
  EXPECT_EQ(records->at(0).sequence, 2u);
  EXPECT_EQ(records->at(1).sequence, 3u);
  const auto checkpoints = Read([](const Tables& tables) { return tables.audit().ListCheckpoints(3, 9); });
  ASSERT_EQ(checkpoints->size(), 1u);
  EXPECT_EQ(checkpoints->at(0).sequence, 10u);
}

}  // namespace
}  // namespace signet::store
