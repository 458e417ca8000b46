#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/enrollment/findings.h"

namespace signet::enrollment {
namespace {

// The success that a refusal is compared with: of the daemon whose key asked, else of the one that asked longest ago,
// so that one daemon's success never hides what the other was refused.
absl::Time LastSuccess(const Explanation& explanation, const store::RefusalRow& refusal) {
  if (explanation.daemons.empty()) return absl::InfinitePast();
  absl::Time oldest = absl::InfiniteFuture();
  for (const ExplainedDaemon& daemon : explanation.daemons) {
    if (refusal.proven && daemon.node.key_id == refusal.key_id) return daemon.node.last_request_at;
    oldest = std::min(oldest, daemon.node.last_request_at);
  }
  return oldest;
}

bool IsLiveKey(const Explanation& explanation, absl::string_view key_id) {
  return std::any_of(explanation.daemons.begin(), explanation.daemons.end(), [key_id](const ExplainedDaemon& daemon) {
    return daemon.node.key_id == key_id && daemon.identity.superseded_at == absl::InfiniteFuture();
  });
}

// True when the ledger's findings say it already.
bool IsTold(const Explanation& explanation, absl::string_view reason) {
  if (explanation.block.has_value() && reason == base::kIdentityEnded) return true;
  return std::any_of(explanation.findings.begin(), explanation.findings.end(),
                     [reason](const Finding& finding) { return finding.code == reason; });
}

// A later success ends what came before it, except that it says nothing about another key that also proved to be this
// node: that is a second host until it has been silent for half of
// a certificate's life.
bool IsHistory(const Explanation& explanation, const FindingGround& ground, const store::RefusalRow& refusal) {
  if (refusal.at > LastSuccess(explanation, refusal)) return false;
  const bool other_key = refusal.proven && !refusal.key_id.empty() && !IsLiveKey(explanation, refusal.key_id);
  return !other_key || ground.now - refusal.at > *std::max_element(ground.lives.begin(), ground.lives.end()) / 2;
}

bool Among(absl::string_view reason, std::initializer_list<absl::string_view> reasons) {
  return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

// A script that is not Signet's: no statement, or a subject of more than the name, as the documented ones make it.
bool IsOfAnotherScript(const store::RefusalRow& refusal) {
  return refusal.reason == base::kEvidenceMissing ||
         (refusal.reason == base::kCsrRefused &&
          (absl::StrContains(refusal.message, "subject") || absl::StrContains(refusal.message, "attribute")));
}

// Who proved nothing chose the key id in it: no command approves that.
std::string WithoutApproval(const store::RefusalRow& refusal) {
  const absl::string_view next = refusal.next;
  const std::size_t approve = next.find("signetctl node approve");
  if (refusal.proven || approve == absl::string_view::npos) return refusal.next;
  const std::size_t aside = next.find("   (");
  if (aside < approve) return std::string(next.substr(0, aside));
  return absl::StrCat("on ", refusal.node, ": signet-slurm state show   (approve a key id only as it stands there)");
}

// What to type: the refusal's own command, unless that only leads back here or stops short of this node.
std::string NextFor(const store::RefusalRow& refusal) {
  if (IsOfAnotherScript(refusal)) {
    return absl::StrCat("on ", refusal.node,
                        ": grep -i CertmgrParameters /etc/slurm/slurm.conf   (generate_csr_script "
                        "must be /usr/libexec/signet/generate-csr; then restart its daemon)");
  }
  if (Among(refusal.reason, {base::kEvidenceExpired, base::kEvidenceFromFuture})) {
    return absl::StrCat("on ", refusal.node, ": chronyc tracking; date -u   (then restart its daemon)");
  }
  if (refusal.reason == base::kNodeBlocked) return absl::StrCat("signetctl node unblock ", refusal.node);
  const bool leads_back = refusal.next.empty() || absl::StartsWith(refusal.next, "signetctl node explain") ||
                          absl::StartsWith(refusal.next, "signetctl node show");
  if (!leads_back) return WithoutApproval(refusal);
  if (Among(refusal.reason, {base::kIdentitySuperseded, base::kSequenceRegressed, base::kTooManyNewKeys})) {
    return absl::StrCat("on each host that calls itself ", refusal.node, ": signet-slurm state show   (refused was ",
                        refusal.key_id.empty() ? "no readable key" : refusal.key_id, ")");
  }
  return absl::StrCat("journalctl -u signetd | grep ", refusal.request_id);
}

std::string HintFor(const store::RefusalRow& refusal) {
  if (IsOfAnotherScript(refusal)) {
    return "; the node still runs another generate_csr_script: set generate_csr_script in slurm.conf to signet's "
           "generate-csr";
  }
  if (Among(refusal.reason, {base::kEvidenceExpired, base::kEvidenceFromFuture})) {
    return "; the likely cause is a wrong clock on the node";
  }
  return "";
}

Finding FindingOf(const Explanation& explanation, const FindingGround& ground, const store::RefusalRow& refusal,
                  int count) {
  const bool newest_word = refusal.at > LastSuccess(explanation, refusal);
  const std::string who =
      refusal.proven ? absl::StrCat("; it came from a holder of ", ground.node, "'s key or token")
                     : absl::StrCat("; it proved nothing: anybody could have sent it, perhaps not ", ground.node);
  return {refusal.proven && newest_word ? Severity::kError : Severity::kWarning, refusal.reason,
          absl::StrCat(refusal.action, " was refused ", When(refusal.at, ground.now),
                       count > 1 ? absl::StrCat(" (", count, " times lately)") : "", ": ", refusal.message,
                       HintFor(refusal), who),
          NextFor(refusal)};
}

}  // namespace

std::vector<Finding> RefusalFindings(const Explanation& explanation, const FindingGround& ground) {
  std::vector<Finding> findings;
  std::set<std::pair<std::string, bool>> told;
  for (const store::RefusalRow& refusal : explanation.refusals) {
    if (IsHistory(explanation, ground, refusal) || IsTold(explanation, refusal.reason)) continue;
    if (!told.emplace(refusal.reason, refusal.proven).second) continue;
    const auto same = std::count_if(explanation.refusals.begin(), explanation.refusals.end(), [&](const auto& other) {
      return other.reason == refusal.reason && other.proven == refusal.proven;
    });
    findings.push_back(FindingOf(explanation, ground, refusal, static_cast<int>(same)));
  }
  return findings;
}

}  // namespace signet::enrollment
