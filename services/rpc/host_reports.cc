#include "services/rpc/host_reports.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/rpc/convert_rotation.h"
#include "services/x509/public_key.h"

namespace signet::rpc {
namespace {

constexpr std::size_t kMostHeard = 256;

}  // namespace

void HostReports::Take(const v1::HostReport& report, const audit::Origin& origin) {
  if (!IsNews(report, origin)) return;
  const auto row = FromProto(report);
  const absl::Status stored = row.ok() ? engines_.sightings.Report(*row, origin) : row.status();
  if (!stored.ok()) calls_.NoteIgnored("report.refused", origin, stored);
}

bool HostReports::IsNews(const v1::HostReport& report, const audit::Origin& origin) {
  const std::string hash = x509::Sha256(absl::StrCat(origin.actor, "\n", report.SerializeAsString()));
  const absl::Time now = engines_.clock.Now();
  const base::MutexLock lock(mutex_);
  const auto before = heard_.find(hash);
  // A clock that was set back must not silence a host for as long.
  if (before != heard_.end() && before->second <= now && now - before->second < kReportEvery) return false;
  if (heard_.size() >= kMostHeard) heard_.clear();
  heard_[hash] = now;
  return true;
}

}  // namespace signet::rpc
