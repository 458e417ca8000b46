#include "services/authority/sightings.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/audit/text.h"
#include "services/authority/observations.h"
#include "services/authority/rotation_words.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/hostlist.h"
#include "services/names/node_name.h"

namespace signet::authority {
namespace {

constexpr std::size_t kMostPerCall = 1000;
constexpr std::size_t kHashBytes = 32;
// RFC 5280 section 4.1.2.2: 20 octets.
constexpr std::size_t kMostSerialDigits = 40;
constexpr std::size_t kMostVersionBytes = 64;

absl::Status CheckHost(absl::string_view host) {
  if (names::CheckNodeName(host).ok()) return absl::OkStatus();
  return Malformed("host: must be a host name of 1 to 64 letters, digits, '.', '_' or '-', and no service's name");
}

absl::Status CheckHash(absl::string_view field, absl::string_view sha256) {
  if (sha256.empty() || sha256.size() == kHashBytes) return absl::OkStatus();
  return Malformed(absl::StrCat(field, ": must have 32 bytes, or none"));
}

absl::Status CheckSerial(absl::string_view serial) {
  const auto is_digit = [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  };
  if (serial.size() <= kMostSerialDigits && std::all_of(serial.begin(), serial.end(), is_digit)) {
    return absl::OkStatus();
  }
  return Malformed(
      absl::StrCat("served_serial: must be at most ", kMostSerialDigits, " lower-case hexadecimal digits"));
}

absl::Status CheckReport(const store::ReportRow& report) {
  SIGNET_RETURN_IF_ERROR(CheckHost(report.host));
  if (report.program != kHostProgram && !names::IsServiceName(report.program)) {
    return Malformed("program: must be slurmctld, slurmdbd, slurmrestd or host");
  }
  SIGNET_RETURN_IF_ERROR(CheckHash("bundle_on_disk.sha256", report.disk_sha256));
  SIGNET_RETURN_IF_ERROR(CheckHash("bundle_loaded.sha256", report.loaded_sha256));
  return CheckSerial(report.served_serial);
}

// Default deny: a report opens gates.
absl::Status CheckMaySpeak(const store::ReportRow& report, const audit::Origin& origin) {
  const bool may = origin.role == "admin" || (origin.role == "controller" && report.program == "slurmctld") ||
                   (origin.role == "service" && !origin.name.empty() && report.program == origin.name) ||
                   (origin.role == "observer" && !origin.name.empty() && report.program == kHostProgram &&
                    report.host == origin.name);
  if (may) return absl::OkStatus();
  const bool host = report.program == kHostProgram;
  return base::Refusal(absl::StatusCode::kPermissionDenied, base::kAccessDenied,
                       absl::StrCat("role ", origin.role.empty() ? "none" : origin.role, " may not report ",
                                    report.program, " of ", report.host),
                       absl::StrCat("signetctl client issue ", host ? report.host : report.program, " --role ",
                                    host ? "observer" : "service"));
}

absl::Status CheckProbe(const store::ProbeRow& row, absl::string_view authority_id) {
  SIGNET_RETURN_IF_ERROR(CheckHost(row.host));
  if (row.program != "slurmd" && !names::IsServiceName(row.program)) {
    return Malformed("program: must be slurmd, slurmctld, slurmdbd or slurmrestd");
  }
  if (row.authority_id != authority_id) return Malformed("authority_id: a result is for another authority");
  return CheckSerial(row.served_serial);
}

// False when it is of another host or program than the one that was asked, or of nobody's.
absl::StatusOr<bool> ServedItsOwn(const store::Tables& tables, const store::ProbeRow& probe, absl::Time now) {
  if (probe.served_serial.empty()) return false;
  const absl::StatusOr<store::CertificateRow> row = tables.certificates().Find(probe.served_serial);
  if (absl::IsNotFound(row.status())) return false;
  SIGNET_RETURN_IF_ERROR(row.status());
  const bool service = names::IsServiceName(probe.program);
  return row->profile == (service ? store::Profile::kService : store::Profile::kNode) &&
         row->subject == (service ? probe.program : probe.host) && row->daemon == probe.program &&
         row->state != store::CertificateState::kRevoked && now <= row->not_after;
}

absl::Status CheckCount(absl::string_view field, std::size_t count) {
  if (count >= 1 && count <= kMostPerCall) return absl::OkStatus();
  return Malformed(absl::StrCat(field, ": a call names 1 to ", kMostPerCall, ", not ", count));
}

absl::Status CheckAuthority(const store::Tables& tables, absl::string_view id) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables.authorities().List());
  const bool known = std::any_of(rows.begin(), rows.end(), [id](const auto& row) {
    return row.id == id && row.purpose == store::Purpose::kSlurm;
  });
  if (known) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "there is no authority for slurm with this id",
                       "signetctl authority list");
}

}  // namespace

Sightings::Sightings(store::Store& store, const audit::AuditLog& audit, base::Clock& clock)
    : store_(store), audit_(audit), clock_(clock) {}

absl::Status Sightings::Report(const store::ReportRow& report, const audit::Origin& origin) {
  SIGNET_RETURN_IF_ERROR(CheckReport(report));
  SIGNET_RETURN_IF_ERROR(CheckMaySpeak(report, origin));
  store::ReportRow row = report;
  if (row.loaded_sha256.empty()) row.loaded_generation = 0;
  row.adapter_version = audit::FitText(row.adapter_version, kMostVersionBytes);
  row.reported_by = origin.actor;
  row.reported_at = clock_.Now();
  return store_.Write([&](store::Tables& tables) { return tables.sightings().PutReport(row); });
}

absl::StatusOr<std::vector<std::string>> Sightings::RecordProbes(absl::string_view authority_id,
                                                                 const std::vector<store::ProbeRow>& results,
                                                                 const audit::Origin& origin) {
  SIGNET_RETURN_IF_ERROR(CheckCount("results", results.size()));
  for (const store::ProbeRow& row : results) SIGNET_RETURN_IF_ERROR(CheckProbe(row, authority_id));
  const absl::Time now = clock_.Now();
  std::set<std::string> others;
  const auto record = [&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckAuthority(tables, authority_id));
    others.clear();
    std::vector<std::string> refused;
    int64_t trusted = 0;
    for (store::ProbeRow row : results) {
      if (row.trusted) {
        SIGNET_ASSIGN_OR_RETURN(const bool its_own, ServedItsOwn(tables, row, now));
        if (!its_own) {
          others.insert(row.host);
          continue;
        }
        ++trusted;
      } else {
        refused.push_back(row.host);
      }
      row.probed_at = now;
      SIGNET_RETURN_IF_ERROR(tables.sightings().PutProbe(row));
    }
    audit::Event event;
    event.origin = origin;
    event.action = "rotation.probe";
    event.subject = std::string(authority_id);
    event.facts = {{"trusted", absl::StrCat(trusted)}, {"not_trusted", absl::StrCat(refused.size())}};
    if (!refused.empty()) event.facts["not_trusted_by"] = names::CompressHostlist(refused);
    if (!others.empty()) event.facts["another_answered_for"] = names::CompressHostlist({others.begin(), others.end()});
    return audit_.Append(tables, event);
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(record));
  return std::vector<std::string>(others.begin(), others.end());
}

absl::StatusOr<int64_t> Sightings::Acknowledge(absl::string_view authority_id, const std::vector<std::string>& hosts,
                                               absl::string_view reason, const audit::Origin& origin) {
  SIGNET_RETURN_IF_ERROR(CheckCount("hosts", hosts.size()));
  SIGNET_RETURN_IF_ERROR(CheckReason("reason", reason));
  for (const std::string& host : hosts) {
    if (!names::IsServiceName(host)) SIGNET_RETURN_IF_ERROR(CheckHost(host));
  }
  const std::set<std::string> distinct(hosts.begin(), hosts.end());
  const absl::Time now = clock_.Now();
  int64_t fresh = 0;
  const auto acknowledge = [&](store::Tables& tables) -> absl::Status {
    fresh = 0;
    SIGNET_RETURN_IF_ERROR(CheckAuthority(tables, authority_id));
    for (const std::string& host : distinct) {
      const store::AckRow row{std::string(authority_id), host, std::string(reason), origin.actor, now};
      SIGNET_ASSIGN_OR_RETURN(const bool is_new, tables.sightings().InsertAck(row));
      fresh += is_new ? 1 : 0;
    }
    audit::Event event;
    event.origin = origin;
    event.action = "rotation.ack";
    event.subject = names::CompressHostlist({distinct.begin(), distinct.end()});
    event.facts = {{"authority", std::string(authority_id)},
                   {"why", std::string(reason)},
                   {"hosts", absl::StrCat(distinct.size())},
                   {"new", absl::StrCat(fresh)}};
    return audit_.Append(tables, event);
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(acknowledge));
  return fresh;
}

}  // namespace signet::authority
