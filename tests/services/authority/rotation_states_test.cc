// Every step in every state of an authority.
#include <map>

#include "services/authority/rotation.h"
#include "tests/services/authority/rotation_fixture.h"

namespace signet::authority {
namespace {

using ::testing::HasSubstr;

constexpr Verb kVerbs[] = {Verb::kActivate, Verb::kRollback, Verb::kWithdraw, Verb::kRevoke, Verb::kDestroy};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class StateTest : public RotationTest {
 protected:
  // One authority in each state, oldest first: DESTROYED, REVOKED, RETIRED, ACTIVE, PREPARED.
  std::map<store::AuthorityState, std::string> OneInEach() {
    std::map<store::AuthorityState, std::string> ids;
    const std::string destroyed = ActiveId();
    const std::string revoked = Rotate();
    Take(Verb::kRevoke, destroyed);
    Take(Verb::kDestroy, destroyed);
    const std::string retired = Rotate();
    Take(Verb::kRevoke, revoked);
    const std::string active = Rotate();
    return {{store::AuthorityState::kDestroyed, destroyed},
            {store::AuthorityState::kRevoked, revoked},
            {store::AuthorityState::kRetired, retired},
            {store::AuthorityState::kActive, active},
            {store::AuthorityState::kPrepared, Prepare()}};
  }
};

TEST_F(StateTest, EveryIllegalStepIsRefusedAndSaysWhatIsLegal) {
  using State = store::AuthorityState;
  const std::map<State, std::string> names = {{State::kPrepared, "PREPARED"},
                                              {State::kActive, "ACTIVE"},
                                              {State::kRetired, "RETIRED"},
                                              {State::kRevoked, "REVOKED"},
                                              {State::kDestroyed, "DESTROYED"}};
  const std::map<State, std::vector<Verb>> legal = {{State::kPrepared, {Verb::kActivate, Verb::kWithdraw}},
                                                    {State::kActive, {Verb::kActivate}},
                                                    {State::kRetired, {Verb::kRollback, Verb::kRevoke}},
                                                    {State::kRevoked, {Verb::kWithdraw, Verb::kRevoke, Verb::kDestroy}},
                                                    {State::kDestroyed, {Verb::kDestroy}}};
  const auto ids = OneInEach();
  const std::string before = Fingerprint();
  for (const auto& [state, id] : ids) {
    for (const Verb verb : kVerbs) {
      const auto& allowed = legal.at(state);
      if (std::find(allowed.begin(), allowed.end(), verb) != allowed.end()) continue;
      for (const std::string force : {"", "in anger"}) {
        const auto refused = Change(verb, id, force);
        EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << names.at(state);
        EXPECT_NE(base::ReasonOf(refused.status()), base::kGateClosed);
        EXPECT_THAT(Message(refused.status()), HasSubstr(names.at(state)));
        EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("signetctl authority "));
      }
    }
  }
  EXPECT_EQ(Fingerprint(), before);
}

TEST_F(StateTest, EveryStepThatWasTakenChangesNothingWhenRepeated) {
  const auto ids = OneInEach();
  const std::string before = Fingerprint();
  const std::vector<std::pair<Verb, store::AuthorityState>> taken = {
      {Verb::kActivate, store::AuthorityState::kActive},
      {Verb::kWithdraw, store::AuthorityState::kRevoked},
      {Verb::kRevoke, store::AuthorityState::kRevoked},
      {Verb::kDestroy, store::AuthorityState::kDestroyed}};
  for (const auto& [verb, state] : taken) {
    const auto again = Change(verb, ids.at(state));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_FALSE(again->changed);
    EXPECT_EQ(again->authority_id, ids.at(state));
  }
  EXPECT_EQ(Fingerprint(), before);
}

TEST_F(StateTest, ActivatingARetiredOneNamesRollback) {
  const auto ids = OneInEach();
  const auto refused = Change(Verb::kActivate, ids.at(store::AuthorityState::kRetired));
  EXPECT_THAT(base::NextOf(refused.status()), HasSubstr("signetctl authority rollback"));
}

}  // namespace
}  // namespace signet::authority
