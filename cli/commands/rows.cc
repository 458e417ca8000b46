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

std::set<std::string> NodeStates(const v1::Node& node, absl::Time now) {
  std::set<std::string> states;
  if (node.blocked()) states.insert("blocked");
  if (FromProto(node.not_after()) <= now) states.insert("expired");
  if (node.has_clone_suspected_at()) states.insert("clone");
  if (states.empty()) states.insert("ok");
  if (node.superseded_keys() > 0) states.insert("superseded");
  if (node.bundle_on_disk().generation() == 0) states.insert("foreign-bundle");
  return states;
}

std::string NodeRows(const google::protobuf::RepeatedPtrField<v1::Node>& nodes, absl::Time now, bool wide) {
  std::vector<std::string> header = {"NODE",         "DAEMON",   "STATE", "CERTIFICATE ENDS",
                                     "LAST REQUEST", "EVIDENCE", "BUNDLE"};
  if (wide) header.insert(header.end(), {"LOADED", "IDENTITY KEY", "SERIAL", "ENROLLED", "ADAPTER", "OLD KEYS"});
  Table table(std::move(header));
  const auto generation = [](const v1::BundleSighting& sighting) {
    return sighting.generation() == 0 ? "" : absl::StrCat(sighting.generation());
  };
  for (const v1::Node& node : nodes) {
    const std::set<std::string> states = NodeStates(node, now);
    std::string urgent;
    for (const char* state : {"blocked", "expired", "clone", "ok"}) {
      if (states.count(state) != 0) absl::StrAppend(&urgent, urgent.empty() ? "" : ",", state);
    }
    std::vector<std::string> row = {node.name(),
                                    node.daemon(),
                                    urgent,
                                    RelativeTime(FromProto(node.not_after()), now),
                                    RelativeTime(FromProto(node.last_request_at()), now),
                                    EvidenceText(node.evidence()),
                                    generation(node.bundle_on_disk())};
    if (wide) {
      row.insert(row.end(), {generation(node.bundle_loaded()), node.key_id(), node.serial(),
                             RelativeTime(FromProto(node.enrolled_at()), now), node.adapter_version(),
                             absl::StrCat(node.superseded_keys())});
    }
    table.Add(std::move(row));
  }
  return table.Text();
}

std::string KindText(v1::TokenKind kind) { return EnumText(v1::TokenKind_Name(kind), "TOKEN_KIND_"); }

v1::TokenKind KindFromText(absl::string_view text) {
  for (int kind = v1::TokenKind_MIN; kind <= v1::TokenKind_MAX; ++kind) {
    if (v1::TokenKind_IsValid(kind) && KindText(static_cast<v1::TokenKind>(kind)) == text)
      return static_cast<v1::TokenKind>(kind);
  }
  return v1::TOKEN_KIND_UNSPECIFIED;
}

std::string EvidenceText(v1::Evidence evidence) { return EnumText(v1::Evidence_Name(evidence), "EVIDENCE_"); }

std::string AuthorityRows(const google::protobuf::RepeatedPtrField<v1::Authority>& authorities, absl::Time now,
                          bool wide, const google::protobuf::RepeatedPtrField<v1::AuthorityRequest>& requests) {
  std::vector<std::string> header = {"AUTHORITY", "PURPOSE", "STATE", "ENDS", "SUBJECT"};
  if (wide)
    header.insert(header.end(),
                  {"BEGINS", "PREPARED", "ACTIVATED", "RETIRED", "REVOKED", "KEY", "CERTIFICATES", "BELOW"});
  Table table(std::move(header));
  const auto when = [now](bool has, const google::protobuf::Timestamp& at) {
    return has ? RelativeTime(FromProto(at), now) : "";
  };
  for (const v1::Authority& authority : authorities) {
    std::vector<std::string> row = {authority.id(),
                                    EnumText(v1::AuthorityPurpose_Name(authority.purpose()), "AUTHORITY_PURPOSE_"),
                                    EnumText(v1::AuthorityState_Name(authority.state()), "AUTHORITY_STATE_"),
                                    RelativeTime(FromProto(authority.not_after()), now), authority.subject()};
    if (wide) {
      row.insert(
          row.end(),
          {FullTime(FromProto(authority.not_before()), now), when(authority.has_prepared_at(), authority.prepared_at()),
           when(authority.has_activated_at(), authority.activated_at()),
           when(authority.has_retired_at(), authority.retired_at()),
           when(authority.has_revoked_at(), authority.revoked_at()), authority.has_key() ? "here" : "",
           absl::StrCat(authority.live_certificates()), authority.anchor_subject()});
    }
    table.Add(std::move(row));
  }
  for (const v1::AuthorityRequest& request : requests) {
    std::vector<std::string> row = {request.id(), "slurm", "requested", "", request.subject()};
    if (wide) row.insert(row.end(), {"", "", "", "", "", "here", "", ""});
    table.Add(std::move(row));
  }
  return table.Text();
}

std::string TokenRows(const google::protobuf::RepeatedPtrField<v1::Token>& tokens, absl::Time now, bool wide) {
  std::vector<std::string> header = {"NODE", "DAEMON", "KIND", "STATE", "ENDS", "USES", "TOKEN"};
  if (wide) header.insert(header.end(), {"LABEL", "CREATED", "BY", "LAST USED", "USED BY KEY"});
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
      row.insert(row.end(), {token.label(), RelativeTime(FromProto(token.created_at()), now), token.created_by(),
                             RelativeTime(FromProto(token.last_used_at()), now), token.used_by_key_id()});
    }
    table.Add(std::move(row));
  }
  return table.Text();
}

}  // namespace signet::cli
