#include "services/enrollment/explanation.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"
#include "services/enrollment/findings.h"
#include "services/enrollment/optional_row.h"
#include "services/names/node_name.h"

namespace signet::enrollment {
namespace {

constexpr absl::string_view kDaemons[] = {"slurmd", "sackd"};
constexpr int kMostTokens = 10;
constexpr std::size_t kWidestNumber = 6;

absl::StatusOr<store::TokenPage> TokensOf(const store::Tables& tables, const std::string& node, absl::Time now,
                                          int limit) {
  store::TokenQuery query;
  query.node = node;
  query.open_only = false;
  query.now = now;
  query.limit = limit;
  return tables.tokens().List(query);
}

// Spellings of one name that people take for each other: without a domain, in another case, its last number with
// another width.
std::set<std::string> Spellings(const std::string& name) {
  static constexpr char kDigits[] = "0123456789";
  std::set<std::string> spellings;
  for (const std::string& base : {name, name.substr(0, name.find('.'))}) {
    std::string capital = absl::AsciiStrToLower(base);
    capital[0] = absl::ascii_toupper(static_cast<unsigned char>(capital[0]));
    for (const std::string& cased : {base, absl::AsciiStrToLower(base), absl::AsciiStrToUpper(base), capital}) {
      spellings.insert(cased);
      const std::size_t last = cased.find_last_of(kDigits);
      if (last == std::string::npos) continue;
      const std::size_t before = cased.find_last_not_of(kDigits, last);
      const std::size_t first = before == std::string::npos ? 0 : before + 1;
      std::string number = cased.substr(first, last - first + 1);
      number.erase(0, std::min(number.find_first_not_of('0'), number.size() - 1));
      for (std::size_t width = number.size(); width <= kWidestNumber; ++width) {
        spellings.insert(absl::StrCat(cased.substr(0, first), std::string(width - number.size(), '0'), number,
                                      cased.substr(last + 1)));
      }
    }
  }
  spellings.erase(name);
  return spellings;
}

absl::StatusOr<bool> IsKnown(const store::Tables& tables, const std::string& name, absl::Time now) {
  for (const absl::string_view daemon : kDaemons) {
    SIGNET_ASSIGN_OR_RETURN(const auto node, OptionalRow(tables.nodes().Find(name, daemon)));
    if (node.has_value()) return true;
  }
  SIGNET_ASSIGN_OR_RETURN(const store::TokenPage tokens, TokensOf(tables, name, now, 1));
  return !tokens.rows.empty();
}

absl::StatusOr<std::vector<std::string>> NearNames(const store::Tables& tables, const std::string& name,
                                                   absl::Time now) {
  std::vector<std::string> near;
  for (const std::string& spelling : Spellings(name)) {
    SIGNET_ASSIGN_OR_RETURN(const bool known, IsKnown(tables, spelling, now));
    if (known) near.push_back(spelling);
  }
  return near;
}

absl::Status AddDaemons(const store::Tables& tables, FindingGround& ground, Explanation& explanation) {
  for (const absl::string_view name : kDaemons) {
    SIGNET_ASSIGN_OR_RETURN(auto node, OptionalRow(tables.nodes().Find(ground.node, name)));
    if (!node.has_value()) continue;
    ExplainedDaemon daemon;
    daemon.node = *std::move(node);
    SIGNET_ASSIGN_OR_RETURN(daemon.identity, tables.nodes().FindIdentity(daemon.node.key_id));
    SIGNET_ASSIGN_OR_RETURN(daemon.identities, tables.nodes().CountIdentities(ground.node, name, absl::UnixEpoch()));
    SIGNET_ASSIGN_OR_RETURN(const int64_t fresh,
                            tables.nodes().CountIdentities(ground.node, name, ground.now - absl::Hours(24)));
    ground.keys_of_a_day.push_back(fresh);
    SIGNET_ASSIGN_OR_RETURN(const auto newest, OptionalRow(tables.certificates().Find(daemon.node.serial)));
    const absl::Time begun = newest.has_value() ? newest->recorded_at : daemon.node.last_request_at;
    ground.lives.push_back(daemon.node.not_after - begun);
    explanation.daemons.push_back(std::move(daemon));
  }
  return absl::OkStatus();
}

absl::Status AddUsedKey(const store::Tables& tables, FindingGround& ground, const Explanation& explanation) {
  const auto used = std::find_if(explanation.tokens.begin(), explanation.tokens.end(),
                                 [](const store::TokenRow& token) { return !token.used_by_key_id.empty(); });
  if (used == explanation.tokens.end()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const auto key, OptionalRow(tables.nodes().FindIdentity(used->used_by_key_id)));
  if (key.has_value()) ground.used_key_ended_by = key->ended_by;
  return absl::OkStatus();
}

Finding AllIsWell(const Explanation& explanation, const FindingGround& ground) {
  std::vector<std::string> parts;
  parts.reserve(explanation.daemons.size());
  for (const ExplainedDaemon& daemon : explanation.daemons) {
    parts.push_back(absl::StrCat(daemon.node.daemon, " holds a certificate until ",
                                 When(daemon.node.not_after, ground.now), " and last asked ",
                                 When(daemon.node.last_request_at, ground.now)));
  }
  return {Severity::kOk, "OK", absl::StrCat(ground.node, ": ", absl::StrJoin(parts, "; ")), ""};
}

}  // namespace

absl::StatusOr<Explanation> Explain(const store::Tables& tables, absl::string_view node, absl::Time now) {
  SIGNET_RETURN_IF_ERROR(names::CheckNodeName(node));
  FindingGround ground;
  ground.node = std::string(node);
  ground.now = now;
  SIGNET_ASSIGN_OR_RETURN(const store::BundleRow bundle, tables.bundles().Newest());
  ground.bundle_generation = bundle.generation;

  Explanation explanation;
  SIGNET_ASSIGN_OR_RETURN(explanation.block, OptionalRow(tables.blocks().Find(node)));
  SIGNET_RETURN_IF_ERROR(AddDaemons(tables, ground, explanation));
  SIGNET_ASSIGN_OR_RETURN(store::TokenPage tokens, TokensOf(tables, ground.node, now, kMostTokens));
  explanation.tokens = std::move(tokens.rows);
  SIGNET_RETURN_IF_ERROR(AddUsedKey(tables, ground, explanation));
  SIGNET_ASSIGN_OR_RETURN(explanation.approvals, tables.approvals().List(node));
  SIGNET_ASSIGN_OR_RETURN(explanation.refusals, tables.refusals().List(node));
  if (explanation.daemons.empty() && explanation.tokens.empty()) {
    SIGNET_ASSIGN_OR_RETURN(ground.near_names, NearNames(tables, ground.node, now));
  }

  explanation.findings = LedgerFindings(explanation, ground);
  for (Finding& finding : RefusalFindings(explanation, ground)) explanation.findings.push_back(std::move(finding));
  // An approval whose time is over waits for nothing: the findings have named it.
  explanation.approvals.erase(std::remove_if(explanation.approvals.begin(), explanation.approvals.end(),
                                             [now](const store::ApprovalRow& row) { return now >= row.expires_at; }),
                              explanation.approvals.end());
  std::stable_sort(explanation.findings.begin(), explanation.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  if (explanation.findings.empty()) explanation.findings.push_back(AllIsWell(explanation, ground));
  return explanation;
}

}  // namespace signet::enrollment
