#include "services/server/inventory.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/enrollment/evidence_kind.h"
#include "services/evidence/token.h"
#include "signet/v1/audit.pb.h"

namespace signet::server {
namespace {

namespace metric = telemetry::metric;
using telemetry::Gauges;

constexpr absl::string_view kServices[] = {"slurmctld", "slurmdbd", "slurmrestd"};
constexpr std::size_t kShownIdDigits = 8;

// By name, so that each is shown at 0 as well. What is set twice is added up.
constexpr const char* kTokenStates[] = {"live", "expiring", "spent", "expired", "revoked"};
constexpr const char* kBundles[] = {"current", "behind", "ahead", "unknown"};
constexpr const char* kSteps[] = {"idle", "spreading", "holding"};
constexpr const char* kBlockers[] = {"node_not_loaded",  "service_not_loaded",  "host_not_loaded",
                                     "node_certificate", "service_certificate", "hold"};

// The word for an enumerator that counts from 1; one that was added since is "other".
template <std::size_t kSize, typename Enum>
std::string Word(const char* const (&words)[kSize], Enum value) {
  const auto index = static_cast<std::size_t>(value) - 1;
  return index < kSize ? words[index] : "other";
}

absl::Status AddNodes(const store::Tables& tables, absl::Time now, Gauges& gauges) {
  SIGNET_ASSIGN_OR_RETURN(const store::NodeCounts counts, tables.nodes().Count(now));
  SIGNET_ASSIGN_OR_RETURN(const int64_t blocked, tables.blocks().Count());
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow bundle, tables.bundles().Newest());
  SIGNET_ASSIGN_OR_RETURN(const store::NodeTallies kinds,
                          tables.nodes().CountKinds(now, bundle.generation, kMostVersions));
  gauges.Set(metric::kNodes, {"certified"}, static_cast<double>(counts.certified));
  gauges.Set(metric::kNodes, {"uncertified"}, static_cast<double>(counts.enrolled - counts.certified));
  gauges.Set(metric::kNodes, {"blocked"}, static_cast<double>(blocked));
  if (!counts.first_lost.empty()) gauges.SetUntil(metric::kFirstNodeLost, {}, counts.first_lost_at);

  for (int kind = static_cast<int>(enrollment::EvidenceKind::kSingleUse);
       kind <= static_cast<int>(enrollment::EvidenceKind::kApproval); ++kind) {
    const absl::string_view name = enrollment::EvidenceKindName(static_cast<enrollment::EvidenceKind>(kind));
    gauges.Set(metric::kNodesByEvidence, {std::string(name)}, 0);
  }
  for (const auto& [kind, count] : kinds.by_evidence) {
    const absl::string_view name = enrollment::EvidenceKindName(static_cast<enrollment::EvidenceKind>(kind));
    gauges.Set(metric::kNodesByEvidence, {std::string(name)}, static_cast<double>(count));
  }
  for (const char* const loaded : kBundles) gauges.Set(metric::kNodesByBundle, {loaded}, 0);
  for (const auto& [loaded, count] : kinds.by_bundle) {
    gauges.Set(metric::kNodesByBundle, {Word(kBundles, loaded)}, static_cast<double>(count));
  }
  int64_t rest = counts.certified;
  for (const auto& [version, count] : kinds.by_adapter) {
    gauges.Set(metric::kNodesByAdapter, {version}, static_cast<double>(count));
    rest -= count;
  }
  if (rest > 0) gauges.Set(metric::kNodesByAdapter, {"other"}, static_cast<double>(rest));
  return absl::OkStatus();
}

absl::Status AddTokens(const store::Tables& tables, absl::Time now, Gauges& gauges) {
  for (int kind = static_cast<int>(evidence::TokenKind::kSingleUse);
       kind <= static_cast<int>(evidence::TokenKind::kLab); ++kind) {
    const absl::string_view name = evidence::TokenKindName(static_cast<evidence::TokenKind>(kind));
    for (const char* const state : kTokenStates) gauges.Set(metric::kTokens, {std::string(name), state}, 0);
  }
  SIGNET_ASSIGN_OR_RETURN(const std::vector<store::TokenTally> tallies,
                          tables.tokens().CountStates(now, now + kExpiringSoon));
  for (const store::TokenTally& tally : tallies) {
    const absl::string_view name = evidence::TokenKindName(static_cast<evidence::TokenKind>(tally.kind));
    gauges.Set(metric::kTokens, {std::string(name), Word(kTokenStates, tally.state)}, static_cast<double>(tally.count));
  }
  return absl::OkStatus();
}

absl::Status AddServices(const store::Tables& tables, Gauges& gauges) {
  for (const absl::string_view service : kServices) {
    const auto newest = tables.certificates().Newest(store::Profile::kService, service);
    if (absl::IsNotFound(newest.status())) continue;
    SIGNET_RETURN_IF_ERROR(newest.status());
    gauges.SetUntil(metric::kServiceExpires, {std::string(service)}, newest->not_after);
  }
  return absl::OkStatus();
}

absl::Status AddAudit(const store::Tables& tables, Gauges& gauges) {
  const auto last = tables.audit().Last();
  if (absl::IsNotFound(last.status())) return absl::OkStatus();
  SIGNET_RETURN_IF_ERROR(last.status());
  const auto sealed = tables.audit().LastCheckpoint();
  uint64_t sealed_until = 0;
  if (!absl::IsNotFound(sealed.status())) {
    SIGNET_RETURN_IF_ERROR(sealed.status());
    v1::SignedCheckpoint signed_checkpoint;
    v1::Checkpoint checkpoint;
    if (!signed_checkpoint.ParseFromString(sealed->bytes) ||
        !checkpoint.ParseFromString(signed_checkpoint.checkpoint())) {
      return absl::DataLossError(absl::StrCat("audit checkpoint ", sealed->sequence, " does not parse"));
    }
    sealed_until = sealed->sequence;
    gauges.SetSince(metric::kAuditCheckpointAge, {}, absl::FromUnixMillis(checkpoint.time_ms()));
  }
  gauges.Set(metric::kAuditUnsealed, {}, static_cast<double>(last->sequence - sealed_until));
  return absl::OkStatus();
}

// Null for an authority that nobody trusts any more.
const char* StateWord(store::AuthorityState state) {
  switch (state) {
    case store::AuthorityState::kPrepared:
      return "prepared";
    case store::AuthorityState::kActive:
      return "active";
    case store::AuthorityState::kRetired:
      return "retired";
    case store::AuthorityState::kRevoked:
    case store::AuthorityState::kDestroyed:
      break;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Gauges> InventoryOf(const store::Tables& tables, absl::Time now) {
  Gauges gauges;
  SIGNET_RETURN_IF_ERROR(AddNodes(tables, now, gauges));
  SIGNET_RETURN_IF_ERROR(AddTokens(tables, now, gauges));
  SIGNET_RETURN_IF_ERROR(AddServices(tables, gauges));
  SIGNET_RETURN_IF_ERROR(AddAudit(tables, gauges));
  return gauges;
}

Gauges RotationGauges(const authority::Authorities& authorities, const authority::Standing& standing) {
  Gauges gauges;
  for (const auto& each : authorities.List()) {
    const char* const state = StateWord(each->state);
    if (state == nullptr) continue;
    gauges.SetUntil(
        metric::kAuthorityExpires,
        {each->id.substr(0, kShownIdDigits), each->purpose == store::Purpose::kSlurm ? "slurm" : "control", state},
        each->certificate.not_after());
  }
  if (standing.prepare_by < absl::InfiniteFuture()) gauges.SetUntil(metric::kPrepareWindow, {}, standing.prepare_by);
  for (const char* const step : kSteps) gauges.Set(metric::kRotationStep, {step}, 0);
  gauges.Set(metric::kRotationStep, {Word(kSteps, standing.step)}, 1);
  if (standing.since > absl::InfinitePast()) gauges.SetSince(metric::kRotationStepAge, {}, standing.since);
  for (const char* const kind : kBlockers) gauges.Set(metric::kRotationBlockers, {kind}, 0);
  for (const authority::Blocker& blocker : standing.blockers) {
    gauges.Set(metric::kRotationBlockers, {Word(kBlockers, blocker.kind)},
               blocker.count > 0 ? static_cast<double>(blocker.count) : 1);
  }
  gauges.Set(metric::kBundleGeneration, {}, static_cast<double>(standing.bundle_generation));
  gauges.Set(metric::kBundleGenerationSeen, {}, static_cast<double>(standing.highest_generation_seen));
  return gauges;
}

}  // namespace signet::server
