#include "services/server/config.h"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "tests/testing/paths.h"

namespace signet::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string FaultOf(const std::string& text) {
  const auto config = ParseConfig("signetd.yaml", text);
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(Config, NeedsOnlyTheCluster) {
  const auto config = ParseConfig("signetd.yaml", "cluster: alpha\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/var/lib/signet");
  EXPECT_EQ(config->kek_file, "/var/lib/signet/kek");
  EXPECT_EQ(config->admin.mode, 0600u);
  EXPECT_EQ(config->controller.group, "slurm");
  EXPECT_FALSE(config->controller.group_required);
  EXPECT_EQ(config->grpc.address, "");
  EXPECT_EQ(config->metrics_address, "127.0.0.1:6844");
  EXPECT_EQ(config->authority_subject, "CN=Slurm CA alpha");
  EXPECT_EQ(config->node_profile.lifetime, absl::Hours(7 * 24));
  EXPECT_EQ(config->rotation_hold, absl::Hours(14 * 24));
}

TEST(Config, TheShippedExampleIsRightAndShowsTheDefaults) {
  std::ifstream file(SIGNET_SOURCE_DIR "/packaging/signetd.yaml");
  std::stringstream text;
  text << file.rdbuf();
  const auto shipped = ParseConfig("packaging/signetd.yaml", text.str());
  ASSERT_TRUE(shipped.ok()) << shipped.status();
  // The same with every commented key switched on.
  std::string uncommented;
  std::istringstream lines(text.str());
  for (std::string line; std::getline(lines, line);) {
    // "# " begins a sentence, a bare # a key.
    const bool key = line.size() > 2 && line[0] == '#' && (line[1] != ' ' || line[2] == ' ');
    if (key) line.erase(0, 1);
    uncommented += line + "\n";
  }
  const auto full = ParseConfig("packaging/signetd.yaml", uncommented);
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_EQ(full->grpc.address, "0.0.0.0:6843");
  EXPECT_EQ(full->admin.path, shipped->admin.path);
  EXPECT_EQ(full->controller.path, shipped->controller.path);
  EXPECT_EQ(full->metrics_address, shipped->metrics_address);
  EXPECT_EQ(full->authority_lifetime, shipped->authority_lifetime);
  EXPECT_EQ(full->node_profile.lifetime, shipped->node_profile.lifetime);
  EXPECT_EQ(full->service_profile.lifetime, shipped->service_profile.lifetime);
  EXPECT_EQ(full->rotation_hold, shipped->rotation_hold);
  EXPECT_EQ(full->limits.max_concurrent_calls, shipped->limits.max_concurrent_calls);
  EXPECT_EQ(full->limits.message_bytes, shipped->limits.message_bytes);
  EXPECT_EQ(full->log_level, shipped->log_level);
  EXPECT_EQ(full->request_rates.requests_per_key_per_minute, shipped->request_rates.requests_per_key_per_minute);
  EXPECT_EQ(full->request_rates.unproven_failures_per_minute, shipped->request_rates.unproven_failures_per_minute);
  EXPECT_FALSE(shipped->kubernetes.on);
  EXPECT_TRUE(full->kubernetes.on);
  EXPECT_EQ(full->kubernetes.api, shipped->kubernetes.api);
  EXPECT_EQ(full->kubernetes.ca_file, shipped->kubernetes.ca_file);
  EXPECT_EQ(full->kubernetes.token_file, shipped->kubernetes.token_file);
  EXPECT_EQ(full->kubernetes.audience, shipped->kubernetes.audience);
  EXPECT_EQ(full->kubernetes.slurmd_owner, shipped->kubernetes.slurmd_owner);
  EXPECT_TRUE(full->kubernetes.publish.on);
}

struct FaultCase {
  std::string text;
  std::string fault;
};
class Faults : public ::testing::TestWithParam<FaultCase> {};

TEST_P(Faults, AreNamedWithTheirKey) { EXPECT_THAT(FaultOf(GetParam().text), HasSubstr(GetParam().fault)); }

INSTANTIATE_TEST_SUITE_P(
    Config, Faults,
    ::testing::Values(
        FaultCase{"", "signetd.yaml:1: cluster: missing"},
        FaultCase{"cluster: 'a b'\n", "signetd.yaml:1: cluster: not a cluster name"},
        FaultCase{"cluster: a/b\n", "cluster: not a cluster name"},
        FaultCase{"cluster: a\ndata_dir: var\n",
                  "signetd.yaml:2: data_dir: not a usable path; allowed: an absolute path"},
        FaultCase{"cluster: a\nretention: 90d\n", "signetd.yaml:2: retention: unknown key"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: ':6843', names: [h]}}\n",
                  "listen.grpc.address: not an address"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: 'localhost:6843', names: [h]}}\n", "listen.grpc.address"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: '::1:6843', names: [h]}}\n", "listen.grpc.address"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: '1.2.3.4:0', names: [h]}}\n", "listen.grpc.address"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: '1.2.3.4:65536', names: [h]}}\n", "listen.grpc.address"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: '0.0.0.0:6843'}}\n", "listen.grpc.names: missing"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: '0.0.0.0:6843', names: []}}\n", "listen.grpc.names: missing"},
        FaultCase{"cluster: a\nlisten: {grpc: {address: '0.0.0.0:6843', names: [10.0.0.1]}}\n",
                  "listen.grpc.names: \"10.0.0.1\" is not a host name"},
        FaultCase{"cluster: a\nlisten: {grpc: {names: [h]}}\n", "listen.grpc.address: missing, while names are given"},
        FaultCase{"cluster: a\nlisten: {metrics: {address: nowhere}}\n", "listen.metrics.address: not an address"},
        FaultCase{"cluster: a\nlisten: {admin: {mode: \"0666\"}}\n", "listen.admin.mode: whoever connects"},
        FaultCase{"cluster: a\nlisten: {admin: {mode: \"0060\"}}\n", "listen.admin.mode"},
        FaultCase{"cluster: a\nlisten: {admin: {socket: run/a.sock}}\n", "listen.admin.socket: not a usable path"},
        FaultCase{"cluster: a\nlisten: {admin: {socket: /" + std::string(107, 'a') + "}}\n", "at most 107 bytes"},
        FaultCase{"cluster: a\nlisten: {admin: {socket: /x}, controller: {socket: /x}}\n",
                  "listen.controller.socket: the same as listen.admin.socket"},
        FaultCase{"cluster: a\nauthority: {subject: 'Slurm'}\n", "authority.subject"},
        FaultCase{"cluster: a\nauthority: {lifetime: 60d}\n",
                  "profiles.service.lifetime: longer than authority.lifetime"},
        FaultCase{"cluster: a\nauthority: {lifetime: 31y}\n",
                  "authority.lifetime: 31y is out of range; allowed: 30d to 30y"},
        FaultCase{"cluster: a\nkeys: {kind: pkcs11}\n", "keys.kind: unknown value \"pkcs11\"; allowed: sealed"},
        FaultCase{"cluster: a\nkeys: {kek_file: kek}\n", "keys.kek_file: not a usable path"},
        FaultCase{"cluster: a\nstore: {kind: postgres}\n", "store.kind: unknown value \"postgres\"; allowed: sqlite"},
        FaultCase{"cluster: a\nprofiles: {node: {lifetime: 30m}}\n", "profiles.node.lifetime: 30m is out of range"},
        FaultCase{"cluster: a\nprofiles: {control: {lifetime: 30d}}\n", "profiles.control: unknown key"},
        FaultCase{"cluster: a\nrotation: {hold: 23h}\n", "rotation.hold: 23h is out of range"},
        FaultCase{"cluster: a\nrotation: {hold: 366d}\n", "rotation.hold: 366d is out of range"},
        FaultCase{"cluster: a\nrotation: {hold: 14}\n", "rotation.hold"},
        FaultCase{"cluster: a\nrotation: {held: 14d}\n", "rotation.held: unknown key, did you mean hold?"},
        FaultCase{"cluster: a\nlog: {level: verbose}\n", "log.level: unknown value \"verbose\""},
        FaultCase{"cluster: a\nlimits: {max_concurrent_calls: 0}\n", "limits.max_concurrent_calls: 0 is out of range"},
        FaultCase{"cluster: a\nlimits: {message_bytes: 1}\n", "limits.message_bytes: 1 is out of range"},
        FaultCase{"cluster: a\nlimits: {requests_per_key_per_minute: 0}\n",
                  "limits.requests_per_key_per_minute: 0 is out of range; allowed: a whole number from 1 to 6000"},
        FaultCase{"cluster: a\nlimits: {unproven_failures_per_minute: 10001}\n",
                  "limits.unproven_failures_per_minute: 10001 is out of range"},
        FaultCase{"cluster: a\nkubernetes:\n", "kubernetes.service_accounts: missing: no pod could enrol"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: {}}\n", "kubernetes.service_accounts: missing"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: [slurm/w]}\n",
                  "kubernetes.service_accounts: not a mapping"},
        FaultCase{"cluster: a\nkubernetes:\n  service_accounts:\n    slurm/w: slurmd\n    slurm-w: slurmd\n",
                  "signetd.yaml:5: kubernetes.service_accounts.slurm-w: not a service account"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: {slurm/w/x: slurmd}}\n", "not a service account"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: {'*/w': slurmd}}\n", "not a service account"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: {slurm/: slurmd}}\n", "not a service account"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: {slurm/w: admin}}\n",
                  "kubernetes.service_accounts.slurm/w: unknown value \"admin\"; allowed: slurmd, sackd, "
                  "controller, tester"},
        FaultCase{"cluster: a\nkubernetes: {service_accounts: {slurm/w: slurmd, slurm/w: sackd}}\n", "a duplicate key"},
        FaultCase{"cluster: a\nkubernetes: {api: 'http://k', service_accounts: {a/b: slurmd}}\n",
                  "kubernetes.api: not an address"},
        FaultCase{"cluster: a\nkubernetes: {api: 'https://k/x', service_accounts: {a/b: slurmd}}\n", "kubernetes.api"},
        FaultCase{"cluster: a\nkubernetes: {api: 'https://u@k', service_accounts: {a/b: slurmd}}\n", "kubernetes.api"},
        FaultCase{"cluster: a\nkubernetes: {ca_file: ca.crt, service_accounts: {a/b: slurmd}}\n",
                  "kubernetes.ca_file: not a usable path"},
        FaultCase{"cluster: a\nkubernetes: {token_file: token, service_accounts: {a/b: slurmd}}\n",
                  "kubernetes.token_file: not a usable path"},
        FaultCase{"cluster: a\nkubernetes: {audience: 'a b', service_accounts: {a/b: slurmd}}\n",
                  "kubernetes.audience: not an audience"},
        FaultCase{"cluster: a\nkubernetes: {slurmd_owner: all, service_accounts: {a/b: slurmd}}\n",
                  "kubernetes.slurmd_owner: unknown value \"all\", did you mean any?; allowed: nodeset, any"},
        FaultCase{"cluster: a\nkubernetes: {namespace: x, service_accounts: {a/b: slurmd}}\n",
                  "kubernetes.namespace: unknown key"}));

std::string Publishing(const std::string& section) {
  return "cluster: a\nkubernetes:\n  service_accounts: {a/b: slurmd}\n  publish: " + section + "\n";
}

INSTANTIATE_TEST_SUITE_P(
    ConfigPublish, Faults,
    ::testing::Values(
        FaultCase{Publishing("{}"), "kubernetes.publish.bundle_config_maps: missing, and no service_secrets"},
        FaultCase{Publishing("{bundle_config_maps: [], service_secrets: {}}"), "nothing would be published"},
        FaultCase{Publishing("{bundle_config_maps: slurm/b}"), "kubernetes.publish.bundle_config_maps: not a list"},
        FaultCase{Publishing("{bundle_config_maps: [b]}"), "not a ConfigMap; allowed: namespace/name"},
        FaultCase{Publishing("{bundle_config_maps: [slurm/B]}"), "not a ConfigMap"},
        FaultCase{Publishing("{bundle_config_maps: [a/../b]}"), "not a ConfigMap"},
        FaultCase{Publishing("{bundle_config_maps: [a/b, a/b]}"), "a/b stands twice"},
        FaultCase{Publishing("{service_secrets: {'s/*': slurmctld}}"),
                  "kubernetes.publish.service_secrets.s/*: not a Secret"},
        FaultCase{Publishing("{service_secrets: {s/a: slurmd}}"),
                  "kubernetes.publish.service_secrets.s/a: unknown value \"slurmd\""},
        FaultCase{Publishing("{service_secrets: {s/a: slurmctld, s/b: slurmctld}}"),
                  "kubernetes.publish.service_secrets.s/b: slurmctld has a Secret already"},
        FaultCase{Publishing("{secrets: {s/a: slurmctld}}"), "kubernetes.publish.secrets: unknown key"}));

TEST(Config, NothingIsPublishedUnlessItsSectionIsPresent) {
  EXPECT_FALSE(ParseConfig("a", "cluster: a\nkubernetes: {service_accounts: {a/b: slurmd}}\n")->kubernetes.publish.on);
  const auto config =
      ParseConfig("a", Publishing("{bundle_config_maps: [s/b, t/b], service_secrets: {s/c: slurmctld}}"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->kubernetes.publish.on);
  EXPECT_THAT(config->kubernetes.publish.bundle_config_maps, ElementsAre("s/b", "t/b"));
  EXPECT_THAT(config->kubernetes.publish.service_secrets, ElementsAre(Pair("s/c", "slurmctld")));
}

TEST(Config, KubernetesIsOffUnlessItsSectionIsPresent) {
  EXPECT_FALSE(ParseConfig("a", "cluster: alpha\n")->kubernetes.on);
  const auto config = ParseConfig("a",
                                  "cluster: alpha\nkubernetes:\n  service_accounts:\n    slurm/worker: slurmd\n"
                                  "    slurm/ctld.x: controller\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->kubernetes.on);
  EXPECT_THAT(config->kubernetes.service_accounts,
              ElementsAre(Pair("slurm/ctld.x", "controller"), Pair("slurm/worker", "slurmd")));
}

TEST(Config, ReportsAllFaultsAtOnce) {
  const std::string faults = FaultOf("clustr: a\nlisten: {grpc: {address: x}}\nlog: {level: x}\n");
  EXPECT_THAT(faults, HasSubstr("clustr: unknown key, did you mean cluster?"));
  EXPECT_THAT(faults, HasSubstr("listen.grpc.names"));
  EXPECT_THAT(faults, HasSubstr("log.level"));
}

TEST(Config, AnUnreadableFileIsAnError) { EXPECT_FALSE(LoadConfig("/nonexistent/signetd.yaml").ok()); }

TEST(KeysThatNeedARestart, NamesWhatChangedAndNothingElse) {
  const Config running = *ParseConfig("a", "cluster: alpha\n");
  const Config wanted = *ParseConfig("a",
                                     "cluster: alpha\nlog: {level: debug}\nlimits: {max_concurrent_calls: 9}\n"
                                     "listen: {grpc: {address: '0.0.0.0:1', names: [h]}}\n");
  EXPECT_THAT(KeysThatNeedARestart(running, running), ElementsAre());
  EXPECT_THAT(KeysThatNeedARestart(running, wanted), ElementsAre("listen.grpc.address", "listen.grpc.names"));
}

TEST(Config, TakesTheHoldOfARotationWithinADayAndAYear) {
  EXPECT_EQ(ParseConfig("a", "cluster: alpha\nrotation: {hold: 1d}\n")->rotation_hold, absl::Hours(24));
  EXPECT_EQ(ParseConfig("a", "cluster: alpha\nrotation: {hold: 365d}\n")->rotation_hold, absl::Hours(24 * 365));
}

TEST(KeysThatNeedARestart, KnowsTheHoldOfARotation) {
  const Config running = *ParseConfig("a", "cluster: alpha\n");
  const Config wanted = *ParseConfig("a", "cluster: alpha\nrotation: {hold: 30d}\n");
  EXPECT_THAT(KeysThatNeedARestart(running, wanted), ElementsAre("rotation.hold"));
}

TEST(KeysThatNeedARestart, KnowsEveryKeyOfKubernetesButTheAllowList) {
  const std::string base = "cluster: alpha\nkubernetes:\n  service_accounts: {slurm/w: slurmd}\n";
  const Config running = *ParseConfig("a", base);
  const std::string list = "cluster: alpha\nkubernetes:\n  service_accounts: {slurm/w: slurmd, slurm/l: sackd}\n";
  EXPECT_THAT(KeysThatNeedARestart(running, *ParseConfig("a", list)), ElementsAre());
  EXPECT_THAT(KeysThatNeedARestart(running, *ParseConfig("a", "cluster: alpha\n")), ElementsAre("kubernetes"));
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"api", "https://other"},
                                                                                   {"ca_file", "/ca"},
                                                                                   {"token_file", "/token"},
                                                                                   {"audience", "other"},
                                                                                   {"slurmd_owner", "any"}}) {
    const Config wanted = *ParseConfig("a", base + "  " + key + ": " + value + "\n");
    EXPECT_THAT(KeysThatNeedARestart(running, wanted), ElementsAre("kubernetes." + key));
  }
  const Config publishing =
      *ParseConfig("a", base + "  publish: {bundle_config_maps: [s/b], service_secrets: {s/c: slurmdbd}}\n");
  EXPECT_THAT(KeysThatNeedARestart(running, publishing),
              ElementsAre("kubernetes.publish.bundle_config_maps", "kubernetes.publish.service_secrets"));
}

TEST(KeysThatNeedARestart, LimitsOfRequestsAreTakenOverWhileRunning) {
  const Config running = *ParseConfig("a", "cluster: alpha\n");
  const std::string limits = "limits: {requests_per_key_per_minute: 9, unproven_failures_per_minute: 9}\n";
  EXPECT_THAT(KeysThatNeedARestart(running, *ParseConfig("a", "cluster: alpha\n" + limits)), ElementsAre());
}

}  // namespace
}  // namespace signet::server
