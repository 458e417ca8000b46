// What keeps the gates of a server closed, as text.
#ifndef SIGNET_TESTS_SERVICES_AUTHORITY_GATES_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_AUTHORITY_GATES_FIXTURE_H_

#include <string>
#include <vector>

#include "services/authority/gates.h"
#include "tests/services/authority/rotation_fixture.h"

namespace signet::authority {

class GatesTest : public RotationTest {
 protected:
  // What keeps the prepared one from being activated.
  std::vector<Blocker> Spreading() {
    const store::AuthorityRow row = Row(prepared);
    return signet::testing::Must(world.Read(
        [&](const store::Tables& tables) { return NotLoaded(tables, row, row.created_at, world.clock.Now()); }));
  }
  std::vector<Blocker> Served(const std::string& id) {
    const store::AuthorityRow row = Row(id);
    return signet::testing::Must(
        world.Read([&](const store::Tables& tables) { return StillServed(tables, row, world.clock.Now()); }));
  }
  std::vector<Blocker> MayBe(const std::string& id) {
    const store::AuthorityRow row = Row(id);
    return signet::testing::Must(
        world.Read([&](const store::Tables& tables) { return MayBeServed(tables, row, world.clock.Now()); }));
  }
  void Start() {
    former = ActiveId();
    old_file = FileHash();
    prepared = Prepare();
    new_file = FileHash();
    world.clock.Advance(absl::Hours(1));
  }
  static std::string Names(const std::vector<Blocker>& blockers) {
    std::string text;
    for (const Blocker& blocker : blockers)
      absl::StrAppend(&text, static_cast<int>(blocker.kind), ":", blocker.names, " ");
    return text;
  }

  std::string former;
  std::string prepared;
  std::string old_file;
  std::string new_file;
};

}  // namespace signet::authority

#endif  // SIGNET_TESTS_SERVICES_AUTHORITY_GATES_FIXTURE_H_
