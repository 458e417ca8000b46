// After the emergency: every path by which a stolen key could be accepted is tried, and refused.
//
//   at the daemons  each chain of Thief::Forge, as client and as server; the genuine certificates of before
//   at the bundle   signed by the stolen key, by the thief's, with a genuine signature over other bytes, and the
//   genuine
//                   bundles of before, which still hold the stolen root
//   at signetd      renewal without evidence, with the thief's identity key, with the stolen key as identity or as
//                   token; a captured request; a probe's certificate; every step of a rotation; import of the root; the
//                   control authority; a restart
//   in signet-slurm and signetctl: x509::VerifyChain, which judges what they load and print
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "services/authority/import.h"
#include "services/base/reason.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/writer.h"
#include "services/evidence/statement.h"
#include "signet/v1/bundle.pb.h"
#include "tests/rotation/cluster.h"
#include "tests/rotation/thief.h"

namespace signet::rotation {
namespace {

using authority::Verb;
using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::signet::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kPatience = absl::Hours(24 * 30);

class StolenKeyTest : public ::testing::Test {
 protected:
  // A rotation to the second authority is done but for the end of the hold.
  StolenKeyTest() : first_(cluster_.ActiveId()), second_(cluster_.Prepare()) {
    cluster_.WaitFor(Verb::kActivate, second_, kPatience);
    cluster_.Run(absl::Hours(48));
    for (ServiceHost& service : cluster_.services()) {
      service.RenewCertificate();
      service.Load();
    }
    bundle_before_ = NewestBundle();
    anchors_before_ = cluster_.node("n001").disk().pem();
  }

  std::shared_ptr<const authority::Authority> Find(const std::string& id) {
    return Must(cluster_.world.authorities->Find(id));
  }
  Thief ThiefOf(const std::string& id) {
    return Thief(Find(id)->certificate, Find(id)->signer, cluster_.world.clock.Now());
  }
  std::string NewestBundle() {
    return Must(cluster_.world.Read([](const store::Tables& tables) { return tables.bundles().Newest(); }))
        .signed_bundle;
  }
  std::vector<x509::Certificate> Crosses() {
    std::vector<x509::Certificate> crosses;
    for (const store::CrossRow& row :
         Must(cluster_.world.Read([](const store::Tables& tables) { return tables.authorities().ListCrosses(); }))) {
      crosses.push_back(Must(x509::Certificate::FromDer(row.certificate_der)));
    }
    return crosses;
  }
  authority::Replacement Replace(const std::string& id) {
    const std::string subject = Find(id)->certificate.subject();
    EXPECT_FALSE(cluster_.rotation.ReplaceStolen({id, "CN=Another", "stolen", false}, cluster_.world.origin).ok());
    return Must(cluster_.rotation.ReplaceStolen({id, subject, "its backup was stolen", false}, cluster_.world.origin));
  }
  // The runbook: jobs end, bundles go out of band, services get certificates and restart, then the nodes.
  void FollowRunbook() {
    cluster_.EndSteps();
    for (ServiceHost& service : cluster_.services()) {
      service.RefreshBundle();
      service.RenewCertificate();
      service.Load();
    }
    for (const auto& node : cluster_.nodes()) {
      node->Stop();
      node->StartRefreshed();
    }
    cluster_.Tick();
    cluster_.TalkAll();
    for (const Failure& failure : cluster_.failures()) ADD_FAILURE() << failure.error;
    EXPECT_THAT(cluster_.refusals(), IsEmpty()) << "identity keys stay valid";
  }

  // As client and as server, before who still trusts the stolen one and before every daemon.
  void ExpectRefusedByAll(const std::vector<Forgery>& forgeries) {
    const absl::Time now = cluster_.world.clock.Now();
    Peer believer("n000", "slurmd");
    believer.LoadAnchors(anchors_before_);
    believer.LoadCertificate(cluster_.node("n001").slurmd().chain_pem(), cluster_.node("n001").tls_key());
    for (const Forgery& forgery : forgeries) {
      Peer thief("thief", "slurmctld");
      thief.LoadAnchors(anchors_before_ + Find(cluster_.ActiveId())->anchor.pem());
      thief.LoadCertificate(forgery.chain_pem, forgery.key);
      EXPECT_EQ(!Handshake(thief, believer, now).server_refused, forgery.works_before) << forgery.path;
      EXPECT_EQ(Handshake(believer, thief, now).ok, forgery.works_before) << forgery.path;
      for (const Peer* daemon : cluster_.Daemons()) {
        EXPECT_TRUE(Handshake(*daemon, thief, now).client_refused) << daemon->host() << ": " << forgery.path;
        if (!daemon->has_certificate()) continue;
        EXPECT_TRUE(Handshake(thief, *daemon, now).server_refused) << daemon->host() << ": " << forgery.path;
      }
      const auto chain = Must(x509::Certificate::ListFromPem(forgery.chain_pem));
      EXPECT_FALSE(x509::VerifyChain(chain.front(), {chain.begin() + 1, chain.end()},
                                     cluster_.world.authorities->Anchors(store::Purpose::kSlurm), now)
                       .ok())
          << forgery.path;
    }
  }
  // On the disk of a host that has written the newest bundle.
  void ExpectNoBundleTaken(const std::vector<std::string>& offered) {
    const auto bundle_key = Must(authority::OpenKey(*cluster_.world.store, *cluster_.world.custody, "bundle"));
    const TempDir dir;
    const bundle::Target target{dir.File("ca_cert.pem"), dir.File("memory"), cluster_.world.cluster,
                                bundle_key->public_key().spki_sha256()};
    const absl::Time now = cluster_.world.clock.Now();
    ASSERT_EQ(Must(bundle::Write(target, NewestBundle(), now)), bundle::WriteResult::kWritten);
    const std::string before = Content(target.ca_cert_file);
    for (std::size_t i = 0; i < offered.size(); ++i) {
      EXPECT_FALSE(bundle::Write(target, offered[i], now).ok()) << i;
      EXPECT_EQ(Content(target.ca_cert_file), before) << i;
    }
  }
  static std::string Content(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  }
  std::vector<std::string> ForgedBundles(const Thief& thief, const std::string& stolen_id) {
    bundle::Bundle wanted{cluster_.world.cluster,
                          100,
                          Must(bundle::BundleSha256(NewestBundle())),
                          Must(bundle::RenderCaFile({Find(stolen_id)->anchor})),
                          cluster_.world.clock.Now(),
                          ""};
    const std::string by_stolen = Must(bundle::Sign(wanted, thief.stolen()));
    const std::string by_thief = Must(bundle::Sign(wanted, thief.own()));
    wanted.next_bundle_key = thief.own().public_key().spki_der();
    const std::string announcing = Must(bundle::Sign(wanted, thief.own()));
    v1::SignedBundle swapped, genuine;
    EXPECT_TRUE(swapped.ParseFromString(by_thief) && genuine.ParseFromString(NewestBundle()));
    swapped.set_signature(genuine.signature());
    return {by_stolen, by_thief, announcing, swapped.SerializeAsString(), bundle_before_};
  }
  // No way through signetd gives a certificate for a key of the thief's.
  void ExpectNothingSigned(const Thief& thief, const std::vector<std::string>& revoked) {
    testing::World& world = cluster_.world;
    const keys::PrivateKey tls = SimulatedNode::NewKey();
    const auto refused = [&](const std::string& csr) {
      return base::ReasonOf(world.node_certificates->Sign(csr, world.origin).status());
    };
    EXPECT_EQ(refused(Must(keys::SignRequestPem(tls, "n001", ""))), base::kEvidenceMissing);
    SimulatedNode impostor("n001", world.clock);
    EXPECT_EQ(refused(impostor.Request(impostor.Next(tls), tls, nullptr, "n001").csr_pem), base::kIdentityUnknown);
    evidence::Statement statement = impostor.Next(tls);
    statement.key_id = thief.stolen().public_key().key_id();
    statement.identity_spki_der = thief.stolen().public_key().spki_der();
    EXPECT_EQ(
        refused(Must(keys::SignRequestPem(tls, "n001", Must(evidence::Sign(statement, thief.stolen(), nullptr))))),
        base::kIdentityUnknown);
    statement = impostor.Next(tls);
    statement.token_id = thief.stolen().public_key().key_id();
    EXPECT_EQ(refused(Must(keys::SignRequestPem(
                  tls, "n001", Must(evidence::Sign(statement, impostor.identity(), &thief.stolen()))))),
              base::kTokenUnknown);
    const std::string probe = Must(keys::SignRequestPem(tls, "signet-probe", ""));
    for (const std::string& id : revoked) {
      EXPECT_FALSE(world.named->IssueProbe(id, probe, world.origin).ok());
      for (const Verb verb : {Verb::kActivate, Verb::kRollback}) {
        authority::Plan plan;
        EXPECT_FALSE(cluster_.rotation.Change({id, verb, false, "forced"}, world.origin, &plan).ok());
      }
    }
  }
  // What signetd's list of authorities trusts, and what the newest bundle holds: the same.
  std::vector<std::string> AnchorsNow() {
    std::vector<std::string> subjects, in_bundle;
    for (const x509::Certificate& anchor : cluster_.world.authorities->Anchors(store::Purpose::kSlurm))
      subjects.push_back(anchor.subject());
    DiskBundle disk;
    disk.Refresh(cluster_.world);
    for (const x509::Certificate& anchor : Must(x509::Certificate::ListFromPem(disk.pem())))
      in_bundle.push_back(anchor.subject());
    EXPECT_EQ(subjects, in_bundle);
    return subjects;
  }

  Cluster cluster_{12};
  const std::string first_;
  const std::string second_;
  std::string bundle_before_;
  std::string anchors_before_;
};

TEST_F(StolenKeyTest, NothingThatTheActiveAuthoritysKeyMakesIsAcceptedAfterwards) {
  Thief thief = ThiefOf(second_);
  // What is genuine and stolen too.
  const NodeHost& node = cluster_.node("n001");
  const keys::PrivateKey probe_key = SimulatedNode::NewKey();
  const std::string probe =
      Must(cluster_.world.named->IssueProbe(second_, Must(keys::SignRequestPem(probe_key, "signet-probe", "")),
                                            cluster_.world.origin))
          .chain_pem;
  const Forgery genuine{"the certificate of a node", node.slurmd().chain_pem(), node.tls_key()};
  const auto captured = cluster_.node("n002").adapter().Ask();
  ASSERT_TRUE(cluster_.world.node_certificates->Sign(captured.csr_pem, cluster_.world.origin).ok());

  const authority::Replacement replacement = Replace(second_);
  EXPECT_THAT(replacement.revoked_ids, UnorderedElementsAre(first_, second_)) << "the first vouches for the second";
  EXPECT_EQ(cluster_.ActiveId(), replacement.active_id);
  const auto active = Find(replacement.active_id);
  EXPECT_THAT(AnchorsNow(), ElementsAre(active->certificate.subject()));
  EXPECT_THAT(active->chain_above, IsEmpty()) << "nobody vouches for the new one";
  const absl::Time stolen_at = cluster_.world.clock.Now();
  FollowRunbook();

  std::vector<Forgery> forgeries = thief.Forge(Crosses(), active->certificate);
  EXPECT_GE(forgeries.size(), 13u);
  forgeries.push_back(genuine);
  ExpectRefusedByAll(forgeries);
  Peer prober("thief", "probe");
  prober.LoadAnchors(active->anchor.pem());
  prober.LoadCertificate(probe, probe_key);
  for (const ServiceHost& service : cluster_.services())
    EXPECT_TRUE(Handshake(prober, service.process(), stolen_at).server_refused);

  ExpectNoBundleTaken(ForgedBundles(thief, second_));
  ExpectNothingSigned(thief, replacement.revoked_ids);

  const auto replayed = cluster_.world.node_certificates->Sign(captured.csr_pem, cluster_.world.origin);
  if (replayed.ok()) {
    const auto leaf = Must(x509::Certificate::ListFromPem(replayed->issued.chain_pem)).front();
    EXPECT_TRUE(leaf.VerifySignedBy(active->certificate).ok());
    EXPECT_EQ(leaf.public_key(), captured.tls_key.public_key()) << "worth nothing without the node's key";
  }
  const x509::Certificate admin = thief.Leaf("admin");
  EXPECT_FALSE(x509::VerifyChain(admin, {}, cluster_.world.authorities->Anchors(store::Purpose::kControl),
                                 cluster_.world.clock.Now())
                   .ok());

  // By an administrator's mistake, by a restored file, by a restart.
  const auto imported = authority::ImportAnchor(
      cluster_.world.cluster, Find(second_)->anchor.pem(), false, *cluster_.world.store, *cluster_.world.custody,
      *cluster_.world.authorities, *cluster_.world.audit, cluster_.world.clock, cluster_.world.origin);
  EXPECT_FALSE(imported.ok() && imported->changed);
  ASSERT_TRUE(cluster_.rotation.RecoverBundle(50, false, false, cluster_.world.origin).ok());
  EXPECT_THAT(AnchorsNow(), ElementsAre(active->certificate.subject()));
  cluster_.world.Restart();
  EXPECT_THAT(AnchorsNow(), ElementsAre(active->certificate.subject()));
}

TEST_F(StolenKeyTest, TheRetiredAuthoritysKeyIsWorthNothingEither) {
  Thief thief = ThiefOf(first_);
  const authority::Replacement replacement = Replace(first_);
  EXPECT_THAT(replacement.revoked_ids, ElementsAre(first_)) << "nobody vouches for the first";
  EXPECT_EQ(replacement.active_id, second_);
  FollowRunbook();
  ExpectRefusedByAll(thief.Forge(Crosses(), Find(second_)->certificate));
  ExpectNoBundleTaken(ForgedBundles(thief, first_));
  ExpectNothingSigned(thief, {first_});
}

TEST_F(StolenKeyTest, WhoHasNotLoadedTheNewBundleStillBelievesTheThief) {
  Thief thief = ThiefOf(second_);
  Replace(second_);
  Peer peer("thief", "slurmctld");
  peer.LoadAnchors(anchors_before_);
  peer.LoadCertificate(thief.Leaf().pem(), thief.own());
  const Peer& slurmd = cluster_.node("n001").slurmd();
  EXPECT_TRUE(Handshake(slurmd, peer, cluster_.world.clock.Now()).ok) << "which is why the runbook restarts it";
}

}  // namespace
}  // namespace signet::rotation
