// Revocation::List, judged by OpenSSL.
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/base/status_macros.h"
#include "services/revocation/revocation.h"
#include "services/x509/certificate_template.h"
#include "services/x509/openssl.h"
#include "tests/services/revocation/revocation_fixture.h"

namespace signet::revocation {
namespace {

using ::signet::testing::Must;
using ::signet::testing::SimulatedNode;
using ::testing::HasSubstr;

using Crl = x509::OpensslPtr<X509_CRL, X509_CRL_free>;

class RevocationListTest : public RevocationTest {
 protected:
  store::RevocationListRow List(const std::string& authority_id = "") {
    return Must(world_.revocation->List(authority_id));
  }
  static Crl Parse(const store::RevocationListRow& list) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(list.der.data());
    return Crl(d2i_X509_CRL(nullptr, &bytes, static_cast<long>(list.der.size())));
  }
  static int Entries(const store::RevocationListRow& list) {
    const Crl crl = Parse(list);
    const auto* revoked = X509_CRL_get_REVOKED(crl.get());
    return revoked == nullptr ? 0 : sk_X509_REVOKED_num(revoked);
  }
  // What a program that checks lists makes of the node's certificate now.
  int Judge(const store::RevocationListRow& list, const store::CertificateRow& row) {
    const auto root = world_.Root().ParseWithOpenssl();
    const auto leaf = Must(x509::Certificate::FromDer(row.der)).ParseWithOpenssl();
    const Crl crl = Parse(list);
    const x509::OpensslPtr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), root.get());
    X509_STORE_add_crl(store.get(), crl.get());
    const x509::OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(world_.clock.Now()));
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }
  // Of the newest certificate, whose signature comes with a later commit.
  store::CertificateRow Issued(const std::string& node) {
    Must(world_.store->Write([](store::Tables&) { return absl::OkStatus(); }));
    return Row(Serial(node));
  }
};

TEST_F(RevocationListTest, BeginsEmptyAndIsTheSameUntilSomethingIsRevoked) {
  Enrol(n1_);
  const store::RevocationListRow first = List();
  EXPECT_EQ(first.number, 1u);
  EXPECT_EQ(first.entries, 0);
  EXPECT_EQ(first.authority_id, SlurmId());
  EXPECT_EQ(first.this_update, world_.clock.Now());
  EXPECT_EQ(first.next_update, world_.clock.Now() + kListLifetime);
  EXPECT_EQ(Judge(first, Issued("n1")), X509_V_OK);
  Tick(absl::Hours(1));
  EXPECT_EQ(List().der, first.der);
  EXPECT_EQ(List(SlurmId()).der, first.der);
}

TEST_F(RevocationListTest, OpensslRefusesTheRevokedCertificateAndNoOther) {
  Enrol(n1_);
  Enrol(n2_);
  const store::CertificateRow stolen = Issued("n1");
  Must(Revoke(BySerial({stolen.serial})));
  const store::RevocationListRow list = List();
  EXPECT_EQ(list.entries, 1);
  EXPECT_EQ(Entries(list), 1);
  EXPECT_EQ(Judge(list, stolen), X509_V_ERR_CERT_REVOKED);
  EXPECT_EQ(Judge(list, Issued("n2")), X509_V_OK);
}

TEST_F(RevocationListTest, IsMadeAnewAMinuteAfterTheLastOneWhenSomethingWasRevoked) {
  Enrol(n1_);
  Enrol(n2_);
  const store::RevocationListRow first = List();
  Must(Revoke(BySerial({Serial("n1")})));
  Tick(kListPause - absl::Seconds(1));
  EXPECT_EQ(List().number, 1u);
  Tick();
  const store::RevocationListRow second = List();
  EXPECT_EQ(second.number, 2u);
  EXPECT_EQ(Judge(second, Issued("n1")), X509_V_ERR_CERT_REVOKED);
  Must(Revoke(ByNode({"n2"})));
  EXPECT_EQ(List().number, 2u) << "at most once a minute";
  Tick(kListPause);
  EXPECT_EQ(List().number, 3u);
  EXPECT_EQ(List().entries, 2);
  Tick(kListPause);
  EXPECT_EQ(List().number, 3u) << "nothing was revoked since";
}

TEST_F(RevocationListTest, IsMadeAnewBeforeItEnds) {
  List();
  Tick(kListLifetime - kListOverlap - absl::Seconds(1));
  EXPECT_EQ(List().number, 1u);
  Tick();
  EXPECT_EQ(List().number, 2u);
  EXPECT_EQ(List().next_update, world_.clock.Now() + kListLifetime);
}

TEST_F(RevocationListTest, IsMadeAnewWhenTheClockWasSetBack) {
  const store::RevocationListRow first = List();
  world_.clock.Advance(-absl::Hours(1));
  const store::RevocationListRow second = List();
  EXPECT_EQ(second.number, 2u);
  EXPECT_EQ(second.this_update, world_.clock.Now());
}

TEST_F(RevocationListTest, ACertificateThatEndedStaysInOneListMore) {
  Enrol(n1_);
  Must(Revoke(BySerial({Serial("n1")})));
  EXPECT_EQ(List().entries, 1);
  world_.clock.Set(Row(Serial("n1")).not_after + absl::Seconds(1));
  EXPECT_EQ(List().number, 2u);
  EXPECT_EQ(List().entries, 1);
  Tick(kListLifetime);
  EXPECT_EQ(List().number, 3u);
  EXPECT_EQ(List().entries, 0);
}

TEST_F(RevocationListTest, EachAuthorityHasItsOwn) {
  Enrol(n1_);
  const std::string client = IssueClient("jane");
  const std::string control = Must(world_.authorities->Active(store::Purpose::kControl))->id;
  Must(Revoke(BySerial({client})));
  EXPECT_EQ(List().entries, 0);
  const store::RevocationListRow list = List(control);
  EXPECT_EQ(list.entries, 1);
  EXPECT_EQ(list.number, 1u);
  EXPECT_EQ(
      X509_CRL_verify(Parse(list).get(),
                      X509_get0_pubkey(Must(world_.authorities->Find(control))->certificate.ParseWithOpenssl().get())),
      1);
}

TEST_F(RevocationListTest, ARetiredAuthorityStillSignsOneAndARevokedOneDoesNot) {
  Enrol(n1_);
  const store::CertificateRow leaf = Issued("n1");
  const std::string id = SlurmId();
  const x509::Certificate root = world_.Root();
  SetState(id, store::AuthorityState::kRetired);
  Must(world_.node_life->Block({"n1"}, "gone", world_.origin).status());
  Must(Revoke(ByAuthority(id)));
  const store::RevocationListRow list = List(id);
  EXPECT_EQ(list.entries, 1);
  EXPECT_EQ(X509_CRL_verify(Parse(list).get(), X509_get0_pubkey(root.ParseWithOpenssl().get())), 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(world_.revocation->List("").status())) << "none is active";
  SetState(id, store::AuthorityState::kRevoked);
  const absl::Status refused = world_.revocation->List(id).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(id));
  EXPECT_TRUE(absl::IsNotFound(world_.revocation->List("ffff").status()));
}

TEST_F(RevocationListTest, AnAuthorityThatMayNotSignListsSignsNone) {
  const auto active = Must(world_.authorities->Active(store::Purpose::kSlurm));
  // keyUsage: keyCertSign and cRLSign becomes keyCertSign alone.
  const std::string tbs =
      absl::StrReplaceAll(active->certificate.tbs_der(), {{"\x03\x02\x01\x06", "\x03\x02\x02\x04"}});
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(active->certificate.public_key());
  const std::string der = x509::AssembleCertificate(tbs, algorithm, Must(active->signer->Sign(algorithm, tbs)));
  Must(world_.store->Write([&](store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
    for (store::AuthorityRow row : rows) {
      row.certificate_der = der;
      if (row.id == active->id) return tables.authorities().Update(row);
    }
    return absl::NotFoundError(active->id);
  }));
  Must(world_.authorities->Reload());
  const absl::Status refused = world_.revocation->List("").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("does not allow it to sign revocation lists"));
}

TEST_F(RevocationListTest, ItsNumberGoesOnAfterARestart) {
  Enrol(n1_);
  List();
  Must(Revoke(BySerial({Serial("n1")})));
  world_.Restart();
  EXPECT_EQ(List().number, 1u);
  Tick(kListPause);
  EXPECT_EQ(List().number, 2u);
}

TEST_F(RevocationListTest, OneThatWasNotStoredDoesNotGetOut) {
  world_.store->FailCommits(1);
  EXPECT_TRUE(absl::IsUnavailable(world_.revocation->List("").status()));
  for (int call = 1;; ++call) {
    world_.store->FailCall(call);
    const absl::Status status = world_.revocation->List("").status();
    if (!world_.store->failed_a_call()) break;
    EXPECT_TRUE(absl::IsUnavailable(status)) << call << ": " << status;
  }
  world_.store->FailCall(0);
  EXPECT_EQ(List().number, 1u);
}

TEST_F(RevocationListTest, OfManyAtOnceOneIsMade) {
  std::vector<store::RevocationListRow> lists(8);
  std::vector<std::thread> threads;
  threads.reserve(lists.size());
  for (store::RevocationListRow& list : lists) threads.emplace_back([&] { list = List(); });
  for (std::thread& thread : threads) thread.join();
  for (const store::RevocationListRow& list : lists) {
    EXPECT_EQ(list.number, 1u);
    EXPECT_EQ(list.der, lists[0].der);
  }
}

TEST_F(RevocationListTest, OfTwoServersTheFirstWins) {
  Revocation other(*world_.store, *world_.authorities, *world_.audit, world_.clock);
  std::vector<store::RevocationListRow> lists(8);
  std::vector<std::thread> threads;
  threads.reserve(lists.size());
  for (std::size_t i = 0; i < lists.size(); ++i) {
    threads.emplace_back([&, i] { lists[i] = Must((i % 2 == 0 ? *world_.revocation : other).List("")); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const store::RevocationListRow& list : lists) EXPECT_EQ(list.der, lists[0].der);
}

TEST_F(RevocationListTest, AHundredThousandEntriesAreMadeAndRead) {
  constexpr int kMany = 100000;
  Enrol(n1_);
  Enrol(n2_);
  store::CertificateRow row = Row(Serial("n1"));
  Must(Revoke(BySerial({Serial("n1")})));
  row.profile = store::Profile::kService;
  row.subject = "slurmctld";
  Must(world_.store->Write([&](store::Tables& tables) -> absl::Status {
    for (int i = 1; i < kMany; ++i) {
      row.serial = absl::StrCat("5a", absl::Hex(i, absl::kZeroPad16));
      row.identity_key_id = absl::StrCat("key ", i);
      row.spki_sha256 = absl::StrCat("spki ", i);
      SIGNET_RETURN_IF_ERROR(tables.certificates().Insert(row));
    }
    return absl::OkStatus();
  }));
  EXPECT_EQ(Must(Revoke(ByNode({"slurmctld"}))).certificates, kMany - 1);
  const store::RevocationListRow list = List();
  EXPECT_EQ(list.entries, kMany);
  EXPECT_EQ(Entries(list), kMany);
  EXPECT_EQ(Judge(list, Issued("n1")), X509_V_ERR_CERT_REVOKED);
  EXPECT_EQ(Judge(list, Issued("n2")), X509_V_OK);
  const int64_t before =
      *world_.Read([&](const store::Tables& tables) { return tables.certificates().CountRevocations(SlurmId()); });
  EXPECT_EQ(before, kMany);
  Must(Revoke(ByNode({"n2"})));
  EXPECT_EQ(List().der, list.der) << "revoking makes no list";
}

}  // namespace
}  // namespace signet::revocation
