#include "services/rpc/host_reports.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/rpc/convert_rotation.h"
#include "services/x509/public_key.h"

namespace signet::rpc {
namespace {

constexpr std::size_t kMostHeard = 256;

// Whether saying it again could change the answer.
bool IsFinal(const absl::Status& stored) {
  return stored.ok() || absl::IsInvalidArgument(stored) || absl::IsPermissionDenied(stored);
}

}  // namespace

void HostReports::Take(const v1::HostReport& report, const audit::Origin& origin) {
  const std::string about = x509::Sha256(absl::StrCat(origin.actor, "\n", report.program(), "\n", report.host()));
  const std::string sha256 = x509::Sha256(report.SerializeAsString());
  const absl::Time now = engines_.clock.Now();
  const base::MutexLock lock(mutex_);
  if (!IsNews(about, sha256, now)) return;
  const auto row = FromProto(report);
  const absl::Status stored = row.ok() ? engines_.sightings.Report(*row, origin) : row.status();
  if (!stored.ok()) calls_.NoteIgnored("report.refused", origin, stored);
  // A failed write leaves it open which words are stored: whatever comes next is news.
  heard_.erase(about);
  if (!IsFinal(stored)) return;
  if (heard_.size() >= kMostHeard) heard_.clear();
  heard_[about] = {sha256, now};
}

bool HostReports::IsNews(const std::string& about, const std::string& sha256, absl::Time now) const {
  const auto last = heard_.find(about);
  if (last == heard_.end() || last->second.sha256 != sha256) return true;
  // A clock that was set back must not silence a host for as long.
  return last->second.at > now || now - last->second.at >= kReportEvery;
}

}  // namespace signet::rpc
