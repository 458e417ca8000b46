// After the emergency: every path by which a stolen key could be accepted is tried, and refused. docs/rotation.md lists
// them with the tests that try them.
#include <openssl/x509_vfy.h>

#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "adapters/slurm/answer.h"
#include "services/authority/import.h"
#include "services/base/reason.h"
#include "services/bundle/writer.h"
#include "services/evidence/statement.h"
#include "services/rpc/caller.h"
#include "tests/rotation/stolen_key_fixture.h"

namespace signet::rotation {
namespace {

using authority::Verb;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::signet::testing::TempDir;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class DaemonsTest : public AfterTheRunbookTest {
 protected:
  // As client and as server, before who still trusts the stolen one and before every process.
  void ExpectRefusedByAll(const std::vector<Forgery>& forgeries) {
    const absl::Time now = cluster_.world.clock.Now();
    Peer believer("n000", "slurmd");
    believer.LoadAnchors(anchors_before_);
    believer.LoadCertificate(old_leaf_->chain_pem, old_leaf_->key);
    for (const Forgery& forgery : forgeries) {
      Peer thief("thief", "slurmctld");
      thief.LoadAnchors(anchors_before_ + active_->anchor.pem());
      thief.LoadCertificate(forgery.chain_pem, forgery.key);
      EXPECT_EQ(!Handshake(thief, believer, now).server_refused, forgery.works_before) << forgery.path;
      EXPECT_EQ(Handshake(believer, thief, now).ok, forgery.works_before) << forgery.path;
      for (const Peer& one : Everybody()) {
        EXPECT_TRUE(Handshake(one, thief, now).client_refused) << one.host() << ": " << forgery.path;
        if (!one.has_certificate()) continue;
        EXPECT_TRUE(Handshake(thief, one, now).server_refused) << one.host() << ": " << forgery.path;
      }
    }
  }
};

TEST_F(DaemonsTest, RefuseEveryChainThatTheStolenKeyCanMake) {
  const std::vector<Forgery> forgeries = thief_.Forge(Crosses(), active_->certificate);
  EXPECT_GE(forgeries.size(), 13u);
  ExpectRefusedByAll(forgeries);
}

TEST_F(DaemonsTest, RefuseTheGenuineCertificatesOfBefore) {
  const keys::PrivateKey& key = old_leaf_->key;
  const auto chain = Must(x509::Certificate::ListFromPem(old_leaf_->chain_pem));
  std::string with_all = chain.front().pem();
  for (const x509::Certificate& cross : Crosses()) with_all += cross.pem();
  ExpectRefusedByAll({*old_leaf_, {"with every cross certificate", with_all, key}});
}

TEST_F(AfterTheRunbookTest, NoFileOfAnyHostHoldsTheStolenRootOrWhoVouchedForIt) {
  std::vector<std::string> files;
  for (const ServiceHost& service : cluster_.services()) files.push_back(service.disk().pem());
  for (const auto& node : cluster_.nodes()) files.push_back(node->disk().pem());
  for (const LoginHost& login : cluster_.logins()) files.push_back(login.disk().pem());
  for (const Peer& one : Everybody()) files.push_back(one.anchors_pem());
  for (const std::string& file : files) {
    const auto anchors = Must(x509::Certificate::ListFromPem(file));
    ASSERT_EQ(anchors.size(), 1u);
    EXPECT_EQ(anchors.front().der(), active_->certificate.der());
  }
  EXPECT_THAT(active_->chain_above, IsEmpty()) << "nobody vouches for the new one";
}

TEST_F(AfterTheRunbookTest, NoCrossCertificateIsServedThatTheStolenKeySigned) {
  for (const Peer& one : Everybody()) {
    if (!one.has_certificate()) continue;
    const auto chain = Must(x509::Certificate::ListFromPem(one.chain_pem()));
    EXPECT_EQ(chain.size(), 1u) << one.host();
    EXPECT_TRUE(chain.front().VerifySignedBy(active_->certificate).ok()) << one.host();
  }
}

TEST_F(AfterTheRunbookTest, TheStatusNamesWhoIsNotKnownToHaveLoadedABundleWithoutTheStolenRoot) {
  EXPECT_THAT(NamesOf(Must(cluster_.rotation.Stand()).blockers), AllOf(Contains("n001"), Not(Contains("slurmctld"))));
  cluster_.Run(absl::Hours(72));
  const authority::Standing standing = Must(cluster_.rotation.Stand());
  EXPECT_THAT(NamesOf(standing.blockers), IsEmpty());
  EXPECT_EQ(standing.step, authority::Step::kIdle);
}

// Nothing in a stateless node remembers the generation that it had, and it meets nobody who could tell.
TEST_F(AfterTheRunbookTest, AnImageThatWasLeftOutMakesABelieverUntilTheHostIsRefreshed) {
  Peer impostor("thief", "slurmctld");
  impostor.LoadAnchors(anchors_before_);
  impostor.LoadCertificate(thief_.Leaf().pem(), thief_.own());
  ASSERT_EQ(Believers(impostor), 0);
  NodeHost& late = cluster_.Add("n099", DiskBundle(anchors_before_));
  late.Start();
  EXPECT_EQ(Believers(impostor), 1);
  cluster_.Tick();
  EXPECT_FALSE(late.daemon().has_certificate());
  late.Stop();
  late.StartRefreshed();
  EXPECT_EQ(Believers(impostor), 0);
  cluster_.Tick();
  EXPECT_TRUE(late.daemon().has_certificate());
}

// What signet-slurm and signetctl judge answers by.
TEST_F(AfterTheRunbookTest, OurOwnVerifierRefusesThemToo) {
  std::vector<Forgery> forgeries = thief_.Forge(Crosses(), active_->certificate);
  forgeries.push_back(*old_leaf_);
  for (const Forgery& forgery : forgeries) {
    const auto chain = Must(x509::Certificate::ListFromPem(forgery.chain_pem));
    EXPECT_FALSE(x509::VerifyChain(chain.front(), {chain.begin() + 1, chain.end()},
                                   cluster_.world.authorities->Anchors(store::Purpose::kSlurm),
                                   cluster_.world.clock.Now())
                     .ok())
        << forgery.path;
  }
}

TEST_F(AfterTheRunbookTest, SignCsrPrintsNoAnswerOfARogueServer) {
  const auto asked = cluster_.node("n003").adapter().Ask();
  const auto csr = Must(x509::CertificateRequest::FromPem(asked.csr_pem));
  const auto anchors = Must(x509::Certificate::ListFromPem(cluster_.service("slurmctld").disk().pem()));
  const absl::Time now = cluster_.world.clock.Now();
  std::string chain = thief_.LeafFor("n003", csr.public_key()).pem();
  EXPECT_FALSE(slurm::CheckAnswer(chain, csr, anchors, now).ok());
  for (const x509::Certificate& cross : Crosses()) chain += cross.pem();
  EXPECT_FALSE(slurm::CheckAnswer(chain, csr, anchors, now).ok());
  const auto genuine = Must(cluster_.world.node_certificates->Sign(asked.csr_pem, cluster_.world.origin));
  EXPECT_TRUE(slurm::CheckAnswer(genuine.issued.chain_pem, csr, anchors, now).ok());
}

TEST_F(AfterTheRunbookTest, SignetdGivesAForgedClientCertificateNoRoleAndClientsBelieveNoForgedSignetd) {
  const absl::Time now = cluster_.world.clock.Now();
  const std::vector<x509::Certificate> anchors = cluster_.world.authorities->Anchors(store::Purpose::kControl);
  for (const std::string role : {"admin", "auditor", "controller", "provisioner", "service", "observer"}) {
    const rpc::Caller caller = rpc::CallerOfCertificate(
        thief_.ControlLeaf("root", "signet://alpha/" + role + "/root").pem(), "alpha", anchors, now);
    EXPECT_EQ(caller.role, v1::ROLE_PUBLIC) << role;
    EXPECT_NE(caller.fault, "") << role;
  }
  EXPECT_EQ(rpc::CallerOfCertificate(old_leaf_->chain_pem, "alpha", anchors, now).role, v1::ROLE_PUBLIC);
  EXPECT_FALSE(x509::VerifyChain(thief_.ControlLeaf("head1", "signet://alpha/server/signetd"), {}, anchors, now).ok());
}

class ForgedBundleTest : public AfterTheRunbookTest {
 protected:
  static std::string Content(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  }
  std::vector<std::string> ForgedBundles() {
    bundle::Bundle wanted{cluster_.world.cluster,
                          100,
                          Must(bundle::BundleSha256(NewestBundle())),
                          Must(bundle::RenderCaFile({Find(second_)->anchor})),
                          cluster_.world.clock.Now(),
                          ""};
    const std::string by_stolen = Must(bundle::Sign(wanted, thief_.stolen()));
    const std::string by_thief = Must(bundle::Sign(wanted, thief_.own()));
    wanted.next_bundle_key = thief_.own().public_key().spki_der();
    const std::string announcing = Must(bundle::Sign(wanted, thief_.own()));
    v1::SignedBundle swapped, genuine;
    EXPECT_TRUE(swapped.ParseFromString(by_thief) && genuine.ParseFromString(NewestBundle()));
    swapped.set_signature(genuine.signature());
    return {by_stolen, by_thief, announcing, swapped.SerializeAsString(), bundle_before_};
  }
};

// Whatever brings a bundle, signetd, a file or a ConfigMap: bundle::Write is what judges it on every host.
TEST_F(ForgedBundleTest, OfTheThiefAndOfBeforeAreTakenByNoHostThatHasTheNewestOne) {
  const auto bundle_key = Must(authority::OpenKey(*cluster_.world.store, *cluster_.world.custody, "bundle"));
  const TempDir dir;
  const bundle::Target target{dir.File("ca_cert.pem"), dir.File("memory"), cluster_.world.cluster,
                              bundle_key->public_key().spki_sha256()};
  const absl::Time now = cluster_.world.clock.Now();
  ASSERT_EQ(Must(bundle::Write(target, NewestBundle(), now)), bundle::WriteResult::kWritten);
  const std::string before = Content(target.ca_cert_file);
  for (const std::string& offered : ForgedBundles()) {
    EXPECT_FALSE(bundle::Write(target, offered, now).ok());
    EXPECT_EQ(Content(target.ca_cert_file), before);
  }
}

// The machine in the middle of a first installation, whose host holds nothing but the pin of its token.
TEST_F(ForgedBundleTest, OfTheThiefIsTakenByNoHostThatWasJustInstalled) {
  const auto bundle_key = Must(authority::OpenKey(*cluster_.world.store, *cluster_.world.custody, "bundle"));
  std::vector<std::string> forged = ForgedBundles();
  forged.pop_back();  // a genuine one of before is news to who holds nothing
  for (const std::string& offered : forged) {
    const TempDir dir;
    const bundle::Target target{dir.File("ca_cert.pem"), dir.File("memory"), cluster_.world.cluster,
                                bundle_key->public_key().spki_sha256()};
    EXPECT_FALSE(bundle::Write(target, offered, cluster_.world.clock.Now()).ok());
    EXPECT_EQ(Content(target.ca_cert_file), "");
  }
}

TEST_F(AfterTheRunbookTest, SignetdSignsNothingForWhoHoldsTheStolenKey) {
  testing::World& world = cluster_.world;
  const keys::PrivateKey tls = SimulatedNode::NewKey();
  const auto refused = [&](const std::string& csr) {
    return base::ReasonOf(world.node_certificates->Sign(csr, world.origin).status());
  };
  // slurmctld asks no more of who came over mTLS: a renewal with an old or a forged certificate is this and no more.
  EXPECT_EQ(refused(Must(keys::SignRequestPem(tls, "n001", ""))), base::kEvidenceMissing);
  SimulatedNode impostor("n001", world.clock);
  EXPECT_EQ(refused(impostor.Request(impostor.Next(tls), tls, nullptr, "n001").csr_pem), base::kIdentityUnknown);
  evidence::Statement statement = impostor.Next(tls);
  statement.key_id = thief_.stolen().public_key().key_id();
  statement.identity_spki_der = thief_.stolen().public_key().spki_der();
  EXPECT_EQ(refused(Must(keys::SignRequestPem(tls, "n001", Must(evidence::Sign(statement, thief_.stolen(), nullptr))))),
            base::kIdentityUnknown);
  statement = impostor.Next(tls);
  statement.token_id = thief_.stolen().public_key().key_id();
  EXPECT_EQ(refused(Must(keys::SignRequestPem(tls, "n001",
                                              Must(evidence::Sign(statement, impostor.identity(), &thief_.stolen()))))),
            base::kTokenUnknown);
}

TEST_F(AfterTheRunbookTest, ARepeatedRequestIsAnsweredUnderTheNewRootOrNotAtAll) {
  const auto replayed = cluster_.world.node_certificates->Sign(captured_->csr_pem, cluster_.world.origin);
  if (!replayed.ok()) return;
  const auto chain = Must(x509::Certificate::ListFromPem(replayed->issued.chain_pem));
  EXPECT_EQ(chain.size(), 1u);
  EXPECT_TRUE(chain.front().VerifySignedBy(active_->certificate).ok());
  EXPECT_EQ(chain.front().public_key(), captured_->tls_key.public_key()) << "worth nothing without the node's key";
}

TEST_F(AfterTheRunbookTest, NoProbeIsMadeUnderARevokedOneAndNoneBelievesTheThief) {
  testing::World& world = cluster_.world;
  const std::string csr = Must(keys::SignRequestPem(SimulatedNode::NewKey(), "signet-probe", ""));
  for (const std::string& id : replacement_.revoked_ids) {
    EXPECT_FALSE(world.named->IssueProbe(id, csr, world.origin).ok());
  }
  store::ProbeRow row;
  row.host = "n001";
  row.program = "slurmd";
  row.authority_id = active_->id;
  row.trusted = true;
  row.served_serial = thief_.Leaf("n001").serial();
  EXPECT_THAT(Must(cluster_.sightings.RecordProbes(active_->id, {row}, world.origin)), ElementsAre("n001"));
}

TEST_F(AfterTheRunbookTest, NoStepOfARotationAndNoImportBringsItBack) {
  testing::World& world = cluster_.world;
  EXPECT_THAT(replacement_.revoked_ids, UnorderedElementsAre(first_, second_)) << "the first vouches for the second";
  EXPECT_EQ(cluster_.ActiveId(), replacement_.active_id);
  for (const std::string& id : replacement_.revoked_ids) {
    for (const Verb verb : {Verb::kActivate, Verb::kRollback}) {
      authority::Plan plan;
      EXPECT_FALSE(cluster_.rotation.Change({id, verb, false, "forced"}, world.origin, &plan).ok());
    }
  }
  const auto anchor =
      authority::ImportAnchor(world.cluster, Find(second_)->anchor.pem(), false, *world.store, *world.custody,
                              *world.authorities, *world.audit, world.clock, world.origin);
  EXPECT_FALSE(anchor.ok() && anchor->changed);
  ASSERT_TRUE(cluster_.rotation.RecoverBundle(50, false, true, world.origin).ok());
  EXPECT_THAT(AnchorsNow(), ElementsAre(active_->certificate.subject()));
  world.Restart();
  EXPECT_THAT(AnchorsNow(), ElementsAre(active_->certificate.subject()));
}

TEST_F(AfterTheRunbookTest, AListByTheStolenKeyChangesNoVerdict) {
  for (const std::string& id : replacement_.revoked_ids) {
    EXPECT_FALSE(cluster_.world.revocation->List(id).ok()) << "signetd makes none under it";
  }
  const absl::Time now = cluster_.world.clock.Now();
  const auto verify = [&](const x509::Certificate& leaf, const std::string& list_der) {
    const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), &X509_STORE_free);
    X509_STORE_add_cert(store.get(), active_->certificate.ParseWithOpenssl().get());
    const auto* bytes = reinterpret_cast<const unsigned char*>(list_der.data());
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(
        d2i_X509_CRL(nullptr, &bytes, static_cast<long>(list_der.size())), &X509_CRL_free);
    EXPECT_NE(list, nullptr);
    X509_STORE_add_crl(store.get(), list.get());
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                  &X509_STORE_CTX_free);
    const auto subject = leaf.ParseWithOpenssl();
    X509_STORE_CTX_init(context.get(), store.get(), subject.get(), nullptr);
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK);
    X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(now));
    return X509_verify_cert(context.get()) == 1;
  };
  const auto genuine = Must(x509::Certificate::ListFromPem(cluster_.node("n001").daemon().chain_pem())).front();
  const std::string own_list = Must(cluster_.world.revocation->List(active_->id)).der;
  EXPECT_TRUE(verify(genuine, own_list));
  EXPECT_FALSE(verify(thief_.Leaf(), thief_.RevocationList(Find(second_)->certificate)));
  EXPECT_FALSE(verify(thief_.Leaf(), own_list));
  EXPECT_FALSE(verify(genuine, thief_.RevocationList(active_->certificate))) << "it does not pass for signetd's list";
}

TEST_F(StolenKeyTest, TheRunbookEndsTheThiefsTimeStepByStepInTheOrderOfThePlan) {
  Thief thief = ThiefOf(second_);
  Peer impostor("thief", "slurmctld");
  impostor.LoadAnchors(anchors_before_);
  impostor.LoadCertificate(thief.Leaf().pem(), thief.own());
  const auto all = static_cast<int>(Everybody().size());
  EXPECT_EQ(Believers(impostor), all);
  const authority::Replacement replacement = Replace(second_);
  EXPECT_EQ(Believers(impostor), all) << "who has not loaded the new bundle believes the thief";

  std::vector<std::string> started;
  int believers = all;
  FollowRunbook([&](const RunbookStep& step) {
    if (step.where == "head node") {
      EXPECT_FALSE(cluster_.Reload(cluster_.service("slurmctld"))) << "scontrol does not trust slurmctld as it is";
      cluster_.ForgetFailures();
    }
    const std::size_t name = step.command.find_last_of(' ') + 1;
    if (absl::StrContains(step.command, "systemctl start") || absl::StrContains(step.command, "systemctl restart")) {
      started.push_back(step.command.substr(name));
      EXPECT_LT(Believers(impostor), believers) << step.command;
    }
    EXPECT_LE(Believers(impostor), believers) << step.command;
    believers = Believers(impostor);
  });
  EXPECT_EQ(believers, 0);
  EXPECT_EQ(Believers(impostor), 0);
  EXPECT_THAT(started, ElementsAre("slurmdbd", "slurmctld", "slurmrestd", "slurmd", "sackd"));
  EXPECT_THAT(absl::StrJoin(replacement.plan.steps, "\n"),
              HasSubstr("restart slurmdbd, slurmctld and slurmrestd, then slurmd and sackd"));
}

TEST_F(StolenKeyTest, TheRetiredAuthoritysKeyIsWorthNothingEither) {
  Thief thief = ThiefOf(first_);
  const authority::Replacement replacement = Replace(first_);
  EXPECT_THAT(replacement.revoked_ids, ElementsAre(first_)) << "nobody vouches for the first";
  EXPECT_EQ(replacement.active_id, second_);
  EXPECT_THAT(NamesOf(Must(cluster_.rotation.Stand()).blockers),
              AllOf(Contains("n001"), Contains("sub01"), Contains("login01"), Contains("slurmctld")));
  FollowRunbook();
  cluster_.Run(absl::Hours(72));
  EXPECT_THAT(NamesOf(Must(cluster_.rotation.Stand()).blockers), IsEmpty());
  const absl::Time now = cluster_.world.clock.Now();
  for (const Forgery& forgery : thief.Forge(Crosses(), Find(second_)->certificate)) {
    Peer impostor("thief", "slurmctld");
    impostor.LoadAnchors(anchors_before_);
    impostor.LoadCertificate(forgery.chain_pem, forgery.key);
    EXPECT_EQ(Believers(impostor), 0) << forgery.path;
    for (const Peer& one : Everybody()) {
      if (!one.has_certificate()) continue;
      EXPECT_TRUE(Handshake(impostor, one, now).server_refused) << forgery.path;
    }
  }
}

}  // namespace
}  // namespace signet::rotation
