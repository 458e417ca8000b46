#include "services/enrollment/tokens.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/enrollment/optional_row.h"
#include "services/enrollment/rule_words.h"
#include "services/names/hostlist.h"
#include "services/names/node_name.h"
#include "services/x509/public_key.h"

namespace signet::enrollment {
namespace {

constexpr char kAdminRole[] = "admin";
constexpr char kProvisionerRole[] = "provisioner";
constexpr absl::Duration kMostTtl = absl::Hours(24 * 365);
constexpr absl::Duration kMostProvisionedTtl = absl::Hours(24);
constexpr std::size_t kMostFaultsNamed = 40;
// Hostlists of provisioners whose names are kept expanded.
constexpr std::size_t kMostScopes = 16;

// What is wrong with a list of tokens, each by its place and node.
class Faults {
 public:
  void Add(std::size_t index, const NewToken& token, const absl::Status& status) {
    if (!absl::IsAlreadyExists(status)) only_existing_ = false;
    if (++count_ > kMostFaultsNamed) return;
    // A name that is none is not repeated: it may be a mebibyte, or anything.
    const std::string node = names::CheckNodeName(token.node).ok() ? absl::StrCat(" (", token.node, ")") : "";
    lines_.push_back(absl::StrCat("token ", index + 1, node, ": ", status.message()));
  }
  absl::Status ToStatus() const {
    if (count_ == 0) return absl::OkStatus();
    std::string message = absl::StrCat("no token was created: ", absl::StrJoin(lines_, "; "));
    if (count_ > lines_.size()) absl::StrAppend(&message, "; and ", count_ - lines_.size(), " more");
    return only_existing_ ? base::Refusal(absl::StatusCode::kAlreadyExists, base::kAlreadyExists, message)
                          : base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
  }

 private:
  std::size_t count_ = 0;
  bool only_existing_ = true;
  std::vector<std::string> lines_;
};

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

bool IsLabelCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("._:=/-", c);
}

absl::StatusOr<store::TokenRow> RowFor(const NewToken& token, absl::Time now, absl::string_view actor) {
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(token.node));
  if (!names::IsNodeDaemon(token.daemon)) return Malformed("daemon must be slurmd or sackd");
  SIGNET_RETURN_IF_ERROR(evidence::TokenKindFromName(evidence::TokenKindName(token.kind)).status());
  SIGNET_RETURN_IF_ERROR(CheckTokenLabel(token.label));
  const absl::Duration ttl = token.ttl == absl::ZeroDuration() ? DefaultTtl(token.kind) : token.ttl;
  if (ttl < absl::Seconds(1) || ttl > kMostTtl) {
    return Malformed(absl::StrCat("ttl is ", absl::FormatDuration(ttl), "; allowed are 1 second to 365 days"));
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::PublicKey key, x509::PublicKey::FromSpkiDer(token.spki_der));
  if (key.type() != x509::KeyType::kEcP256) return Malformed("a token's key is P-256");
  store::TokenRow row;
  row.id = key.key_id();
  row.node = token.node;
  row.daemon = token.daemon;
  row.kind = static_cast<int>(token.kind);
  row.spki_der = token.spki_der;
  row.created_at = now;
  row.expires_at = now + ttl;
  row.created_by = std::string(actor);
  row.label = token.label;
  return row;
}

// Of two rows with one id, which is a part of their key's hash.
bool SameToken(const store::TokenRow& a, const store::TokenRow& b) {
  return a.node == b.node && a.daemon == b.daemon && a.kind == b.kind && a.spki_der == b.spki_der;
}

absl::Status Taken() {
  return base::Refusal(absl::StatusCode::kAlreadyExists, base::kAlreadyExists,
                       "its key is already the key of another token; each token needs a key of its own");
}

// What is asked for, as far as that can be judged without the store: reading a key costs more than all else, and is
// done once, outside of the transaction.
using Wanted = std::vector<absl::StatusOr<store::TokenRow>>;

// The rows to answer with and, in `fresh`, the indices of those that the store does not have.
struct Plan {
  std::vector<store::TokenRow> rows;
  std::vector<std::size_t> fresh;
};

absl::StatusOr<Plan> PlanFor(const std::vector<NewToken>& tokens, const Wanted& wanted, const store::Tables& tables) {
  Plan plan;
  Faults faults;
  absl::flat_hash_map<absl::string_view, const store::TokenRow*> seen;
  for (std::size_t index = 0; index < wanted.size(); ++index) {
    const absl::StatusOr<store::TokenRow>& row = wanted[index];
    if (!row.ok()) {
      faults.Add(index, tokens[index], row.status());
      continue;
    }
    const auto [first, is_new] = seen.emplace(row->id, &*row);
    auto stored = tables.tokens().Find(row->id);
    if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
    if (!SameToken(*first->second, *row) || (stored.ok() && !SameToken(*stored, *row))) {
      faults.Add(index, tokens[index], Taken());
      continue;
    }
    if (!stored.ok() && is_new) plan.fresh.push_back(plan.rows.size());
    plan.rows.push_back(stored.ok() ? *std::move(stored) : *row);
  }
  SIGNET_RETURN_IF_ERROR(faults.ToStatus());
  return plan;
}

// What a provisioner may make at all, whichever nodes are its own.
absl::Status CheckBootTokens(const std::vector<NewToken>& tokens, absl::string_view provisioner) {
  for (std::size_t index = 0; index < tokens.size(); ++index) {
    const std::string which = absl::StrCat("provisioner ", provisioner, " makes boot tokens of at most ",
                                           absl::FormatDuration(kMostProvisionedTtl), ", and token ", index + 1);
    if (tokens[index].kind != evidence::TokenKind::kBoot) {
      return Denied(base::kAccessDenied, absl::StrCat(which, " is of another kind"));
    }
    if (tokens[index].ttl > kMostProvisionedTtl) {
      return Denied(base::kAccessDenied, absl::StrCat(which, " asks for ", absl::FormatDuration(tokens[index].ttl)));
    }
  }
  return absl::OkStatus();
}

// Tokens of a blocked name enrol nobody: made now, they would wait for the day it is unblocked.
absl::Status CheckNotBlocked(const std::vector<store::TokenRow>& rows, const store::Tables& tables) {
  absl::flat_hash_set<absl::string_view> seen;
  std::vector<std::string> blocked;
  for (const store::TokenRow& row : rows) {
    if (!seen.insert(row.node).second) continue;
    SIGNET_ASSIGN_OR_RETURN(const auto block, OptionalRow(tables.blocks().Find(row.node)));
    if (block.has_value()) blocked.push_back(row.node);
  }
  if (blocked.empty()) return absl::OkStatus();
  const std::string list = names::CompressHostlist(blocked);
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kNodeBlocked,
                       absl::StrCat("no token was created: blocked: ", list),
                       absl::StrCat("signetctl node unblock ", list));
}

audit::Event CreateEvent(const audit::Origin& origin, const Plan& plan) {
  std::vector<std::string> nodes;
  std::set<std::string> kinds;
  std::set<std::string> daemons;
  std::set<std::string> labels;
  for (const std::size_t index : plan.fresh) {
    const store::TokenRow& row = plan.rows[index];
    nodes.push_back(row.node);
    kinds.emplace(evidence::TokenKindName(static_cast<evidence::TokenKind>(row.kind)));
    daemons.insert(row.daemon);
    if (!row.label.empty()) labels.insert(row.label);
  }
  audit::Event event;
  event.origin = origin;
  event.action = "token.create";
  event.subject = names::CompressHostlist(nodes);
  event.facts = {{"count", absl::StrCat(plan.fresh.size())},
                 {"kind", absl::StrJoin(kinds, ",")},
                 {"daemon", absl::StrJoin(daemons, ",")}};
  if (!labels.empty()) event.facts["label"] = absl::StrJoin(labels, ",");
  std::vector<std::string> ids;
  ids.reserve(plan.fresh.size());
  for (const std::size_t fresh : plan.fresh) ids.push_back(plan.rows[fresh].id);
  // Proves later whether a given set was made here, however many there are.
  event.facts["token_ids_sha256"] = absl::BytesToHexString(x509::Sha256(absl::StrJoin(ids, ",")));
  if (plan.fresh.size() == 1) event.facts["token_id"] = plan.rows[plan.fresh.front()].id;
  return event;
}

// A used single-use token too: its own key could be admitted again by a restored backup.
bool IsAlive(const store::TokenRow& row, absl::Time now) { return !row.revoked && now < row.expires_at; }

absl::StatusOr<int64_t> RevokeOne(store::Tables& tables, const std::string& id, absl::Time now) {
  auto row = tables.tokens().Find(id);
  if (absl::IsNotFound(row.status())) {
    return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound, "a token id does not exist; nothing was revoked",
                         "signetctl token list");
  }
  SIGNET_RETURN_IF_ERROR(row.status());
  if (!IsAlive(*row, now)) return 0;
  row->revoked = true;
  SIGNET_RETURN_IF_ERROR(tables.tokens().Update(*row));
  return 1;
}

}  // namespace

absl::Duration DefaultTtl(evidence::TokenKind kind) {
  switch (kind) {
    case evidence::TokenKind::kBoot:
      return absl::Hours(24);
    case evidence::TokenKind::kReusable:
      return kMostTtl;
    case evidence::TokenKind::kSingleUse:
    case evidence::TokenKind::kLab:
      break;
  }
  return absl::Hours(7 * 24);
}

absl::Status CheckTokenLabel(absl::string_view label) {
  if (label.size() <= kMaxTokenLabel && std::all_of(label.begin(), label.end(), IsLabelCharacter)) {
    return absl::OkStatus();
  }
  return Malformed(absl::StrCat("label has ", label.size(), " bytes; allowed are at most ", kMaxTokenLabel,
                                " of A-Z a-z 0-9 . _ : = / -"));
}

absl::StatusOr<std::vector<store::TokenRow>> Tokens::Create(const std::vector<NewToken>& tokens, bool dry_run,
                                                            const audit::Origin& origin) {
  if (tokens.empty() || tokens.size() > kMaxTokensPerCall) {
    return Malformed(absl::StrCat("a call creates 1 to ", kMaxTokensPerCall, " tokens, not ", tokens.size()));
  }
  const bool provisioner = origin.role == kProvisionerRole;
  if (!provisioner && origin.role != kAdminRole) {
    return Denied(base::kAccessDenied, "tokens are created by an administrator or a provisioner");
  }
  if (provisioner) SIGNET_RETURN_IF_ERROR(CheckBootTokens(tokens, origin.name));
  const absl::Time now = clock_.Now();
  Wanted wanted;
  wanted.reserve(tokens.size());
  bool faultless = true;
  for (const NewToken& token : tokens) {
    wanted.push_back(RowFor(token, now, origin.actor));
    faultless = faultless && wanted.back().ok();
  }
  Plan plan;
  const auto judge = [&](const store::Tables& tables) -> absl::Status {
    SIGNET_ASSIGN_OR_RETURN(plan, PlanFor(tokens, wanted, tables));
    if (provisioner) SIGNET_RETURN_IF_ERROR(CheckScope(plan.rows, origin.name, tables));
    return CheckNotBlocked(plan.rows, tables);
  };
  if (dry_run || !faultless) {
    SIGNET_RETURN_IF_ERROR(store_.Read(judge));
    return std::move(plan.rows);
  }
  const auto insert = [&](store::Tables& tables) -> absl::Status {
    SIGNET_RETURN_IF_ERROR(judge(tables));
    if (plan.fresh.empty()) return absl::OkStatus();
    for (const std::size_t index : plan.fresh) SIGNET_RETURN_IF_ERROR(tables.tokens().Insert(plan.rows[index]));
    return audit_.Append(tables, CreateEvent(origin, plan));
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(insert));
  return std::move(plan.rows);
}

absl::Status Tokens::CheckScope(const std::vector<store::TokenRow>& rows, absl::string_view provisioner,
                                const store::Tables& tables) {
  SIGNET_ASSIGN_OR_RETURN(const auto found, OptionalRow(tables.provisioners().Find(provisioner)));
  if (!found.has_value()) {
    return Denied(base::kNotYourNode, absl::StrCat("no nodes were given to provisioner ", provisioner),
                  absl::StrCat("signetctl client issue ", provisioner, " --role provisioner --nodes …"));
  }
  SIGNET_ASSIGN_OR_RETURN(const std::shared_ptr<const Scope> scope, ScopeOf(found->nodes));
  std::vector<std::string> beyond;
  for (const store::TokenRow& row : rows) {
    if (!scope->contains(row.node)) beyond.push_back(row.node);
  }
  if (beyond.empty()) return absl::OkStatus();
  return Denied(base::kNotYourNode,
                absl::StrCat("not among the nodes of provisioner ", provisioner, ": ", names::CompressHostlist(beyond)),
                "signetctl client list");
}

absl::StatusOr<std::shared_ptr<const Tokens::Scope>> Tokens::ScopeOf(const std::string& hostlist) {
  const base::MutexLock lock(scopes_mutex_);
  if (const auto known = scopes_.find(hostlist); known != scopes_.end()) return known->second;
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> expanded, names::ExpandHostlist(hostlist));
  if (scopes_.size() >= kMostScopes) scopes_.clear();
  auto scope = std::make_shared<const Scope>(expanded.begin(), expanded.end());
  scopes_.emplace(hostlist, scope);
  return scope;
}

absl::StatusOr<int64_t> Tokens::Revoke(const std::vector<std::string>& ids, const std::vector<std::string>& nodes,
                                       absl::string_view label, const audit::Origin& origin) {
  if (ids.empty() && nodes.empty() && label.empty()) return Malformed("name a token id, a node or a label");
  SIGNET_RETURN_IF_ERROR(CheckTokenLabel(label));
  const absl::Time now = clock_.Now();
  int64_t revoked = 0;
  const auto revoke = [&](store::Tables& tables) -> absl::Status {
    revoked = 0;
    for (const std::string& id : ids) {
      SIGNET_ASSIGN_OR_RETURN(const int64_t one, RevokeOne(tables, id, now));
      revoked += one;
    }
    for (const std::string& node : nodes) {
      SIGNET_ASSIGN_OR_RETURN(const int64_t some, tables.tokens().RevokeOfNode(node, now));
      revoked += some;
    }
    if (!label.empty()) {
      SIGNET_ASSIGN_OR_RETURN(const int64_t some, tables.tokens().RevokeOfLabel(label, now));
      revoked += some;
    }
    audit::Event event;
    event.origin = origin;
    event.action = "token.revoke";
    event.subject = nodes.empty() ? absl::StrJoin(ids, ",") : names::CompressHostlist(nodes);
    if (event.subject.empty()) event.subject = absl::StrCat("label ", label);
    event.facts = {{"revoked", absl::StrCat(revoked)}};
    if (!label.empty()) event.facts["label"] = std::string(label);
    event.facts["token_ids_sha256"] = absl::BytesToHexString(x509::Sha256(absl::StrJoin(ids, ",")));
    if (!nodes.empty() && !ids.empty()) event.facts["token_ids"] = absl::StrJoin(ids, ",");
    return audit_.Append(tables, event);
  };
  SIGNET_RETURN_IF_ERROR(store_.Write(revoke));
  return revoked;
}

}  // namespace signet::enrollment
