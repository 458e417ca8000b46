// authority show, prepare, the steps, emergency; rotation status and ack; bundle recover.
#include <gmock/gmock.h>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/cli/cli_fixture.h"

namespace signet::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class RotationCommands : public CliTest {
 protected:
  std::string Id() const { return signetd_.root().public_key().key_id(); }
  v1::RotationBlocker Blocker(const std::string& names, const std::string& cause, const std::string& next) const {
    v1::RotationBlocker blocker;
    blocker.set_kind(v1::BLOCKER_KIND_NODE_NOT_LOADED);
    blocker.set_names(names);
    blocker.set_count(2);
    blocker.mutable_since()->set_seconds(absl::ToUnixSeconds(now_ - absl::Hours(3)));
    blocker.set_cause(cause);
    blocker.set_next(next);
    return blocker;
  }
  v1::GetRotationStatusResponse Spreading(const std::vector<std::string>& names) const {
    v1::GetRotationStatusResponse status;
    status.set_step(v1::ROTATION_STEP_SPREADING);
    status.mutable_authority()->set_id(Id());
    status.mutable_authority()->set_subject("CN=Slurm CA 2");
    status.mutable_since()->set_seconds(absl::ToUnixSeconds(now_ - absl::Hours(3)));
    status.set_bundle_generation(2);
    for (const std::string& name : names) *status.add_blockers() = Blocker(name, "has not loaded it", "type this");
    status.set_next(names.empty() ? "signetctl authority activate " + Id() : "type this");
    return status;
  }
  // The last step that was sent, which was no dry run.
  const v1::ChangeAuthorityRequest& Sent() const { return signetd_.changed.back(); }
};

TEST_F(RotationCommands, AuthorityShowFindsItByTheBeginningOfItsId) {
  const Result shown = Run({"authority", "show", Id().substr(0, 8)});
  ASSERT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("state:              active\n"));
  EXPECT_THAT(shown.out, HasSubstr("key:                here\n"));
  EXPECT_THAT(shown.out, HasSubstr("activated:          2026-"));
  EXPECT_THAT(shown.out, HasSubstr("retired:            -\n"));
  EXPECT_THAT(shown.out, Not(HasSubstr("BEGIN CERTIFICATE")));
  EXPECT_THAT(Run({"authority", "show", Id(), "--pem"}).out, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_EQ(Run({"authority", "show", Id(), "-o", "name"}).out, Id() + "\n");
  EXPECT_EQ(Run({"authority", "show", Id().substr(0, 7)}).code, 2);
  const Result unknown = Run({"authority", "show", "00000000"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("next: signetctl authority list"));
}

TEST_F(RotationCommands, AuthorityListShowsTheDatesWhenItMayBeWide) {
  EXPECT_THAT(Run({"authority", "list"}).out, Not(HasSubstr("RETIRED")));
  const std::string wide = Run({"authority", "list", "-o", "wide"}).out;
  EXPECT_THAT(wide, HasSubstr("PREPARED  ACTIVATED  RETIRED  REVOKED  KEY   CERTIFICATES"));
  EXPECT_THAT(wide, HasSubstr("1d ago     -        -        here  0             -\n"));
}

TEST_F(RotationCommands, PrepareSaysWhatHappensAndWhatToTypeNext) {
  const Result tried = Run({"authority", "prepare", "--dry-run"});
  EXPECT_EQ(tried.code, 0) << tried.err;
  EXPECT_THAT(tried.out, StartsWith("1. a new root joins the trust bundle\ntrust bundle afterwards: generation 2\n"));
  EXPECT_THAT(tried.out, HasSubstr("nothing was changed"));
  EXPECT_TRUE(signetd_.prepared.dry_run());
  const Result done = Run({"authority", "prepare", "--subject", "CN=Next", "--lifetime", "1y"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_FALSE(signetd_.prepared.dry_run());
  EXPECT_EQ(signetd_.prepared.subject(), "CN=Next");
  EXPECT_EQ(signetd_.prepared.lifetime_seconds(), 365 * 86400);
  EXPECT_THAT(done.out, HasSubstr("slurm    prepared"));
  EXPECT_THAT(done.out, HasSubstr("signetctl rotation status --wait"));
}

TEST_F(RotationCommands, EveryVerbSendsItsStep) {
  const std::vector<std::pair<const char*, v1::RotationVerb>> verbs = {{"activate", v1::ROTATION_VERB_ACTIVATE},
                                                                       {"rollback", v1::ROTATION_VERB_ROLLBACK},
                                                                       {"withdraw", v1::ROTATION_VERB_WITHDRAW},
                                                                       {"revoke", v1::ROTATION_VERB_REVOKE},
                                                                       {"destroy", v1::ROTATION_VERB_DESTROY}};
  for (const auto& [name, verb] : verbs) {
    const Result result = Run({"authority", name, "ABCDEF01", "--yes"});
    ASSERT_EQ(result.code, 0) << name << result.err;
    EXPECT_EQ(Sent().verb(), verb);
    EXPECT_EQ(Sent().authority_id(), "abcdef01");
    EXPECT_FALSE(Sent().dry_run());
    EXPECT_THAT(Sent().force_reason(), IsEmpty());
    EXPECT_THAT(result.out, HasSubstr("1. the step is taken\ntrust bundle: generation 7\n"));
  }
  EXPECT_THAT(signetd_.changed, SizeIs(verbs.size()));
  EXPECT_EQ(Run({"authority", "activate", "abc"}).code, 2);
}

TEST_F(RotationCommands, WhatCannotBeTakenBackIsNotDoneWithoutAWord) {
  for (const char* verb : {"withdraw", "revoke", "destroy"}) {
    const Result result = Run({"authority", verb, Id()});
    EXPECT_EQ(result.code, 2) << verb;
    EXPECT_THAT(result.err, HasSubstr("confirm it with --yes"));
    EXPECT_THAT(result.err, HasSubstr("--dry-run\n"));
  }
  EXPECT_EQ(Run({"authority", "activate", Id(), "--force", "--reason", "n017 is scrap"}).code, 2);
  EXPECT_THAT(signetd_.changed, IsEmpty());
  EXPECT_EQ(Run({"authority", "activate", Id()}).code, 0);
  EXPECT_EQ(Run({"authority", "rollback", Id()}).code, 0);
}

TEST_F(RotationCommands, OnATerminalThePlanIsShownAndYesIsTyped) {
  Type("no");
  const Result no = Run({"authority", "revoke", Id()});
  EXPECT_EQ(no.code, 1);
  EXPECT_THAT(no.err, HasSubstr("1. the step is taken"));
  EXPECT_THAT(no.err, HasSubstr("Type yes to go on: "));
  EXPECT_THAT(no.err, HasSubstr("nothing was changed"));
  ASSERT_THAT(signetd_.changed, SizeIs(1));
  EXPECT_TRUE(Sent().dry_run());
  Type("");
  EXPECT_EQ(Run({"authority", "revoke", Id()}).code, 1);
  EXPECT_TRUE(Sent().dry_run());
  Type("yes");
  EXPECT_EQ(Run({"authority", "revoke", Id()}).code, 0);
  EXPECT_FALSE(Sent().dry_run());
}

TEST_F(RotationCommands, ForceNeedsAReasonAndAReasonNeedsForce) {
  EXPECT_EQ(Run({"authority", "activate", Id(), "--force", "--yes"}).code, 2);
  EXPECT_EQ(Run({"authority", "activate", Id(), "--reason", "because", "--yes"}).code, 2);
  EXPECT_EQ(Run({"authority", "activate", Id(), "--force", "--reason", std::string(201, 'x'), "--yes"}).code, 2);
  EXPECT_THAT(signetd_.changed, IsEmpty());
  signetd_.gate = {Blocker("n[017-018]", "have not loaded it", "type this")};
  const Result forced = Run({"authority", "activate", Id(), "--force", "--reason", "they are scrap", "--yes"});
  ASSERT_EQ(forced.code, 0) << forced.err;
  EXPECT_EQ(Sent().force_reason(), "they are scrap");
  EXPECT_THAT(forced.out, HasSubstr("passed over by force:\nWHO         COUNT  SINCE"));
}

TEST_F(RotationCommands, AClosedGateNamesWhoIsInTheWayAndHasItsExitCode) {
  signetd_.gate = {Blocker("n[017-018]", "have not loaded it", "signetctl rotation probe"),
                   Blocker("login1", "is not seen", "signetctl rotation ack login1 --reason WHY")};
  const Result closed = Run({"authority", "activate", Id()});
  EXPECT_EQ(closed.code, 4);
  EXPECT_THAT(closed.out, IsEmpty());
  EXPECT_THAT(closed.err, HasSubstr("n[017-018]  2      3h ago  -     have not loaded it\n"));
  EXPECT_THAT(closed.err, HasSubstr("  next: signetctl rotation probe\n  next: signetctl rotation ack login1"));
  const Result json = Run({"authority", "activate", Id(), "-o", "json"});
  google::protobuf::Struct error;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json.err.substr(json.err.find('{')), &error).ok())
      << json.err;
  const auto& fields = error.fields().at("error").struct_value().fields();
  EXPECT_EQ(fields.at("reason").string_value(), "GATE_CLOSED");
  const auto& plan = fields.at("plan").struct_value().fields();
  EXPECT_EQ(plan.at("blockers").list_value().values_size(), 2);
}

TEST_F(RotationCommands, ADryRunPrintsThePlanOfAClosedGateAndEndsAsTheStepWould) {
  signetd_.gate = {Blocker("n[017-018]", "have not loaded it", "type this")};
  const Result closed = Run({"authority", "revoke", Id(), "--dry-run"});
  EXPECT_EQ(closed.code, 4);
  EXPECT_THAT(closed.out, HasSubstr("1. the step is taken\ntrust bundle afterwards: generation 7\n"));
  EXPECT_THAT(closed.out, HasSubstr("what keeps the gate closed:\nWHO"));
  EXPECT_THAT(closed.err, HasSubstr("closed by n[017-018]; nothing was changed\n"));
  EXPECT_TRUE(Sent().dry_run());
  EXPECT_EQ(Run({"authority", "revoke", Id(), "--dry-run", "--force", "--reason", "scrap"}).code, 0);
  signetd_.gate.clear();
  EXPECT_EQ(Run({"authority", "revoke", Id(), "--dry-run"}).code, 0);
  EXPECT_TRUE(Sent().dry_run());
  Type("yes");
  signetd_.gate = {Blocker("n1", "has not loaded it", "type this")};
  EXPECT_EQ(Run({"authority", "revoke", Id()}).code, 4);
  EXPECT_TRUE(Sent().dry_run());
}

TEST_F(RotationCommands, EmergencyWantsTheStolenAuthoritysSubjectTyped) {
  const std::string subject = signetd_.root().subject();
  EXPECT_EQ(Run({"authority", "emergency", Id(), "--reason", "theft"}).code, 2);
  EXPECT_EQ(Run({"authority", "emergency", Id(), "--reason", "theft", "--subject", subject}).code, 2);
  EXPECT_EQ(Run({"authority", "emergency", Id(), "--reason", "theft", "--yes"}).code, 2);
  EXPECT_EQ(Run({"authority", "emergency", Id()}).code, 2);
  EXPECT_EQ(Run({"authority", "emergency", Id(), "--reason", ""}).code, 2);
  EXPECT_THAT(signetd_.stolen, IsEmpty());
  Type("CN=Another");
  EXPECT_EQ(Run({"authority", "emergency", Id(), "--reason", "theft"}).code, 1);
  ASSERT_THAT(signetd_.stolen, SizeIs(1));
  EXPECT_TRUE(signetd_.stolen.back().dry_run());
  Type(subject);
  const Result done = Run({"authority", "emergency", Id().substr(0, 9), "--reason", "theft"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("1. the stolen authority leaves the bundle"));
  EXPECT_FALSE(signetd_.stolen.back().dry_run());
  EXPECT_EQ(signetd_.stolen.back().authority_id(), Id());
  EXPECT_EQ(signetd_.stolen.back().confirm_subject(), subject);
  EXPECT_EQ(signetd_.stolen.back().reason(), "theft");
}

TEST_F(RotationCommands, EmergencyPrintsTheStepsInTheirOrder) {
  const std::string subject = signetd_.root().subject();
  const Result wrong = Run({"authority", "emergency", Id(), "--reason", "theft", "--subject", "CN=Other", "--yes"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(signetd_.stolen, IsEmpty());
  const Result tried = Run({"authority", "emergency", Id(), "--reason", "theft", "--dry-run"});
  EXPECT_EQ(tried.code, 0) << tried.err;
  EXPECT_THAT(tried.out, HasSubstr("nothing was changed"));
  EXPECT_THAT(tried.out, Not(HasSubstr("slurmdbd")));
  const Result done = Run({"authority", "emergency", Id(), "--reason", "theft", "--subject", subject, "--yes"});
  ASSERT_EQ(done.code, 0) << done.err;
  std::size_t at = 0;
  for (const char* step :
       {"out of the trust bundle: ", "signetctl bundle write", "stop slurmdbd", "renew slurmdbd", "start slurmdbd",
        "stop slurmctld", "renew slurmctld", "start slurmctld", "Not scontrol reconfigure", "start slurmrestd",
        "signet-slurm refresh", "restart slurmd\n", "restart sackd\n", "identity key", "scancel"}) {
    const std::size_t found = done.out.find(step, at);
    ASSERT_NE(found, std::string::npos) << step << " in\n" << done.out;
    at = found;
  }
}

TEST_F(RotationCommands, StatusEndsWithFourWhileSomethingBlocks) {
  const Result idle = Run({"rotation", "status"});
  EXPECT_EQ(idle.code, 0) << idle.err;
  EXPECT_THAT(idle.out, StartsWith("rotation:      idle\n"));
  signetd_.rotation = Spreading({"n[017-018]", "slurmdbd"});
  const Result blocked = Run({"rotation", "status"});
  EXPECT_EQ(blocked.code, 4);
  EXPECT_THAT(blocked.out, StartsWith("rotation:      spreading\n"));
  EXPECT_THAT(blocked.out, HasSubstr("n[017-018]  2      3h ago  -     has not loaded it\n"));
  EXPECT_THAT(blocked.out, HasSubstr("  next: type this\n"));
  EXPECT_THAT(blocked.err, HasSubstr("closed by n[017-018],slurmdbd\n  next: type this\n"));
  EXPECT_EQ(Run({"rotation", "status", "-o", "name"}).out, "n[017-018]\nslurmdbd\n");
  google::protobuf::Struct document;
  const Result json = Run({"rotation", "status", "-o", "json"});
  EXPECT_EQ(json.code, 4);
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json.out, &document).ok()) << json.out;
  EXPECT_EQ(document.fields().at("blockers").list_value().values_size(), 2);
  signetd_.rotation = Spreading({});
  const Result open = Run({"rotation", "status"});
  EXPECT_EQ(open.code, 0);
  EXPECT_THAT(open.out, HasSubstr("  next: signetctl authority activate " + Id()));
}

TEST_F(RotationCommands, AHoldSaysWhenItEndsByItself) {
  signetd_.rotation = Spreading({""});
  signetd_.rotation.mutable_blockers(0)->set_kind(v1::BLOCKER_KIND_HOLD);
  signetd_.rotation.mutable_blockers(0)->set_count(0);
  signetd_.rotation.mutable_blockers(0)->mutable_until()->set_seconds(absl::ToUnixSeconds(now_ + absl::Hours(50)));
  EXPECT_THAT(Run({"rotation", "status"}).out, HasSubstr("hold  -      3h ago  in 2d 2h  has not loaded it\n"));
}

TEST_F(RotationCommands, WaitTellsWhatChangesAndEndsWhenNothingBlocks) {
  signetd_.rotation = Spreading({"n[1-3]", "slurmdbd"});
  signetd_.rotation_later = {Spreading({"n[1-3]", "slurmdbd"}), Spreading({"n2"}), Spreading({})};
  signetd_.rotation_calls_away = 3;
  const Result result = Run({"rotation", "status", "--wait"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("blocked by n[1-3]: has not loaded it\n"));
  EXPECT_THAT(result.err, HasSubstr("no longer: slurmdbd: has not loaded it\n"));
  EXPECT_THAT(result.err, HasSubstr("no longer: n2: has not loaded it\n"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 7) << result.err;
  EXPECT_THAT(result.out, HasSubstr("next: signetctl authority activate"));
  EXPECT_THAT(result.out, Not(HasSubstr("WHO")));
}

TEST_F(RotationCommands, WaitDoesNotWaitForAServerThatIsGoneForGood) {
  signetd_.rotation = Spreading({"n1"});
  signetd_.rotation_calls_away = 1000;
  EXPECT_EQ(Run({"rotation", "status", "--wait"}).code, 3);
  EXPECT_GT(signetd_.rotation_calls_away, 900);
  signetd_.rotation_calls_away = 0;
  signetd_.refusal = FakeSignetd::Refuse(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED", "no", "");
  EXPECT_EQ(Run({"rotation", "status", "--wait"}).code, 1);
}

TEST_F(RotationCommands, AckIsAboutTheAuthorityOfTheRotationUnlessOneIsNamed) {
  const std::vector<std::string> ack = {"rotation", "ack", "login[01-02],slurmdbd", "--reason", "restarted"};
  const Result idle = Run(ack);
  EXPECT_EQ(idle.code, 1);
  EXPECT_THAT(idle.err, HasSubstr("--authority ID"));
  signetd_.rotation = Spreading({"login[01-02]"});
  std::vector<std::string> dry = ack;
  dry.push_back("--dry-run");
  EXPECT_EQ(Run(dry).code, 0);
  EXPECT_THAT(signetd_.acknowledged, IsEmpty());
  const Result result = Run(ack);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("3 of 3 hosts newly acknowledged"));
  EXPECT_EQ(signetd_.acknowledged.back().authority_id(), Id());
  EXPECT_EQ(signetd_.acknowledged.back().reason(), "restarted");
  EXPECT_THAT(signetd_.acknowledged.back().hosts(), ElementsAre("slurmdbd", "login01", "login02"));
  EXPECT_EQ(Run({"rotation", "ack", "slurmdbd", "--reason", "r", "--authority", "ABCDEF01"}).code, 0);
  EXPECT_EQ(signetd_.acknowledged.back().authority_id(), "abcdef01");
  EXPECT_THAT(signetd_.acknowledged.back().hosts(), ElementsAre("slurmdbd"));
}

TEST_F(RotationCommands, AckTakesAnyNumberOfHostsAndNeverNone) {
  ASSERT_EQ(Run({"rotation", "ack", "c[0001-2500]", "--reason", "r", "--authority", Id()}).code, 0);
  EXPECT_THAT(signetd_.acknowledged, SizeIs(3));
  EXPECT_EQ(Run({"rotation", "ack", "", "--reason", "r", "--authority", Id()}).code, 2);
  EXPECT_EQ(Run({"rotation", "ack", "n1,,n2", "--reason", "r", "--authority", Id()}).code, 2);
  EXPECT_EQ(Run({"rotation", "ack", "n[1-", "--reason", "r", "--authority", Id()}).code, 2);
  EXPECT_EQ(Run({"rotation", "ack", "n1", "--authority", Id()}).code, 2);
  EXPECT_EQ(Run({"rotation", "ack", "n1", "--reason", "", "--authority", Id()}).code, 2);
  EXPECT_EQ(Run({"rotation", "ack", "n1", "--reason", "r", "--authority", "xyz"}).code, 2);
  EXPECT_THAT(signetd_.acknowledged, SizeIs(3));
}

TEST_F(RotationCommands, BundleRecoverGoesOnAboveWhatWasSeen) {
  EXPECT_THAT(Run({"bundle", "recover", "--at-least", "41", "--dry-run"}).out, HasSubstr("would be generation 42"));
  EXPECT_TRUE(signetd_.recovered.dry_run());
  const Result done = Run({"bundle", "recover", "--at-least", "41"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, StartsWith("the trust bundle is generation 42 now\n# Next: signetctl bundle write"));
  EXPECT_THAT(done.out, HasSubstr("signet-service-renew.timer stopped on every host"));
  EXPECT_THAT(Run({"bundle", "recover"}).out, HasSubstr("nothing was changed"));
  EXPECT_FALSE(signetd_.recovered.force());
  EXPECT_EQ(Run({"bundle", "recover", "--force"}).code, 0);
  EXPECT_TRUE(signetd_.recovered.force());
  EXPECT_EQ(Run({"bundle", "recover", "--at-least", "-1"}).code, 2);
}

TEST_F(RotationCommands, StatusOfTheClusterTellsOfARotationInOneLine) {
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("rotation:")));
  signetd_.rotation = Spreading({"n[1-3]", "slurmdbd"});
  const Result blocked = Run({"status"});
  EXPECT_EQ(blocked.code, 0);
  EXPECT_THAT(blocked.out, StartsWith("alpha: no node enrolled yet"));
  EXPECT_THAT(blocked.out, HasSubstr("\nrotation: spreading " + Id() +
                                     " since 3h, blocked by n[1-3],slurmdbd; next: signetctl rotation status\n"));
  signetd_.rotation = Spreading({});
  EXPECT_THAT(Run({"status"}).out, HasSubstr("since 3h; next: signetctl authority activate"));
}

}  // namespace
}  // namespace signet::cli
