// One node and what is explained of it.
#ifndef SIGNET_TESTS_SERVICES_ENROLLMENT_EXPLANATION_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_ENROLLMENT_EXPLANATION_FIXTURE_H_

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/enrollment/explanation.h"
#include "tests/services/enrollment/enrollment_fixture.h"

namespace signet::enrollment {

class ExplanationTest : public EnrollmentTest {
 protected:
  Explanation Explain(const std::string& name = "n1") {
    return testing::Must(world_.Read(
        [&](const store::Tables& tables) { return enrollment::Explain(tables, name, world_.clock.Now()); }));
  }
  // The finding with that code; without one, the test fails and says which there are.
  Finding Find(const std::string& code, const std::string& name = "n1") {
    const Explanation explanation = Explain(name);
    std::string codes;
    for (const Finding& finding : explanation.findings) {
      if (finding.code == code) return finding;
      absl::StrAppend(&codes, finding.code, " ");
    }
    ADD_FAILURE() << code << " is not among: " << codes;
    return {};
  }
  bool Has(const std::string& code) {
    for (const Finding& finding : Explain().findings) {
      if (finding.code == code) return true;
    }
    return false;
  }
  void Refuse(const std::string& reason, bool proven, const std::string& key_id = "", const std::string& next = "",
              const std::string& node = "n1") {
    store::RefusalRow row;
    row.node = node;
    row.at = world_.clock.Now();
    row.action = "certificate.sign";
    row.reason = reason;
    row.message = "it says why";
    row.next = next;
    row.actor = "socket:controller";
    row.request_id = "00ff00ff00ff00ff";
    row.key_id = key_id;
    row.proven = proven;
    testing::Must(world_.store->Write([&](store::Tables& tables) { return tables.refusals().Insert(row); }));
    world_.clock.Advance(absl::Seconds(1));
  }
  void Change(const std::function<void(store::NodeRow&)>& change) {
    store::NodeRow row = world_.Node("n1");
    change(row);
    testing::Must(world_.store->Write([&](store::Tables& tables) { return tables.nodes().Put(row); }));
  }
  // An enrolled node whose bundle is as it should be.
  void EnrolWell(evidence::TokenKind kind = evidence::TokenKind::kSingleUse) {
    Enrol(kind);
    Change([](store::NodeRow& row) {
      row.disk_generation = 1;
      row.disk_sha256 = std::string(32, 'b');
    });
  }
};

}  // namespace signet::enrollment

#endif  // SIGNET_TESTS_SERVICES_ENROLLMENT_EXPLANATION_FIXTURE_H_
