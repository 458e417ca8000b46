// A subordinate authority's way in: the request, and the chain that answers it.
#include "tests/services/authority/rotation_fixture.h"
#include "tests/testing/changed_certificate.h"
#include "tests/testing/offline_root.h"
#include "tests/testing/openssl_verifier.h"

namespace signet::authority {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::OpensslAcceptsBothWays;
using ::signet::testing::PemOf;
using ::signet::testing::ReplaceExtension;
using ::signet::testing::SignAuthority;
using ::signet::testing::TestRoot;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kSubject[] = "CN=Slurm issuing CA,O=Example";
constexpr absl::Duration kDay = absl::Hours(24);

class SubordinateImportTest : public RotationTest {
 protected:
  store::AuthorityRequestRow Request(const std::string& subject = kSubject) {
    return *Must(world.rotation->RequestSubordinate({subject, false}, world.origin)).request;
  }
  std::vector<store::AuthorityRequestRow> Requests() {
    return Must(world.Read([](const store::Tables& tables) { return tables.authorities().ListRequests(); }));
  }
  x509::Certificate Signed(const store::AuthorityRequestRow& request, const TestRoot& by,
                           const std::string& subject = kSubject, absl::Duration lifetime = kDay * 1000) {
    return SignAuthority(by, request.spki_der, subject, world.clock.Now(), lifetime);
  }
  absl::StatusOr<Imported> Import(const std::vector<x509::Certificate>& chain, bool dry_run = false) {
    return world.rotation->ImportSubordinate({PemOf(chain), dry_run}, world.origin);
  }
  // Asked for, signed by `by` and imported; its id.
  std::string Add(const TestRoot& by, const std::string& subject = kSubject) {
    const x509::Certificate own = Signed(Request(subject), by, subject);
    return Must(Import({own, by.certificate})).authority.id;
  }
  std::string Refusal(const std::vector<x509::Certificate>& chain) {
    const std::string before = Fingerprint();
    const auto imported = Import(chain);
    EXPECT_FALSE(imported.ok());
    EXPECT_EQ(Fingerprint(), before);
    return std::string(imported.status().message()) + " | " + base::NextOf(imported.status());
  }
  std::string Steps(const Plan& of) { return absl::StrJoin(of.steps, "\n"); }
  // The leaf that a node gets now, leaf first.
  std::vector<x509::Certificate> LeafOf(const std::string& name) {
    const evidence::Token token = world.MakeToken(name);
    signet::testing::SimulatedNode node(name, world.clock);
    const auto signed_now = Must(world.node_certificates->Sign(node.Ask(&token).csr_pem, world.origin));
    return Must(x509::Certificate::ListFromPem(signed_now.issued.chain_pem));
  }
  bool Accepts(const x509::Certificate& anchor, const std::vector<x509::Certificate>& leaf_first) {
    return OpensslAcceptsBothWays(leaf_first[0], {leaf_first.begin() + 1, leaf_first.end()}, {anchor},
                                  world.clock.Now());
  }

  const TestRoot offline = MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP384, "CN=Offline root");
};

TEST_F(SubordinateImportTest, ARequestIsStoredWithItsKeyAndChangesNoTrust) {
  const uint64_t generation = Newest().generation;
  const Requested made = Must(world.rotation->RequestSubordinate({kSubject, false}, world.origin));
  EXPECT_TRUE(made.changed);
  ASSERT_EQ(Requests().size(), 1U);
  EXPECT_EQ(Requests()[0].csr_pem, made.request->csr_pem);
  EXPECT_FALSE(Requests()[0].handle.empty());
  EXPECT_EQ(Requests()[0].created_by, world.origin.actor);
  EXPECT_EQ(Newest().generation, generation);
  EXPECT_THAT(LastAudit(), HasSubstr("authority.request"));
  EXPECT_THAT(LastAudit(), HasSubstr(kSubject));
  EXPECT_THAT(LastAudit(), Not(HasSubstr(Requests()[0].handle)));
}

TEST_F(SubordinateImportTest, TheSameSubjectAgainIsTheSameRequest) {
  const store::AuthorityRequestRow first = Request();
  const std::size_t records = world.AuditRows().size();
  const Requested again = Must(world.rotation->RequestSubordinate({kSubject, false}, world.origin));
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.request->csr_pem, first.csr_pem);
  EXPECT_EQ(Requests().size(), 1U);
  EXPECT_EQ(world.AuditRows().size(), records);
  world.Restart();
  EXPECT_EQ(Request().csr_pem, first.csr_pem);
}

TEST_F(SubordinateImportTest, ADryRunOfARequestMakesNoKey) {
  const Requested made = Must(world.rotation->RequestSubordinate({kSubject, true}, world.origin));
  EXPECT_FALSE(made.changed);
  EXPECT_FALSE(made.request.has_value());
  EXPECT_THAT(Steps(made.plan), HasSubstr(kSubject));
  EXPECT_THAT(Requests(), IsEmpty());
  Request();
  EXPECT_TRUE(Must(world.rotation->RequestSubordinate({kSubject, true}, world.origin)).request.has_value());
}

TEST_F(SubordinateImportTest, ANameThatIsTakenIsNotAskedFor) {
  const auto refusal = [&](const std::string& subject) {
    const auto made = world.rotation->RequestSubordinate({subject, false}, world.origin);
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument) << subject;
    return std::string(made.status().message());
  };
  EXPECT_THAT(refusal("CN=slurm ca,O=Example"), HasSubstr("verifiers could not tell them apart"));
  EXPECT_THAT(refusal(""), HasSubstr("subject"));
  EXPECT_THAT(refusal("Slurm"), HasSubstr("subject"));
  Request();
  EXPECT_THAT(refusal("CN=Slurm Issuing CA,O=Example"), HasSubstr("asks for"));
  const auto prepared = world.rotation->Prepare({kSubject, absl::ZeroDuration(), false}, world.origin);
  EXPECT_EQ(prepared.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SubordinateImportTest, TheNextRootTakesNoNameThatIsAskedFor) {
  Request("CN=Slurm CA 2,O=Example");
  const std::string id = Prepare();
  EXPECT_EQ(Must(x509::Certificate::FromDer(Row(id).certificate_der)).subject(), "CN=Slurm CA 3,O=Example");
}

TEST_F(SubordinateImportTest, FourRequestsAreOpenAtMost) {
  for (int i = 0; i < 4; ++i) Request(absl::StrCat("CN=Sub ", i));
  const auto made = world.rotation->RequestSubordinate({"CN=Sub 4", false}, world.origin);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::NextOf(made.status()), HasSubstr("signetctl authority withdraw "));
  EXPECT_TRUE(Must(Change(Verb::kWithdraw, Requests()[0].id)).changed);
  EXPECT_TRUE(world.rotation->RequestSubordinate({"CN=Sub 4", false}, world.origin).ok());
}

TEST_F(SubordinateImportTest, AWithdrawnRequestLosesItsKeyForEver) {
  const store::AuthorityRequestRow request = Request();
  const std::string before = Fingerprint();
  EXPECT_FALSE(Must(Change(Verb::kWithdraw, request.id, "", true)).changed);
  EXPECT_EQ(Fingerprint(), before);
  EXPECT_FALSE(Requests()[0].handle.empty());
  const Changed withdrawn = Must(Change(Verb::kWithdraw, request.id.substr(0, 12)));
  EXPECT_TRUE(withdrawn.changed);
  EXPECT_TRUE(withdrawn.dropped_request);
  EXPECT_THAT(Requests()[0].handle, IsEmpty());
  EXPECT_THAT(LastAudit(), HasSubstr("authority.withdraw"));
  const std::size_t records = world.AuditRows().size();
  EXPECT_FALSE(Must(Change(Verb::kWithdraw, request.id)).changed);
  EXPECT_EQ(world.AuditRows().size(), records);
  EXPECT_THAT(Refusal({Signed(request, offline), offline.certificate}), HasSubstr("was withdrawn at"));
  EXPECT_NE(Request().id, request.id);
}

TEST_F(SubordinateImportTest, ARequestTakesNoOtherStep) {
  const store::AuthorityRequestRow request = Request();
  for (const Verb verb : {Verb::kActivate, Verb::kRollback, Verb::kRevoke, Verb::kDestroy}) {
    const auto changed = Change(verb, request.id, "test");
    EXPECT_EQ(changed.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(base::NextOf(changed.status()), HasSubstr("authority import --chain"));
  }
  EXPECT_FALSE(world.rotation->FindId(request.id).ok());
}

TEST_F(SubordinateImportTest, WhatTheRootSignedIsPreparedAndItsRootSpreads) {
  const store::AuthorityRequestRow request = Request();
  const x509::Certificate own = Signed(request, offline);
  const uint64_t generation = Newest().generation;
  const std::string before = Fingerprint();
  const Imported judged = Must(Import({own, offline.certificate}, true));
  EXPECT_FALSE(judged.changed);
  EXPECT_EQ(judged.plan.bundle_generation, generation + 1);
  EXPECT_EQ(Fingerprint(), before);

  const Imported imported = Must(Import({own, offline.certificate}));
  EXPECT_TRUE(imported.changed);
  EXPECT_EQ(imported.plan.steps, judged.plan.steps);
  EXPECT_EQ(imported.authority.id, request.id);
  EXPECT_NE(imported.authority.signer, nullptr);
  EXPECT_EQ(StateOf(request.id), store::AuthorityState::kPrepared);
  EXPECT_THAT(Requests(), IsEmpty());
  EXPECT_EQ(Newest().generation, generation + 1);
  EXPECT_THAT(Newest().ca_cert_pem, HasSubstr(offline.certificate.pem()));
  EXPECT_THAT(Newest().ca_cert_pem, Not(HasSubstr(own.pem())));
  EXPECT_THAT(LastAudit(), HasSubstr("authority.import"));
  EXPECT_THAT(Steps(imported.plan), HasSubstr("vouches for CN=Offline root by a cross certificate"));

  const std::size_t records = world.AuditRows().size();
  const Imported again = Must(Import({own, offline.certificate}));
  EXPECT_FALSE(again.changed);
  EXPECT_THAT(Steps(again.plan), HasSubstr("is PREPARED already"));
  EXPECT_EQ(world.AuditRows().size(), records);
  world.Restart();
  EXPECT_EQ(StateOf(request.id), store::AuthorityState::kPrepared);
}

TEST_F(SubordinateImportTest, WhoTrustsEitherRootAcceptsItsLeavesAndThoseOfTheNext) {
  const x509::Certificate first_root = world.Root();
  const keys::PrivateKey middle_key = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const TestRoot middle{middle_key, SignAuthority(offline, middle_key.public_key().spki_der(), "CN=Middle",
                                                  world.clock.Now(), kDay * 2000)};
  const x509::Certificate own = Signed(Request(), middle);
  const std::string id = Must(Import({own, middle.certificate, offline.certificate})).authority.id;
  Take(Verb::kActivate, id);
  const auto leaf = LeafOf("n1");
  EXPECT_EQ(leaf.size(), 4U);
  EXPECT_TRUE(Accepts(first_root, leaf));
  EXPECT_TRUE(Accepts(offline.certificate, leaf));

  const std::string next = Rotate();
  const auto later = LeafOf("n2");
  EXPECT_TRUE(Accepts(offline.certificate, later));
  EXPECT_TRUE(Accepts(Must(x509::Certificate::FromDer(Row(next).certificate_der)), later));
}

TEST_F(SubordinateImportTest, OneBelowTheSameRootNeedsNoCrossAndNoNewBundle) {
  const std::string first = Add(offline, "CN=Sub A");
  Take(Verb::kActivate, first);
  const uint64_t generation = Newest().generation;
  const x509::Certificate own = Signed(Request("CN=Sub B"), offline, "CN=Sub B");
  const Imported second = Must(Import({own, offline.certificate}));
  EXPECT_EQ(second.plan.bundle_generation, generation);
  EXPECT_EQ(Newest().generation, generation);
  EXPECT_THAT(Steps(second.plan), HasSubstr("no cross certificate is needed"));
  EXPECT_THAT(Steps(second.plan), HasSubstr("in the trust bundle already"));
  Take(Verb::kActivate, second.authority.id);
  EXPECT_EQ(Crosses().size(), 1U);
  EXPECT_TRUE(Accepts(offline.certificate, LeafOf("n1")));
}

TEST_F(SubordinateImportTest, APathLengthThatRulesOutTheActivationIsRefusedAtTheImport) {
  // The active one hangs below a root that allows one authority: it can sign leaves, and vouch for nobody.
  const TestRoot tight{offline.key,
                       Must(signet::testing::Changed(
                           offline.certificate,
                           [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:1"); },
                           offline.key, EVP_sha384()))};
  const x509::Certificate own = Signed(Request("CN=Sub A"), tight, "CN=Sub A");
  const Imported first = Must(Import({own, tight.certificate}));
  EXPECT_THAT(Steps(first.plan), HasSubstr("will not be able to vouch for a root that follows it"));
  EXPECT_THAT(Steps(first.plan), HasSubstr("CN=Offline root has pathlen 1"));
  Take(Verb::kActivate, first.authority.id);

  const TestRoot other = MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Another root");
  const store::AuthorityRequestRow request = Request("CN=Sub B");
  EXPECT_THAT(Refusal({Signed(request, other, "CN=Sub B"), other.certificate}), HasSubstr("could not vouch for"));
  const auto prepared = world.rotation->Prepare({}, world.origin);
  EXPECT_EQ(prepared.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::NextOf(prepared.status()), HasSubstr("authority create --subordinate"));
  EXPECT_TRUE(Import({Signed(request, tight, "CN=Sub B"), tight.certificate}).ok());
}

TEST_F(SubordinateImportTest, APathLengthOfItsOwnIsSaidAtTheImport) {
  const TestRoot made{offline.key, Signed(Request(), offline)};
  const x509::Certificate own = Must(signet::testing::Changed(
      made.certificate, [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); },
      offline.key, EVP_sha384()));
  EXPECT_THAT(Steps(Must(Import({own, offline.certificate}, true)).plan),
              HasSubstr("Slurm issuing CA,O=Example has pathlen 0"));
}

TEST_F(SubordinateImportTest, WhatItCannotVouchForIsToBeWithdrawn) {
  const std::string former = ActiveId();
  const std::string beside = Prepare();
  const TestRoot made{offline.key, Signed(Request(), offline)};
  const x509::Certificate own = Must(signet::testing::Changed(
      made.certificate, [](X509* c) { ReplaceExtension(c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"); },
      offline.key, EVP_sha384()));
  Take(Verb::kActivate, Must(Import({own, offline.certificate})).authority.id);
  const std::string withdraw = "signetctl authority withdraw " + beside.substr(0, 12);
  const Standing standing = Must(world.rotation->Stand());
  EXPECT_EQ(standing.authority_id, beside);
  EXPECT_EQ(standing.next, withdraw);
  EXPECT_THAT(standing.summary, HasSubstr("Slurm issuing CA,O=Example has pathlen 0"));
  EXPECT_THAT(standing.summary, HasSubstr("Slurm CA is retired since 0m"));
  for (const std::string force : {"", "in anger"}) {
    const auto refused = Change(Verb::kActivate, beside, force);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("has pathlen 0"));
    EXPECT_EQ(base::NextOf(refused.status()), withdraw);
  }
  Take(Verb::kWithdraw, beside);
  EXPECT_EQ(Must(world.rotation->Stand()).authority_id, former);
}

TEST_F(SubordinateImportTest, AChainOfAnotherKeyIsRefused) {
  Request();
  const keys::PrivateKey stranger = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const x509::Certificate own = SignAuthority(offline, stranger.public_key().spki_der(), kSubject, world.clock.Now());
  EXPECT_THAT(Refusal({own, offline.certificate}), HasSubstr("the key of no request"));
  EXPECT_THAT(Refusal({offline.certificate}), HasSubstr("one certificate only"));
}

TEST_F(SubordinateImportTest, AnotherChainForAnAuthorityThatIsThereIsRefused) {
  const store::AuthorityRequestRow request = Request();
  Must(Import({Signed(request, offline), offline.certificate}));
  EXPECT_THAT(Refusal({Signed(request, offline), offline.certificate}), HasSubstr("under another chain"));
}

TEST_F(SubordinateImportTest, ItsRootHasNobodysNameAndNobodysKey) {
  const store::AuthorityRequestRow request = Request();
  const TestRoot namesake =
      MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Slurm CA,O=Example");
  EXPECT_THAT(Refusal({Signed(request, namesake), namesake.certificate}), HasSubstr("tell them apart"));
  EXPECT_THAT(Refusal({Signed(request, offline, "CN=Slurm CA,O=Example"), offline.certificate}),
              HasSubstr("tell them apart"));
}

TEST_F(SubordinateImportTest, ANameThatTheRootChoseIsSaid) {
  const Imported imported = Must(Import({Signed(Request(), offline, "CN=As the root has it"), offline.certificate}));
  EXPECT_THAT(Steps(imported.plan), HasSubstr("is called CN=As the root has it"));
}

TEST_F(SubordinateImportTest, ARootThatLeftTheBundleDoesNotComeBack) {
  const std::string first = Add(offline, "CN=Sub A");
  const Changed withdrawn = Must(Change(Verb::kWithdraw, first));
  EXPECT_THAT(Steps(withdrawn.plan), HasSubstr("so does its root CN=Offline root"));
  const store::AuthorityRequestRow request = Request("CN=Sub B");
  EXPECT_THAT(Refusal({Signed(request, offline, "CN=Sub B"), offline.certificate}), HasSubstr("does not come back"));
}

TEST_F(SubordinateImportTest, TwoPreparedAreEnough) {
  Prepare();
  Prepare();
  EXPECT_THAT(Refusal({Signed(Request(), offline), offline.certificate}), HasSubstr("each is live trust"));
}

TEST_F(SubordinateImportTest, AnActiveOneThatEndsSoonCannotVouchForAnotherRoot) {
  const std::string first = Add(offline, "CN=Sub A");
  Take(Verb::kActivate, first);
  world.clock.Advance(kDay * 900);
  const TestRoot other = MakeTestRoot(world.clock.Now(), kDay * 3650, x509::KeyType::kEcP256, "CN=Another root");
  const store::AuthorityRequestRow request = Request("CN=Sub B");
  EXPECT_THAT(Refusal({Signed(request, other, "CN=Sub B"), other.certificate}), HasSubstr("would have to vouch"));
  EXPECT_TRUE(Import({Signed(request, offline, "CN=Sub B"), offline.certificate}).ok()) << "no cross is needed";
}

TEST_F(SubordinateImportTest, AStolenOneTakesItsRootAlongAndThePlanSaysSo) {
  const std::string first = Add(offline, "CN=Sub A");
  Take(Verb::kActivate, first);
  const std::string second = Add(offline, "CN=Sub B");
  Request("CN=Sub C");
  const Replacement judged = Must(ReplaceStolen(second, true));
  EXPECT_THAT(Steps(judged.plan), HasSubstr("the root CN=Offline root leaves with"));
  EXPECT_THAT(Steps(judged.plan), HasSubstr("needs another root"));
  EXPECT_THAT(Steps(judged.plan), HasSubstr("the key of the request for CN=Sub C lay beside the stolen one"));
  const Replacement replaced = Must(ReplaceStolen(second));
  EXPECT_THAT(replaced.revoked_ids, Contains(first));
  EXPECT_THAT(Newest().ca_cert_pem, Not(HasSubstr(offline.certificate.pem())));
  const store::AuthorityRequestRow request = Requests().front();
  EXPECT_THAT(Refusal({Signed(request, offline, "CN=Sub C"), offline.certificate}), HasSubstr("does not come back"));
}

TEST_F(SubordinateImportTest, AKeyThatDoesNotOpenIsFoundBeforeTheImport) {
  const store::AuthorityRequestRow request = Request();
  const auto damage = [&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(tables.authorities().DeleteRequest(request.id).status());
    store::AuthorityRequestRow damaged = request;
    damaged.handle.back() ^= 1;
    return tables.authorities().InsertRequest(damaged);
  };
  Must(world.store->Write(damage));
  EXPECT_THAT(Refusal({Signed(request, offline), offline.certificate}), HasSubstr("does not open"));
}

}  // namespace
}  // namespace signet::authority
