#include "services/yaml/strict_reader.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/yaml/tree.h"

namespace signet::yaml {
namespace {

using internal::Kind;
using internal::Node;

struct Unit {
  absl::string_view name;
  absl::Duration length;
};
constexpr char kUnits[] = "a number and a unit of y d h m s ms, such as 90d or 1h30m";

std::vector<Unit> Units() {
  return {{"y", absl::Hours(24 * 365)}, {"d", absl::Hours(24)},  {"h", absl::Hours(1)},
          {"m", absl::Minutes(1)},      {"s", absl::Seconds(1)}, {"ms", absl::Milliseconds(1)}};
}

// As ParseDuration reads it: "1h30m".
std::string InOurUnits(absl::Duration duration) {
  std::string text;
  for (const Unit& unit : Units()) {
    const int64_t count = absl::IDivDuration(duration, unit.length, &duration);
    if (count > 0) absl::StrAppend(&text, count, unit.name);
  }
  return text.empty() ? "0s" : text;
}

std::string Quoted(absl::string_view value) {
  return absl::StrCat("\"", absl::CHexEscape(value.substr(0, 64)), value.size() > 64 ? "…" : "", "\"");
}

// Levenshtein's distance.
std::size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

// The nearest of `known`, when it is near enough to be a slip.
std::string Nearest(absl::string_view key, const std::vector<std::string>& known) {
  if (key.size() > 64) return "";
  std::string nearest;
  std::size_t best = std::max<std::size_t>(2, key.size() / 2);
  for (const std::string& candidate : known) {
    const std::size_t distance = Distance(key, candidate);
    if (distance < best || (distance == best && nearest.empty())) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

// The scalar at `key`; nothing when the key is absent, or after recording that it is something else.
std::shared_ptr<Node> AskScalar(Node& section, absl::string_view key, absl::string_view allowed) {
  std::shared_ptr<Node> value = section.Ask(key);
  if (value == nullptr || value->kind == Kind::kScalar) return value;
  const absl::string_view what = value->kind == Kind::kNull ? "no value" : "not a single value";
  section.faults->Add(value->line, value->path, what, allowed);
  return nullptr;
}

void FindUnknownKeys(const Node& node) {
  if (!node.opened || node.kind != Kind::kMap) return;
  for (const std::shared_ptr<Node>& item : node.items) {
    if (std::find(node.asked.begin(), node.asked.end(), item->key) != node.asked.end()) {
      FindUnknownKeys(*item);
      continue;
    }
    const std::string nearest = Nearest(item->key, node.asked);
    const std::string hint = nearest.empty() ? "" : absl::StrCat(", did you mean ", nearest, "?");
    node.faults->Add(item->line, item->path, absl::StrCat("unknown key", hint), absl::StrJoin(node.asked, ", "));
  }
}

}  // namespace

bool Section::Has(absl::string_view key) const { return node_->Find(key) != nullptr; }

std::vector<std::string> Section::Keys() const {
  std::vector<std::string> keys;
  if (node_->kind != Kind::kMap) return keys;
  keys.reserve(node_->items.size());
  for (const std::shared_ptr<Node>& item : node_->items) keys.push_back(item->key);
  return keys;
}

bool Section::present() const { return node_->kind != Kind::kAbsent; }

void Section::String(absl::string_view key, std::string* target, StringRule rule) {
  const absl::string_view allowed = rule.allow_empty ? "text" : "text that is not empty";
  if (rule.required && !Has(key)) {
    node_->Ask(key);
    Fault(key, "missing", allowed);
    return;
  }
  const std::shared_ptr<Node> value = AskScalar(*node_, key, allowed);
  if (value == nullptr) return;
  if (value->scalar.empty() && !rule.allow_empty) return Fault(key, "empty", allowed);
  *target = value->scalar;
}

void Section::Bool(absl::string_view key, bool* target) {
  const std::shared_ptr<Node> value = AskScalar(*node_, key, "true, false");
  if (value == nullptr) return;
  if (value->quoted || (value->scalar != "true" && value->scalar != "false")) {
    return Fault(key, absl::StrCat(Quoted(value->scalar), " is neither true nor false"), "true, false");
  }
  *target = value->scalar == "true";
}

void Section::Int(absl::string_view key, int64_t* target, int64_t min, int64_t max) {
  const std::string allowed = absl::StrCat("a whole number from ", min, " to ", max);
  const std::shared_ptr<Node> value = AskScalar(*node_, key, allowed);
  if (value == nullptr) return;
  int64_t number = 0;
  // SimpleAtoi trims and takes a sign; a leading zero would mean octal to some readers.
  const absl::string_view digits = value->scalar;
  const absl::string_view unsigned_digits = digits.substr(digits.empty() || digits[0] != '-' ? 0 : 1);
  const bool plain = !unsigned_digits.empty() &&
                     std::all_of(unsigned_digits.begin(), unsigned_digits.end(), absl::ascii_isdigit) &&
                     (unsigned_digits.size() == 1 || unsigned_digits[0] != '0');
  if (value->quoted || !plain || !absl::SimpleAtoi(digits, &number)) {
    return Fault(key, absl::StrCat(Quoted(digits), " is not a whole number"), allowed);
  }
  if (number < min || number > max) return Fault(key, absl::StrCat(number, " is out of range"), allowed);
  *target = number;
}

void Section::Duration(absl::string_view key, absl::Duration* target, absl::Duration min, absl::Duration max) {
  const std::string allowed = absl::StrCat(InOurUnits(min), " to ", InOurUnits(max));
  const std::shared_ptr<Node> value = AskScalar(*node_, key, allowed);
  if (value == nullptr) return;
  absl::Duration duration;
  if (const absl::Status status = yaml::ParseDuration(value->scalar, &duration); !status.ok()) {
    return Fault(key, status.message(), allowed);
  }
  if (duration < min || duration > max) return Fault(key, absl::StrCat(value->scalar, " is out of range"), allowed);
  *target = duration;
}

void Section::Choice(absl::string_view key, std::string* target, const std::vector<std::string>& allowed) {
  const std::string choices = absl::StrJoin(allowed, ", ");
  const std::shared_ptr<Node> value = AskScalar(*node_, key, choices);
  if (value == nullptr) return;
  if (std::find(allowed.begin(), allowed.end(), value->scalar) == allowed.end()) {
    const std::string nearest = Nearest(value->scalar, allowed);
    const std::string hint = nearest.empty() ? "" : absl::StrCat(", did you mean ", nearest, "?");
    return Fault(key, absl::StrCat("unknown value ", Quoted(value->scalar), hint), choices);
  }
  *target = value->scalar;
}

void Section::Strings(absl::string_view key, std::vector<std::string>* target) {
  constexpr char kAllowed[] = "a list such as [one, two]";
  const std::shared_ptr<Node> value = node_->Ask(key);
  if (value == nullptr) return;
  if (value->kind != Kind::kSequence) return Fault(key, "not a list", kAllowed);
  std::vector<std::string> strings;
  for (const std::shared_ptr<Node>& item : value->items) {
    if (item->kind != Kind::kScalar || item->scalar.empty()) {
      node_->faults->Add(item->line, item->path, "not text", kAllowed);
      return;
    }
    strings.push_back(item->scalar);
  }
  *target = std::move(strings);
}

void Section::Mode(absl::string_view key, uint32_t* target) {
  constexpr char kAllowed[] = "a quoted octal number from \"0000\" to \"0777\"";
  const std::shared_ptr<Node> value = AskScalar(*node_, key, kAllowed);
  if (value == nullptr) return;
  // Unquoted, 0660 is octal to one YAML version and decimal to the next.
  if (!value->quoted) return Fault(key, "a mode without quotes", kAllowed);
  const std::string& text = value->scalar;
  const bool octal = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
  if (!octal || (text.size() != 3 && !(text.size() == 4 && text[0] == '0'))) {
    return Fault(key, absl::StrCat(Quoted(text), " is not a mode"), kAllowed);
  }
  uint32_t mode = 0;
  for (const char c : text) mode = mode * 8 + static_cast<uint32_t>(c - '0');
  *target = mode;
}

Section Section::Child(absl::string_view key) {
  std::shared_ptr<Node> child = node_->Ask(key);
  if (child != nullptr && (child->kind == Kind::kMap || child->kind == Kind::kNull)) {
    child->opened = true;
    return Section(std::move(child));
  }
  if (child != nullptr) Fault(key, "not a mapping", "keys and values");
  auto absent = std::make_shared<Node>();
  absent->line = child == nullptr ? node_->line : child->line;
  absent->path = node_->path.empty() ? std::string(key) : absl::StrCat(node_->path, ".", key);
  absent->faults = node_->faults;
  return Section(std::move(absent));
}

void Section::Fault(absl::string_view key, absl::string_view message, absl::string_view allowed) {
  const std::shared_ptr<Node> value = node_->Find(key);
  const std::string path = node_->path.empty() ? std::string(key) : absl::StrCat(node_->path, ".", key);
  node_->faults->Add(value == nullptr ? node_->line : value->line, path, message, allowed);
}

StrictReader StrictReader::FromText(absl::string_view name, absl::string_view text) {
  return StrictReader(internal::Parse(name, text));
}

Section StrictReader::root() {
  document_->root->opened = true;
  return Section(document_->root);
}

absl::Status StrictReader::Finish() {
  FindUnknownKeys(*document_->root);
  std::vector<internal::Faults::Fault> faults = std::exchange(document_->faults->list, {});
  if (faults.empty()) return absl::OkStatus();
  std::stable_sort(faults.begin(), faults.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
  const std::string all =
      absl::StrJoin(faults, "\n", [](std::string* out, const auto& fault) { absl::StrAppend(out, fault.text); });
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kConfiguration, all);
}

absl::Status ParseDuration(absl::string_view text, absl::Duration* duration) {
  const auto refuse = [text] {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         absl::StrCat(Quoted(text), " is not a duration: ", kUnits));
  };
  absl::Duration total;
  absl::string_view rest = text;
  do {
    std::size_t digits = 0;
    while (digits < rest.size() && absl::ascii_isdigit(static_cast<unsigned char>(rest[digits]))) ++digits;
    std::size_t letters = digits;
    while (letters < rest.size() && absl::ascii_isalpha(static_cast<unsigned char>(rest[letters]))) ++letters;
    int64_t count = 0;
    // Nine digits of any unit stay within what a Duration holds.
    if (digits == 0 || digits > 9 || !absl::SimpleAtoi(rest.substr(0, digits), &count)) return refuse();
    const std::vector<Unit> units = Units();
    const absl::string_view name = rest.substr(digits, letters - digits);
    const auto unit =
        std::find_if(units.begin(), units.end(), [name](const Unit& known) { return known.name == name; });
    if (unit == units.end()) return refuse();
    total += count * unit->length;
    rest.remove_prefix(letters);
  } while (!rest.empty());
  *duration = total;
  return absl::OkStatus();
}

}  // namespace signet::yaml
