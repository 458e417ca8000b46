#include "services/names/hostlist.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"

namespace signet::names {
namespace {

constexpr std::size_t kMaxExpressionBytes = 1024 * 1024;
// More digits than this is not a number that Slurm counts with; it also keeps every sum far from overflow.
constexpr std::size_t kMaxDigits = 10;
constexpr std::size_t kMaxNameLength = 64;  // as CheckNodeName
constexpr std::size_t kMaxLimit = 10'000'000;

// "001-128" or "7" (first == last). Width 0 when no zero leads.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::size_t width = 0;
};

// A piece of a name: literal text, then, unless empty, one bracket group.
struct Piece {
  std::string literal;
  std::vector<Range> ranges;
};

absl::Status Malformed(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("hostlist: ", problem),
                       "write it like n[001-128],login1");
}

absl::Status TooMany(std::size_t limit) { return Malformed(absl::StrCat("more than ", limit, " names")); }

absl::StatusOr<std::uint64_t> ParseNumber(absl::string_view digits) {
  std::uint64_t number = 0;
  if (digits.empty() || digits.size() > kMaxDigits ||
      !std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return absl::ascii_isdigit(c); }) ||
      !absl::SimpleAtoi(digits, &number)) {
    return Malformed(absl::StrCat("brackets must hold numbers of at most ", kMaxDigits, " digits, as in [1-3,7]"));
  }
  return number;
}

absl::StatusOr<std::vector<Range>> ParseGroup(absl::string_view group) {
  if (group.empty()) return Malformed("empty brackets");
  std::vector<Range> ranges;
  for (const absl::string_view item : absl::StrSplit(group, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends = absl::StrSplit(item, absl::MaxSplits('-', 1));
    const bool single = item.find('-') == absl::string_view::npos;
    Range range;
    SIGNET_ASSIGN_OR_RETURN(range.first, ParseNumber(ends.first));
    SIGNET_ASSIGN_OR_RETURN(range.last, ParseNumber(single ? ends.first : ends.second));
    if (range.last < range.first) {
      return Malformed(absl::StrCat("range ", range.first, "-", range.last, " runs backwards"));
    }
    if (ends.first.size() > 1 && ends.first.front() == '0') range.width = ends.first.size();
    ranges.push_back(range);
  }
  return ranges;
}

// The pieces of one name with all its bracket groups.
absl::StatusOr<std::vector<Piece>> ParseName(absl::string_view name) {
  std::vector<Piece> pieces;
  while (!name.empty()) {
    const std::size_t open = name.find_first_of("[]");
    Piece piece;
    piece.literal = std::string(name.substr(0, open));
    if (open == absl::string_view::npos) {
      name = "";
    } else {
      const std::size_t close = name.find_first_of("[]", open + 1);
      if (name[open] == ']' || close == absl::string_view::npos || name[close] == '[') {
        return Malformed("unbalanced brackets");
      }
      SIGNET_ASSIGN_OR_RETURN(piece.ranges, ParseGroup(name.substr(open + 1, close - open - 1)));
      name.remove_prefix(close + 1);
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

// A lower bound on the length of every name these pieces make, so that long ones are refused before they are
// multiplied.
std::size_t ShortestName(const std::vector<Piece>& pieces) {
  std::size_t length = 0;
  for (const Piece& piece : pieces) length += piece.literal.size() + (piece.ranges.empty() ? 0 : 1);
  return length;
}

// How many names these pieces make; `limit` + 1 stands for every larger number.
std::uint64_t CountNames(const std::vector<Piece>& pieces, std::uint64_t limit) {
  std::uint64_t product = 1;
  for (const Piece& piece : pieces) {
    if (piece.ranges.empty()) continue;
    std::uint64_t sum = 0;
    for (const Range& range : piece.ranges) sum = std::min(limit + 1, sum + (range.last - range.first + 1));
    if (product > (limit + 1) / sum) return limit + 1;
    product *= sum;
  }
  return product;
}

std::vector<std::string> MakeNames(const std::vector<Piece>& pieces) {
  std::vector<std::string> names = {""};
  for (const Piece& piece : pieces) {
    for (std::string& name : names) name += piece.literal;
    if (piece.ranges.empty()) continue;
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const Range& range : piece.ranges) {
        for (std::uint64_t number = range.first; number <= range.last; ++number) {
          longer.push_back(absl::StrFormat("%s%0*d", name, static_cast<int>(range.width), number));
        }
      }
    }
    names = std::move(longer);
  }
  return names;
}

// Takes the next name off `rest`: up to a comma outside of brackets.
absl::string_view TakeName(absl::string_view& rest) {
  bool inside = false;
  std::size_t end = 0;
  for (; end < rest.size() && (inside || rest[end] != ','); ++end) {
    if (rest[end] == '[') inside = true;
    if (rest[end] == ']') inside = false;
  }
  const absl::string_view name = rest.substr(0, end);
  rest.remove_prefix(end);
  return name;
}

// Names that differ in their last number only.
struct Family {
  std::string prefix;
  std::string suffix;
  std::optional<std::size_t> width;  // 0: no leading zeros; none: no number at all
  bool operator<(const Family& other) const {
    return std::tie(prefix, suffix, width) < std::tie(other.prefix, other.suffix, other.width);
  }
};

// A name taken apart at its last number; `digits` is empty when it has none that a bracket could hold.
struct Split {
  absl::string_view prefix;
  absl::string_view digits;
  absl::string_view suffix;
};

Split SplitName(absl::string_view name) {
  static constexpr absl::string_view kDigits = "0123456789";
  const std::size_t last = name.find_last_of(kDigits);
  if (last == absl::string_view::npos) return {name, "", ""};
  const std::size_t before = name.find_last_not_of(kDigits, last);
  const std::size_t first = before == absl::string_view::npos ? 0 : before + 1;
  const absl::string_view digits = name.substr(first, last - first + 1);
  if (digits.size() > kMaxDigits) return {name, "", ""};
  return {name.substr(0, first), digits, name.substr(last + 1)};
}

std::string FamilyText(const Family& family, const std::set<std::uint64_t>& numbers) {
  const auto text = [&family](std::uint64_t number) {
    return absl::StrFormat("%0*d", static_cast<int>(family.width.value_or(0)), number);
  };
  if (numbers.empty()) return family.prefix;
  if (numbers.size() == 1) return absl::StrCat(family.prefix, text(*numbers.begin()), family.suffix);
  std::vector<std::string> ranges;
  for (auto it = numbers.begin(); it != numbers.end();) {
    const std::uint64_t first = *it;
    std::uint64_t last = first;
    for (++it; it != numbers.end() && *it == last + 1; ++it) ++last;
    ranges.push_back(first == last ? text(first) : absl::StrCat(text(first), "-", text(last)));
  }
  return absl::StrCat(family.prefix, "[", absl::StrJoin(ranges, ","), "]", family.suffix);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExpandHostlist(absl::string_view expression, std::size_t limit) {
  limit = std::min(limit, kMaxLimit);
  if (expression.empty()) return Malformed("empty");
  if (expression.size() > kMaxExpressionBytes) {
    return Malformed(absl::StrCat(expression.size(), " bytes, the limit is ", kMaxExpressionBytes));
  }
  std::vector<std::string> names;
  absl::flat_hash_set<std::string> seen;
  std::uint64_t made = 0;
  for (absl::string_view rest = expression;;) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<Piece> pieces, ParseName(TakeName(rest)));
    if (pieces.empty()) return Malformed("an empty name between commas");
    if (ShortestName(pieces) > kMaxNameLength) {
      return Malformed(absl::StrCat("a name of more than ", kMaxNameLength, " characters"));
    }
    made += CountNames(pieces, limit);
    if (made > limit) return TooMany(limit);
    for (std::string& name : MakeNames(pieces)) {
      if (const absl::Status status = CheckNodeName(name); !status.ok()) return Malformed(status.message());
      if (seen.insert(name).second) names.push_back(std::move(name));
    }
    if (rest.empty()) return names;
    rest.remove_prefix(1);
  }
}

std::string CompressHostlist(const std::vector<std::string>& names) {
  // Leading zeros fix a width; n10 then belongs with n09, but not with n9.
  std::set<Family> padded;
  for (const std::string& name : names) {
    const Split split = SplitName(name);
    if (split.digits.size() > 1 && split.digits.front() == '0') {
      padded.insert({std::string(split.prefix), std::string(split.suffix), split.digits.size()});
    }
  }
  std::map<Family, std::set<std::uint64_t>> families;
  for (const std::string& name : names) {
    const Split split = SplitName(name);
    Family family{std::string(split.prefix), std::string(split.suffix), split.digits.size()};
    if (padded.count(family) == 0) family.width = 0;
    std::uint64_t number = 0;
    const bool numbered = absl::SimpleAtoi(split.digits, &number);
    if (!numbered) family.width.reset();
    std::set<std::uint64_t>& numbers = families[family];
    if (numbered) numbers.insert(number);
  }
  std::vector<std::string> parts;
  parts.reserve(families.size());
  for (const auto& [family, numbers] : families) parts.push_back(FamilyText(family, numbers));
  return absl::StrJoin(parts, ",");
}

}  // namespace signet::names
