#include "tests/monitoring/prometheus_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tests/contract/test_cluster.h"

namespace signet::monitoring {

int FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  ::close(fd);
  return ntohs(address.sin_port);
}

PrometheusServer::PrometheusServer(const std::string& directory, int target_port, const std::string& rules)
    : directory_(directory), port_(FreePort()) {
  const std::string config = directory_ + "/prometheus.yml";
  contract::WriteAll(config,
                     absl::StrCat("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [\"", rules,
                                  "\"]\nscrape_configs:\n  - job_name: signet\n    static_configs: "
                                  "[{targets: [\"127.0.0.1:",
                                  target_port, "\"]}]\n"));
  const std::string config_option = "--config.file=" + config;
  const std::string path_option = absl::StrCat("--storage.tsdb.path=", directory_, "/tsdb");
  const std::string address_option = absl::StrCat("--web.listen-address=127.0.0.1:", port_);
  const std::string log_file = directory_ + "/prometheus.log";
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = ::open("/dev/null", O_RDONLY);
  const int out = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execl("/usr/bin/prometheus", "prometheus", config_option.c_str(), path_option.c_str(), address_option.c_str(),
          static_cast<char*>(nullptr));
  ::_exit(127);
}

PrometheusServer::~PrometheusServer() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

nlohmann::json PrometheusServer::Get(const std::string& path) const {
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(10);
  const httplib::Result answer = client.Get(path);
  if (!answer) return {{"status", "unreachable"}};
  return nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
}

nlohmann::json PrometheusServer::Query(const std::string& expression) const {
  httplib::Client client("127.0.0.1", port_);
  client.set_read_timeout(10);
  const httplib::Result answer = client.Post("/api/v1/query", httplib::Params{{"query", expression}});
  if (!answer) return {{"status", "unreachable"}};
  return nlohmann::json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
}

bool PrometheusServer::HasData(const std::string& expression) const {
  const nlohmann::json answer = Query(expression);
  if (answer.value("status", "") != "success") return false;
  for (const nlohmann::json& series : answer["data"]["result"]) {
    if (!std::isnan(std::strtod(series["value"][1].get<std::string>().c_str(), nullptr))) return true;
  }
  return false;
}

std::string PrometheusServer::log() const { return contract::ReadAll(directory_ + "/prometheus.log"); }

}  // namespace signet::monitoring
