#include "cli/commands/rows.h"

#include "absl/strings/str_cat.h"
#include "cli/table.h"

namespace signet::cli {

std::string TokenState(const v1::Token& token, absl::Time now) {
  if (token.revoked()) return "revoked";
  if (token.expires_at().seconds() != 0 && FromProto(token.expires_at()) <= now) return "expired";
  if (token.uses() > 0 && (token.kind() == v1::TOKEN_KIND_SINGLE_USE || token.kind() == v1::TOKEN_KIND_LAB))
    return "used";
  return "open";
}

std::string KindText(v1::TokenKind kind) { return EnumText(v1::TokenKind_Name(kind), "TOKEN_KIND_"); }

std::string EvidenceText(v1::Evidence evidence) { return EnumText(v1::Evidence_Name(evidence), "EVIDENCE_"); }

std::string AuthorityRows(const google::protobuf::RepeatedPtrField<v1::Authority>& authorities, absl::Time now,
                          bool wide) {
  Table table(wide ? std::vector<std::string>{"AUTHORITY", "PURPOSE", "STATE", "ENDS", "SUBJECT", "BEGINS"}
                   : std::vector<std::string>{"AUTHORITY", "PURPOSE", "STATE", "ENDS", "SUBJECT"});
  for (const v1::Authority& authority : authorities) {
    std::vector<std::string> row = {authority.id(),
                                    EnumText(v1::AuthorityPurpose_Name(authority.purpose()), "AUTHORITY_PURPOSE_"),
                                    EnumText(v1::AuthorityState_Name(authority.state()), "AUTHORITY_STATE_"),
                                    RelativeTime(FromProto(authority.not_after()), now), authority.subject()};
    if (wide) row.push_back(FullTime(FromProto(authority.not_before()), now));
    table.Add(std::move(row));
  }
  return table.Text();
}

std::string TokenRows(const google::protobuf::RepeatedPtrField<v1::Token>& tokens, absl::Time now, bool wide) {
  std::vector<std::string> header = {"NODE", "DAEMON", "KIND", "STATE", "ENDS", "USES", "TOKEN"};
  if (wide) header.insert(header.end(), {"CREATED", "BY", "LAST USED"});
  Table table(std::move(header));
  for (const v1::Token& token : tokens) {
    std::vector<std::string> row = {token.node(),
                                    token.daemon(),
                                    KindText(token.kind()),
                                    TokenState(token, now),
                                    RelativeTime(FromProto(token.expires_at()), now),
                                    absl::StrCat(token.uses()),
                                    token.id()};
    if (wide) {
      row.push_back(RelativeTime(FromProto(token.created_at()), now));
      row.push_back(token.created_by());
      row.push_back(RelativeTime(FromProto(token.last_used_at()), now));
    }
    table.Add(std::move(row));
  }
  return table.Text();
}

}  // namespace signet::cli
