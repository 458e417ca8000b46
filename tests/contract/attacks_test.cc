// A host that holds everything an enrolled node holds, and wants more.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate_request.h"
#include "services/x509/pem.h"
#include "signet/v1/statement.pb.h"
#include "tests/contract/judges.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {
namespace {

class EnrolledAttacker : public testing::Test {
 protected:
  EnrolledAttacker() {
    cluster_.CreateTokens("n[001-002]");
    cluster_.WriteBundle();
    EXPECT_EQ(node_.Enrol(controller_), absl::OkStatus());
    EXPECT_EQ(other_.Enrol(controller_), absl::OkStatus());
  }

  // The node's own statement out of its last CSR.
  std::string OwnStatement() const {
    const absl::StatusOr<x509::CertificateRequest> request = x509::CertificateRequest::FromPem(node_.csr());
    return request.ok() ? request->statement().value_or("") : "";
  }
  keys::PrivateKey TlsKey() const { return *keys::PrivateKey::FromPem(base::SecretBytes(node_.key_pem())); }
  keys::PrivateKey IdentityKey() const {
    for (const auto& file : std::filesystem::recursive_directory_iterator(cluster_.state_dir())) {
      if (file.path().filename() != "identity" || file.path().parent_path().filename() != "n001") continue;
      absl::StatusOr<keys::PrivateKey> key =
          keys::PrivateKey::FromPem(base::SecretBytes(FirstPem(ReadAll(file.path()))));
      if (key.ok()) return *std::move(key);
    }
    ADD_FAILURE() << "no identity key in " << cluster_.state_dir();
    return *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  }
  // A CSR with this CN and statement, properly signed by `key`.
  static std::string Request(const std::string& common_name, const keys::PrivateKey& key,
                             const std::string& statement) {
    const std::string info = x509::EncodeRequestInfo(common_name, key.public_key(), statement);
    const std::string signature = *key.Sign(x509::SignatureAlgorithm::kEcdsaSha256, info);
    return x509::EncodePem(x509::kCertificateRequestLabel,
                           x509::AssembleRequest(info, x509::SignatureAlgorithm::kEcdsaSha256, signature));
  }
  // The node's statement with another name in it, signed afresh by the node's identity key. Built field by field: our
  // own evidence::Sign would refuse to make some of these.
  std::string RequestInTheNameOf(const std::string& name) const {
    v1::SignedStatement signed_statement;
    v1::Statement statement;
    EXPECT_TRUE(signed_statement.ParseFromString(OwnStatement()) &&
                statement.ParseFromString(signed_statement.statement()));
    statement.set_node(name);
    statement.set_seq(statement.seq() + 1000);
    statement.clear_token_id();
    signed_statement.set_statement(statement.SerializeAsString());
    signed_statement.set_identity_signature(
        *keys::SignInDomain(IdentityKey(), keys::kStatementDomain, signed_statement.statement()));
    signed_statement.clear_token_signature();
    return Request(name, TlsKey(), signed_statement.SerializeAsString());
  }
  // Refused by sign_csr, without a certificate; the audit log's last record says so, with `reason`.
  void ExpectRefusedAndAudited(const std::string& csr, const std::string& subject, const std::string& reason) const {
    const ScriptResult result = cluster_.ControllerScripts().Run("sign-csr", {csr});
    EXPECT_FALSE(result.exited_zero()) << result.Describe();
    EXPECT_FALSE(absl::StrContains(result.output, "BEGIN")) << result.output;
    const ScriptResult tail = cluster_.Ctl({"audit", "tail", "-n", "1", "-o", "json"});
    EXPECT_TRUE(tail.exited_zero()) << tail.Describe();
    EXPECT_TRUE(absl::StrContains(tail.output, absl::StrCat("\"subject\": \"", subject, "\""))) << tail.output;
    EXPECT_TRUE(absl::StrContains(tail.output, absl::StrCat("\"reason\": \"", reason, "\""))) << tail.output;
    EXPECT_TRUE(absl::StrContains(tail.output, "AUDIT_OUTCOME_REFUSED")) << tail.output;
  }

  TestCluster cluster_;
  const Slurmctld controller_ = cluster_.Controller();
  SlurmNode node_ = cluster_.Node("n001");
  SlurmNode other_ = cluster_.Node("n002");
};

TEST_F(EnrolledAttacker, GetsNoCertificateForSlurmctldWithAPlainRequest) {
  ExpectRefusedAndAudited(PlainRequest("slurmctld", node_.key_pem()), "slurmctld", "EVIDENCE_MISSING");
}

TEST_F(EnrolledAttacker, GetsNoCertificateForSlurmctldWithItsOwnStatement) {
  ExpectRefusedAndAudited(Request("slurmctld", TlsKey(), OwnStatement()), "slurmctld", "NAME_REFUSED");
}

TEST_F(EnrolledAttacker, GetsNoCertificateForSlurmctldWithAStatementInItsName) {
  ExpectRefusedAndAudited(RequestInTheNameOf("slurmctld"), "slurmctld", "NAME_REFUSED");
}

TEST_F(EnrolledAttacker, GetsNoCertificateForAnotherNodeWithItsOwnStatement) {
  ExpectRefusedAndAudited(Request("n002", TlsKey(), OwnStatement()), "n002", "WRONG_NODE");
}

TEST_F(EnrolledAttacker, GetsNoCertificateForAnotherNodeWithAStatementInItsName) {
  ExpectRefusedAndAudited(RequestInTheNameOf("n002"), "n002", "WRONG_NODE");
}

TEST_F(EnrolledAttacker, GetsNoCertificateForAnotherNodesStatementAndItsOwnKey) {
  const absl::StatusOr<x509::CertificateRequest> stolen = x509::CertificateRequest::FromPem(other_.csr());
  ASSERT_TRUE(stolen.ok());
  ExpectRefusedAndAudited(Request("n002", TlsKey(), stolen->statement().value()), "n002", "EVIDENCE_INVALID");
}

TEST_F(EnrolledAttacker, ReplayingACapturedRequestGivesTheStoredAnswerAndNothingNew) {
  const absl::StatusOr<std::string> replayed = controller_.SignRenewal(other_.csr());
  ASSERT_EQ(replayed.status(), absl::OkStatus());
  EXPECT_EQ(SerialOf(*replayed), SerialOf(other_.certificate_pem()));
  EXPECT_FALSE(KeyMatches(*replayed, node_.key_pem())) << "worth nothing to whoever holds another key";
}

TEST_F(EnrolledAttacker, IsNotValidatedUnderAnotherName) {
  const Scripts controller = cluster_.ControllerScripts();
  EXPECT_TRUE(controller.Run("validate-node", {"n001", node_.token()}).said_valid());
  for (const char* name : {"n002", "N001", "n001 ", "n00", "n0010", ".*", "slurmctld", ""}) {
    EXPECT_FALSE(controller.Run("validate-node", {name, node_.token()}).said_valid()) << name;
  }
  for (const std::string& token :
       {std::string(), std::string(" "), std::string(".*"), node_.token().substr(0, 20), node_.token() + "A"}) {
    EXPECT_FALSE(controller.Run("validate-node", {"n001", token}).said_valid()) << token;
  }
}

TEST_F(EnrolledAttacker, CannotEnrolAgainWithASpentTokenAndAnotherKey) {
  cluster_.EmptyNodeState();
  SlurmNode thief = cluster_.Node("n001");
  EXPECT_FALSE(thief.Enrol(controller_).ok());
}

}  // namespace
}  // namespace signet::contract
