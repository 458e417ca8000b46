#include "services/rpc/convert_rotation.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "services/names/hostlist.h"
#include "services/rpc/reply_status.h"

namespace signet::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename Message>
std::string FaultOf(const Message& message) {
  const auto converted = FromProto(message);
  if (converted.ok()) return "";
  EXPECT_EQ(base::ReasonOf(converted.status()), base::kMalformed);
  return std::string(converted.status().message());
}

TEST(PrepareFromProto, TakesADefaultAndAWholeRequest) {
  v1::PrepareAuthorityRequest request;
  EXPECT_EQ(FromProto(request)->lifetime, absl::ZeroDuration());
  request.set_subject("CN=Next");
  request.set_lifetime_seconds(30 * 86400);
  request.set_dry_run(true);
  const auto converted = FromProto(request);
  ASSERT_TRUE(converted.ok());
  EXPECT_EQ(converted->subject, "CN=Next");
  EXPECT_EQ(converted->lifetime, absl::Hours(720));
  EXPECT_TRUE(converted->dry_run);
}

TEST(PrepareFromProto, BoundsSubjectAndLifetime) {
  v1::PrepareAuthorityRequest request;
  for (const int64_t seconds : {int64_t{-1}, int64_t{1}, int64_t{30 * 86400 - 1}, int64_t{365} * 30 * 86400 + 1,
                                std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    request.set_lifetime_seconds(seconds);
    EXPECT_THAT(FaultOf(request), HasSubstr(absl::StrCat("lifetime_seconds is ", seconds)));
  }
  request.set_lifetime_seconds(int64_t{365} * 30 * 86400);
  EXPECT_EQ(FaultOf(request), "");
  request.set_subject(std::string(1025, 'x'));
  EXPECT_THAT(FaultOf(request), HasSubstr("subject has 1025 bytes"));
}

TEST(ChangeFromProto, GivesEachVerbItsOwnAndRefusesEveryOtherNumber) {
  v1::ChangeAuthorityRequest request;
  request.set_authority_id("00112233");
  for (const auto& [verb, expected] : std::vector<std::pair<v1::RotationVerb, authority::Verb>>{
           {v1::ROTATION_VERB_ACTIVATE, authority::Verb::kActivate},
           {v1::ROTATION_VERB_ROLLBACK, authority::Verb::kRollback},
           {v1::ROTATION_VERB_WITHDRAW, authority::Verb::kWithdraw},
           {v1::ROTATION_VERB_REVOKE, authority::Verb::kRevoke},
           {v1::ROTATION_VERB_DESTROY, authority::Verb::kDestroy}}) {
    request.set_verb(verb);
    ASSERT_TRUE(FromProto(request).ok()) << verb;
    EXPECT_EQ(FromProto(request)->verb, expected) << verb;
  }
  for (const int number : {0, -1, 6, 99}) {
    request.set_verb(static_cast<v1::RotationVerb>(number));
    EXPECT_EQ(FaultOf(request), "verb is unset or unknown") << number;
  }
}

TEST(ChangeFromProto, NeedsAnIdAndTakesNoBlankForce) {
  v1::ChangeAuthorityRequest request;
  request.set_verb(v1::ROTATION_VERB_REVOKE);
  EXPECT_EQ(FaultOf(request), "authority_id is empty");
  request.set_authority_id(std::string(65, 'a'));
  EXPECT_THAT(FaultOf(request), HasSubstr("authority_id has 65 bytes"));
  request.set_authority_id("00112233");
  EXPECT_EQ(FromProto(request)->force_reason, "");
  request.set_force_reason(" ");
  EXPECT_THAT(FaultOf(request), HasSubstr("force_reason is not printable"));
  request.set_force_reason("n7 is scrap");
  request.set_dry_run(true);
  EXPECT_EQ(FromProto(request)->force_reason, "n7 is scrap");
  EXPECT_TRUE(FromProto(request)->dry_run);
}

TEST(StolenFromProto, NeedsIdSubjectAndReason) {
  v1::ReplaceStolenAuthorityRequest request;
  EXPECT_EQ(FaultOf(request), "authority_id is empty");
  request.set_authority_id("00112233");
  EXPECT_EQ(FaultOf(request), "confirm_subject is empty");
  request.set_confirm_subject("CN=Slurm CA");
  EXPECT_EQ(FaultOf(request), "reason is empty");
  request.set_reason("the backup was stolen");
  request.set_dry_run(true);
  const auto converted = FromProto(request);
  ASSERT_TRUE(converted.ok());
  EXPECT_EQ(converted->authority_id, "00112233");
  EXPECT_EQ(converted->confirm_subject, "CN=Slurm CA");
  EXPECT_EQ(converted->reason, "the backup was stolen");
  EXPECT_TRUE(converted->dry_run);
}

TEST(RevokeFromProto, TakesExactlyOneOfThree) {
  v1::RevokeCertificatesRequest request;
  request.set_comment("sold");
  EXPECT_THAT(FaultOf(request), HasSubstr("exactly one of"));
  request.add_serials("AB:0C");
  ASSERT_TRUE(FromProto(request).ok());
  EXPECT_THAT(FromProto(request)->serials, ElementsAre("ab0c"));
  request.add_nodes("n1");
  EXPECT_THAT(FaultOf(request), HasSubstr("exactly one of"));
  request.clear_serials();
  EXPECT_THAT(FromProto(request)->nodes, ElementsAre("n1"));
  request.set_authority_id("00112233");
  EXPECT_THAT(FaultOf(request), HasSubstr("exactly one of"));
  request.clear_nodes();
  EXPECT_EQ(FromProto(request)->authority_id, "00112233");
  EXPECT_EQ(FromProto(request)->comment, "sold");
  EXPECT_FALSE(FromProto(request)->dry_run);
  request.set_authority_id(std::string(65, 'a'));
  EXPECT_THAT(FaultOf(request), HasSubstr("authority_id has 65 bytes"));
}

TEST(RevokeFromProto, BoundsItsListsAndNeedsAComment) {
  v1::RevokeCertificatesRequest request;
  request.add_serials("ab");
  EXPECT_EQ(FaultOf(request), "comment is empty");
  request.set_comment("x");
  request.add_serials("zz");
  EXPECT_THAT(FaultOf(request), HasSubstr("serial is not"));
  request.clear_serials();
  for (int i = 0; i < 1001; ++i) request.add_serials("ab");
  EXPECT_THAT(FaultOf(request), HasSubstr("serials has 1001 entries; the limit is 1000"));
  request.clear_serials();
  for (int i = 0; i < 1001; ++i) request.add_nodes("n1");
  EXPECT_THAT(FaultOf(request), HasSubstr("nodes has 1001 entries"));
  request.clear_nodes();
  request.add_nodes("");
  EXPECT_EQ(FaultOf(request), "nodes[0] is empty");
}

TEST(RevokeFromProto, GivesEachReasonItsNumberAndRefusesEveryOther) {
  v1::RevokeCertificatesRequest request;
  request.add_serials("ab");
  request.set_comment("x");
  for (const int number : {0, 1, 4, 5}) {
    request.set_reason(static_cast<v1::RevocationReason>(number));
    ASSERT_TRUE(FromProto(request).ok()) << number;
    EXPECT_EQ(static_cast<int>(FromProto(request)->reason), number);
  }
  for (const int number : {-1, 2, 3, 6, 99}) {
    request.set_reason(static_cast<v1::RevocationReason>(number));
    EXPECT_THAT(FaultOf(request), HasSubstr("is unknown")) << number;
  }
}

v1::HostReport ReportOf(const std::string& program, v1::LoadedEvidence evidence) {
  v1::HostReport report;
  report.set_host("head1");
  report.set_program(program);
  report.mutable_bundle_on_disk()->set_generation(7);
  report.mutable_bundle_on_disk()->set_sha256(std::string(32, 'd'));
  report.mutable_bundle_loaded()->set_generation(6);
  report.mutable_bundle_loaded()->set_sha256(std::string(32, 'l'));
  report.set_loaded_evidence(evidence);
  report.set_served_serial("AB:01");
  report.set_adapter_version("0.1.0");
  return report;
}

TEST(ReportFromProto, TakesAWholeReport) {
  const auto row = FromProto(ReportOf("slurmctld", v1::LOADED_EVIDENCE_STARTED_AFTER_FILE));
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->host, "head1");
  EXPECT_EQ(row->program, "slurmctld");
  EXPECT_EQ(row->disk_generation, 7u);
  EXPECT_EQ(row->disk_sha256, std::string(32, 'd'));
  EXPECT_EQ(row->loaded_generation, 6u);
  EXPECT_EQ(row->loaded_sha256, std::string(32, 'l'));
  EXPECT_EQ(row->served_serial, "ab01");
  EXPECT_EQ(row->adapter_version, "0.1.0");
}

TEST(ReportFromProto, BelievesNoLoadedBundleWithoutTheEvidenceThatFits) {
  const auto row = FromProto(ReportOf("slurmctld", v1::LOADED_EVIDENCE_UNSPECIFIED));
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->loaded_generation, 0u);
  EXPECT_THAT(row->loaded_sha256, IsEmpty());
  EXPECT_EQ(FromProto(ReportOf("host", v1::LOADED_EVIDENCE_READ_EACH_TIME))->loaded_generation, 6u);
  for (const auto& [program, evidence] :
       std::vector<std::pair<std::string, int>>{{"slurmctld", v1::LOADED_EVIDENCE_READ_EACH_TIME},
                                                {"slurmctld", v1::LOADED_EVIDENCE_SAME_PROCESS_RENEWAL},
                                                {"host", v1::LOADED_EVIDENCE_STARTED_AFTER_FILE},
                                                {"host", v1::LOADED_EVIDENCE_SAME_PROCESS_RENEWAL},
                                                {"host", 99},
                                                {"slurmdbd", -1}}) {
    EXPECT_THAT(FaultOf(ReportOf(program, static_cast<v1::LoadedEvidence>(evidence))), HasSubstr("does not fit"))
        << program << " " << evidence;
  }
}

TEST(ReportFromProto, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(FaultOf(v1::HostReport()), "report.host is empty");
  const v1::HostReport good = ReportOf("slurmdbd", v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  v1::HostReport bad = good;
  bad.set_host(std::string(254, 'h'));
  EXPECT_THAT(FaultOf(bad), HasSubstr("report.host has 254 bytes"));
  bad = good;
  bad.clear_program();
  EXPECT_EQ(FaultOf(bad), "report.program is empty");
  bad = good;
  bad.set_adapter_version(std::string(65, 'v'));
  EXPECT_THAT(FaultOf(bad), HasSubstr("report.adapter_version has 65 bytes"));
  bad = good;
  bad.mutable_bundle_on_disk()->set_sha256("abc");
  EXPECT_THAT(FaultOf(bad), HasSubstr("report.bundle_on_disk.sha256 has 3 bytes"));
  bad = good;
  bad.mutable_bundle_loaded()->set_sha256(std::string(33, 'a'));
  EXPECT_THAT(FaultOf(bad), HasSubstr("report.bundle_loaded.sha256 has 33 bytes"));
  bad = good;
  bad.mutable_bundle_loaded()->set_generation(std::numeric_limits<uint64_t>::max());
  EXPECT_THAT(FaultOf(bad), HasSubstr("report.bundle_loaded.generation must be at most"));
  bad = good;
  bad.set_served_serial("not hex");
  EXPECT_THAT(FaultOf(bad), HasSubstr("serial is not"));
  bad = good;
  bad.clear_served_serial();
  EXPECT_EQ(FromProto(bad)->served_serial, "");
}

TEST(ProbeFromProto, TakesWhatDaemonsAnswerAndNothingElse) {
  v1::ProbeResult result;
  EXPECT_THAT(FromProto(result, 3).status().message(), HasSubstr("results[3].host is empty"));
  result.set_host("n1");
  for (const char* program : {"", "sackd", "host", "slurmd ", "Slurmd"}) {
    result.set_program(program);
    EXPECT_THAT(FromProto(result, 3).status().message(), HasSubstr("results[3].program must be")) << program;
  }
  for (const char* program : {"slurmd", "slurmctld", "slurmdbd", "slurmrestd"}) {
    result.set_program(program);
    EXPECT_EQ(FromProto(result, 0)->program, program);
  }
  EXPECT_FALSE(FromProto(result, 0)->trusted);
  result.set_trusted(true);
  result.set_served_serial("0A");
  EXPECT_TRUE(FromProto(result, 0)->trusted);
  EXPECT_EQ(FromProto(result, 0)->served_serial, "0a");
  result.set_served_serial("?");
  EXPECT_FALSE(FromProto(result, 0).ok());
}

authority::Blocker BlockerOf(std::string names) {
  authority::Blocker blocker{authority::BlockerKind::kNodeNotLoaded,
                             std::move(names),
                             3,
                             absl::FromUnixSeconds(10),
                             absl::InfiniteFuture(),
                             "three nodes",
                             "signetctl rotation probe"};
  return blocker;
}

TEST(BlockerToProto, GivesEachKindItsNumberAndLeavesUnsetWhatNeverIs) {
  authority::Blocker blocker = BlockerOf("n[1-3]");
  for (const int number : {1, 2, 3, 4, 5, 6}) {
    blocker.kind = static_cast<authority::BlockerKind>(number);
    EXPECT_EQ(static_cast<int>(ToProto(blocker).kind()), number);
  }
  blocker.kind = static_cast<authority::BlockerKind>(99);
  v1::RotationBlocker message = ToProto(blocker);
  EXPECT_EQ(message.kind(), v1::BLOCKER_KIND_UNSPECIFIED);
  EXPECT_EQ(message.names(), "n[1-3]");
  EXPECT_EQ(message.count(), 3);
  EXPECT_EQ(message.since().seconds(), 10);
  EXPECT_FALSE(message.has_until());
  EXPECT_EQ(message.cause(), "three nodes");
  EXPECT_EQ(message.next(), "signetctl rotation probe");
  blocker.since = absl::InfinitePast();
  blocker.until = absl::FromUnixSeconds(20);
  message = ToProto(blocker);
  EXPECT_FALSE(message.has_since());
  EXPECT_EQ(message.until().seconds(), 20);
}

TEST(StepToProto, GivesEachStepItsNumber) {
  EXPECT_EQ(ToProto(authority::Step::kIdle), v1::ROTATION_STEP_IDLE);
  EXPECT_EQ(ToProto(authority::Step::kSpreading), v1::ROTATION_STEP_SPREADING);
  EXPECT_EQ(ToProto(authority::Step::kHolding), v1::ROTATION_STEP_HOLDING);
  EXPECT_EQ(ToProto(static_cast<authority::Step>(99)), v1::ROTATION_STEP_UNSPECIFIED);
}

TEST(CutHostlist, KeepsWholeNamesAndClosesItsBrackets) {
  const std::string list = "n[1-3,7],m2,r[1-2]s[4,6]";
  EXPECT_EQ(CutHostlist(list, list.size()), list);
  EXPECT_EQ(CutHostlist(list, 23), "n[1-3,7],m2,r[1-2]s[4]");
  EXPECT_EQ(CutHostlist(list, 22), "n[1-3,7],m2,r[1-2]s[4]");
  EXPECT_EQ(CutHostlist(list, 21), "n[1-3,7],m2");
  EXPECT_EQ(CutHostlist(list, 11), "n[1-3,7],m2");
  EXPECT_EQ(CutHostlist(list, 10), "n[1-3,7]");
  EXPECT_EQ(CutHostlist(list, 7), "n[1-3]");
  EXPECT_EQ(CutHostlist(list, 6), "n[1-3]");
  EXPECT_EQ(CutHostlist(list, 5), "");
  EXPECT_EQ(CutHostlist("n[1-3,7]-ib", 10), "n[1-3]-ib");
  EXPECT_EQ(CutHostlist("n[1-3,7]-ib", 8), "");
  EXPECT_EQ(CutHostlist("r[1,2]s[4,6],n1", 13), "r[1,2]s[4,6]");
  EXPECT_EQ(CutHostlist("r[1,2]s[4,6],n1", 11), "r[1,2]s[4]");
  EXPECT_EQ(CutHostlist("r[1,2]s[4-6],n1", 11), "r[1]s[4-6]");
  EXPECT_EQ(CutHostlist("n[1,2", 3), "n[1");
  EXPECT_EQ(CutHostlist("verylongname", 3), "");
  EXPECT_EQ(CutHostlist(",a", 1), "");
  EXPECT_EQ(CutHostlist("", 0), "");
}

TEST(CutHostlist, StaysAHostlistOfTheFirstNamesWhereverItIsCut) {
  std::vector<std::string> names;
  for (int i = 0; i < 500; i += 3) names.push_back(absl::StrCat("node", i));
  for (int i = 0; i < 50; i += 2) names.push_back(absl::StrCat("gpu-", i, "-a"));
  const std::string list = names::CompressHostlist(names);
  const auto whole = names::ExpandHostlist(list);
  for (std::size_t limit = 0; limit <= list.size(); ++limit) {
    const std::string cut = CutHostlist(list, limit);
    ASSERT_LE(cut.size(), limit);
    if (cut.empty()) continue;
    const auto kept = names::ExpandHostlist(cut);
    ASSERT_TRUE(kept.ok()) << cut;
    ASSERT_LE(kept->size(), whole->size());
    EXPECT_TRUE(std::equal(kept->begin(), kept->end(), whole->begin())) << cut;
  }
}

v1::RotationPlan PlanOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  v1::RotationPlan plan;
  EXPECT_EQ(details.details_size(), 2);
  EXPECT_TRUE(details.details(details.details_size() - 1).UnpackTo(&plan));
  return plan;
}

absl::Status Closed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed, message, "signetctl rotation status");
}

TEST(WithPlan, GivesAClosedGateItsPlan) {
  authority::Plan plan{{"one", "two"}, {BlockerOf("n[1-3]")}, 9};
  const absl::Status status = WithPlan(Closed("n[1-3] would be lost"), plan);
  EXPECT_EQ(status.message(), "n[1-3] would be lost");
  const v1::RotationPlan read = PlanOf(ReplyStatus(status, "00ff"));
  EXPECT_THAT(read.steps(), ElementsAre("one", "two"));
  ASSERT_EQ(read.blockers_size(), 1);
  EXPECT_EQ(read.blockers(0).names(), "n[1-3]");
  EXPECT_EQ(read.bundle_generation(), 9u);
}

TEST(WithPlan, LeavesEveryOtherStatusAlone) {
  const absl::Status illegal = base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, "no");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(ReplyStatus(WithPlan(illegal, {}), "00ff").error_details()));
  EXPECT_EQ(details.details_size(), 1);
}

TEST(WithPlan, CutsLongListsAndSaysSo) {
  std::string names;
  for (int i = 0; i < 20000; i += 2) absl::StrAppend(&names, names.empty() ? "n[" : ",", i);
  names += "]";
  authority::Plan plan{{"one"}, {BlockerOf(names), BlockerOf(names), BlockerOf("n1")}, 9};
  plan.blockers[1].cause = names;
  const grpc::Status reply = ReplyStatus(WithPlan(Closed(names), plan), "0011223344556677");
  EXPECT_LT(reply.error_message().size() * 3 + reply.error_details().size() * 4 / 3, 8000u);
  EXPECT_THAT(reply.error_message(), HasSubstr("the lists of names are cut short"));
  const v1::RotationPlan read = PlanOf(reply);
  ASSERT_EQ(read.blockers_size(), 3);
  EXPECT_EQ(read.blockers(0).count(), 3);
  EXPECT_THAT(read.blockers(0).names(), ::testing::StartsWith("n[0,2,4,"));
  EXPECT_TRUE(names::ExpandHostlist(read.blockers(1).names()).ok());
  EXPECT_EQ(read.blockers(2).names(), "n1");
  EXPECT_EQ(read.blockers(0).next(), "signetctl rotation probe");
}

}  // namespace
}  // namespace signet::rpc
