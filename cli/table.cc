#include "cli/table.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "cli/failure.h"

namespace signet::cli {
namespace {

std::string Cell(absl::string_view text) {
  return text.empty() ? "-" : absl::StrReplaceAll(Printable(text), {{"\n", " "}});
}

}  // namespace

std::string Table::Text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Cell(row[i]).size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = Cell(row[i]);
      absl::StrAppend(&line, cell, std::string(widths[i] - cell.size() + 2, ' '));
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

std::string FieldList::Text() const {
  std::size_t width = 0;
  for (const Field& field : fields_) width = std::max(width, field.label.size());
  std::string text;
  for (const Field& field : fields_) {
    absl::StrAppend(&text, field.label, ":", std::string(width - field.label.size() + 2, ' '), Cell(field.value), "\n");
  }
  return text;
}

std::string DurationText(absl::Duration duration) {
  duration = absl::AbsDuration(duration);
  if (duration == absl::InfiniteDuration()) return "never";
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 5> kUnits = {{{365 * 86400, "y"}, {86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}}};
  const int64_t seconds = absl::ToInt64Seconds(duration);
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const int64_t count = seconds / kUnits[i].seconds;
    if (count == 0) continue;
    std::string text = absl::StrCat(count, kUnits[i].name);
    if (i + 1 < kUnits.size()) {
      const int64_t rest = seconds % kUnits[i].seconds / kUnits[i + 1].seconds;
      if (rest > 0) absl::StrAppend(&text, " ", rest, kUnits[i + 1].name);
    }
    return text;
  }
  return "0s";
}

std::string RelativeTime(absl::Time time, absl::Time now) {
  if (time == absl::InfinitePast()) return "never";
  if (time >= now) return absl::StrCat("in ", DurationText(time - now));
  return absl::StrCat(DurationText(now - time), " ago");
}

std::string FullTime(absl::Time time, absl::Time now) {
  if (time == absl::InfinitePast()) return "never";
  return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()), " (", RelativeTime(time, now),
                      ")");
}

absl::Time FromProto(const google::protobuf::Timestamp& timestamp) {
  // An unset field: before anything that can have happened.
  if (timestamp.seconds() == 0 && timestamp.nanos() == 0) return absl::InfinitePast();
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

std::string EnumText(absl::string_view name, absl::string_view prefix) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(absl::StripPrefix(name, prefix)), {{"_", "-"}});
}

}  // namespace signet::cli
