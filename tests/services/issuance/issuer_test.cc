#include "services/issuance/issuer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "services/base/reason.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/world.h"

namespace signet::issuance {
namespace {

using ::signet::testing::Must;
using ::signet::testing::World;
using ::testing::HasSubstr;

class IssuerTest : public ::testing::Test {
 protected:
  IssuerTest() = default;
  explicit IssuerTest(absl::Time now) : world_("alpha", absl::Hours(24 * 3650), now) {}
  Approval Node(const std::string& name) {
    return {store::Purpose::kSlurm,
            "",
            store::Profile::kNode,
            policy::NodeProfile(),
            {name, {name}, {}},
            key_.public_key(),
            "slurmd",
            "00112233445566778899aabbccddeeff",
            7};
  }
  absl::Status Record(const Prepared& prepared) {
    const auto record = [&](store::Tables& tables) { return world_.issuer->Record(tables, prepared); };
    return world_.store->Write(record);
  }
  Issued Issue(const Approval& approval) {
    Prepared prepared = Must(world_.issuer->Prepare(approval));
    Must(Record(prepared));
    return Must(world_.issuer->Release(std::move(prepared)));
  }
  // What is stored, read after the writes that were still coming: a Write is ordered after them.
  store::CertificateRow Stored(const std::string& serial) {
    Must(world_.store->Write([](store::Tables&) { return absl::OkStatus(); }));
    store::CertificateRow row;
    Must(world_.store->Read([&](const store::Tables& tables) {
      auto found = tables.certificates().Find(serial);
      if (found.ok()) row = *found;
      return found.status();
    }));
    return row;
  }
  World world_;
  keys::PrivateKey key_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
};

TEST_F(IssuerTest, SignsExactlyTheRecordedBytes) {
  const Issued issued = Issue(Node("n1"));
  const x509::Certificate leaf = Must(x509::Certificate::FromPem(issued.chain_pem));
  const store::CertificateRow row = Stored(issued.serial);
  EXPECT_EQ(leaf.tbs_der(), row.tbs_der);
  EXPECT_EQ(x509::Sha256(row.tbs_der), row.tbs_sha256);
  EXPECT_EQ(row.der, leaf.der());
  EXPECT_EQ(row.state, store::CertificateState::kIssued);
  EXPECT_EQ(row.serial, leaf.serial());
  EXPECT_EQ(row.subject, "n1");
  EXPECT_EQ(row.spki_sha256, key_.public_key().spki_sha256());
  EXPECT_EQ(issued.not_after, leaf.not_after());
  EXPECT_TRUE(x509::VerifyChain(leaf, {}, {world_.Root()}, world_.clock.Now()).ok());
}

TEST_F(IssuerTest, PreparingHasNoLastingEffectAndSignsNothing) {
  const int before = world_.custody->signatures();
  const int writes = world_.store->writes();
  const Prepared prepared = Must(world_.issuer->Prepare(Node("n1")));
  EXPECT_EQ(world_.custody->signatures(), before);
  EXPECT_EQ(world_.store->writes(), writes);
  EXPECT_TRUE(world_.Certificates("n1").empty());
}

TEST_F(IssuerTest, SignsNothingWhenTheRecordFails) {
  const int before = world_.custody->signatures();
  world_.store->FailCommits(1);
  const Prepared prepared = Must(world_.issuer->Prepare(Node("n1")));
  EXPECT_TRUE(absl::IsUnavailable(Record(prepared)));
  EXPECT_EQ(world_.custody->signatures(), before);
  EXPECT_TRUE(world_.Certificates("n1").empty());
}

TEST_F(IssuerTest, ReleasesNothingThatItsAuthorityDoesNotVerify) {
  Prepared prepared = Must(world_.issuer->Prepare(Node("n1")));
  const std::string serial = prepared.row().serial;
  Must(Record(prepared));
  world_.custody->SignWrongly(true);
  EXPECT_FALSE(world_.issuer->Release(std::move(prepared)).ok());
  EXPECT_TRUE(Stored(serial).der.empty());
  world_.custody->SignWrongly(false);
  EXPECT_TRUE(world_.issuer->Repeat(Stored(serial)).ok());
}

TEST_F(IssuerTest, ACrashBetweenRecordAndReleaseIsHealedByRepeatAfterTheRestart) {
  std::string serial;
  {
    const Prepared prepared = Must(world_.issuer->Prepare(Node("n1")));
    Must(Record(prepared));
    serial = prepared.row().serial;
  }
  world_.Restart();
  const store::CertificateRow row = Stored(serial);
  ASSERT_TRUE(row.der.empty());
  const Issued issued = Must(world_.issuer->Repeat(row));
  const x509::Certificate leaf = Must(x509::Certificate::FromPem(issued.chain_pem));
  EXPECT_EQ(leaf.tbs_der(), row.tbs_der);
  EXPECT_TRUE(leaf.VerifySignedBy(world_.Root()).ok());
  EXPECT_EQ(Stored(serial).der, leaf.der());
}

TEST_F(IssuerTest, ALostSignatureIsMadeAgainOverTheSameBytes) {
  world_.store->LoseLaterWrites(true);
  const Issued first = Issue(Node("n1"));
  world_.store->LoseLaterWrites(false);
  const Issued second = Must(world_.issuer->Repeat(Stored(first.serial)));
  EXPECT_EQ(Must(x509::Certificate::FromPem(first.chain_pem)).tbs_der(),
            Must(x509::Certificate::FromPem(second.chain_pem)).tbs_der());
}

TEST_F(IssuerTest, RepeatsTheStoredAnswerWithoutSigning) {
  const Issued first = Issue(Node("n1"));
  const store::CertificateRow row = Stored(first.serial);
  const int before = world_.custody->signatures();
  EXPECT_EQ(Must(world_.issuer->Repeat(row)).chain_pem, first.chain_pem);
  EXPECT_EQ(world_.custody->signatures(), before);
}

TEST_F(IssuerTest, RefusesToRepeatWhatIsNoLongerWorthHaving) {
  const Issued issued = Issue(Node("n1"));
  store::CertificateRow row = Stored(issued.serial);
  store::CertificateRow revoked = row;
  revoked.state = store::CertificateState::kRevoked;
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Repeat(revoked).status()));
  store::CertificateRow foreign = row;
  foreign.authority_id = "ffffffffffffffffffffffffffffffff";
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Repeat(foreign).status()));
  world_.clock.Advance(absl::Hours(5 * 24));
  EXPECT_TRUE(world_.issuer->Repeat(row).ok());
  world_.clock.Advance(absl::Hours(24));
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Repeat(row).status()));
}

TEST_F(IssuerTest, RefusesToRepeatWhatAnotherProcessRevokedBehindItsBack) {
  const store::CertificateRow first = Stored(Issue(Node("n1")).serial);
  const store::CertificateRow second = Stored(Issue(Node("n2")).serial);
  Must(world_.store->Write([&](store::Tables& tables) {
    return tables.certificates()
        .Revoke(first.serial, world_.clock.Now(), store::RevocationReason::kKeyCompromise)
        .status();
  }));
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Repeat(first).status()));
  EXPECT_TRUE(world_.issuer->Repeat(second).ok());
  // The list of authorities in memory still says ACTIVE.
  testing::SetState(world_, second.authority_id, store::AuthorityState::kRevoked);
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.issuer->Repeat(second).status()));
}

TEST_F(IssuerTest, RefusesToRepeatARowThatWasChangedInTheStore) {
  const store::CertificateRow first = Stored(Issue(Node("n1")).serial);
  store::CertificateRow changed = Stored(Issue(Node("n2")).serial);
  changed.der = first.der;
  EXPECT_TRUE(absl::IsInternal(world_.issuer->Repeat(changed).status()));
  store::CertificateRow unsigned_row = first;
  unsigned_row.der.clear();
  unsigned_row.tbs_der = changed.tbs_der;
  EXPECT_TRUE(absl::IsInternal(world_.issuer->Repeat(unsigned_row).status()));
}

TEST_F(IssuerTest, RefusesAnAuthoritysKey) {
  for (const store::Purpose purpose : {store::Purpose::kSlurm, store::Purpose::kControl}) {
    Approval approval = Node("n1");
    approval.key = world_.Root(purpose).public_key();
    EXPECT_EQ(base::ReasonOf(world_.issuer->Prepare(approval).status()), base::kKeyRefused);
  }
}

TEST_F(IssuerTest, RefusesNamesThatTheProfileDoesNotGive) {
  Approval approval = Node("n1");
  approval.names.dns_names = {"n2"};
  EXPECT_TRUE(absl::IsInternal(world_.issuer->Prepare(approval).status()));
}

TEST_F(IssuerTest, SerialsAreUniqueOverMany) {
  std::set<std::string> serials;
  for (int i = 0; i < 2000; ++i) serials.insert(Must(world_.issuer->Prepare(Node("n1"))).row().serial);
  EXPECT_EQ(serials.size(), 2000U);
}

TEST_F(IssuerTest, ASerialIsNeverRecordedTwice) {
  const Prepared prepared = Must(world_.issuer->Prepare(Node("n1")));
  EXPECT_TRUE(Record(prepared).ok());
  EXPECT_FALSE(Record(prepared).ok());
}

TEST(IssuerUnderAShortAuthority, ALeafNeverOutlivesItsIssuer) {
  World world("alpha", absl::Hours(48));
  const keys::PrivateKey key = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const Prepared prepared = Must(world.issuer->Prepare({store::Purpose::kSlurm,
                                                        "",
                                                        store::Profile::kNode,
                                                        policy::NodeProfile(),
                                                        {"n1", {"n1"}, {}},
                                                        key.public_key(),
                                                        "slurmd",
                                                        "",
                                                        0}));
  EXPECT_EQ(prepared.row().not_after, world.Root().not_after());
}

// Other programs judge by the machine's clock, so that this world has its time.
class JudgedTest : public IssuerTest {
 protected:
  JudgedTest() : IssuerTest(absl::Now()) {}
  // True when the command succeeds beside the files leaf.pem and root.pem.
  bool Judge(const std::string& command) {
    const std::string line = "cd " + world_.dir.File("") + " && " + command + " >judge.log 2>&1";
    return std::system(line.c_str()) == 0;
  }
  void ExpectAccepted(const Approval& approval) {
    std::ofstream(world_.dir.File("leaf.pem")) << Issue(approval).chain_pem;
    std::ofstream(world_.dir.File("root.pem")) << world_.Root(approval.purpose).pem();
    for (const char* judge : {"openssl verify -x509_strict -purpose sslserver -CAfile root.pem leaf.pem",
                              "openssl verify -x509_strict -purpose sslclient -CAfile root.pem leaf.pem",
                              "certtool --verify --load-ca-certificate root.pem --infile leaf.pem"}) {
      EXPECT_TRUE(Judge(judge)) << approval.profile.name << ": " << judge;
    }
  }
};

TEST_F(JudgedTest, OpensslAndGnutlsAcceptEveryProfileInBothDirections) {
  ExpectAccepted(Node("n1"));
  Approval client = Node("jane");
  client.purpose = store::Purpose::kControl;
  client.profile_id = store::Profile::kControl;
  client.profile = policy::ControlProfile();
  client.names = {"jane", {}, {"signet://alpha/admin/jane"}};
  ExpectAccepted(client);
  for (const x509::KeyType type : {x509::KeyType::kEcP256, x509::KeyType::kEcP384, x509::KeyType::kRsa}) {
    Approval service = Node("slurmctld");
    service.key = Must(keys::PrivateKey::Generate(type)).public_key();
    service.profile_id = store::Profile::kService;
    service.profile = policy::ServiceProfile();
    ExpectAccepted(service);
  }
  EXPECT_TRUE(Judge("openssl verify -verify_hostname slurmctld -CAfile root.pem leaf.pem"));
  EXPECT_FALSE(Judge("openssl verify -verify_hostname n1 -CAfile root.pem leaf.pem"));
}

TEST_F(IssuerTest, ALeafCannotActAsACa) {
  const Issued leaf = Issue(Node("n1"));
  const x509::Certificate leaf_certificate = Must(x509::Certificate::FromPem(leaf.chain_pem));
  const keys::PrivateKey other = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const auto below =
      Must(policy::LeafTemplate(policy::NodeProfile(absl::Hours(2)), {"n2", {"n2"}, {}}, other.public_key(),
                                leaf_certificate, world_.random.Bytes(20), world_.clock.Now()));
  const std::string tbs = Must(x509::EncodeTbs(below, x509::SignatureAlgorithm::kEcdsaSha256));
  const auto forged = Must(x509::Certificate::FromDer(x509::AssembleCertificate(
      tbs, x509::SignatureAlgorithm::kEcdsaSha256, Must(key_.Sign(x509::SignatureAlgorithm::kEcdsaSha256, tbs)))));
  EXPECT_FALSE(x509::VerifyChain(forged, {leaf_certificate}, {world_.Root()}, world_.clock.Now()).ok());
}

}  // namespace
}  // namespace signet::issuance
