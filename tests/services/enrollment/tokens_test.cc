#include "services/enrollment/tokens.h"

#include "absl/strings/str_cat.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TokensTest : public EnrollmentTest {
 protected:
  static NewToken New(const std::string& node, TokenKind kind = TokenKind::kSingleUse) {
    return {node, "slurmd", kind, SimulatedNode::NewKey().public_key().spki_der(), absl::ZeroDuration()};
  }
  NewToken Boot(const std::string& node, absl::Duration ttl = absl::ZeroDuration()) {
    NewToken token = New(node, TokenKind::kBoot);
    token.ttl = ttl;
    return token;
  }
  void GiveNodes(const std::string& provisioner, const std::string& hostlist) {
    Must(world_.store->Write([&](store::Tables& tables) {
      return tables.provisioners().Put({provisioner, hostlist, "socket:admin", world_.clock.Now()});
    }));
  }
  absl::Status CreateAs(const audit::Origin& origin, const std::vector<NewToken>& tokens) {
    // A dry run must say the same.
    const absl::Status dry = world_.tokens->Create(tokens, true, origin).status();
    const absl::Status real = world_.tokens->Create(tokens, false, origin).status();
    EXPECT_EQ(dry, real);
    return real;
  }
  const audit::Origin warewulf_{"tls:signet://alpha/provisioner/warewulf", "00ff", "provisioner", "warewulf"};

  std::size_t Stored() {
    std::size_t count = 0;
    Must(world_.store->Read([&](const store::Tables& tables) {
      store::TokenQuery query;
      query.open_only = false;
      query.now = world_.clock.Now();
      query.limit = 10000;
      auto page = tables.tokens().List(query);
      if (page.ok()) count = page->rows.size();
      return page.status();
    }));
    return count;
  }
};

TEST_F(TokensTest, EachKindHasItsDefaultLife) {
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kBoot, TokenKind::kReusable, TokenKind::kLab}) {
    const auto rows = Must(world_.tokens->Create({New("n1", kind)}, false, world_.origin));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].expires_at - rows[0].created_at, DefaultTtl(kind));
    EXPECT_EQ(rows[0].created_by, "socket:admin");
  }
  EXPECT_EQ(DefaultTtl(TokenKind::kBoot), absl::Hours(24));
  EXPECT_EQ(DefaultTtl(TokenKind::kReusable), absl::Hours(24 * 365));
  EXPECT_EQ(DefaultTtl(TokenKind::kSingleUse), absl::Hours(24 * 7));
}

TEST_F(TokensTest, ManyAreOneAuditRecordOverAHostlist) {
  const std::size_t audited = world_.AuditRows().size();
  Must(world_.tokens->Create({New("n1"), New("n2"), New("n3")}, false, world_.origin));
  ASSERT_EQ(world_.AuditRows().size(), audited + 1);
  EXPECT_THAT(world_.AuditRows().back().bytes, AllOf(HasSubstr("token.create"), HasSubstr("n[1-3]")));
}

TEST_F(TokensTest, EveryFaultIsNamedAndNothingIsCreated) {
  NewToken daemon = New("n4");
  daemon.daemon = "slurmctld";
  NewToken key = New("n5");
  key.spki_der = "garbage";
  NewToken curve = New("n6");
  curve.spki_der = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP384)).public_key().spki_der();
  NewToken ttl = New("n7");
  ttl.ttl = absl::Hours(24 * 365) + absl::Seconds(1);
  NewToken negative = New("n8");
  negative.ttl = -absl::Hours(1);
  const auto refused = world_.tokens->Create(
      {New("n1"), New("slurmctld"), New("n 3"), daemon, key, curve, ttl, negative}, false, world_.origin);
  EXPECT_EQ(base::ReasonOf(refused.status()), base::kMalformed);
  const std::string message(refused.status().message());
  for (const char* part :
       {"token 2", "token 3", "token 4 (n4)", "token 5 (n5)", "token 6 (n6)", "token 7 (n7)", "token 8 (n8)"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_THAT(message, Not(HasSubstr("token 1 ")));
  EXPECT_EQ(Stored(), 0U);
}

TEST_F(TokensTest, AMessageAboutAThousandFaultsStaysShort) {
  const std::vector<NewToken> bad(1000, New(std::string(5000, 'x')));
  const auto refused = world_.tokens->Create(bad, false, world_.origin);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("and 960 more"));
  EXPECT_LT(refused.status().message().size(), 16384U);
}

TEST_F(TokensTest, OneKeyForTwoNodesIsRefused) {
  NewToken first = New("n1");
  NewToken second = first;
  second.node = "n2";
  EXPECT_TRUE(absl::IsAlreadyExists(world_.tokens->Create({first, second}, false, world_.origin).status()));
  EXPECT_EQ(Stored(), 0U);
  Must(world_.tokens->Create({first}, false, world_.origin));
  EXPECT_TRUE(absl::IsAlreadyExists(world_.tokens->Create({second}, false, world_.origin).status()));
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(TokensTest, CreatingTheSameTokenAgainReturnsItAsItStands) {
  const NewToken token = New("n1");
  const auto first = Must(world_.tokens->Create({token}, false, world_.origin));
  world_.clock.Advance(absl::Hours(1));
  const std::size_t audited = world_.AuditRows().size();
  const auto again = Must(world_.tokens->Create({token}, false, world_.origin));
  EXPECT_EQ(again[0].expires_at, first[0].expires_at);
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(TokensTest, ADryRunJudgesAndWritesNothing) {
  const int writes = world_.store->writes();
  EXPECT_TRUE(world_.tokens->Create({New("n1")}, true, world_.origin).ok());
  EXPECT_FALSE(world_.tokens->Create({New("slurmctld")}, true, world_.origin).ok());
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_EQ(Stored(), 0U);
}

TEST_F(TokensTest, ACallHasOneToAThousandTokens) {
  EXPECT_FALSE(world_.tokens->Create({}, false, world_.origin).ok());
  EXPECT_FALSE(world_.tokens->Create(std::vector<NewToken>(1001, New("n1")), false, world_.origin).ok());
}

TEST_F(TokensTest, RevokesOpenOnesByIdAndByNode) {
  const evidence::Token a = world_.MakeToken("n1");
  world_.MakeToken("n2", TokenKind::kReusable);
  world_.MakeToken("n2");
  EXPECT_EQ(Must(world_.tokens->Revoke({a.id()}, {"n2"}, "", world_.origin)), 3);
  EXPECT_EQ(Must(world_.tokens->Revoke({a.id()}, {"n2"}, "", world_.origin)), 0);
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("token.revoke"));
}

TEST_F(TokensTest, AnUnknownIdRevokesNone) {
  const evidence::Token token = world_.MakeToken("n1");
  const auto refused = world_.tokens->Revoke({token.id(), "' OR 1=1 --"}, {}, "", world_.origin);
  EXPECT_TRUE(absl::IsNotFound(refused.status()));
  EXPECT_EQ(Refused(node_.Ask(&token)), "");
  EXPECT_EQ(base::ReasonOf(world_.tokens->Revoke({}, {}, "", world_.origin).status()), base::kMalformed);
}

TEST_F(TokensTest, ALabelIsBoundedAuditedAndAWayToRevoke) {
  NewToken token = New("n1");
  for (const std::string& label : {std::string(65, 'a'), std::string("rack 7"), std::string("a,b"), std::string("ü"),
                                   std::string("a\0b", 3), std::string("a\n")}) {
    token.label = label;
    EXPECT_EQ(base::ReasonOf(world_.tokens->Create({token}, false, world_.origin).status()), base::kMalformed) << label;
  }
  token.label = "delivery=2026-11/rack:7_b.c-D";
  EXPECT_EQ(Must(world_.tokens->Create({token}, false, world_.origin))[0].label, token.label);
  EXPECT_THAT(world_.AuditRows().back().bytes, AllOf(HasSubstr("label"), HasSubstr(token.label)));
  Must(world_.tokens->Create({New("n2")}, false, world_.origin));
  EXPECT_EQ(Must(world_.tokens->Revoke({}, {}, token.label, world_.origin)), 1);
  EXPECT_THAT(world_.AuditRows().back().bytes, AllOf(HasSubstr("token.revoke"), HasSubstr(token.label)));
  EXPECT_EQ(Must(world_.tokens->Revoke({}, {}, token.label, world_.origin)), 0);
  EXPECT_EQ(base::ReasonOf(world_.tokens->Revoke({}, {}, "a b", world_.origin).status()), base::kMalformed);
}

TEST_F(TokensTest, AProvisionerMakesBootTokensForItsOwnNodes) {
  GiveNodes("warewulf", "n[001-128]");
  const auto rows = Must(world_.tokens->Create({Boot("n001"), Boot("n128", absl::Hours(24))}, false, warewulf_));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].created_by, "tls:signet://alpha/provisioner/warewulf");
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("tls:signet://alpha/provisioner/warewulf"));
}

TEST_F(TokensTest, AProvisionerBeyondItsNodesIsRefusedNamingThem) {
  GiveNodes("warewulf", "n[001-128]");
  GiveNodes("xcat", "g[1-9]");
  for (const std::string& node : std::vector<std::string>{"n129", "n1", "N001", "n001x", "g1", "n0001"}) {
    const absl::Status refused = CreateAs(warewulf_, {Boot("n001"), Boot(node)});
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << node;
    EXPECT_EQ(base::ReasonOf(refused), base::kNotYourNode) << node;
    EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr(node), Not(HasSubstr("n001,")))) << node;
  }
  EXPECT_EQ(Stored(), 0U);
}

TEST_F(TokensTest, AProvisionersNodesAreThoseOfTheLedgerNow) {
  GiveNodes("warewulf", "n[1-9]");
  EXPECT_TRUE(CreateAs(warewulf_, {Boot("n9")}).ok());
  GiveNodes("warewulf", "n[1-8]");
  EXPECT_EQ(base::ReasonOf(CreateAs(warewulf_, {Boot("n9")})), base::kNotYourNode);
  for (int other = 0; other < 20; ++other) {
    GiveNodes("warewulf", absl::StrCat("m[1-", other + 1, "]"));
    EXPECT_TRUE(CreateAs(warewulf_, {Boot("m1")}).ok());
  }
}

TEST_F(TokensTest, AProvisionerWithoutARowHasNoNodes) {
  EXPECT_EQ(base::ReasonOf(CreateAs(warewulf_, {Boot("n1")})), base::kNotYourNode);
  GiveNodes("xcat", "n[1-9]");
  EXPECT_EQ(base::ReasonOf(CreateAs(warewulf_, {Boot("n1")})), base::kNotYourNode);
  GiveNodes("warewulf", "n[9-1]");
  EXPECT_FALSE(CreateAs(warewulf_, {Boot("n1")}).ok());
  EXPECT_EQ(Stored(), 0U);
}

TEST_F(TokensTest, AProvisionerMakesNoOtherKindAndNoLongerLife) {
  GiveNodes("warewulf", "n[1-9]");
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kReusable, TokenKind::kLab}) {
    const absl::Status refused = CreateAs(warewulf_, {Boot("n1"), New("n2", kind)});
    EXPECT_TRUE(absl::IsPermissionDenied(refused));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("token 2"));
  }
  EXPECT_TRUE(absl::IsPermissionDenied(CreateAs(warewulf_, {Boot("n1", absl::Hours(24) + absl::Seconds(1))})));
  EXPECT_TRUE(CreateAs(warewulf_, {Boot("n1", absl::Hours(24))}).ok());
}

TEST_F(TokensTest, NoOtherRoleMakesTokens) {
  for (const std::string& role :
       std::vector<std::string>{"", "public", "controller", "observer", "service", "auditor", "Admin"}) {
    const absl::Status refused = CreateAs({"somebody", "00ff", role, "jane"}, {Boot("n1")});
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << role;
    EXPECT_EQ(base::ReasonOf(refused), base::kAccessDenied) << role;
  }
  EXPECT_EQ(Stored(), 0U);
}

TEST_F(TokensTest, ABlockedNodeGetsNoTokenFromAnybody) {
  GiveNodes("warewulf", "n[1-9]");
  Block("n2");
  for (const audit::Origin& origin : {world_.origin, warewulf_}) {
    const absl::Status refused = CreateAs(origin, {Boot("n1"), Boot("n2"), Boot("n3")});
    EXPECT_EQ(base::ReasonOf(refused), base::kNodeBlocked);
    EXPECT_EQ(base::NextOf(refused), "signetctl node unblock n2");
  }
  EXPECT_EQ(Stored(), 0U);
  Unblock("n2");
  EXPECT_TRUE(CreateAs(warewulf_, {Boot("n2")}).ok());
}

TEST_F(TokensTest, AKeyOfAnotherDaemonOrKindIsAnotherToken) {
  const NewToken token = New("n1");
  Must(world_.tokens->Create({token}, false, world_.origin));
  NewToken daemon = token;
  daemon.daemon = "sackd";
  NewToken kind = token;
  kind.kind = TokenKind::kReusable;
  for (const NewToken& other : {daemon, kind}) {
    EXPECT_TRUE(absl::IsAlreadyExists(world_.tokens->Create({other}, false, world_.origin).status()));
  }
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(TokensTest, OneTokenNamedTwiceInACallIsOne) {
  const NewToken token = New("n1");
  EXPECT_EQ(Must(world_.tokens->Create({token, token}, false, world_.origin)).size(), 2U);
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(TokensTest, AKindThatIsNoneIsRefused) {
  const auto refused = world_.tokens->Create({New("n1", static_cast<TokenKind>(9))}, false, world_.origin);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("token kind"));
}

TEST_F(TokensTest, RevokingByNodeAloneSkipsWhatIsOver) {
  const evidence::Token token = world_.MakeToken("n1");
  world_.clock.Advance(absl::Hours(24 * 8));
  EXPECT_EQ(Must(world_.tokens->Revoke({token.id()}, {}, "", world_.origin)), 0);
  world_.MakeToken("n1");
  EXPECT_EQ(Must(world_.tokens->Revoke({}, {"n1"}, "", world_.origin)), 1);
}

}  // namespace
}  // namespace signet::enrollment
