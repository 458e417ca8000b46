// How a node, or whoever says it is one, can lie: each test is named by what is tried.
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "services/names/node_name.h"
#include "signet/v1/statement.pb.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::testing::HasSubstr;

class Lying : public EnrollmentTest {
 protected:
  std::string SignedPem(const std::string& csr_pem) {
    return base::ReasonOf(world_.node_certificates->Sign(csr_pem, world_.origin).status());
  }
  // A CSR for n1 with `statement` in it, whatever that is.
  std::string Csr(const std::string& statement) {
    return Must(keys::SignRequestPem(SimulatedNode::NewKey(), "n1", statement));
  }
  // What `change` makes of the signed bytes of n1's next request with `token`, in a CSR for the right key.
  std::string Tampered(const evidence::Token& token, const std::function<void(v1::SignedStatement&)>& change) {
    const keys::PrivateKey tls_key = SimulatedNode::NewKey();
    evidence::Statement statement = node_.Next(tls_key);
    statement.token_id = token.id();
    v1::SignedStatement bytes;
    EXPECT_TRUE(bytes.ParseFromString(Must(evidence::Sign(statement, node_.identity(), &token.key))));
    change(bytes);
    return Must(keys::SignRequestPem(tls_key, "n1", bytes.SerializeAsString()));
  }
  // Nothing was signed for anybody, and no key was admitted.
  void ExpectNothingHappened() {
    EXPECT_TRUE(world_.Certificates("").empty());
    EXPECT_TRUE(Must(world_.Read([](const store::Tables& tables) { return tables.nodes().List("", "", 10); })).empty());
  }
};

TEST_F(Lying, OfManyKeysThatRaceForOneNodeByTokenAndByApprovalOneWins) {
  const evidence::Token token = world_.MakeToken("n1");
  std::vector<SimulatedNode> nodes;
  std::vector<NodeRequest> requests;
  for (int i = 0; i < 8; ++i) requests.push_back(nodes.emplace_back("n1", world_.clock).Ask(&token));
  Approve(nodes[0]);
  std::vector<std::thread> threads;
  std::atomic<int> won{0};
  for (const NodeRequest& request : requests) {
    threads.emplace_back([&] { won += Sign(request).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
}

TEST_F(Lying, ATokenOfN1ShownAsN10OrInAnotherSpelling) {
  const evidence::Token token = world_.MakeToken("n1");
  for (const char* name : {"n10", "N1", "n", "n1.", "n-1", "n01"}) {
    SimulatedNode other(name, world_.clock);
    const auto request = Altered([&](evidence::Statement&) {}, &token);
    EXPECT_FALSE(world_.node_certificates->Validate(name, request.script_token).ok()) << name;
    if (!names::CheckNodeName(name).ok()) continue;
    EXPECT_EQ(Refused(other.Ask(&token)), base::kWrongNode) << name;
  }
  // What is no NodeName cannot even be put into a statement.
  for (const std::string& name : {std::string("n1 "), std::string("n1\0x", 4), std::string(".*"), std::string("n[0-9]"),
                                  std::string("n1\n"), std::string("../n1")}) {
    evidence::Statement statement = node_.Next(SimulatedNode::NewKey());
    statement.node = name;
    EXPECT_FALSE(evidence::Sign(statement, node_.identity(), nullptr).ok()) << name;
    EXPECT_FALSE(world_.node_certificates->Validate(name, node_.Ask(&token).script_token).ok()) << name;
  }
  ExpectNothingHappened();
}

TEST_F(Lying, ANameThatTheStatementMayNotHoldIsRefusedWhenForgedIntoIt) {
  const evidence::Token token = world_.MakeToken("n1");
  for (const std::string& name : {std::string("n1 "), std::string("n1\0x", 4), std::string(".*"), std::string()}) {
    const std::string csr = Tampered(token, [&](v1::SignedStatement& bytes) {
      v1::Statement statement;
      ASSERT_TRUE(statement.ParseFromString(bytes.statement()));
      statement.set_node(name);
      bytes.set_statement(statement.SerializeAsString());
      bytes.set_identity_signature(
          Must(keys::SignInDomain(node_.identity(), keys::kStatementDomain, bytes.statement())));
      bytes.set_token_signature(Must(keys::SignInDomain(token.key, keys::kStatementDomain, bytes.statement())));
    });
    EXPECT_NE(SignedPem(csr), "") << absl::CHexEscape(name);
  }
  ExpectNothingHappened();
}

TEST_F(Lying, ATokenExpiredByOneSecondAndAClockThatJumps) {
  const evidence::Token token = world_.MakeToken("n1", TokenKind::kSingleUse, "slurmd", absl::Hours(1));
  world_.clock.Advance(absl::Hours(1) + absl::Seconds(1));
  const absl::Status expired = Sign(node_.Ask(&token)).status();
  EXPECT_EQ(base::ReasonOf(expired), base::kTokenExpired);
  EXPECT_THAT(std::string(expired.message()), HasSubstr("expired at 2026-01-01T01:00:00Z; the server's clock says "
                                                        "2026-01-01T01:00:01Z"));
  const NodeRequest request = node_.Ask(&token);
  world_.clock.Advance(-absl::Hours(24));
  const absl::Status future = Sign(request).status();
  EXPECT_EQ(base::ReasonOf(future), base::kEvidenceFromFuture);
  EXPECT_THAT(std::string(future.message()), HasSubstr("ahead of the server's"));
  world_.clock.Advance(absl::Hours(24 * 30));
  EXPECT_EQ(Refused(request), base::kEvidenceExpired);
  ExpectNothingHappened();
}

TEST_F(Lying, AReplayWithTheSameCsrGetsTheSameAnswerAndWithAnotherKeyNothing) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  const Signed first = Must(Sign(request));
  EXPECT_EQ(Must(Sign(request)).issued.serial, first.issued.serial);
  // The same statement in a CSR for the thief's own key, and a thief's identity with the same token.
  const NodeRequest stolen = node_.Request(request.statement, SimulatedNode::NewKey(), &token, "n1");
  EXPECT_EQ(Refused(stolen), base::kEvidenceInvalid);
  SimulatedNode thief("n1", world_.clock);
  EXPECT_EQ(RefusedProven(thief.Ask(&token)), base::kTokenUsed);
  EXPECT_EQ(world_.Certificates("n1").size(), 1U);
}

TEST_F(Lying, EvidenceOfANodeWithTheNameOfAService) {
  Enrol();
  for (const char* service : {"slurmctld", "slurmdbd", "slurmrestd"}) {
    const keys::PrivateKey tls_key = SimulatedNode::NewKey();
    EXPECT_EQ(Refused(node_.Request(node_.Next(tls_key), tls_key, nullptr, service)), base::kNameRefused) << service;
    EXPECT_TRUE(world_.Certificates(service).empty());
  }
}

TEST_F(Lying, ARenewalOfBByWhoHoldsAllOfAsKeys) {
  Enrol();
  SimulatedNode victim("n2", world_.clock);
  const evidence::Token token = world_.MakeToken("n2");
  const NodeRequest enrolment = victim.Ask(&token);
  ASSERT_EQ(Refused(enrolment), "");
  EXPECT_EQ(Refused(Altered([](evidence::Statement& s) { s.node = "n2"; }, nullptr, "n2")), base::kWrongNode);
  const keys::PrivateKey tls_key = SimulatedNode::NewKey();
  EXPECT_EQ(Refused(node_.Request(node_.Next(tls_key), tls_key, nullptr, "n2")), base::kWrongNode);
  // The victim's captured statement, in a CSR for a key of one's own.
  EXPECT_EQ(
      SignedPem(Must(keys::SignRequestPem(tls_key, "n2", Must(evidence::DecodeScriptToken(enrolment.script_token))))),
      base::kEvidenceInvalid);
  EXPECT_EQ(world_.Certificates("n2").size(), 1U);
}

TEST_F(Lying, AStatementOfAnotherCluster) {
  testing::World beta("beta");
  const evidence::Token token = beta.MakeToken("n1");
  SimulatedNode node("n1", world_.clock, "slurmd", "beta");
  const NodeRequest request = node.Ask(&token);
  ASSERT_TRUE(beta.node_certificates->Sign(request.csr_pem, beta.origin).ok());
  EXPECT_EQ(Refused(request), base::kWrongCluster);
  EXPECT_EQ(base::ReasonOf(world_.node_certificates->Validate("n1", request.script_token)), base::kWrongCluster);
  // With the cluster's name changed, the other cluster's token is nobody's here.
  SimulatedNode renamed("n1", world_.clock);
  EXPECT_EQ(Refused(renamed.Ask(&token)), base::kTokenUnknown);
  ExpectNothingHappened();
}

TEST_F(Lying, AnUnknownKeyIdOrOneWithSqlOrAPathInIt) {
  EXPECT_EQ(Refused(node_.Ask()), base::kIdentityUnknown);
  const evidence::Token token = world_.MakeToken("n1");
  for (const std::string& id : {std::string("' OR 1=1 -- xx'"), std::string("../../etc/passwd"), std::string("\0", 1),
                                std::string(16, '%'), std::string(4096, 'a'), std::string()}) {
    for (const bool token_id : {false, true}) {
      const std::string csr = Tampered(token, [&](v1::SignedStatement& bytes) {
        v1::Statement statement;
        ASSERT_TRUE(statement.ParseFromString(bytes.statement()));
        *(token_id ? statement.mutable_token_id() : statement.mutable_key_id()) = id;
        bytes.set_statement(statement.SerializeAsString());
        bytes.set_identity_signature(
            Must(keys::SignInDomain(node_.identity(), keys::kStatementDomain, bytes.statement())));
      });
      EXPECT_NE(SignedPem(csr), "") << absl::CHexEscape(id.substr(0, 20));
    }
  }
  ExpectNothingHappened();
}

TEST_F(Lying, AStatementTruncatedDuplicatedOrHuge) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  const std::string good = Must(evidence::DecodeScriptToken(request.script_token));
  for (const std::string& bad : {good.substr(0, good.size() / 2), good.substr(0, good.size() - 1), good + good,
                                 good + "x", std::string(40'000, 'x'), std::string(1, '\0')}) {
    EXPECT_NE(SignedPem(Csr(bad)), "");
    EXPECT_FALSE(world_.node_certificates->Validate("n1", evidence::EncodeScriptToken(bad)).ok());
  }
  ExpectNothingHappened();
  EXPECT_EQ(Refused(request), "");
}

TEST_F(Lying, ASignatureOfAnotherDomainOrAnotherKey) {
  const evidence::Token token = world_.MakeToken("n1");
  const keys::PrivateKey other = SimulatedNode::NewKey();
  const std::vector<std::function<void(v1::SignedStatement&)>> changes = {
      [&](v1::SignedStatement& b) {
        b.set_identity_signature(Must(keys::SignInDomain(node_.identity(), keys::kBundleDomain, b.statement())));
      },
      [&](v1::SignedStatement& b) {
        b.set_token_signature(Must(keys::SignInDomain(token.key, keys::kBundleDomain, b.statement())));
      },
      [&](v1::SignedStatement& b) {
        b.set_identity_signature(Must(keys::SignInDomain(other, keys::kStatementDomain, b.statement())));
      },
      [&](v1::SignedStatement& b) {
        b.set_token_signature(Must(keys::SignInDomain(other, keys::kStatementDomain, b.statement())));
      },
      [](v1::SignedStatement& b) { b.clear_token_signature(); },
      [](v1::SignedStatement& b) { b.clear_identity_signature(); },
      [](v1::SignedStatement& b) { b.mutable_identity_signature()->swap(*b.mutable_token_signature()); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_NE(SignedPem(Tampered(token, changes[i])), "") << i;
  ExpectNothingHappened();
  EXPECT_EQ(SignedPem(Tampered(token, [](v1::SignedStatement&) {})), "") << "unchanged, it is good";
}

TEST_F(Lying, OneObjectVerifiedAndAnotherUsed) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&token);
  // What validate_node accepted binds nothing but the CSR that the statement names.
  ASSERT_TRUE(world_.node_certificates->Validate("n1", request.script_token).ok());
  const std::string statement = Must(evidence::DecodeScriptToken(request.script_token));
  EXPECT_EQ(SignedPem(Csr(statement)), base::kEvidenceInvalid);
  EXPECT_EQ(SignedPem(Must(keys::SignRequestPem(request.tls_key, "n2", statement))), base::kWrongNode);
  // Changing the CSR after it was signed breaks its own signature.
  std::string changed = request.csr_pem;
  const std::size_t middle = changed.size() / 2;
  changed[middle] = changed[middle] == 'A' ? 'B' : 'A';
  EXPECT_NE(SignedPem(changed), "");
  ExpectNothingHappened();
}

TEST_F(Lying, ABlockedNodeRenewsAndTheLineageOfAStolenKey) {
  Enrol();
  SimulatedNode thief = node_;
  Block("n1");
  const std::size_t certificates = world_.Certificates("n1").size();
  EXPECT_EQ(RefusedProven(node_.Ask()), base::kIdentityEnded);
  EXPECT_EQ(RefusedProven(thief.Ask()), base::kIdentityEnded);
  Unblock("n1");
  node_.ForgetEverything();
  Enrol();
  // Every way by which the stolen key could come back.
  const evidence::Token newer = world_.MakeToken("n1");
  EXPECT_EQ(Refused(thief.Ask()), base::kIdentityEnded);
  EXPECT_EQ(Refused(thief.Ask(&newer)), base::kIdentityEnded);
  EXPECT_TRUE(absl::IsAlreadyExists(
      world_.node_life->Approve("n1", "slurmd", thief.key_id(), absl::ZeroDuration(), world_.origin).status()));
  Must(world_.node_life->Forget({"n1"}, world_.origin));
  EXPECT_EQ(Refused(thief.Ask(&newer)), base::kIdentityEnded);
  EXPECT_EQ(world_.Certificates("n1").size(), certificates + 1) << "the new key's own";
}

TEST_F(Lying, ACapturedCsrReplayedWritesNothing) {
  const evidence::Token token = world_.MakeToken("n1");
  const NodeRequest captured = node_.Ask(&token);
  ASSERT_EQ(Refused(captured), "");
  world_.clock.Advance(absl::Hours(1));
  ASSERT_EQ(Refused(node_.Ask()), "");
  const store::NodeRow before = world_.Node("n1");
  const int writes = world_.store->writes();
  const std::size_t audited = world_.AuditRows().size();
  for (int i = 0; i < 5; ++i) {
    const Signed replayed = Must(Sign(captured));
    EXPECT_TRUE(replayed.repeated);
    EXPECT_TRUE(world_.node_certificates->Validate("n1", captured.script_token).ok());
  }
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_EQ(world_.AuditRows().size(), audited);
  EXPECT_EQ(world_.Node("n1").seq, before.seq);
}

TEST_F(Lying, AGoldenImageClonedAfterEnrolmentIsFlaggedThenSeparated) {
  Enrol();
  SimulatedNode clone = node_;
  clone.machine_id_sha256 = std::string(32, 'c');
  clone.boot_id = SimulatedNode::BootId(2);
  ASSERT_EQ(Refused(clone.Ask()), "");
  EXPECT_NE(world_.Node("n1").clone_suspected_at, absl::InfinitePast());
  EXPECT_THAT(world_.AuditRows().back().bytes, HasSubstr("clone_suspected"));
  world_.clock.Advance(absl::Seconds(1));
  ASSERT_EQ(Refused(node_.Ask()), "") << "both hosts live on until an administrator decides";
  world_.clock.Advance(absl::Seconds(1));
  // A new token file on the right host: the other one is out.
  node_.ForgetEverything();
  Enrol();
  EXPECT_EQ(world_.Node("n1").clone_suspected_at, absl::InfinitePast());
  const absl::Status refused = Sign(clone.Ask()).status();
  EXPECT_EQ(base::ReasonOf(refused), base::kIdentitySuperseded);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("two hosts share this name"));
  // And under its own name, with its own key and token, it is a node like any other.
  SimulatedNode renamed("n2", world_.clock);
  const evidence::Token token = world_.MakeToken("n2");
  EXPECT_EQ(Refused(renamed.Ask(&token)), "");
}

TEST_F(Lying, AKeyAlreadyEnrolledForAnotherNode) {
  const evidence::Token first = world_.MakeToken("n1");
  const NodeRequest request = node_.Ask(&first);
  ASSERT_EQ(Refused(request), "");
  SimulatedNode other("n2", world_.clock);
  const evidence::Token second = world_.MakeToken("n2");
  EXPECT_EQ(RefusedProven(other.Request(other.Next(request.tls_key), request.tls_key, &second, "n2")),
            base::kKeyRefused);
  // The identity key of n1 under n2's token.
  const NodeRequest shared = Altered([](evidence::Statement& s) { s.node = "n2"; }, &second, "n2");
  EXPECT_EQ(Refused(shared), base::kWrongNode);
  EXPECT_TRUE(world_.Certificates("n2").empty());
}

TEST_F(Lying, GuessesUnderAnothersNameLeaveItsLimitAlone) {
  Enrol();
  world_.request_rates = {.requests_per_key_per_minute = 2, .unproven_failures_per_minute = 3};
  world_.Restart();
  int shed = 0;
  for (int i = 0; i < 50; ++i) {
    shed += Refused(SimulatedNode("n1", world_.clock).Ask()) == base::kTooManyRequests ? 1 : 0;
  }
  EXPECT_EQ(shed, 47);
  EXPECT_EQ(Refused(node_.Ask()), "");
}

// Every value of every row of every table of a copy of the store's file.
std::set<std::string> Values(const std::string& path) {
  std::set<std::string> values;
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  std::vector<std::string> tables;
  sqlite3_stmt* names = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(raw, "SELECT name FROM sqlite_schema WHERE type = 'table'", -1, &names, nullptr),
            SQLITE_OK);
  while (sqlite3_step(names) == SQLITE_ROW) {
    tables.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(names, 0)));
  }
  sqlite3_finalize(names);
  for (const std::string& table : tables) {
    sqlite3_stmt* rows = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(raw, absl::StrCat("SELECT * FROM ", table).c_str(), -1, &rows, nullptr), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
      for (int column = 0; column < sqlite3_column_count(rows); ++column) {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(rows, column));
        if (bytes != nullptr) values.emplace(bytes, sqlite3_column_bytes(rows, column));
      }
    }
    sqlite3_finalize(rows);
  }
  sqlite3_close(raw);
  return values;
}

TEST_F(Lying, ADatabaseDumpContainsNothingThatEnrolsANode) {
  for (const TokenKind kind : {TokenKind::kReusable, TokenKind::kBoot, TokenKind::kSingleUse, TokenKind::kLab}) {
    world_.MakeToken("n1", kind);
  }
  Approve(SimulatedNode("n1", world_.clock));
  SimulatedNode enrolled("n2", world_.clock);
  const evidence::Token token = world_.MakeToken("n2", TokenKind::kReusable);
  const NodeRequest request = enrolled.Ask(&token);
  ASSERT_EQ(Refused(request), "");
  world_.Restart();  // everything is in the one file now
  const std::string copy = world_.dir.File("dump.db");
  std::filesystem::copy_file(world_.dir.File("signet.db"), copy);
  const std::set<std::string> values = Values(copy);
  ASSERT_GT(values.size(), 40U);
  ASSERT_TRUE(values.count(token.id()) == 1) << "the dump holds the public halves";

  const std::size_t certificates = world_.Certificates("").size();
  for (const std::string& value : values) {
    // As a statement, as the script token, as a token file, as the secret of a lab token, as a private key.
    EXPECT_NE(SignedPem(Csr(value)), "");
    EXPECT_FALSE(world_.node_certificates->Validate("n1", value).ok());
    EXPECT_FALSE(world_.node_certificates->Validate("n1", evidence::EncodeScriptToken(value)).ok());
    EXPECT_FALSE(evidence::ParseTokenFile(base::SecretBytes(value)).ok());
    const auto lab = evidence::DeriveLabKey(base::SecretBytes(value), "alpha", "n1");
    const auto scalar = keys::PrivateKey::FromP256Scalar(base::SecretBytes(value));
    for (const auto* key : {&lab, &scalar}) {
      if (!key->ok()) continue;
      const evidence::Token guessed{"alpha", "n1", "slurmd", TokenKind::kReusable, **key, ""};
      EXPECT_EQ(Refused(SimulatedNode("n1", world_.clock).Ask(&guessed)), base::kTokenUnknown);
    }
  }
  EXPECT_EQ(world_.Certificates("").size(), certificates);
}

}  // namespace
}  // namespace signet::enrollment
