// Structured log: one JSON object a line.
#ifndef SIGNET_SERVICES_TELEMETRY_LOGGER_H_
#define SIGNET_SERVICES_TELEMETRY_LOGGER_H_

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace signet::telemetry {

enum class Level { kDebug, kInfo, kWarning, kError };

// A field of a log line. Values are cut at 1 KiB; control characters are escaped. Never a secret.
using Field = std::pair<absl::string_view, std::string>;

// Writes lines {"time","level","event",…fields}. Thread-safe.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Write(Level level, absl::string_view event, std::initializer_list<Field> fields) = 0;
  virtual void SetLevel(Level level) = 0;

  void Debug(absl::string_view event, std::initializer_list<Field> fields = {}) { Write(Level::kDebug, event, fields); }
  void Info(absl::string_view event, std::initializer_list<Field> fields = {}) { Write(Level::kInfo, event, fields); }
  void Warning(absl::string_view event, std::initializer_list<Field> fields = {}) {
    Write(Level::kWarning, event, fields);
  }
  void Error(absl::string_view event, std::initializer_list<Field> fields = {}) { Write(Level::kError, event, fields); }
};

// To stderr, which systemd and Kubernetes collect.
std::unique_ptr<Logger> MakeStderrLogger(Level level);
// Drops everything; for tests and tools.
std::unique_ptr<Logger> MakeNullLogger();

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_LOGGER_H_
