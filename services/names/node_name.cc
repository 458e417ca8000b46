#include "services/names/node_name.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"

namespace signet::names {
namespace {

constexpr std::size_t kMaxLength = 64;

bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

absl::Status Refused(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kNameRefused, absl::StrCat("node name: ", problem));
}

}  // namespace

absl::Status CheckNodeName(absl::string_view name) {
  if (name.empty()) return Refused("empty");
  if (name.size() > kMaxLength) {
    return Refused(absl::StrCat(name.size(), " characters, the limit is ", kMaxLength));
  }
  for (const char c : name) {
    if (!IsAlphanumeric(c) && c != '.' && c != '_' && c != '-') {
      return Refused("only letters, digits, '.', '_' and '-' are allowed");
    }
  }
  if (!IsAlphanumeric(name.front()) || !IsAlphanumeric(name.back())) {
    return Refused("must begin and end with a letter or a digit");
  }
  if (absl::StrContains(name, "..")) return Refused("must not hold two dots in a row");
  if (IsServiceName(name)) return Refused(absl::StrCat(name, " is the name of a service of Slurm, never of a node"));
  return absl::OkStatus();
}

bool IsServiceName(absl::string_view name) { return name == "slurmctld" || name == "slurmdbd" || name == "slurmrestd"; }

bool IsNodeDaemon(absl::string_view daemon) { return daemon == "slurmd" || daemon == "sackd"; }

}  // namespace signet::names
