#include "services/telemetry/logger.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "absl/time/clock.h"
#include "services/telemetry/json_line.h"

namespace signet::telemetry {
namespace {

spdlog::level::level_enum SpdlogLevel(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// spdlog writes a line in one piece and swallows its own failures; the line itself is made here.
class StderrLogger final : public Logger {
 public:
  explicit StderrLogger(Level level) : logger_("signet", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%v");
    logger_.flush_on(spdlog::level::trace);
    SetLevel(level);
  }
  void Write(Level level, absl::string_view event, std::initializer_list<Field> fields) override {
    if (!logger_.should_log(SpdlogLevel(level))) return;
    logger_.log(SpdlogLevel(level), spdlog::string_view_t(JsonLine(absl::Now(), level, event, fields)));
  }
  void SetLevel(Level level) override { logger_.set_level(SpdlogLevel(level)); }

 private:
  spdlog::logger logger_;
};

class NullLogger final : public Logger {
 public:
  void Write(Level, absl::string_view, std::initializer_list<Field>) override {}
  void SetLevel(Level) override {}
};

}  // namespace

std::unique_ptr<Logger> MakeStderrLogger(Level level) { return std::make_unique<StderrLogger>(level); }
std::unique_ptr<Logger> MakeNullLogger() { return std::make_unique<NullLogger>(); }

}  // namespace signet::telemetry
