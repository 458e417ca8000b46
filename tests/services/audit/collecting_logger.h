// A logger that keeps its lines.
#ifndef SIGNET_TESTS_SERVICES_AUDIT_COLLECTING_LOGGER_H_
#define SIGNET_TESTS_SERVICES_AUDIT_COLLECTING_LOGGER_H_

#include <map>
#include <string>
#include <vector>

#include "services/base/mutex.h"
#include "services/telemetry/logger.h"

namespace signet::audit {

class CollectingLogger final : public telemetry::Logger {
 public:
  struct Line {
    std::string event;
    std::map<std::string, std::string> fields;
  };
  void Write(telemetry::Level, absl::string_view event, std::initializer_list<telemetry::Field> fields) override {
    Line line;
    line.event = std::string(event);
    for (const auto& [name, value] : fields) line.fields[std::string(name)] = value;
    base::MutexLock lock(mutex_);
    lines_.push_back(line);
  }
  void SetLevel(telemetry::Level) override {}
  std::vector<Line> lines() const {
    base::MutexLock lock(mutex_);
    return lines_;
  }

 private:
  mutable base::Mutex mutex_;
  std::vector<Line> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::audit

#endif  // SIGNET_TESTS_SERVICES_AUDIT_COLLECTING_LOGGER_H_
