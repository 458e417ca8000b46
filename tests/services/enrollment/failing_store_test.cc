// A store that fails at any one call: whatever was asked is refused, nothing of it is kept or signed, and asking again
// works.
#include <map>
#include <vector>

#include "services/enrollment/explanation.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {
namespace {

using ::signet::evidence::TokenKind;
using ::signet::testing::FakePodReviewer;
using ::signet::testing::Must;
using ::signet::testing::NodeRequest;
using ::signet::testing::SimulatedNode;
using ::signet::testing::SlurmdPod;

class AStoreThatFails : public EnrollmentTest {
 protected:
  // `ask` is run with the first call of the store failing, then the second, and so on, until all of them worked.
  void ExpectNoHarm(const std::function<absl::Status()>& ask, absl::string_view reason = "") {
    for (int call = 1; call < 1000; ++call) {
      const std::size_t certificates = world_.Certificates("").size();
      const std::size_t records = world_.AuditRows().size();
      world_.store->FailCall(call);
      const absl::Status status = ask();
      const bool failed = world_.store->failed_a_call();
      world_.store->FailCall(0);
      if (!failed) {
        EXPECT_GT(call, 1) << "the store was never asked";
        EXPECT_EQ(base::ReasonOf(status), reason) << status;
        return;
      }
      EXPECT_EQ(base::ReasonOf(status), base::kStoreUnavailable) << "call " << call << ": " << status;
      const std::vector<store::CertificateRow> now = world_.Certificates("");
      // The look right before the signature: what was recorded waits for the same request, and nothing was signed.
      const std::size_t recorded = now.size() > certificates ? 1 : 0;
      EXPECT_TRUE(recorded == 0 || now.front().state == store::CertificateState::kRecorded) << "call " << call;
      EXPECT_EQ(now.size(), certificates + recorded) << "call " << call;
      EXPECT_EQ(world_.AuditRows().size(), records + recorded) << "call " << call;
    }
    ADD_FAILURE() << "no end";
  }
  void ExpectNoHarm(const NodeRequest& request, absl::string_view reason = "") {
    ExpectNoHarm([&] { return Sign(request).status(); }, reason);
  }
  absl::Status ExplainNode(const std::string& name) {
    absl::Status explained;
    const absl::Status read = world_.store->Read([&](const store::Tables& tables) {
      explained = Explain(tables, name, world_.clock.Now()).status();
      return absl::OkStatus();
    });
    return read.ok() ? explained : read;
  }
  evidence::Token NextToken(TokenKind kind = TokenKind::kSingleUse) {
    world_.clock.Advance(absl::Seconds(1));
    const evidence::Token token = world_.MakeToken(node_.name(), kind);
    world_.clock.Advance(absl::Seconds(1));
    return token;
  }
};

TEST_F(AStoreThatFails, EnrolsNobodyHalf) {
  for (const TokenKind kind : {TokenKind::kSingleUse, TokenKind::kBoot, TokenKind::kReusable, TokenKind::kLab}) {
    SimulatedNode node("n" + std::to_string(static_cast<int>(kind)), world_.clock);
    const evidence::Token token = world_.MakeToken(node.name(), kind);
    ExpectNoHarm(node.Ask(&token));
  }
}

TEST_F(AStoreThatFails, RenewsAndRepeatsNothingHalf) {
  Enrol();
  const NodeRequest renewal = node_.Ask();
  ExpectNoHarm(renewal);
  ExpectNoHarm(renewal);
  // A stored answer that is not worth having any more is replaced.
  world_.clock.Advance(absl::Hours(24 * 6));
  ExpectNoHarm(renewal);
}

TEST_F(AStoreThatFails, ReplacesNoIdentityHalf) {
  Enrol(TokenKind::kReusable);
  for (const TokenKind kind : {TokenKind::kReusable, TokenKind::kSingleUse}) {
    const evidence::Token token = NextToken(kind);
    node_.ForgetEverything();
    ExpectNoHarm(node_.Ask(&token));
  }
}

TEST_F(AStoreThatFails, IsNoReasonToTakeAnOlderToken) {
  const evidence::Token old = NextToken();
  const evidence::Token old_and_weak = NextToken(TokenKind::kReusable);
  const evidence::Token newer = NextToken();
  ASSERT_EQ(Refused(node_.Ask(&newer)), "");
  SimulatedNode thief("n1", world_.clock);
  ExpectNoHarm(thief.Ask(&old), base::kTokenSuperseded);
  ExpectNoHarm(thief.Ask(&old_and_weak), base::kWeakerEvidence);
  ExpectNoHarm(thief.Ask(&newer), base::kTokenUsed);
  ExpectNoHarm(thief.Ask(), base::kIdentityUnknown);
}

TEST_F(AStoreThatFails, AdmitsNoApprovedKeyHalf) {
  ExpectNoHarm([&] {
    return world_.node_life->Approve("n1", "slurmd", node_.key_id(), absl::ZeroDuration(), world_.origin).status();
  });
  ExpectNoHarm(node_.Ask());
}

TEST_F(AStoreThatFails, AdmitsNoPodHalf) {
  FakePodReviewer kubernetes;
  world_.pods = &kubernetes;
  world_.Restart();
  kubernetes.Know("jwt-1", SlurmdPod("n1", "uid-1", world_.clock.Now()));
  node_.kubernetes_token = "jwt-1";
  ExpectNoHarm(node_.Ask());
  SimulatedNode thief("n1", world_.clock);
  thief.kubernetes_token = "jwt-1";
  ExpectNoHarm(thief.Ask(), base::kPodHasKey);
  world_.pods = nullptr;
  world_.Restart();
}

TEST_F(AStoreThatFails, BringsNoEndedKeyBack) {
  Enrol();
  SimulatedNode superseded = node_;
  const evidence::Token token = NextToken();
  node_.ForgetEverything();
  ASSERT_EQ(Refused(node_.Ask(&token)), "");
  ExpectNoHarm(superseded.Ask(), base::kIdentitySuperseded);
  ExpectNoHarm([&] { return world_.node_life->Block({"n1"}, "stolen", world_.origin).status(); });
  ExpectNoHarm(node_.Ask(), base::kIdentityEnded);
  ExpectNoHarm([&] { return world_.node_life->Unblock({"n1"}, world_.origin).status(); });
  ExpectNoHarm(node_.Ask(), base::kIdentityEnded);
  ExpectNoHarm(node_.Ask(&token), base::kIdentityEnded);
}

TEST_F(AStoreThatFails, IsNoReasonToForgetABlock) {
  const evidence::Token token = NextToken();
  InsertBlock("n1");
  ExpectNoHarm(node_.Ask(&token), base::kNodeBlocked);
}

TEST_F(AStoreThatFails, ValidatesNobody) {
  const evidence::Token token = NextToken();
  const NodeRequest request = node_.Ask(&token);
  ExpectNoHarm([&] { return world_.node_certificates->Validate("n1", request.script_token); });
}

TEST_F(AStoreThatFails, ChangesNoNodeHalf) {
  Enrol();
  ExpectNoHarm([&] { return world_.node_life->Forget({"n1", "n2"}, world_.origin).status(); });
  ExpectNoHarm([&] { return world_.node_life->Block({"n1", "n2"}, "sold", world_.origin).status(); });
  ExpectNoHarm([&] { return world_.node_life->Unblock({"n1", "n2"}, world_.origin).status(); });
}

TEST_F(AStoreThatFails, CreatesAndRevokesNoTokenHalf) {
  const std::string spki = SimulatedNode::NewKey().public_key().spki_der();
  const std::string other = SimulatedNode::NewKey().public_key().spki_der();
  const auto create = [&] {
    return world_.tokens
        ->Create({{"n1", "slurmd", TokenKind::kSingleUse, spki, absl::ZeroDuration(), "rack-1"},
                  {"n2", "slurmd", TokenKind::kReusable, other, absl::ZeroDuration(), "rack-1"}},
                 false, world_.origin)
        .status();
  };
  ExpectNoHarm(create);
  const std::string id = Must(x509::PublicKey::FromSpkiDer(spki)).key_id();
  ExpectNoHarm([&] { return world_.tokens->Revoke({id}, {"n2"}, "rack-1", world_.origin).status(); });
}

TEST_F(AStoreThatFails, IsNoReasonToWidenAProvisionersNodes) {
  Must(world_.store->Write([&](store::Tables& tables) {
    return tables.provisioners().Put({"boot", "n[001-010]", "socket:admin", world_.clock.Now()});
  }));
  audit::Origin provisioner = world_.origin;
  provisioner.role = "provisioner";
  provisioner.name = "boot";
  const auto create = [&](const std::string& node) {
    return world_.tokens
        ->Create(
            {{node, "slurmd", TokenKind::kBoot, SimulatedNode::NewKey().public_key().spki_der(), absl::ZeroDuration()}},
            false, provisioner)
        .status();
  };
  ExpectNoHarm([&] { return create("n001"); });
  ExpectNoHarm([&] { return create("n011"); }, base::kNotYourNode);
}

TEST_F(AStoreThatFails, ExplainsNothingWrong) {
  ExpectNoHarm([&] { return ExplainNode("n01"); });
  Enrol();
  ExpectNoHarm([&] { return ExplainNode("n1"); });
  ExpectNoHarm([&] { return ExplainNode("n01"); });
}

}  // namespace
}  // namespace signet::enrollment
