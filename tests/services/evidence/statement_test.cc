#include "services/evidence/statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "services/base/reason.h"
#include "signet/v1/statement.pb.h"
#include "tests/services/evidence/example.h"

namespace signet::evidence {
namespace {

using ::testing::HasSubstr;

void ExpectRefused(absl::string_view bytes, const std::string& what = "") {
  const auto refused = SignedStatement::Parse(bytes);
  ASSERT_FALSE(refused.ok()) << what;
  EXPECT_NE(base::ReasonOf(refused.status()), "") << what << refused.status();
  EXPECT_TRUE(IsTextSafe(refused.status().message())) << what;
}

// A statement whose message was changed before both keys signed it.
class Forge {
 public:
  Forge() {
    v1::SignedStatement outer;
    outer.ParseFromString(*Sign(ExampleStatement(), identity, &token));
    message.ParseFromString(outer.statement());
  }
  std::string SignBytes(const std::string& statement, const char* domain = keys::kStatementDomain) const {
    v1::SignedStatement outer;
    outer.set_statement(statement);
    outer.set_identity_signature(*keys::SignInDomain(identity, domain, statement));
    outer.set_token_signature(*keys::SignInDomain(token, domain, statement));
    return outer.SerializeAsString();
  }
  std::string Signed() const { return SignBytes(message.SerializeAsString()); }

  keys::PrivateKey identity = NewKey();
  keys::PrivateKey token = NewKey();
  v1::Statement message;
};

TEST(Statement, ComesBackAsItWasSigned) {
  const keys::PrivateKey identity = NewKey();
  const keys::PrivateKey token = NewKey();
  Statement statement = ExampleStatement();
  statement.kubernetes_token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
  const auto parsed = SignedStatement::Parse(*Sign(statement, identity, &token));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Statement& read = parsed->statement();
  EXPECT_EQ(read.key_id, identity.public_key().key_id());
  EXPECT_EQ(read.identity_spki_der, identity.public_key().spki_der());
  EXPECT_EQ(read.token_id, token.public_key().key_id());
  EXPECT_EQ(read.cluster, statement.cluster);
  EXPECT_EQ(read.node, statement.node);
  EXPECT_EQ(read.daemon, statement.daemon);
  EXPECT_EQ(read.issued_at, statement.issued_at);
  EXPECT_EQ(read.expires_at, statement.expires_at);
  EXPECT_EQ(read.seq, statement.seq);
  EXPECT_EQ(read.boot_id, statement.boot_id);
  EXPECT_EQ(read.csr_spki_sha256, statement.csr_spki_sha256);
  EXPECT_EQ(read.bundle_on_disk.generation, 7u);
  EXPECT_EQ(read.bundle_on_disk.sha256, statement.bundle_on_disk.sha256);
  EXPECT_EQ(read.bundle_loaded.generation, 6u);
  EXPECT_EQ(read.bundle_loaded.sha256, statement.bundle_loaded.sha256);
  EXPECT_TRUE(read.loaded_seen_at_renewal);
  EXPECT_EQ(read.adapter_version, statement.adapter_version);
  EXPECT_EQ(read.machine_id_sha256, statement.machine_id_sha256);
  EXPECT_EQ(read.kubernetes_token, statement.kubernetes_token);
  EXPECT_TRUE(parsed->identity_key() == identity.public_key());
  EXPECT_TRUE(parsed->VerifyToken(token.public_key()).ok());
}

TEST(Statement, NeedsNoToken) {
  const keys::PrivateKey identity = NewKey();
  const auto parsed = SignedStatement::Parse(*Sign(ExampleStatement(), identity, nullptr));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_FALSE(parsed->has_token());
  EXPECT_EQ(base::ReasonOf(parsed->VerifyToken(identity.public_key())), base::kEvidenceInvalid);
}

TEST(Statement, IsNotSignedForAnotherKeysId) {
  Statement statement = ExampleStatement();
  statement.key_id = NewKey().public_key().key_id();
  EXPECT_FALSE(Sign(statement, NewKey(), nullptr).ok());
  statement = ExampleStatement();
  statement.token_id = NewKey().public_key().key_id();
  const keys::PrivateKey token = NewKey();
  EXPECT_FALSE(Sign(statement, NewKey(), &token).ok());
  EXPECT_FALSE(Sign(statement, NewKey(), nullptr).ok());
  statement = ExampleStatement();
  statement.identity_spki_der = NewKey().public_key().spki_der();
  EXPECT_FALSE(Sign(statement, NewKey(), nullptr).ok());
}

TEST(Statement, IsNotSignedWithAFieldThatNobodyWouldAccept) {
  Statement statement = ExampleStatement();
  statement.node = "slurmctld";
  EXPECT_EQ(base::ReasonOf(Sign(statement, NewKey(), nullptr).status()), base::kNameRefused);
  statement = ExampleStatement();
  statement.issued_at = absl::InfinitePast();
  EXPECT_FALSE(Sign(statement, NewKey(), nullptr).ok());
}

// Field by field. The signatures are right each time: only the bounds can refuse.
TEST(Statement, RefusesEveryFieldOutOfItsBounds) {
  const std::pair<const char*, std::function<void(v1::Statement&)>> wrongs[] = {
      {"key_id empty", [](auto& m) { m.clear_key_id(); }},
      {"key_id short", [](auto& m) { m.set_key_id(std::string(15, 'k')); }},
      {"key_id of another key", [](auto& m) { m.set_key_id(std::string(16, 'k')); }},
      {"key_id with SQL", [](auto& m) { m.set_key_id("' OR 1=1 --abcde"); }},
      {"cluster empty", [](auto& m) { m.clear_cluster(); }},
      {"cluster with a slash", [](auto& m) { m.set_cluster("../alpha"); }},
      {"cluster with NUL", [](auto& m) { m.set_cluster(std::string("alpha\0x", 7)); }},
      {"cluster long", [](auto& m) { m.set_cluster(std::string(65, 'a')); }},
      {"node empty", [](auto& m) { m.clear_node(); }},
      {"node with a space", [](auto& m) { m.set_node("n1 "); }},
      {"node with NUL", [](auto& m) { m.set_node(std::string("n1\0x", 4)); }},
      {"node a regex", [](auto& m) { m.set_node("n.*"); }},
      {"node long", [](auto& m) { m.set_node(std::string(65, 'n')); }},
      {"node a service", [](auto& m) { m.set_node("slurmctld"); }},
      {"node with a newline", [](auto& m) { m.set_node("n1\nroot"); }},
      {"daemon empty", [](auto& m) { m.clear_daemon(); }},
      {"daemon a service", [](auto& m) { m.set_daemon("slurmctld"); }},
      {"daemon upper case", [](auto& m) { m.set_daemon("SLURMD"); }},
      {"issued never", [](auto& m) { m.clear_issued_at_ms(); }},
      {"issued before 1970", [](auto& m) { m.set_issued_at_ms(-1); }},
      {"issued after 9999", [](auto& m) { m.set_issued_at_ms(std::numeric_limits<int64_t>::max()); }},
      {"expires never", [](auto& m) { m.clear_expires_at_ms(); }},
      {"expires before issued", [](auto& m) { m.set_expires_at_ms(m.issued_at_ms()); }},
      {"expires after 9999", [](auto& m) { m.set_expires_at_ms(std::numeric_limits<int64_t>::max()); }},
      {"seq zero", [](auto& m) { m.clear_seq(); }},
      {"seq beyond a store's numbers", [](auto& m) { m.set_seq(std::numeric_limits<uint64_t>::max()); }},
      {"boot_id empty", [](auto& m) { m.clear_boot_id(); }},
      {"boot_id upper case", [](auto& m) { m.set_boot_id(absl::AsciiStrToUpper(m.boot_id())); }},
      {"boot_id long", [](auto& m) { m.set_boot_id(m.boot_id() + "0"); }},
      {"csr hash empty", [](auto& m) { m.clear_csr_spki_sha256(); }},
      {"csr hash long", [](auto& m) { m.set_csr_spki_sha256(std::string(33, 'h')); }},
      {"identity empty", [](auto& m) { m.clear_identity_public_key(); }},
      {"identity garbage", [](auto& m) { m.set_identity_public_key(std::string(91, '\x30')); }},
      {"identity of P-384",
       [](auto& m) {
         m.set_identity_public_key(keys::PrivateKey::Generate(x509::KeyType::kEcP384)->public_key().spki_der());
       }},
      {"identity of another", [](auto& m) { m.set_identity_public_key(NewKey().public_key().spki_der()); }},
      {"token_id missing", [](auto& m) { m.clear_token_id(); }},
      {"token_id short", [](auto& m) { m.set_token_id(std::string(15, 't')); }},
      {"disk hash short", [](auto& m) { m.mutable_bundle_on_disk()->set_sha256("short"); }},
      {"loaded hash long", [](auto& m) { m.mutable_bundle_loaded()->set_sha256(std::string(33, 'h')); }},
      {"generation huge", [](auto& m) { m.mutable_bundle_on_disk()->set_generation(~0ull); }},
      {"loaded_evidence unknown", [](auto& m) { m.set_loaded_evidence(static_cast<v1::LoadedEvidence>(4)); }},
      {"version long", [](auto& m) { m.set_adapter_version(std::string(65, '1')); }},
      {"version with escape", [](auto& m) { m.set_adapter_version("\x1b[2J"); }},
      {"machine hash short", [](auto& m) { m.set_machine_id_sha256("short"); }},
      {"kubernetes token long", [](auto& m) { m.set_kubernetes_token(std::string(16385, 'j')); }},
      {"kubernetes token with newline", [](auto& m) { m.set_kubernetes_token("a\nb"); }},
  };
  ASSERT_TRUE(SignedStatement::Parse(Forge().Signed()).ok());
  for (const auto& [what, change] : wrongs) {
    Forge forge;
    change(forge.message);
    ExpectRefused(forge.Signed(), what);
  }
}

TEST(Statement, RefusesTheEvidenceOfAHostsReport) {
  for (const v1::LoadedEvidence evidence :
       {v1::LOADED_EVIDENCE_STARTED_AFTER_FILE, v1::LOADED_EVIDENCE_READ_EACH_TIME}) {
    Forge forge;
    forge.message.set_loaded_evidence(evidence);
    const auto refused = SignedStatement::Parse(forge.Signed());
    EXPECT_EQ(base::ReasonOf(refused.status()), base::kMalformed) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("loaded_evidence"));
  }
  for (const v1::LoadedEvidence evidence :
       {v1::LOADED_EVIDENCE_UNSPECIFIED, v1::LOADED_EVIDENCE_SAME_PROCESS_RENEWAL}) {
    Forge forge;
    forge.message.set_loaded_evidence(evidence);
    EXPECT_TRUE(SignedStatement::Parse(forge.Signed()).ok()) << evidence;
  }
}

TEST(Statement, TakesTheLongestOfEachField) {
  Forge forge;
  forge.message.set_cluster(std::string(64, 'a'));
  forge.message.set_node(std::string(64, 'n'));
  forge.message.set_adapter_version(std::string(64, '1'));
  forge.message.set_kubernetes_token(std::string(16384, 'j'));
  forge.message.set_seq(std::numeric_limits<int64_t>::max());
  const auto parsed = SignedStatement::Parse(forge.Signed());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
}

TEST(Statement, RefusesTextThatIsNotUtf8) {
  Forge forge;
  std::string bytes = forge.message.SerializeAsString();
  bytes.replace(bytes.find("alpha"), 5, "al\xff\xfe\x80");
  ExpectRefused(forge.SignBytes(bytes));
}

TEST(Statement, RefusesUnknownFieldsAtEveryLevel) {
  Forge forge;
  const std::string unknown = "\xa2\x06\x03xyz";  // field 100
  ExpectRefused(forge.Signed() + unknown);
  ExpectRefused(forge.SignBytes(forge.message.SerializeAsString() + unknown));
  forge.message.mutable_bundle_on_disk()
      ->GetReflection()
      ->MutableUnknownFields(forge.message.mutable_bundle_on_disk())
      ->AddVarint(100, 1);
  ExpectRefused(forge.Signed());
}

// Duplicated. Protobuf lets the last one win, and another reader may take the first.
TEST(Statement, RefusesAFieldThatComesTwiceOrOutOfOrder) {
  Forge forge;
  const std::string bytes = forge.message.SerializeAsString();
  ExpectRefused(forge.SignBytes(bytes + std::string("\x1a\x04n001", 6)));  // field 3 again, with the same value
  ExpectRefused(forge.SignBytes(bytes + bytes));
  v1::SignedStatement outer;
  ASSERT_TRUE(outer.ParseFromString(forge.Signed()));
  ExpectRefused(forge.Signed() + forge.Signed());
  std::string reordered;
  v1::SignedStatement part;
  part.set_token_signature(outer.token_signature());
  reordered += part.SerializeAsString();
  part = outer;
  part.clear_token_signature();
  reordered += part.SerializeAsString();
  ExpectRefused(reordered);
}

TEST(Statement, RefusesEveryTruncation) {
  const std::string bytes = Forge().Signed();
  for (std::size_t size = 0; size < bytes.size(); ++size) ExpectRefused(absl::string_view(bytes).substr(0, size));
}

TEST(Statement, RefusesEveryChangedByte) {
  const Forge forge;
  const std::string bytes = forge.Signed();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    const auto parsed = SignedStatement::Parse(changed);
    // The token's signature is judged when its key is known.
    EXPECT_FALSE(parsed.ok() && parsed->VerifyToken(forge.token.public_key()).ok()) << at;
  }
}

TEST(Statement, RefusesWhatIsTooLarge) {
  ExpectRefused(std::string(32 * 1024 + 1, '\x0a'));
  ExpectRefused(std::string(1 << 20, 'x'));
  ExpectRefused("");
}

TEST(Statement, RefusesASignatureThatIsTooLongForItsCurve) {
  const Forge forge;
  v1::SignedStatement outer;
  ASSERT_TRUE(outer.ParseFromString(forge.Signed()));
  outer.set_token_signature(std::string(73, 's'));
  ExpectRefused(outer.SerializeAsString(), "token's");
  ASSERT_TRUE(outer.ParseFromString(forge.Signed()));
  outer.set_identity_signature(std::string(73, 's'));
  ExpectRefused(outer.SerializeAsString(), "identity's");
}

TEST(Statement, RefusesABootIdThatHoldsAnythingButHexAndHyphens) {
  for (const char odd : {'g', 'z', '{', '\x7f', 'A', '/', '_'}) {
    Forge forge;
    std::string boot_id = ExampleStatement().boot_id;
    boot_id[0] = odd;
    forge.message.set_boot_id(boot_id);
    ExpectRefused(forge.Signed(), std::string(1, odd));
  }
}

TEST(Statement, TakesEveryCharacterThatAClustersNameMayHaveAndAnUnknownLoadedBundle) {
  Statement statement = ExampleStatement();
  statement.cluster = "Alpha-2_test.site";
  statement.bundle_loaded = {};
  statement.loaded_seen_at_renewal = false;
  const auto parsed = SignedStatement::Parse(*Sign(statement, NewKey(), nullptr));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->statement().cluster, statement.cluster);
  EXPECT_FALSE(parsed->statement().loaded_seen_at_renewal);
}

TEST(Statement, RefusesASignatureOfAnotherDomain) {
  const Forge forge;
  for (const char* domain : {keys::kBundleDomain, keys::kReportDomain, keys::kCheckpointDomain}) {
    ExpectRefused(forge.SignBytes(forge.message.SerializeAsString(), domain));
  }
}

TEST(Statement, RefusesATokenIdWithoutItsSignatureAndTheReverse) {
  const Forge forge;
  v1::SignedStatement outer;
  ASSERT_TRUE(outer.ParseFromString(forge.Signed()));
  outer.clear_token_signature();
  ExpectRefused(outer.SerializeAsString());
  Forge without;
  without.message.clear_token_id();
  ExpectRefused(without.Signed());
}

TEST(Statement, RefusesSignaturesSwappedOrMissing) {
  const Forge forge;
  v1::SignedStatement outer;
  ASSERT_TRUE(outer.ParseFromString(forge.Signed()));
  v1::SignedStatement swapped = outer;
  swapped.set_identity_signature(outer.token_signature());
  ExpectRefused(swapped.SerializeAsString());
  swapped.clear_identity_signature();
  ExpectRefused(swapped.SerializeAsString());
  swapped.set_identity_signature(std::string(73, 's'));
  ExpectRefused(swapped.SerializeAsString());
}

TEST(Statement, IsVerifiedByItsOwnTokenOnly) {
  const Forge forge;
  const auto parsed = SignedStatement::Parse(forge.Signed());
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->VerifyToken(forge.token.public_key()).ok());
  const absl::Status refused = parsed->VerifyToken(NewKey().public_key());
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(base::ReasonOf(refused), base::kEvidenceInvalid);
  // The right id with the identity's signature in the token's place.
  v1::SignedStatement outer;
  ASSERT_TRUE(outer.ParseFromString(forge.Signed()));
  outer.set_token_signature(outer.identity_signature());
  const auto forged = SignedStatement::Parse(outer.SerializeAsString());
  ASSERT_TRUE(forged.ok());
  EXPECT_EQ(base::ReasonOf(forged->VerifyToken(forge.token.public_key())), base::kEvidenceInvalid);
}

TEST(CheckTimes, HoldsFromIssuedLessTheSkewToExpiry) {
  const Statement statement = ExampleStatement();
  EXPECT_TRUE(CheckTimes(statement, statement.issued_at).ok());
  EXPECT_TRUE(CheckTimes(statement, statement.issued_at - kClockSkew).ok());
  EXPECT_TRUE(CheckTimes(statement, statement.expires_at).ok());
  EXPECT_EQ(base::ReasonOf(CheckTimes(statement, statement.expires_at + absl::Seconds(1))), base::kEvidenceExpired);
  EXPECT_EQ(base::ReasonOf(CheckTimes(statement, statement.issued_at - kClockSkew - absl::Seconds(1))),
            base::kEvidenceFromFuture);
}

TEST(CheckTimes, NamesBothClocksAndTheirDifference) {
  const Statement statement = ExampleStatement();
  const absl::Status ahead = CheckTimes(statement, statement.issued_at - absl::Hours(3));
  EXPECT_THAT(std::string(ahead.message()), HasSubstr("2026-09-21T14:13:20Z"));
  EXPECT_THAT(std::string(ahead.message()), HasSubstr("2026-09-21T11:13:20Z"));
  EXPECT_THAT(std::string(ahead.message()), HasSubstr("3h"));
  const absl::Status late = CheckTimes(statement, statement.expires_at + absl::Hours(48));
  EXPECT_THAT(std::string(late.message()), HasSubstr("2026-09-28T14:13:20Z"));
  EXPECT_THAT(std::string(late.message()), HasSubstr("2026-09-30T14:13:20Z"));
  EXPECT_THAT(std::string(late.message()), HasSubstr("48h"));
  EXPECT_NE(base::NextOf(late), "");
}

TEST(CheckTimes, RefusesALongerLifeThanSevenDays) {
  Statement statement = ExampleStatement();
  statement.expires_at += absl::Milliseconds(1);
  EXPECT_FALSE(CheckTimes(statement, statement.issued_at).ok());
  statement.expires_at = statement.issued_at;
  EXPECT_FALSE(CheckTimes(statement, statement.issued_at).ok());
}

}  // namespace
}  // namespace signet::evidence
