#include "services/server/collector.h"

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/enrollment/evidence_kind.h"
#include "services/server/inventory.h"
#include "services/server/measured_store.h"
#include "tests/testing/world.h"

namespace signet::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CollectorTest : public ::testing::Test {
 protected:
  Collector::Parts Parts(const store::Store& store) {
    return {store,        *world_.custody, *world_.authorities, *world_.rotation,
            world_.clock, world_.random,   *world_.logger,      metrics_};
  }
  absl::Status Collect() { return collector_.Collect(); }
  std::string Shown() {
    EXPECT_EQ(Collect(), absl::OkStatus());
    return metrics_.Text();
  }
  void Enrol(const std::string& name, enrollment::EvidenceKind evidence, absl::Duration left, uint64_t loaded,
             const std::string& adapter = "0.1.0") {
    store::NodeRow node;
    node.name = name;
    node.daemon = "slurmd";
    node.key_id = "key of " + name;
    node.not_after = world_.clock.Now() + left;
    node.loaded_generation = loaded;
    node.adapter_version = adapter;
    store::IdentityRow identity;
    identity.key_id = node.key_id;
    identity.node = name;
    identity.daemon = "slurmd";
    identity.evidence = static_cast<int>(evidence);
    testing::Must(world_.store->Write([&](store::Tables& tables) {
      const absl::Status inserted = tables.nodes().InsertIdentity(identity);
      return inserted.ok() ? tables.nodes().Put(node) : inserted;
    }));
  }

  testing::World world_;
  telemetry::Metrics metrics_{world_.clock};
  Collector collector_{Parts(*world_.store), world_.dir.File("."), world_.dir.File("signet.db")};
};

// What waits in Read until it is let go, as on a disk that hangs.
class HangingStore final : public store::Store {
 public:
  explicit HangingStore(store::Store& real) : real_(real) {}
  absl::Status Write(absl::FunctionRef<absl::Status(store::Tables&)> work) override { return real_.Write(work); }
  void WriteLater(std::function<absl::Status(store::Tables&)> work) override { real_.WriteLater(std::move(work)); }
  absl::Status Scrub() override { return real_.Scrub(); }
  absl::Status Read(absl::FunctionRef<absl::Status(const store::Tables&)> work) const override {
    if (!reached_.exchange(true)) reading_.set_value();
    go_on_.wait();
    return real_.Read(work);
  }
  void WaitForReader() { reading_.get_future().wait(); }
  void LetGo() { let_go_.set_value(); }

 private:
  store::Store& real_;
  mutable std::atomic<bool> reached_ = false;
  mutable std::promise<void> reading_;
  std::promise<void> let_go_;
  std::shared_future<void> go_on_ = let_go_.get_future().share();
};

TEST_F(CollectorTest, ShowsAnEmptyClusterAtZeroAndNoNodeToLose) {
  const std::string text = Shown();
  for (const char* line :
       {R"(signet_nodes{state="certified"} 0)", R"(signet_nodes_by_evidence{evidence="approval"} 0)",
        R"(signet_nodes_by_bundle{bundle="ahead"} 0)", R"(signet_tokens{kind="lab",state="spent"} 0)",
        R"(signet_rotation_step{step="idle"} 1)", R"(signet_rotation_step{step="holding"} 0)",
        R"(signet_rotation_blockers{kind="hold"} 0)", "signet_bundle_generation 1", "signet_store_ok 1",
        R"(signet_collections_total{result="ok"} 1)", "signet_collect_age_seconds 0"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(line, "\n")));
  }
  EXPECT_THAT(text, Not(HasSubstr("signet_first_node_lost_seconds")));
  EXPECT_THAT(text, Not(HasSubstr("signet_service_expires_seconds")));
}

TEST_F(CollectorTest, CountsNodes) {
  Enrol("n1", enrollment::EvidenceKind::kBoot, absl::Seconds(5000), 1);
  Enrol("n2", enrollment::EvidenceKind::kSingleUse, absl::Seconds(4000), 2, "0.2.0");
  Enrol("n3", enrollment::EvidenceKind::kSingleUse, -absl::Seconds(1), 1);
  Enrol("n4", enrollment::EvidenceKind::kLab, absl::Seconds(3000), 0, "0 3");
  Enrol("n5", enrollment::EvidenceKind::kLab, absl::Seconds(1), 1);
  testing::Must(world_.store->Write([&](store::Tables& tables) {
    return tables.blocks().Insert({"n5", "stolen", "socket:admin", world_.clock.Now()});
  }));
  std::string text = Shown();
  for (const char* line :
       {R"(signet_nodes{state="certified"} 3)", R"(signet_nodes{state="uncertified"} 1)",
        R"(signet_nodes{state="blocked"} 1)", R"(signet_nodes_by_evidence{evidence="boot"} 1)",
        R"(signet_nodes_by_evidence{evidence="single-use"} 1)", R"(signet_nodes_by_evidence{evidence="lab"} 1)",
        R"(signet_nodes_by_bundle{bundle="current"} 1)", R"(signet_nodes_by_bundle{bundle="ahead"} 1)",
        R"(signet_nodes_by_bundle{bundle="unknown"} 1)", R"(signet_nodes_by_adapter{version="0.1.0"} 1)",
        R"(signet_nodes_by_adapter{version="0.2.0"} 1)", R"(signet_nodes_by_adapter{version="other"} 1)",
        "signet_first_node_lost_seconds 3000"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(line, "\n")));
  }
  world_.clock.Advance(absl::Seconds(10));
  EXPECT_THAT(metrics_.Text(), HasSubstr("signet_first_node_lost_seconds 2990\n")) << "without being collected again";
}

TEST_F(CollectorTest, AddsUpTheVersionsBeyondTheCommonest) {
  for (int i = 0; i < 20; ++i) {
    Enrol(absl::StrCat("n", i), enrollment::EvidenceKind::kBoot, absl::Hours(1), 1, absl::StrCat("1.", 10 + i));
  }
  Enrol("n20", enrollment::EvidenceKind::kBoot, absl::Hours(1), 1, "1.29");
  const std::string text = Shown();
  EXPECT_THAT(text, HasSubstr(R"(signet_nodes_by_adapter{version="1.29"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_nodes_by_adapter{version="other"} 4)"));
}

TEST_F(CollectorTest, CountsTokensByKindAndState) {
  world_.MakeToken("n1");
  world_.MakeToken("n2", evidence::TokenKind::kReusable, "slurmd", absl::Hours(1));
  const evidence::Token revoked = world_.MakeToken("n3");
  testing::Must(world_.store->Write(
      [&](store::Tables& tables) { return tables.tokens().RevokeOfNode("n3", world_.clock.Now()).status(); }));
  EXPECT_THAT(Shown(), AllOf(HasSubstr(R"(signet_tokens{kind="single-use",state="live"} 1)"),
                             HasSubstr(R"(signet_tokens{kind="reusable",state="expiring"} 1)"),
                             HasSubstr(R"(signet_tokens{kind="single-use",state="revoked"} 1)")));
  world_.clock.Advance(absl::Hours(2));
  EXPECT_THAT(Shown(), HasSubstr(R"(signet_tokens{kind="reusable",state="expired"} 1)"));
}

TEST_F(CollectorTest, FollowsARotation) {
  const std::string first = testing::Must(world_.authorities->Active(store::Purpose::kSlurm))->id;
  Enrol("n1", enrollment::EvidenceKind::kBoot, absl::Hours(1), 1);
  Enrol("n2", enrollment::EvidenceKind::kBoot, absl::Hours(1), 1);
  std::string text = Shown();
  EXPECT_THAT(text, HasSubstr(absl::StrCat("signet_authority_expires_seconds{authority=\"", first.substr(0, 8),
                                           R"(",purpose="slurm",state="active"} )")));
  EXPECT_THAT(text, HasSubstr(R"(,purpose="control",state="active"} )"));
  EXPECT_THAT(text, HasSubstr("signet_prepare_window_seconds "));

  const auto prepared = testing::Must(world_.rotation->Prepare({}, world_.origin)).authority_id;
  world_.clock.Advance(absl::Seconds(60));
  text = Shown();
  EXPECT_THAT(text, HasSubstr(R"(signet_rotation_step{step="spreading"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(signet_rotation_step{step="idle"} 0)"));
  EXPECT_THAT(text, HasSubstr("signet_rotation_step_age_seconds 60\n"));
  EXPECT_THAT(text, HasSubstr("signet_bundle_generation 2\n"));
  EXPECT_THAT(text, HasSubstr(R"(signet_nodes_by_bundle{bundle="behind"} 2)"));

  testing::Must(world_.rotation
                    ->Change({prepared, authority::Verb::kActivate, false, "a test"}, world_.origin,
                             std::make_unique<authority::Plan>().get())
                    .status());
  text = Shown();
  EXPECT_THAT(text, HasSubstr(R"(signet_rotation_step{step="holding"} 1)"));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("signet_authority_expires_seconds{authority=\"", first.substr(0, 8),
                                           R"(",purpose="slurm",state="retired"} )")));
  EXPECT_THAT(text, HasSubstr(R"(signet_rotation_blockers{kind="hold"} 1)"));
}

TEST_F(CollectorTest, CountsBlockersByKind) {
  authority::Standing standing;
  const auto block = [&standing](authority::BlockerKind kind, int64_t count) {
    authority::Blocker& blocker = standing.blockers.emplace_back();
    blocker.kind = kind;
    blocker.count = count;
  };
  block(authority::BlockerKind::kNodeNotLoaded, 2);
  block(authority::BlockerKind::kServiceCertificate, 1);
  block(authority::BlockerKind::kHold, 0);
  standing.highest_generation_seen = 7;
  metrics_.Show(telemetry::GaugeGroup::kRotation, RotationGauges(*world_.authorities, standing));
  const std::string text = metrics_.Text();
  for (const char* line :
       {R"(signet_rotation_blockers{kind="node_not_loaded"} 2)", R"(signet_rotation_blockers{kind="hold"} 1)",
        R"(signet_rotation_blockers{kind="service_certificate"} 1)",
        R"(signet_rotation_blockers{kind="host_not_loaded"} 0)", "signet_bundle_generation_seen 7"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(line, "\n")));
  }
}

TEST_F(CollectorTest, TestsEveryKey) {
  std::string text = Shown();
  for (const char* key : {"slurm", "control", "bundle", "audit"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("signet_signer_ok{key=\"", key, "\"} 1\n")));
  }
  world_.custody->SignWrongly(true);
  EXPECT_EQ(Collect(), absl::OkStatus()) << "it was collected that they fail";
  text = metrics_.Text();
  for (const char* key : {"slurm", "control", "bundle", "audit"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("signet_signer_ok{key=\"", key, "\"} 0\n")));
  }
}

TEST_F(CollectorTest, CountsAuditRecordsBehindTheNewestCheckpoint) {
  const std::size_t records = world_.AuditRows().size();
  ASSERT_GT(records, 1u);
  EXPECT_THAT(Shown(), AllOf(HasSubstr(absl::StrCat("signet_audit_unsealed_records ", records, "\n")),
                             Not(HasSubstr("signet_audit_checkpoint_age_seconds"))));
  testing::Must(world_.store->Write([&](store::Tables& tables) { return world_.audit->Checkpoint(tables); }));
  world_.clock.Advance(absl::Seconds(30));
  world_.MakeToken("n1");
  EXPECT_THAT(Shown(), AllOf(HasSubstr("signet_audit_unsealed_records 1\n"),
                             HasSubstr("signet_audit_checkpoint_age_seconds 30\n")));
}

TEST_F(CollectorTest, MeasuresDiskAndDatabase) {
  const std::string text = Shown();
  EXPECT_THAT(text, HasSubstr("signet_store_free_bytes "));
  EXPECT_THAT(text, Not(HasSubstr("signet_store_size_bytes 0\n")));
}

TEST_F(CollectorTest, AStoreThatFailsShowsAsSuchBesideWhatWasKnown) {
  Enrol("n1", enrollment::EvidenceKind::kBoot, absl::Seconds(5000), 1);
  ASSERT_EQ(Collect(), absl::OkStatus());
  world_.clock.Advance(absl::Seconds(100));
  for (int call = 1; call < 200; ++call) {
    world_.store->FailCall(call);
    const absl::Status status = Collect();
    if (!world_.store->failed_a_call()) {
      EXPECT_GT(call, 8);
      world_.store->FailCall(0);
      EXPECT_THAT(metrics_.Text(), HasSubstr("signet_collect_age_seconds 0\n"));
      return;
    }
    const std::string text = metrics_.Text();
    EXPECT_THAT(text, HasSubstr("signet_first_node_lost_seconds 4900\n")) << call;
    EXPECT_TRUE(!status.ok() || text.find("\"} 0\n") != std::string::npos) << call << ": neither failed nor shown";
  }
  FAIL() << "no end of calls";
}

TEST_F(CollectorTest, NoScrapeWaitsForAStoreThatHangs) {
  Enrol("n1", enrollment::EvidenceKind::kBoot, absl::Seconds(5000), 1);
  ASSERT_EQ(Collect(), absl::OkStatus());
  HangingStore hanging(*world_.store);
  {
    Collector collector(Parts(hanging), world_.dir.File("."), world_.dir.File("signet.db"));
    collector.Start();
    hanging.WaitForReader();
    world_.clock.Advance(absl::Seconds(1000));
    EXPECT_THAT(metrics_.Text(), AllOf(HasSubstr("signet_collect_age_seconds 1000\n"),
                                       HasSubstr("signet_first_node_lost_seconds 4000\n")));
    hanging.LetGo();
  }
  EXPECT_THAT(metrics_.Text(), HasSubstr("signet_collect_age_seconds 0\n"));
}

TEST_F(CollectorTest, CostsAHundredthOfACore) {
  EXPECT_EQ(PauseAfter(absl::Milliseconds(1)), absl::Seconds(15));
  EXPECT_EQ(PauseAfter(absl::Milliseconds(500)), absl::Seconds(50));
  EXPECT_EQ(PauseAfter(absl::Seconds(9)), absl::Minutes(5));
}

TEST_F(CollectorTest, MeasuresWritesAndTellsTheDisksFaultsFromARules) {
  MeasuredStore measured(testing::Must(store::sqlite::Open({world_.dir.File("other.db")}, *world_.logger)), metrics_);
  const auto written = [this](const char* result, int count) {
    EXPECT_THAT(metrics_.Text(),
                HasSubstr(absl::StrCat("signet_store_writes_total{result=\"", result, "\"} ", count, "\n")));
  };
  EXPECT_EQ(measured.Write([](store::Tables&) { return absl::OkStatus(); }), absl::OkStatus());
  written("ok", 1);
  EXPECT_FALSE(measured.Write([](store::Tables&) { return absl::AlreadyExistsError("a rule's"); }).ok());
  written("ok", 1);
  written("failed", 0);
  EXPECT_FALSE(measured.Write([](store::Tables&) { return absl::UnavailableError("the disk's"); }).ok());
  written("failed", 1);
  EXPECT_THAT(metrics_.Text(), HasSubstr("signet_store_write_ok 0\n"));
  EXPECT_EQ(measured.Read([](const store::Tables&) { return absl::OkStatus(); }), absl::OkStatus());
  written("ok", 1);
}

}  // namespace
}  // namespace signet::server
