// A real Prometheus on loopback.
#ifndef SIGNET_TESTS_MONITORING_PROMETHEUS_SERVER_H_
#define SIGNET_TESTS_MONITORING_PROMETHEUS_SERVER_H_

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>

namespace signet::monitoring {

// A TCP port of 127.0.0.1 that nobody listens on.
int FreePort();

// Scrapes 127.0.0.1:`target_port` each second and evaluates `rules` as often. The destructor ends it; what it stores is
// in `directory`, which must exist.
class PrometheusServer {
 public:
  PrometheusServer(const std::string& directory, int target_port, const std::string& rules);
  ~PrometheusServer();
  PrometheusServer(const PrometheusServer&) = delete;
  PrometheusServer& operator=(const PrometheusServer&) = delete;

  // The whole answer of its HTTP API; {"status": "unreachable"} when there is none.
  nlohmann::json Get(const std::string& path) const;
  // The result of an instant query; its error in {"status": "error", …}.
  nlohmann::json Query(const std::string& expression) const;
  // True when some series of the result has a number that is one.
  bool HasData(const std::string& expression) const;
  std::string log() const;

 private:
  const std::string directory_;
  const int port_;
  pid_t pid_ = -1;
};

}  // namespace signet::monitoring

#endif  // SIGNET_TESTS_MONITORING_PROMETHEUS_SERVER_H_
