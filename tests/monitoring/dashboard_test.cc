// A real Prometheus scrapes a real signetd with real nodes, and runs what the dashboard and the alerts ask.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/contract/test_cluster.h"
#include "tests/monitoring/prometheus_server.h"
#include "tests/monitoring/rule_files.h"

namespace signet::monitoring {
namespace {

using ::testing::IsEmpty;

bool Within(std::chrono::seconds limit, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return true;
}

// What Grafana fills in.
std::string Filled(const std::string& expression) {
  return absl::StrReplaceAll(expression, {{"$instance", ".*"}, {"$__rate_interval", "1m"}});
}

// Connects and says what no TLS client says.
void SpeakNoTls(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const std::string text = "GET / HTTP/1.0\r\n\r\n";
  EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  char buffer[256];
  while (::read(fd, buffer, sizeof(buffer)) > 0) {
  }
  ::close(fd);
}

class ScrapedCluster : public ::testing::Test {
 protected:
  ScrapedCluster() {
    const std::string config = cluster_.path("signetd.yaml");
    contract::WriteAll(config, absl::StrReplaceAll(contract::ReadAll(config),
                                                   {{"metrics: {address: \"off\"}",
                                                     absl::StrCat("metrics: {address: \"127.0.0.1:", metrics_port_,
                                                                  "\"}\n  grpc: {address: \"127.0.0.1:", grpc_port_,
                                                                  "\", names: [head1]}")}}));
    // Its clean end signs a checkpoint of the audit log.
    cluster_.StopServer();
    cluster_.StartServer();
    std::filesystem::create_directory(cluster_.path("prometheus"));
  }

  void Enrol(const std::string& node) {
    contract::SlurmNode slurmd = cluster_.Node(node);
    EXPECT_EQ(slurmd.Enrol(cluster_.Controller()), absl::OkStatus()) << node;
    EXPECT_EQ(slurmd.Renew(cluster_.Controller()), absl::OkStatus()) << node;
  }

  const int metrics_port_ = FreePort();
  const int grpc_port_ = FreePort();
  contract::TestCluster cluster_;
};

TEST_F(ScrapedCluster, EveryPanelHasDataAndEveryAlertParses) {
  cluster_.CreateTokens("n[001-006]");
  cluster_.WriteBundle();
  Enrol("n001");
  ASSERT_TRUE(
      cluster_.Ctl({"service", "issue", "slurmctld", "--dir", cluster_.path("run"), "--owner", "root"}).exited_zero());

  const PrometheusServer prometheus(cluster_.path("prometheus"), metrics_port_,
                                    SourcePath("helm/signet/files/alerts.yaml"));
  ASSERT_TRUE(Within(std::chrono::seconds(60), [&] { return prometheus.HasData("signet_build_info"); }))
      << prometheus.log();
  // While it scrapes, so that rates are above zero.
  for (const char* node : {"n002", "n003", "n004"}) {
    Enrol(node);
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  ASSERT_TRUE(cluster_.Ctl({"node", "block", "n005", "--reason", "stolen"}).exited_zero());
  SpeakNoTls(grpc_port_);
  // signetd collects every 15 s.
  ASSERT_TRUE(
      Within(std::chrono::seconds(60), [&] { return prometheus.HasData("signet_nodes{state=\"certified\"} == 4"); }));

  int panels = 0;
  for (const Panel& panel : Panels()) {
    ++panels;
    EXPECT_FALSE(panel.description.empty()) << panel.title;
    EXPECT_FALSE(panel.expressions.empty()) << panel.title;
    for (const std::string& expression : panel.expressions) {
      EXPECT_THAT(UnknownMetrics(expression), IsEmpty()) << panel.title;
      EXPECT_TRUE(Within(std::chrono::seconds(10), [&] { return prometheus.HasData(Filled(expression)); }))
          << panel.title << ": no data for " << expression << "\n"
          << prometheus.Query(Filled(expression)).dump();
    }
  }
  EXPECT_GE(panels, 25);

  for (const Alert& alert : Alerts()) {
    const nlohmann::json answer = prometheus.Query(alert.expression);
    EXPECT_EQ(answer.value("status", ""), "success") << alert.name << ": " << answer.dump();
  }
  int rules = 0;
  nlohmann::json loaded = prometheus.Get("/api/v1/rules");
  for (const nlohmann::json& group : loaded["data"]["groups"]) {
    for (const nlohmann::json& rule : group["rules"]) {
      ++rules;
      EXPECT_EQ(rule.value("health", ""), "ok") << rule.dump();
      EXPECT_NE(rule.value("state", ""), "firing") << rule.dump();
    }
  }
  EXPECT_EQ(rules, static_cast<int>(Alerts().size()));

  // The numbers are those of this cluster.
  for (const char* truth : {"signet_nodes{state=\"blocked\"} == 1",
                            "signet_nodes_by_evidence{evidence=\"single-use\"} == 4",
                            "sum(signet_nodes_by_bundle) == 4",
                            "sum(signet_nodes_by_adapter{version!=\"other\"}) == 4",
                            "signet_tokens{kind=\"single-use\",state=\"live\"} == 1",
                            "signet_tokens{kind=\"single-use\",state=\"revoked\"} == 1",
                            "signet_tokens{kind=\"single-use\",state=\"spent\"} == 4",
                            "signet_certificates_total{profile=\"node\",result=\"issued\"} == 8",
                            "signet_certificates_total{profile=\"service\",result=\"issued\"} == 1",
                            "signet_first_node_lost_seconds > 6.9 * 86400 < 7 * 86400",
                            "signet_service_expires_seconds{service=\"slurmctld\"} > 89 * 86400 < 90 * 86400",
                            "signet_service_expires_seconds{service=\"signetd\"} > 0",
                            "min(signet_signer_ok) == 1",
                            "count(signet_signer_ok) == 4",
                            "signet_audit_checkpoint_age_seconds > 0",
                            "signet_bundle_generation == 1",
                            "signet_rotation_step{step=\"idle\"} == 1",
                            "signet_store_write_ok == 1",
                            "signet_store_size_bytes > 0",
                            "signet_tls_failures_total >= 1",
                            "signet_collect_age_seconds < 60"}) {
    EXPECT_TRUE(Within(std::chrono::seconds(20), [&] { return prometheus.HasData(truth); }))
        << truth << "\n"
        << prometheus.Query(std::string(truth).substr(0, std::string(truth).find(' '))).dump();
  }

  // Prometheus has no metric of this server that the documentation does not list.
  nlohmann::json names = prometheus.Get("/api/v1/label/__name__/values");
  EXPECT_GT(names["data"].size(), 40u);
  for (const nlohmann::json& name : names["data"]) {
    const std::string text = name;
    EXPECT_THAT(UnknownMetrics(absl::StartsWith(text, "signet_") ? text : ""), IsEmpty());
  }
}

TEST_F(ScrapedCluster, AServerThatStoppedIsAbsent) {
  const PrometheusServer prometheus(cluster_.path("prometheus"), metrics_port_,
                                    SourcePath("helm/signet/files/alerts.yaml"));
  ASSERT_TRUE(Within(std::chrono::seconds(60), [&] { return prometheus.HasData("signet_build_info"); }))
      << prometheus.log();
  cluster_.StopServer();
  EXPECT_TRUE(Within(std::chrono::seconds(30), [&] { return prometheus.HasData("absent(signet_build_info)"); }));
  cluster_.StartServer();
  EXPECT_TRUE(Within(std::chrono::seconds(30), [&] { return prometheus.HasData("signet_build_info"); }));
}

}  // namespace
}  // namespace signet::monitoring
