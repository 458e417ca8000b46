#include "services/rpc/calls.h"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/keys/sealed/sealed_custody.h"
#include "services/store/sqlite/sqlite_store.h"
#include "signet/v1/audit.pb.h"

namespace signet::rpc {
namespace {

constexpr Method kSign = {"signet.v1.CertAuthority.SignCertificate", "certificate.sign"};
constexpr Method kList = {"signet.v1.NodeEnrollment.ListNodes", "node.list", false};

constexpr Method kBundle = {"signet.v1.CertAuthority.GetTrustBundle", "bundle.get", false};

// A Kubernetes API that knows nobody, and counts how often it is asked.
class SaysNo final : public enrollment::PodReviewer {
 public:
  absl::StatusOr<enrollment::ReviewedPod> Review(absl::string_view) override {
    ++asked;
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kPodRefused,
                         "service account slurm/ctld is not on the allow-list");
  }
  int asked = 0;
};

// Keeps the level of each line. Of one thread.
class Lines final : public telemetry::Logger {
 public:
  void Write(telemetry::Level level, absl::string_view, std::initializer_list<telemetry::Field>) override {
    levels.push_back(level);
  }
  void SetLevel(telemetry::Level) override {}
  std::vector<telemetry::Level> levels;
};

Subject AboutN1() { return {"n1", "n1", "00112233445566778899aabbccddeeff"}; }
absl::Status Fine(const audit::Origin&) { return absl::OkStatus(); }

std::string ReasonOfReply(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) || details.details_size() == 0) return "";
  return details.details(0).UnpackTo(&info) ? info.reason() : "";
}

class CallsTest : public ::testing::Test {
 protected:
  CallsTest() {
    std::string pattern = ::testing::TempDir() + "/signet-calls-XXXXXX";
    const std::string folder = mkdtemp(pattern.data());
    store_ = *store::sqlite::Open({.path = folder + "/db"}, *logger_);
    custody_ = *keys::sealed::SealedCustody::Create(base::SecretBytes(std::string(32, 'k')), random_);
    EXPECT_TRUE(authority::EnsureFirstAuthorities({"alpha", "CN=Slurm CA", absl::Hours(24 * 365)}, *store_, *custody_,
                                                  clock_, random_, *logger_)
                    .ok());
    authorities_ = *authority::Authorities::Open(*store_, *custody_, clock_);
    audit_ =
        std::make_unique<audit::AuditLog>("alpha", *authority::OpenKey(*store_, *custody_, "audit"), clock_, *logger_);
    callers_ = std::make_unique<Callers>("alpha", *authorities_, *store_, clock_);
    calls_ = std::make_unique<Calls>(
        Calls::Parts{*callers_, access_, *audit_, *store_, clock_, random_, *logger_, metrics_}, Limits{});
  }

  grpc::Status Run(Listener listener, const Method& method,
                   absl::FunctionRef<absl::Status(const audit::Origin&)> handler) {
    return calls_->Run({listener, nullptr, absl::InfiniteFuture()}, method, AboutN1, handler);
  }

  // Records that refuse something.
  std::vector<v1::AuditRecord> Refusals() {
    std::vector<v1::AuditRecord> refusals;
    EXPECT_TRUE(store_
                    ->Read([&](const store::Tables& tables) {
                      const auto rows = tables.audit().List(0, 1000);
                      for (const store::AuditRow& row : *rows) {
                        v1::AuditRecord record;
                        EXPECT_TRUE(record.ParseFromString(row.bytes));
                        if (record.outcome() == v1::AUDIT_OUTCOME_REFUSED) refusals.push_back(record);
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    return refusals;
  }

  // What is kept beside a node.
  std::vector<store::RefusalRow> Kept(const std::string& node) {
    std::vector<store::RefusalRow> rows;
    EXPECT_TRUE(store_
                    ->Read([&](const store::Tables& tables) {
                      rows = *tables.refusals().List(node);
                      return absl::OkStatus();
                    })
                    .ok());
    return rows;
  }
  static absl::Status Blocked() {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kNodeBlocked, "n1 is blocked",
                         "signetctl node unblock n1");
  }

  base::FakeClock clock_{absl::Now()};
  base::SystemRandom random_;
  std::unique_ptr<telemetry::Logger> logger_ = telemetry::MakeNullLogger();
  telemetry::Metrics metrics_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<keys::Custody> custody_;
  std::unique_ptr<authority::Authorities> authorities_;
  std::unique_ptr<audit::AuditLog> audit_;
  std::unique_ptr<Callers> callers_;
  const AccessTable access_;
  std::unique_ptr<Calls> calls_;
};

TEST_F(CallsTest, HandsTheCallerAndARequestIdToTheHandler) {
  audit::Origin seen;
  EXPECT_TRUE(Run(Listener::kControllerSocket, kSign, [&](const audit::Origin& origin) {
                seen = origin;
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(seen.actor, "socket:controller");
  EXPECT_THAT(seen.request_id, testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_THAT(Refusals(), testing::IsEmpty());
}

TEST_F(CallsTest, NeverRunsAHandlerTheCallerMayNotCall) {
  bool ran = false;
  const auto handler = [&](const audit::Origin&) {
    ran = true;
    return absl::OkStatus();
  };
  const grpc::Status status = Run(Listener::kControllerSocket, kList, handler);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOfReply(status), base::kAccessDenied);
  EXPECT_EQ(Run(Listener::kNetwork, kSign, handler).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Run(Listener::kAdminSocket, {"signet.v1.CertAuthority.None", "none"}, handler).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_FALSE(ran);
  const auto refusals = Refusals();
  // The one over the network has no role: anybody can be such a caller, so it is counted.
  ASSERT_EQ(refusals.size(), 2u);
  EXPECT_EQ(refusals[0].actor(), "socket:controller");
  EXPECT_EQ(refusals[0].subject(), "NodeEnrollment.ListNodes");
  EXPECT_EQ(refusals[0].reason(), base::kAccessDenied);
}

TEST_F(CallsTest, WritesOneAuditRecordForARefusalByAHandler) {
  const grpc::Status status = Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kNodeBlocked, "n1 is blocked");
  });
  EXPECT_EQ(ReasonOfReply(status), base::kNodeBlocked);
  const auto refusals = Refusals();
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0].action(), "certificate.sign");
  EXPECT_EQ(refusals[0].subject(), "n1");
  EXPECT_EQ(refusals[0].reason(), base::kNodeBlocked);
  EXPECT_THAT(refusals[0].request_id(), testing::MatchesRegex("[0-9a-f]{16}"));
}

TEST_F(CallsTest, ARefusalWithoutAReasonIsNotRecordedAsDone) {
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) { return absl::InternalError("lost"); });
  ASSERT_EQ(Refusals().size(), 1u);
  EXPECT_EQ(Refusals()[0].reason(), base::kInternal);
}

TEST_F(CallsTest, OnlyCountsWhatLoadRefused) {
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) {
    return base::Refusal(absl::StatusCode::kResourceExhausted, base::kOverloaded, "too many wait");
  });
  Run(Listener::kAdminSocket, kList, [](const audit::Origin&) { return absl::NotFoundError("none"); });
  EXPECT_THAT(Refusals(), testing::IsEmpty());
  EXPECT_THAT(metrics_.Text(), testing::HasSubstr("signet_refusals_total{reason=\"OVERLOADED\"} 1"));
  EXPECT_THAT(metrics_.Text(), testing::HasSubstr("signet_shed_total{reason=\"OVERLOADED\"} 1"));
  EXPECT_THAT(metrics_.Text(), testing::Not(testing::HasSubstr("signet_shed_total{reason=\"NOT_FOUND\"}")));
}

TEST_F(CallsTest, DoesNotBeginWithoutTimeLeft) {
  const auto run = [&](absl::Duration left) {
    return calls_->Run({Listener::kAdminSocket, nullptr, absl::Now() + left}, kSign, AboutN1, Fine);
  };
  EXPECT_EQ(ReasonOfReply(run(absl::Milliseconds(50))), base::kDeadlineTooShort);
  EXPECT_EQ(run(-absl::Seconds(1)).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(run(absl::Seconds(60)).ok());
}

TEST_F(CallsTest, ShedsWhatIsBeyondTheLimitAndTakesCallsAgainAfterwards) {
  Limits one;
  one.max_concurrent_calls = 1;
  calls_->SetLimits(one);
  std::promise<void> entered;
  std::promise<void> leave;
  std::thread first([&] {
    EXPECT_TRUE(Run(Listener::kAdminSocket, kSign, [&](const audit::Origin&) {
                  entered.set_value();
                  leave.get_future().wait();
                  return absl::OkStatus();
                }).ok());
  });
  entered.get_future().wait();
  EXPECT_EQ(ReasonOfReply(Run(Listener::kAdminSocket, kSign, Fine)), base::kOverloaded);
  EXPECT_TRUE(Run(Listener::kAdminSocket, kList, Fine).ok()) << "whoever wonders what is wrong";
  EXPECT_EQ(ReasonOfReply(Run(Listener::kNetwork, kBundle, Fine)), base::kOverloaded);
  leave.set_value();
  first.join();
  EXPECT_TRUE(Run(Listener::kAdminSocket, kSign, Fine).ok());
}

TEST_F(CallsTest, KubernetesIsNotAskedAboutATokenThatChangesNothing) {
  SaysNo kubernetes;
  PodCallers pods(kubernetes, clock_);
  const Callers callers("alpha", *authorities_, *store_, clock_, &pods);
  Calls calls({callers, access_, *audit_, *store_, clock_, random_, *logger_, metrics_}, Limits{});
  const Arrival arrival{Listener::kNetwork, nullptr, absl::InfiniteFuture(), {"Bearer t"}, "ipv4:192.0.2.1"};
  EXPECT_TRUE(calls.Run(arrival, kBundle, NoSubject, Fine).ok());
  EXPECT_EQ(kubernetes.asked, 0);
  const grpc::Status denied = calls.Run(arrival, kSign, AboutN1, Fine);
  EXPECT_EQ(ReasonOfReply(denied), base::kAccessDenied);
  EXPECT_EQ(kubernetes.asked, 1);
  EXPECT_THAT(denied.error_message(), testing::Not(testing::HasSubstr("slurm/ctld"))) << "what the allow-list says";
}

TEST_F(CallsTest, CallersWithoutARoleFillNoLog) {
  Lines lines;
  Calls calls({*callers_, access_, *audit_, *store_, clock_, random_, lines, metrics_}, Limits{});
  const auto run = [&](const Method& method, absl::Duration left, const absl::Status& answer) {
    calls.Run({Listener::kNetwork, nullptr, absl::Now() + left}, method, NoSubject,
              [&](const audit::Origin&) { return answer; });
  };
  for (int i = 0; i < 5; ++i) {
    run(kBundle, absl::Hours(1), absl::OkStatus());
    run(kBundle, absl::Milliseconds(1), absl::OkStatus());
    run(kBundle, absl::Hours(1), absl::InternalError("lost"));
    run(kSign, absl::Hours(1), absl::OkStatus());
  }
  EXPECT_THAT(lines.levels, testing::SizeIs(20));
  EXPECT_THAT(lines.levels, testing::Each(telemetry::Level::kDebug));
  EXPECT_THAT(Refusals(), testing::IsEmpty());
  calls.Summarise();
  ASSERT_EQ(Refusals().size(), 2u);
  EXPECT_EQ(Refusals()[0].facts().at(base::kDeadlineTooShort), "5");
  EXPECT_EQ(Refusals()[0].facts().at(base::kInternal), "5");
  EXPECT_EQ(Refusals()[1].facts().at("calls"), "5");
  EXPECT_THAT(lines.levels, testing::SizeIs(22)) << "two lines for all of them";
  EXPECT_EQ(lines.levels.back(), telemetry::Level::kWarning);
}

TEST_F(CallsTest, WhatWasDoneIsLoggedAndWhatWasOnlyLookedAtIsNot) {
  Lines lines;
  Calls calls({*callers_, access_, *audit_, *store_, clock_, random_, lines, metrics_}, Limits{});
  for (const Method& method : {kSign, kList})
    calls.Run({Listener::kAdminSocket, nullptr, absl::InfiniteFuture()}, method, NoSubject, Fine);
  EXPECT_THAT(lines.levels, testing::ElementsAre(telemetry::Level::kInfo, telemetry::Level::kDebug));
}

TEST_F(CallsTest, SummarisesAFloodOfDenials) {
  for (int i = 0; i < 60; ++i) Run(Listener::kControllerSocket, kList, Fine);
  EXPECT_EQ(Refusals().size(), 50u);
  calls_->Summarise();
  const auto refusals = Refusals();
  ASSERT_EQ(refusals.size(), 51u);
  EXPECT_EQ(refusals.back().action(), "access.deny");
  EXPECT_EQ(refusals.back().facts().at("calls"), "10");
  calls_->Summarise();
  EXPECT_EQ(Refusals().size(), 51u);
  clock_.Advance(absl::Seconds(1));
  Run(Listener::kControllerSocket, kList, Fine);
  EXPECT_EQ(Refusals().size(), 52u);
}

TEST_F(CallsTest, RefusalsByAHandlerAreBoundedUnlessTheCallerAdministratesOrProvedItself) {
  const auto refuse = [&](Listener listener, const Method& method, const absl::Status& status) {
    for (int i = 0; i < 60; ++i) Run(listener, method, [&](const audit::Origin&) { return status; });
  };
  refuse(Listener::kControllerSocket, kSign, Blocked());
  EXPECT_EQ(Refusals().size(), 50u);
  refuse(Listener::kControllerSocket, kSign, base::Proven(Blocked()));
  EXPECT_EQ(Refusals().size(), 110u);
  refuse(Listener::kAdminSocket, kSign, Blocked());
  EXPECT_EQ(Refusals().size(), 170u);
  refuse(Listener::kControllerSocket, {kSign.name, kSign.action, true, true}, Blocked());
  EXPECT_EQ(Refusals().size(), 230u) << "the engine has bounded these";
  calls_->Summarise();
  ASSERT_EQ(Refusals().size(), 231u);
  EXPECT_EQ(Refusals().back().action(), "request.shed");
  EXPECT_EQ(Refusals().back().facts().at(base::kNodeBlocked), "10");
}

TEST_F(CallsTest, CallersWithoutARoleCannotFillTheAuditLog) {
  for (int i = 0; i < 30; ++i) Run(Listener::kNetwork, kList, Fine);
  EXPECT_THAT(Refusals(), testing::IsEmpty());
  calls_->Summarise();
  const auto refusals = Refusals();
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0].facts().at("calls"), "30");
}

TEST_F(CallsTest, RecordsThatANodeBroughtTooManyNewKeys) {
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) {
    return base::Refusal(absl::StatusCode::kResourceExhausted, base::kTooManyNewKeys, "n1 brought 6 new keys");
  });
  const auto refusals = Refusals();
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0].reason(), base::kTooManyNewKeys);
}

TEST_F(CallsTest, KeepsARefusalOnceInTheAuditAndOnceBesideItsNode) {
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) { return base::Proven(Blocked()); });
  const auto kept = Kept("n1");
  ASSERT_EQ(kept.size(), 1u);
  ASSERT_EQ(Refusals().size(), 1u);
  EXPECT_EQ(kept[0].action, "certificate.sign");
  EXPECT_EQ(kept[0].reason, base::kNodeBlocked);
  EXPECT_EQ(kept[0].message, "n1 is blocked");
  EXPECT_EQ(kept[0].next, "signetctl node unblock n1");
  EXPECT_EQ(kept[0].actor, "socket:controller");
  EXPECT_EQ(kept[0].request_id, Refusals()[0].request_id());
  EXPECT_EQ(kept[0].key_id, "00112233445566778899aabbccddeeff");
  EXPECT_TRUE(kept[0].proven);
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) { return Blocked(); });
  EXPECT_FALSE(Kept("n1")[0].proven);
}

TEST_F(CallsTest, KeepsNothingBesideWhatIsNoNode) {
  for (const std::string& node : std::vector<std::string>{"", "slurmctld", "n 1", std::string(65, 'n'), "a/../b"}) {
    const auto subject = [&node] { return Subject{node, node, ""}; };
    calls_->Run({Listener::kControllerSocket, nullptr, absl::InfiniteFuture()}, kSign, subject,
                [](const audit::Origin&) { return Blocked(); });
    EXPECT_THAT(Kept(node), testing::IsEmpty());
  }
  EXPECT_EQ(Refusals().size(), 5u);
}

TEST_F(CallsTest, KeepsNoTextOfTheServersOwnFaultsBesideTheNode) {
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) { return absl::InternalError("key at /secret"); });
  ASSERT_EQ(Kept("n1").size(), 1u);
  EXPECT_THAT(Kept("n1")[0].message, testing::Not(testing::HasSubstr("/secret")));
  EXPECT_THAT(Kept("n1")[0].next, testing::HasSubstr(Kept("n1")[0].request_id));
}

TEST_F(CallsTest, KeptTextIsBoundedAndReadable) {
  Run(Listener::kControllerSocket, kSign, [](const audit::Origin&) {
    return base::Refusal(absl::StatusCode::kPermissionDenied, base::kWrongNode, std::string(100000, '\xff'));
  });
  ASSERT_EQ(Kept("n1").size(), 1u);
  EXPECT_LE(Kept("n1")[0].message.size(), 1024u);
}

TEST_F(CallsTest, CountsWhatLoadRefusedAndRecordsItOnceAMinute) {
  const auto refuse = [&](absl::StatusCode code, const char* reason, int times) {
    for (int i = 0; i < times; ++i) {
      Run(Listener::kControllerSocket, kSign, [&](const audit::Origin&) { return base::Refusal(code, reason, "no"); });
    }
  };
  refuse(absl::StatusCode::kResourceExhausted, base::kTooManyRequests, 40);
  refuse(absl::StatusCode::kResourceExhausted, base::kOverloaded, 2);
  refuse(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable, 3);
  refuse(absl::StatusCode::kAborted, base::kStoreUnavailable, 1);
  refuse(absl::StatusCode::kCancelled, base::kDeadlineTooShort, 1);
  EXPECT_THAT(Refusals(), testing::IsEmpty());
  EXPECT_THAT(Kept("n1"), testing::IsEmpty());
  calls_->Summarise();
  const auto refusals = Refusals();
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(refusals[0].action(), "request.shed");
  EXPECT_EQ(refusals[0].actor(), "signetd");
  EXPECT_EQ(refusals[0].reason(), base::kTooManyRequests);
  EXPECT_EQ(refusals[0].facts().at(base::kTooManyRequests), "40");
  EXPECT_EQ(refusals[0].facts().at(base::kOverloaded), "2");
  EXPECT_EQ(refusals[0].facts().at(base::kKubernetesUnavailable), "3");
  calls_->Summarise();
  EXPECT_EQ(Refusals().size(), 1u);
}

}  // namespace
}  // namespace signet::rpc
