#include "services/enrollment/findings.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/enrollment/rule_words.h"
#include "services/evidence/token.h"

namespace signet::enrollment {
namespace {

using evidence::TokenKind;

constexpr absl::string_view kDaemons[] = {"slurmd", "sackd"};
// Statements live as long: after that no request of the second host can be a resent one.
constexpr absl::Duration kCloneMemory = absl::Hours(24 * 7);
// A node that boots now and then, and a site that tries a few times, stay below.
constexpr int64_t kManyKeysOfADay = 4;

std::string KindName(const store::TokenRow& token) {
  return std::string(evidence::TokenKindName(static_cast<TokenKind>(token.kind)));
}

bool IsReusable(const store::TokenRow& token) {
  return token.kind == static_cast<int>(TokenKind::kBoot) || token.kind == static_cast<int>(TokenKind::kReusable);
}

bool IsOpen(const store::TokenRow& token, absl::Time now) {
  return !token.revoked && now < token.expires_at && (IsReusable(token) || token.uses == 0);
}

std::string OnNode(absl::string_view node, absl::string_view command) {
  return absl::StrCat("on ", node, ": ", command);
}

// One daemon's rows among those of its name.
class DaemonView {
 public:
  DaemonView(const Explanation& explanation, const FindingGround& ground, absl::string_view daemon)
      : explanation_(explanation), ground_(ground), daemon_(daemon) {
    for (const store::TokenRow& token : explanation.tokens) {
      if (token.daemon == daemon) tokens_.push_back(&token);
    }
  }

  const std::vector<const store::TokenRow*>& tokens() const { return tokens_; }
  // The newest token that may still admit a key and was made after `since`; null when there is none.
  const store::TokenRow* OpenTokenSince(absl::Time since) const {
    for (const store::TokenRow* token : tokens_) {
      if (IsOpen(*token, ground_.now) && token->created_at > since) return token;
    }
    return nullptr;
  }
  // Refused, and not the other daemon's.
  bool AskedSince(absl::Time since, bool proven) const {
    return std::any_of(explanation_.refusals.begin(), explanation_.refusals.end(),
                       [&](const store::RefusalRow& refusal) {
                         return refusal.at >= since && refusal.proven == proven && !IsOfTheOther(refusal);
                       });
  }
  std::string name() const { return absl::StrCat(ground_.node, " (", daemon_, ")"); }
  absl::string_view daemon() const { return daemon_; }

 private:
  bool IsOfTheOther(const store::RefusalRow& refusal) const {
    return std::any_of(explanation_.daemons.begin(), explanation_.daemons.end(), [&](const ExplainedDaemon& each) {
      return each.node.daemon != daemon_ && each.node.key_id == refusal.key_id;
    });
  }

  const Explanation& explanation_;
  const FindingGround& ground_;
  absl::string_view daemon_;
  std::vector<const store::TokenRow*> tokens_;  // newest first
};

Finding WaitingToken(const DaemonView& view, const store::TokenRow& token, const FindingGround& ground) {
  const std::string cause =
      absl::StrCat(view.name(), " has not enrolled; a ", KindName(token), " token waits since ",
                   When(token.created_at, ground.now), ", until ", When(token.expires_at, ground.now));
  // What to do stands with the refusal. Not a restart: a node that still runs other scripts would enrol and fail.
  if (view.AskedSince(token.created_at, true)) {
    return {Severity::kError, "NOT_ENROLLED", absl::StrCat(cause, "; what it asked since was refused"), ""};
  }
  if (view.AskedSince(token.created_at, false)) {
    return {Severity::kError, "NOT_ENROLLED",
            absl::StrCat(cause, "; what was asked in its name since was refused, and proved nothing about who asked"),
            ""};
  }
  return {Severity::kWarning, "NOTHING_ARRIVED",
          absl::StrCat(cause,
                       "; no request of it has been recorded: the daemon is not running, cannot reach "
                       "slurmctld, or slurmctld's scripts fail (its log says so: get_node_token, validate_node)"),
          OnNode(ground.node, absl::StrCat("systemctl status ", view.daemon(), "; journalctl -u ", view.daemon()))};
}

// What an administrator did, for people.
absl::string_view Ending(store::EndedBy by) {
  if (by == store::EndedBy::kBlock) return "a block";
  if (by == store::EndedBy::kRevocation) return "a revocation";
  return "`signetctl node forget`";
}

// The newest token of a daemon that is not in the ledger, none being open.
Finding SpentToken(const DaemonView& view, const store::TokenRow& token, const FindingGround& ground) {
  const std::string next = TokenCreate(ground.node, view.daemon());
  const std::string who = absl::StrCat(view.name(), " is not enrolled");
  const std::string which =
      absl::StrCat("its newest token (", KindName(token), ", made ", When(token.created_at, ground.now), ")");
  if (token.uses > 0) {
    return {Severity::kError, base::kIdentityEnded,
            absl::StrCat(who, ": ", which, " was used ", When(token.last_used_at, ground.now),
                         ", and the identity key that it admitted was ended by ", Ending(ground.used_key_ended_by)),
            next};
  }
  if (token.revoked)
    return {Severity::kError, base::kTokenRevoked, absl::StrCat(who, ": ", which, " was revoked"), next};
  return {Severity::kError, base::kTokenExpired,
          absl::StrCat(who, ": ", which, " expired ", When(token.expires_at, ground.now), ", unused"), next};
}

void AddNeverEnrolled(const DaemonView& view, const FindingGround& ground, std::vector<Finding>& findings) {
  if (view.tokens().empty()) return;
  const store::TokenRow* open = view.OpenTokenSince(absl::InfinitePast());
  findings.push_back(open != nullptr ? WaitingToken(view, *open, ground)
                                     : SpentToken(view, *view.tokens().front(), ground));
}

Finding UnknownName(const Explanation& explanation, const FindingGround& ground) {
  const std::string create = TokenCreate(ground.node, "slurmd");
  if (!explanation.refusals.empty()) {
    return {Severity::kError, "NOT_ENROLLED",
            absl::StrCat(ground.node, " has not enrolled and has no token; requests in its name were refused"), create};
  }
  const std::string cause = absl::StrCat("nothing is known of ", ground.node,
                                         ": no request of it has been recorded, and no token was made for it");
  if (ground.near_names.empty()) return {Severity::kError, "NODE_UNKNOWN", cause, create};
  return {Severity::kError, "NODE_UNKNOWN",
          absl::StrCat(cause, "; names compare exactly, and known is: ", absl::StrJoin(ground.near_names, ", ")),
          absl::StrCat("signetctl node explain ", ground.near_names.front())};
}

void AddEnded(const DaemonView& view, const ExplainedDaemon& daemon, const FindingGround& ground,
              std::vector<Finding>& findings) {
  // A forgotten node has no row: only a block or a revocation ends a key and leaves it.
  const std::string cause =
      absl::StrCat("the identity key of ", view.name(), " was ended by ", Ending(daemon.identity.ended_by), " ",
                   When(daemon.identity.superseded_at, ground.now));
  if (const store::TokenRow* open = view.OpenTokenSince(daemon.identity.superseded_at); open != nullptr) {
    findings.push_back(
        {Severity::kWarning, base::kIdentityEnded,
         absl::StrCat(cause, "; a ", KindName(*open), " token waits since ", When(open->created_at, ground.now)),
         OnNode(ground.node, absl::StrCat("systemctl restart ", view.daemon()))});
    return;
  }
  findings.push_back({Severity::kError, base::kIdentityEnded, absl::StrCat(cause, ", and no token was made after that"),
                      TokenCreate(ground.node, view.daemon())});
}

void AddCertificate(const DaemonView& view, const store::NodeRow& node, absl::Duration life,
                    const FindingGround& ground, std::vector<Finding>& findings) {
  if (node.serial.empty()) return;
  const bool slurmd = view.daemon() == "slurmd";
  if (ground.now > node.not_after) {
    findings.push_back(
        {Severity::kError, "CERTIFICATE_EXPIRED",
         absl::StrCat("the certificate of ", view.name(), " expired ", When(node.not_after, ground.now),
                      slurmd ? ": slurmd cannot renew it any more, and loads it again at each start" : ""),
         OnNode(ground.node, slurmd ? "systemctl stop slurmd; signet-slurm pre-start; systemctl start slurmd"
                                    : "systemctl restart sackd")});
    return;
  }
  const std::string last = absl::StrCat("; it last asked ", When(node.last_request_at, ground.now));
  if (node.not_after - ground.now < life / 4) {
    findings.push_back(
        {Severity::kWarning, "CERTIFICATE_ENDS_SOON",
         absl::StrCat("the certificate of ", view.name(), " ends ", When(node.not_after, ground.now), last),
         OnNode(ground.node, absl::StrCat("systemctl restart ", view.daemon()))});
  } else if (ground.now - node.last_request_at > life / 2) {
    findings.push_back(
        {Severity::kWarning, "RENEWAL_OVERDUE",
         absl::StrCat(view.name(), " has not renewed for over half of its certificate's life", last,
                      "; its certificate lasts until ", When(node.not_after, ground.now)),
         OnNode(ground.node, absl::StrCat("systemctl status ", view.daemon(), "; journalctl -u ", view.daemon()))});
  }
}

// Moves aside what the copy took along, and nothing else: the directory holds other nodes' and daemons' identities too.
std::string StartAnew(absl::string_view daemon, absl::string_view node) {
  const bool slurmd = daemon == "slurmd";
  const std::string aside = absl::StrCat("/root/", node, ".copied");
  return absl::StrCat("on the copy only: systemctl stop ", daemon, "; mv /var/lib/signet-slurm/",
                      slurmd ? "0" : "$(id -u slurm)", "/", node, " ", aside,
                      slurmd ? absl::StrCat("; mv SlurmdSpoolDir/certmgr_state ", aside, "/") : "",
                      "; put a new token file there; systemctl start ", daemon);
}

void AddTwoHosts(const DaemonView& view, const ExplainedDaemon& daemon, int64_t keys_of_a_day,
                 const FindingGround& ground, std::vector<Finding>& findings) {
  const absl::Time seen = daemon.node.clone_suspected_at;
  if (seen > absl::InfinitePast() && ground.now - seen < kCloneMemory) {
    findings.push_back({Severity::kWarning, "CLONE_SUSPECTED",
                        absl::StrCat("two hosts spoke with the one identity key of ", view.name(), ", last seen ",
                                     When(seen, ground.now), ": one is a copy of the other"),
                        StartAnew(view.daemon(), ground.node)});
  }
  if (keys_of_a_day >= kManyKeysOfADay) {
    findings.push_back(
        {Severity::kWarning, "IDENTITIES_FLAP",
         absl::StrCat(view.name(), " brought ", keys_of_a_day,
                      " identity keys in 24 hours: a stateless node does at each boot; if it booted less "
                      "often, two hosts share its token"),
         absl::StrCat("scontrol show node ", ground.node, " | grep BootTime")});
  }
}

void AddBundle(const DaemonView& view, const store::NodeRow& node, const FindingGround& ground,
               std::vector<Finding>& findings) {
  const std::string refresh = OnNode(ground.node, "signet-slurm refresh");
  const auto add = [&](absl::string_view code, absl::string_view what, absl::string_view next) {
    findings.push_back(
        {Severity::kWarning, std::string(code), absl::StrCat(view.name(), " ", what), std::string(next)});
  };
  if (node.disk_sha256.empty()) {
    add("BUNDLE_MISSING", "reported no ca_cert_file: slurmd crashes at a renewal without one", refresh);
  } else if (node.disk_generation == 0) {
    add("BUNDLE_FOREIGN", "holds a ca_cert_file that Signet did not write: new authorities will not reach it", refresh);
  } else if (node.disk_generation < ground.bundle_generation) {
    add("BUNDLE_OLD",
        absl::StrCat("holds bundle generation ", node.disk_generation, "; the newest is ", ground.bundle_generation),
        refresh);
  } else if (node.disk_generation > ground.bundle_generation) {
    add("BUNDLE_AHEAD",
        absl::StrCat("holds bundle generation ", node.disk_generation, ", and signetd knows none above ",
                     ground.bundle_generation, ": signetd was restored from an older backup"),
        "signetctl bundle show");
  }
  if (!node.loaded_sha256.empty() && node.loaded_generation < node.disk_generation) {
    add("BUNDLE_NOT_LOADED",
        absl::StrCat("had loaded bundle generation ", node.loaded_generation, " while generation ",
                     node.disk_generation, " was on disk; it loads that at a renewal or a restart"),
        OnNode(ground.node, absl::StrCat("systemctl restart ", view.daemon())));
  }
}

void AddApprovals(const Explanation& explanation, const FindingGround& ground, std::vector<Finding>& findings) {
  for (const store::ApprovalRow& row : explanation.approvals) {
    const std::string key = absl::StrCat("the identity key ", row.key_id, " of ", row.node, " (", row.daemon,
                                         "), approved by ", row.approved_by, ",");
    if (ground.now < row.expires_at) {
      findings.push_back(
          {Severity::kWarning, "APPROVAL_WAITS",
           absl::StrCat(key, " has not come yet; it is admitted until ", When(row.expires_at, ground.now)),
           OnNode(row.node, absl::StrCat("systemctl restart ", row.daemon))});
    } else if (explanation.daemons.empty()) {
      findings.push_back({Severity::kError, "APPROVAL_EXPIRED",
                          absl::StrCat(key, " had not come when that ended ", When(row.expires_at, ground.now)),
                          NodeApprove(row.node, row.daemon, row.key_id)});
    }
  }
}

}  // namespace

std::string When(absl::Time time, absl::Time now) {
  const absl::Duration away = absl::AbsDuration(time - now);
  int64_t count = absl::ToInt64Seconds(away);
  absl::string_view unit = "second";
  if (away >= absl::Hours(48)) {
    count = absl::ToInt64Hours(away) / 24;
    unit = "day";
  } else if (away >= absl::Hours(2)) {
    count = absl::ToInt64Hours(away);
    unit = "hour";
  } else if (away >= absl::Minutes(2)) {
    count = absl::ToInt64Minutes(away);
    unit = "minute";
  }
  const std::string span = absl::StrCat(count, " ", unit, count == 1 ? "" : "s");
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()), " (",
                      time > now ? absl::StrCat("in ", span) : absl::StrCat(span, " ago"), ")");
}

std::vector<Finding> LedgerFindings(const Explanation& explanation, const FindingGround& ground) {
  std::vector<Finding> findings;
  if (explanation.block.has_value()) {
    const store::BlockRow& block = *explanation.block;
    findings.push_back(
        {Severity::kError, base::kNodeBlocked,
         absl::StrCat(ground.node, " was blocked by ", block.blocked_by, " ", When(block.blocked_at, ground.now), ": ",
                      block.reason, "; after it is unblocked it enrols with a token made then"),
         absl::StrCat("signetctl node unblock ", ground.node)});
    return findings;
  }
  AddApprovals(explanation, ground, findings);
  if (explanation.daemons.empty() && explanation.tokens.empty()) {
    if (explanation.approvals.empty()) findings.push_back(UnknownName(explanation, ground));
    return findings;
  }
  for (const absl::string_view name : kDaemons) {
    const DaemonView view(explanation, ground, name);
    const auto daemon = std::find_if(explanation.daemons.begin(), explanation.daemons.end(),
                                     [name](const ExplainedDaemon& each) { return each.node.daemon == name; });
    if (daemon == explanation.daemons.end()) {
      AddNeverEnrolled(view, ground, findings);
      continue;
    }
    if (daemon->identity.superseded_at != absl::InfiniteFuture()) {
      AddEnded(view, *daemon, ground, findings);
      continue;
    }
    const auto at = static_cast<std::size_t>(daemon - explanation.daemons.begin());
    AddCertificate(view, daemon->node, ground.lives[at], ground, findings);
    AddTwoHosts(view, *daemon, ground.keys_of_a_day[at], ground, findings);
    AddBundle(view, daemon->node, ground, findings);
  }
  return findings;
}

}  // namespace signet::enrollment
