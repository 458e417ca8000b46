#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/ledger_text.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "cli/scontrol.h"
#include "cli/table.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

constexpr absl::Duration kScontrolLimit = absl::Seconds(2);

// slurmctld keeps a set CertToken to itself: only scontrol can tell, and the server has none.
void AddCertTokenFinding(const std::string& node, absl::Time now, v1::ExplainNodeResponse& explanation) {
  const bool certified = std::any_of(explanation.nodes().begin(), explanation.nodes().end(),
                                     [now](const v1::Node& row) { return FromProto(row.not_after()) > now; });
  v1::Finding finding;
  // Renewals over mTLS never look at it: what holds a certificate breaks at its next full enrolment only.
  finding.set_severity(certified ? v1::SEVERITY_WARNING : v1::SEVERITY_ERROR);
  finding.set_code("CERT_TOKEN_SET");
  finding.set_cause(
      "a CertToken is set for this node: slurmctld compares it itself and never asks validate_node, and Signet's token "
      "is "
      "another one in each request, so that no enrolment can match");
  finding.set_next(absl::StrCat("scontrol update NodeName=", node, " CertToken="));
  auto& findings = *explanation.mutable_findings();
  const auto calm = std::remove_if(findings.begin(), findings.end(),
                                   [](const v1::Finding& one) { return one.severity() == v1::SEVERITY_OK; });
  findings.erase(calm, findings.end());
  *findings.Add() = finding;
  std::stable_sort(findings.begin(), findings.end(),
                   [](const v1::Finding& a, const v1::Finding& b) { return a.severity() > b.severity(); });
}

std::string FindingsText(const v1::ExplainNodeResponse& explanation) {
  std::string text;
  for (const v1::Finding& finding : explanation.findings()) {
    absl::StrAppend(&text, EnumText(v1::Severity_Name(finding.severity()), "SEVERITY_"), " [", finding.code(),
                    "]: ", finding.cause(), "\n");
    if (!finding.next().empty()) absl::StrAppend(&text, "  next: ", finding.next(), "\n");
  }
  return Printable(text);
}

std::string RefusalRows(const v1::ExplainNodeResponse& explanation, absl::Time now, bool wide) {
  std::vector<std::string> header = {"REFUSED", "ACTION", "REASON", "BY", "MESSAGE"};
  if (wide) header.insert(header.end(), {"NEXT", "IDENTITY KEY", "REQUEST"});
  Table table(std::move(header));
  for (const v1::Refusal& refusal : explanation.refusals()) {
    std::vector<std::string> row = {RelativeTime(FromProto(refusal.at()), now), refusal.action(), refusal.reason(),
                                    refusal.proven() ? "this node" : "anybody", refusal.message()};
    if (wide) row.insert(row.end(), {refusal.next(), refusal.key_id(), refusal.request_id()});
    table.Add(std::move(row));
  }
  return table.Text();
}

std::string Text(const v1::ExplainNodeResponse& explanation, absl::Time now, bool wide) {
  std::string text = FindingsText(explanation);
  if (explanation.has_block()) {
    const v1::Block& block = explanation.block();
    FieldList fields;
    fields.Add("blocked", FullTime(FromProto(block.blocked_at()), now));
    fields.Add("by", block.blocked_by());
    fields.Add("reason", block.reason());
    absl::StrAppend(&text, "\n", fields.Text());
  }
  for (const v1::Node& node : explanation.nodes()) absl::StrAppend(&text, "\n", NodeText(node, now));
  if (!explanation.tokens().empty()) absl::StrAppend(&text, "\n", TokenRows(explanation.tokens(), now, wide));
  if (!explanation.approvals().empty()) {
    Table table({"APPROVED KEY", "DAEMON", "ENDS", "BY"});
    for (const v1::Approval& approval : explanation.approvals()) {
      table.Add({approval.key_id(), approval.daemon(), RelativeTime(FromProto(approval.expires_at()), now),
                 approval.approved_by()});
    }
    absl::StrAppend(&text, "\n", table.Text());
  }
  if (!explanation.refusals().empty()) absl::StrAppend(&text, "\n", RefusalRows(explanation, now, wide));
  return text;
}

absl::Status Explain(Session& session, const std::string& node) {
  if (absl::Status name = names::CheckNodeName(node); !name.ok()) {
    return UsageError(name.message(), "signetctl node list");
  }
  v1::ExplainNodeRequest request;
  request.set_node(node);
  SIGNET_ASSIGN_OR_RETURN(v1::ExplainNodeResponse explanation,
                          session.Call(&v1::NodeEnrollment::Stub::ExplainNode, request));
  const std::optional<std::string> slurm = AskScontrol(session.path(), node, kScontrolLimit);
  if (slurm.has_value() && CertTokenIsSet(*slurm, node)) AddCertTokenFinding(node, session.Now(), explanation);
  View view{
      .text = [&](bool wide) { return Text(explanation, session.Now(), wide); }, .message = &explanation, .names = {}};
  for (const v1::Finding& finding : explanation.findings()) view.names.push_back(finding.code());
  return session.Print(view);
}

}  // namespace

Action DeclareNodeExplain(CLI::App& app) {
  auto node = std::make_shared<std::string>();
  app.add_option("node", *node, "the NodeName")->required();
  return [node](Session& session) { return Explain(session, *node); };
}

}  // namespace signet::cli
