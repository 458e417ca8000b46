// A server between two authorities, and the hosts that its gates look at.
#ifndef SIGNET_TESTS_SERVICES_AUTHORITY_ROTATION_FIXTURE_H_
#define SIGNET_TESTS_SERVICES_AUTHORITY_ROTATION_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/rotation.h"
#include "services/authority/sightings.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/signed_bundle.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::authority {

inline constexpr absl::Duration kHold = absl::Hours(24 * 14);

class RotationTest : public ::testing::Test {
 protected:
  std::string ActiveId() { return signet::testing::Must(world.authorities->Active(store::Purpose::kSlurm))->id; }
  store::AuthorityRow Row(const std::string& id) {
    for (const store::AuthorityRow& row : Rows()) {
      if (row.id == id) return row;
    }
    ADD_FAILURE() << "no authority " << id;
    return {};
  }
  std::vector<store::AuthorityRow> Rows() {
    return signet::testing::Must(world.Read([](const store::Tables& tables) { return tables.authorities().List(); }));
  }
  std::vector<store::CrossRow> Crosses() {
    return signet::testing::Must(
        world.Read([](const store::Tables& tables) { return tables.authorities().ListCrosses(); }));
  }
  store::AuthorityState StateOf(const std::string& id) { return Row(id).state; }

  std::string Prepare() { return signet::testing::Must(world.rotation->Prepare({}, world.origin)).authority_id; }
  absl::StatusOr<Changed> Change(Verb verb, const std::string& id, const std::string& force = "",
                                 bool dry_run = false) {
    plan = Plan{};
    return world.rotation->Change({id, verb, dry_run, force}, world.origin, &plan);
  }
  void Take(Verb verb, const std::string& id) {
    const auto changed = Change(verb, id, "test");
    ASSERT_TRUE(changed.ok()) << changed.status();
    EXPECT_TRUE(changed->changed);
  }
  // Prepares and activates another, whoever has loaded what.
  std::string Rotate() {
    const std::string id = Prepare();
    Take(Verb::kActivate, id);
    return id;
  }
  absl::StatusOr<Replacement> ReplaceStolen(const std::string& id, bool dry_run = false) {
    const auto certificate = signet::testing::Must(x509::Certificate::FromDer(Row(id).certificate_der));
    return world.rotation->ReplaceStolen({id, certificate.subject(), "found on a laptop", dry_run}, world.origin);
  }

  bundle::Bundle Newest() {
    const auto rows =
        signet::testing::Must(world.Read([](const store::Tables& tables) { return tables.bundles().List(1); }));
    const auto key = signet::testing::Must(
        world.Read([](const store::Tables& tables) { return tables.authorities().FindKey("bundle"); }));
    return signet::testing::Must(bundle::Verify(rows[0].signed_bundle, x509::Sha256(key.spki_der), "alpha"));
  }
  std::string FileHash() { return x509::Sha256(Newest().ca_cert_pem); }
  bool BundleHolds(const std::string& id) {
    const auto root = signet::testing::Must(x509::Certificate::FromDer(Row(id).certificate_der));
    return Newest().ca_cert_pem.find(root.pem()) != std::string::npos;
  }

  // Everything that a step may change, as text.
  std::string Fingerprint() {
    std::string text;
    for (const store::AuthorityRow& row : Rows()) {
      absl::StrAppend(&text, row.id, "=", static_cast<int>(row.state), "/", row.handle.size(), " ");
    }
    for (const store::CrossRow& row : Crosses()) absl::StrAppend(&text, row.issuer_id, ">", row.subject_id, " ");
    absl::StrAppend(&text, "bundle ", Newest().generation, " records ", world.AuditRows().size());
    return text;
  }

  // Enrols `name`, or has it renew; then it says what its daemon holds.
  void Ask(const std::string& name, const std::string& disk_sha256 = "", const std::string& loaded_sha256 = "",
           const std::string& daemon = "slurmd") {
    auto [place, is_new] = nodes.try_emplace(name + "/" + daemon, name, world.clock, daemon);
    std::optional<evidence::Token> token;
    if (is_new) token = world.MakeToken(name, evidence::TokenKind::kSingleUse, daemon);
    const keys::PrivateKey tls_key = signet::testing::SimulatedNode::NewKey();
    evidence::Statement statement = place->second.Next(tls_key);
    statement.bundle_on_disk = {disk_sha256.empty() ? 0 : Newest().generation, disk_sha256};
    statement.bundle_loaded = {loaded_sha256.empty() ? 0 : Newest().generation, loaded_sha256};
    statement.loaded_seen_at_renewal = !loaded_sha256.empty();
    const auto request = place->second.Request(statement, tls_key, is_new ? &*token : nullptr, name);
    signet::testing::Must(world.node_certificates->Sign(request.csr_pem, world.origin).status());
  }
  std::string IssueService(const std::string& service) {
    const std::string csr =
        signet::testing::Must(keys::SignRequestPem(signet::testing::SimulatedNode::NewKey(), service, ""));
    return signet::testing::Must(world.named->IssueService(service, csr, world.origin)).serial;
  }
  void Report(const std::string& host, const std::string& program, const std::string& loaded_sha256,
              const std::string& served_serial = "") {
    store::ReportRow row;
    row.host = host;
    row.program = program;
    row.disk_sha256 = loaded_sha256;
    row.loaded_generation = loaded_sha256.empty() ? 0 : Newest().generation;
    row.loaded_sha256 = loaded_sha256;
    row.served_serial = served_serial;
    signet::testing::Must(world.sightings->Report(row, world.origin));
  }
  // Without a serial it served the newest that it was given here, if any.
  void Probe(const std::string& authority_id, const std::string& host, const std::string& program, bool trusted,
             const std::string& served_serial = "") {
    store::ProbeRow row;
    row.host = host;
    row.program = program;
    row.authority_id = authority_id;
    row.trusted = trusted;
    row.served_serial = served_serial.empty() ? NewestSerial(host, program) : served_serial;
    signet::testing::Must(world.sightings->RecordProbes(authority_id, {row}, world.origin).status());
  }
  std::string NewestSerial(const std::string& host, const std::string& program) {
    const auto serial = world.Read([&](const store::Tables& tables) -> absl::StatusOr<std::string> {
      if (program == "slurmd") {
        SIGNET_ASSIGN_OR_RETURN(const store::NodeRow node, tables.nodes().Find(host, program));
        return node.serial;
      }
      SIGNET_ASSIGN_OR_RETURN(const store::CertificateRow newest,
                              tables.certificates().Newest(store::Profile::kService, program));
      return newest.serial;
    });
    return serial.ok() ? *serial : "";
  }
  void Ack(const std::string& authority_id, const std::vector<std::string>& hosts) {
    signet::testing::Must(world.sightings->Acknowledge(authority_id, hosts, "seen by eye", world.origin).status());
  }
  std::string LastAudit() { return world.AuditRows().back().bytes; }

  signet::testing::World world;
  std::map<std::string, signet::testing::SimulatedNode> nodes;
  Plan plan;
};

}  // namespace signet::authority

#endif  // SIGNET_TESTS_SERVICES_AUTHORITY_ROTATION_FIXTURE_H_
