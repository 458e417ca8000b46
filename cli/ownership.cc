#include "cli/ownership.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/failure.h"

namespace signet::cli {
namespace {

// The largest id is "nobody was asked for" to chown(2).
bool ParseId(const std::string& text, uint32_t* id) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, id) &&
         *id != UINT32_MAX;
}

}  // namespace

absl::StatusOr<uid_t> UserId(const std::string& user) {
  uint32_t id = 0;
  if (ParseId(user, &id)) return id;
  const passwd* entry = getpwnam(user.c_str());  // NOLINT: one thread
  if (entry == nullptr)
    return UsageError(absl::StrCat("--owner: no user ", user, " on this host"), "name the user the service runs as");
  return entry->pw_uid;
}

absl::StatusOr<gid_t> GroupId(const std::string& group_name) {
  uint32_t id = 0;
  if (ParseId(group_name, &id)) return id;
  const group* entry = getgrnam(group_name.c_str());  // NOLINT: one thread
  if (entry == nullptr) return UsageError(absl::StrCat("--group: no group ", group_name, " on this host"));
  return entry->gr_gid;
}

}  // namespace signet::cli
