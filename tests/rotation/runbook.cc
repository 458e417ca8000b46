#include "tests/rotation/runbook.h"

#include <cstdlib>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/testing/must.h"
#include "tests/testing/paths.h"

namespace signet::rotation {
namespace {

constexpr absl::string_view kBegin = "# A daemon believes the thief until it has loaded the new bundle";
constexpr absl::string_view kEnd = "# Hosts that keep the old bundle";
// "#  1. head node:          signetctl …"; prose begins further to the left.
constexpr std::size_t kWhere = 3;
constexpr std::size_t kCommand = 26;

bool IsProse(absl::string_view line) { return line.size() > 6 && line.substr(kWhere, 3) == "   " && line[6] != ' '; }

}  // namespace

std::vector<RunbookStep> ReadRunbook() {
  std::ifstream page(SIGNET_SOURCE_DIR "/docs/rotation.md");
  std::vector<RunbookStep> steps;
  std::string line, where;
  bool inside = false;
  while (std::getline(page, line)) {
    if (absl::StartsWith(line, kEnd)) return steps;
    if (!inside) {
      inside = absl::StartsWith(line, kBegin);
      continue;
    }
    if (IsProse(line)) continue;
    const bool has_command =
        line.size() > kCommand && absl::StartsWith(line, "#  ") && line[kCommand] != ' ' && line[kCommand - 1] == ' ';
    if (!has_command) signet::testing::Must(absl::InvalidArgumentError(absl::StrCat("no step of a runbook: ", line)));
    absl::string_view head = absl::StripAsciiWhitespace(absl::string_view(line).substr(kWhere, kCommand - kWhere));
    if (!head.empty()) {
      const std::size_t dot = head.find(". ");
      if (dot == absl::string_view::npos || !absl::EndsWith(head, ":")) {
        signet::testing::Must(absl::InvalidArgumentError(absl::StrCat("no place: ", line)));
      }
      where = std::string(head.substr(dot + 2, head.size() - dot - 3));
    }
    steps.push_back({where, line.substr(kCommand)});
  }
  signet::testing::Must(absl::NotFoundError("docs/rotation.md has no runbook"));
  return {};
}

}  // namespace signet::rotation
