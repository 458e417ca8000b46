#include "services/telemetry/json_line.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace signet::telemetry {
namespace {

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(/*indent=*/-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

// Never inside a UTF-8 sequence, or the cut would look like a broken value.
absl::string_view Cut(absl::string_view value) {
  if (value.size() <= kMaxFieldBytes) return value;
  std::size_t end = kMaxFieldBytes;
  while (end > kMaxFieldBytes - 4 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return value.substr(0, end);
}

}  // namespace

std::string JsonLine(absl::Time time, Level level, absl::string_view event, std::initializer_list<Field> fields) {
  std::string line = absl::StrCat("{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()),
                                  "\",\"level\":\"", LevelName(level), "\",\"event\":", Quoted(event));
  for (const auto& [name, value] : fields) absl::StrAppend(&line, ",", Quoted(name), ":", Quoted(Cut(value)));
  line += '}';
  return line;
}

}  // namespace signet::telemetry
