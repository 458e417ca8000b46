#include "services/authority/gate_words.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/authority/custody_label.h"
#include "services/x509/certificate.h"

namespace signet::authority {
namespace {
constexpr std::size_t kShortId = 12;
// A longer hostlist is not typed: it stands in the blocker's names.
constexpr std::size_t kMostTyped = 120;
}  // namespace

std::string ShortId(absl::string_view id) { return std::string(id.substr(0, kShortId)); }

std::string NameOf(const store::AuthorityRow& row) {
  const auto certificate = x509::Certificate::FromDer(row.certificate_der);
  if (!certificate.ok()) return ShortId(row.id);
  return certificate->common_name().empty() ? certificate->subject() : certificate->common_name();
}

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::string DurationText(absl::Duration duration) {
  const int64_t minutes = std::max<int64_t>(absl::ToInt64Minutes(duration), 0);
  const int64_t hours = minutes / 60;
  const int64_t days = hours / 24;
  const auto two = [](int64_t big, absl::string_view big_unit, int64_t small, absl::string_view small_unit) {
    return small == 0 ? absl::StrCat(big, big_unit) : absl::StrCat(big, big_unit, " ", small, small_unit);
  };
  if (days > 0) return two(days, "d", hours % 24, "h");
  if (hours > 0) return two(hours, "h", minutes % 60, "m");
  return absl::StrCat(minutes, "m");
}

std::string Counted(int64_t count, absl::string_view singular) {
  return absl::StrCat(count, " ", singular, count == 1 ? "" : "s");
}

std::string ProbeCommandOr(absl::string_view hosts, const store::AuthorityRow& authority) {
  const bool signs_none = authority.state == store::AuthorityState::kRevoked ||
                          authority.state == store::AuthorityState::kDestroyed || authority.custody == kForeignCustody;
  if (signs_none) return std::string();
  return absl::StrCat("signetctl rotation probe ", hosts, hosts.empty() ? "" : " ", "--authority ",
                      ShortId(authority.id), ", or ");
}

std::string AckCommand(absl::string_view names, const store::AuthorityRow& authority) {
  return absl::StrCat("signetctl rotation ack ", names.size() > kMostTyped ? "NAMES" : names, " --authority ",
                      ShortId(authority.id), " --reason WHY");
}

Blocker BlockerOf(BlockerKind kind, const std::string& names, std::size_t count, absl::Time since) {
  Blocker blocker{};
  blocker.kind = kind;
  blocker.names = names;
  blocker.count = static_cast<int64_t>(count);
  blocker.since = since;
  return blocker;
}

std::string Causes(const std::vector<Blocker>& blockers) {
  return absl::StrJoin(blockers, "; ", [](std::string* out, const Blocker& blocker) { out->append(blocker.cause); });
}

std::string FoldBlockers(const std::vector<Blocker>& blockers) {
  return absl::StrJoin(blockers, "; ", [](std::string* out, const Blocker& blocker) {
    absl::StrAppend(out, blocker.cause);
    if (!blocker.names.empty()) absl::StrAppend(out, ": ", blocker.names);
  });
}

}  // namespace signet::authority
