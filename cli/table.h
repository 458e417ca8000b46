// Aligned columns and relative times, for people.
#ifndef SIGNET_CLI_TABLE_H_
#define SIGNET_CLI_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace signet::cli {

// Rows under a header; each column as wide as its widest cell, two spaces between. Cells are made printable; an empty
// one shows "-".
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  // As many cells as the header has.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "label:  value" lines with the values aligned.
class FieldList {
 public:
  void Add(absl::string_view label, absl::string_view value) {
    fields_.push_back({std::string(label), std::string(value)});
  }
  std::string Text() const;

 private:
  struct Field {
    std::string label;
    std::string value;
  };
  std::vector<Field> fields_;
};

// The two largest units: "6d 2h", "3m 10s", "45s"; without its sign. An infinite duration is "never".
std::string DurationText(absl::Duration duration);
// "in 6d 2h" or "3m ago".
std::string RelativeTime(absl::Time time, absl::Time now);
// "2026-11-21T22:33:00Z (in 6d 2h)".
std::string FullTime(absl::Time time, absl::Time now);

absl::Time FromProto(const google::protobuf::Timestamp& timestamp);

// The last part of an enumerator's name in lower case with dashes: ("TOKEN_KIND_SINGLE_USE", "TOKEN_KIND_") →
// "single-use".
std::string EnumText(absl::string_view name, absl::string_view prefix);

}  // namespace signet::cli

#endif  // SIGNET_CLI_TABLE_H_
