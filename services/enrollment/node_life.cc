#include "services/enrollment/node_life.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/audit/text.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/optional_row.h"
#include "services/enrollment/rule_words.h"
#include "services/names/hostlist.h"
#include "services/names/node_name.h"

namespace signet::enrollment {
namespace {

constexpr std::size_t kKeyIdDigits = 32;

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

// Each name once, all of them node names.
absl::StatusOr<std::vector<std::string>> CheckedNames(const std::vector<std::string>& nodes) {
  if (nodes.empty() || nodes.size() > kMaxNodesPerCall) {
    return Malformed(absl::StrCat("nodes: a call names 1 to ", kMaxNodesPerCall, " nodes, not ", nodes.size()));
  }
  for (const std::string& node : nodes) SIGNET_RETURN_IF_ERROR(names::CheckNodeName(node));
  const std::set<std::string> distinct(nodes.begin(), nodes.end());
  return std::vector<std::string>(distinct.begin(), distinct.end());
}

absl::Status CheckReason(absl::string_view reason) {
  if (absl::StripAsciiWhitespace(reason).empty()) return Malformed("reason: say why, for who finds the node blocked");
  const bool control = std::any_of(reason.begin(), reason.end(), [](char c) { return absl::ascii_iscntrl(c); });
  if (reason.size() > kMaxBlockReason || control || audit::FitText(reason, kMaxBlockReason) != reason) {
    return Malformed(absl::StrCat("reason: at most ", kMaxBlockReason, " bytes of printable UTF-8"));
  }
  return absl::OkStatus();
}

audit::Event EventFor(const audit::Origin& origin, absl::string_view action, const std::vector<std::string>& nodes,
                      const NodeChange& change) {
  audit::Event event;
  event.origin = origin;
  event.action = std::string(action);
  event.subject = names::CompressHostlist(nodes);
  event.facts = {{"nodes", absl::StrCat(change.nodes)}};
  return event;
}

void AddEnded(const NodeChange& change, audit::Event& event) {
  event.facts["identities_ended"] = absl::StrCat(change.identities_ended);
  event.facts["tokens_revoked"] = absl::StrCat(change.tokens_revoked);
  event.facts["approvals_dropped"] = absl::StrCat(change.approvals_dropped);
}

bool ChangesNothing(const NodeChange& change) {
  return change.nodes == 0 && change.identities_ended == 0 && change.tokens_revoked == 0 &&
         change.approvals_dropped == 0 && change.reports_dropped == 0;
}

// Everything by which `node` could get a certificate.
absl::Status EndAll(store::Tables& tables, const std::string& node, absl::Time now, store::EndedBy by,
                    NodeChange& change) {
  SIGNET_ASSIGN_OR_RETURN(const int64_t ended, tables.nodes().EndIdentities(node, "", now, by));
  SIGNET_ASSIGN_OR_RETURN(const int64_t revoked, tables.tokens().RevokeOfNode(node, now));
  SIGNET_ASSIGN_OR_RETURN(const int64_t dropped, tables.approvals().DeleteOfNode(node));
  change.identities_ended += ended;
  change.tokens_revoked += revoked;
  change.approvals_dropped += dropped;
  return absl::OkStatus();
}

// One more blocked name, unless it is blocked already: the first reason stands.
absl::Status InsertBlock(store::Tables& tables, const store::BlockRow& row, NodeChange& change) {
  SIGNET_ASSIGN_OR_RETURN(const auto found, OptionalRow(tables.blocks().Find(row.node)));
  if (found.has_value()) return absl::OkStatus();
  change.nodes += 1;
  return tables.blocks().Insert(row);
}

absl::Status CheckApproval(absl::string_view node, absl::string_view daemon, absl::string_view key_id,
                           absl::Duration ttl) {
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(node));
  if (!names::IsNodeDaemon(daemon)) return Malformed("daemon: must be slurmd or sackd");
  if (key_id.size() != kKeyIdDigits || !std::all_of(key_id.begin(), key_id.end(), absl::ascii_isxdigit)) {
    return Malformed("key: must be the 32 hexadecimal digits that the node prints");
  }
  if (ttl < absl::Seconds(1) || ttl > kMostApprovalTtl) {
    return Malformed(absl::StrCat("ttl: is ", absl::FormatDuration(ttl), "; allowed are 1 second to 30 days"));
  }
  return absl::OkStatus();
}

absl::Status CheckMayApprove(const store::Tables& tables, const store::ApprovalRow& row) {
  SIGNET_ASSIGN_OR_RETURN(const auto block, OptionalRow(tables.blocks().Find(row.node)));
  if (block.has_value()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kNodeBlocked,
                         absl::StrCat(row.node, " is blocked since ", TimeText(block->blocked_at)),
                         absl::StrCat("signetctl node unblock ", row.node));
  }
  SIGNET_ASSIGN_OR_RETURN(const auto identity, OptionalRow(tables.nodes().FindIdentity(row.key_id)));
  if (!identity.has_value()) return absl::OkStatus();
  const bool live = identity->superseded_at == absl::InfiniteFuture();
  return base::Refusal(
      absl::StatusCode::kAlreadyExists, base::kAlreadyExists,
      absl::StrCat("identity key ", row.key_id, live ? " is that of " : " has ended: it was that of ", identity->node,
                   " (", identity->daemon, ")", live ? "" : ", and does not come back"),
      live ? absl::StrCat("signetctl node show ", identity->node) : TokenCreate(row.node, row.daemon));
}

}  // namespace

absl::StatusOr<NodeChange> NodeLife::Block(const std::vector<std::string>& nodes, absl::string_view reason,
                                           const audit::Origin& origin) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> checked, CheckedNames(nodes));
  SIGNET_RETURN_IF_ERROR(CheckReason(reason));
  const absl::Time now = clock_.Now();
  NodeChange change;
  const auto block = [&](store::Tables& tables) -> absl::Status {
    change = NodeChange{};
    for (const std::string& node : checked) {
      SIGNET_RETURN_IF_ERROR(EndAll(tables, node, now, store::EndedBy::kBlock, change));
      SIGNET_RETURN_IF_ERROR(InsertBlock(tables, {node, std::string(reason), origin.actor, now}, change));
    }
    if (ChangesNothing(change)) return absl::OkStatus();
    audit::Event event = EventFor(origin, "node.block", checked, change);
    AddEnded(change, event);
    event.facts["why"] = std::string(reason);
    return audit_.Append(tables, event);
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(block));
  return change;
}

absl::StatusOr<NodeChange> NodeLife::Unblock(const std::vector<std::string>& nodes, const audit::Origin& origin) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> checked, CheckedNames(nodes));
  NodeChange change;
  const auto unblock = [&](store::Tables& tables) -> absl::Status {
    change = NodeChange{};
    for (const std::string& node : checked) {
      SIGNET_ASSIGN_OR_RETURN(const bool was_blocked, tables.blocks().Delete(node));
      change.nodes += was_blocked ? 1 : 0;
    }
    if (ChangesNothing(change)) return absl::OkStatus();
    return audit_.Append(tables, EventFor(origin, "node.unblock", checked, change));
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(unblock));
  return change;
}

absl::StatusOr<NodeChange> NodeLife::Forget(const std::vector<std::string>& nodes, const audit::Origin& origin) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> checked, CheckedNames(nodes));
  const absl::Time now = clock_.Now();
  NodeChange change;
  const auto forget = [&](store::Tables& tables) -> absl::Status {
    change = NodeChange{};
    for (const std::string& node : checked) {
      SIGNET_RETURN_IF_ERROR(EndAll(tables, node, now, store::EndedBy::kForget, change));
      SIGNET_ASSIGN_OR_RETURN(const int64_t rows, tables.nodes().Forget(node));
      change.nodes += rows;
      SIGNET_ASSIGN_OR_RETURN(const int64_t reports, tables.sightings().DeleteReports(node));
      change.reports_dropped += reports;
    }
    if (ChangesNothing(change)) return absl::OkStatus();
    audit::Event event = EventFor(origin, "node.forget", checked, change);
    AddEnded(change, event);
    event.facts["reports_dropped"] = absl::StrCat(change.reports_dropped);
    return audit_.Append(tables, event);
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(forget));
  return change;
}

absl::StatusOr<store::ApprovalRow> NodeLife::Approve(absl::string_view node, absl::string_view daemon,
                                                     absl::string_view key_id, absl::Duration ttl,
                                                     const audit::Origin& origin) {
  const absl::Duration lasts = ttl == absl::ZeroDuration() ? kDefaultApprovalTtl : ttl;
  SIGNET_RETURN_IF_ERROR(CheckApproval(node, daemon, key_id, lasts));
  const absl::Time now = clock_.Now();
  const store::ApprovalRow row{
      absl::AsciiStrToLower(key_id), std::string(node), std::string(daemon), origin.actor, now, now + lasts};
  const auto approve = [&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(CheckMayApprove(tables, row));
    SIGNET_RETURN_IF_ERROR(tables.approvals().Put(row));
    audit::Event event;
    event.origin = origin;
    event.action = "node.approve";
    event.subject = row.node;
    event.facts = {{"daemon", row.daemon}, {"key_id", row.key_id}, {"expires_at", TimeText(row.expires_at)}};
    return audit_.Append(tables, event);
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(approve));
  return row;
}

}  // namespace signet::enrollment
