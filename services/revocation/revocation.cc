#include "services/revocation/revocation.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/audit/text.h"
#include "services/authority/gates.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"

namespace signet::revocation {
namespace {

constexpr std::size_t kMaxSerialDigits = 40;  // RFC 5280 section 4.1.2.2
constexpr char kServiceRole[] = "service";    // in a control certificate

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

absl::Status CheckSerial(absl::string_view serial) {
  const bool digits = std::all_of(serial.begin(), serial.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (digits && !serial.empty() && serial.size() <= kMaxSerialDigits) return absl::OkStatus();
  return Malformed(absl::StrCat("serials: each is 1 to ", kMaxSerialDigits, " lower-case hex digits"));
}

absl::Status CheckSubject(absl::string_view name) {
  return names::IsServiceName(name) ? absl::OkStatus() : names::CheckNodeName(name);
}

absl::Status CheckComment(absl::string_view comment) {
  if (absl::StripAsciiWhitespace(comment).empty()) return Malformed("comment: say why, for who reads the audit log");
  const bool control =
      std::any_of(comment.begin(), comment.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); });
  if (comment.size() > kMaxComment || control || audit::FitText(comment, kMaxComment) != comment) {
    return Malformed(absl::StrCat("comment: at most ", kMaxComment, " bytes of printable UTF-8"));
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(const Request& request) {
  const int kinds =
      (request.serials.empty() ? 0 : 1) + (request.nodes.empty() ? 0 : 1) + (request.authority_id.empty() ? 0 : 1);
  if (kinds != 1) return Malformed("name serials, or nodes, or one authority");
  if (std::max(request.serials.size(), request.nodes.size()) > kMaxPerCall) {
    return Malformed(absl::StrCat("a call names at most ", kMaxPerCall, " serials or nodes"));
  }
  for (const std::string& serial : request.serials) SIGNET_RETURN_IF_ERROR(CheckSerial(serial));
  for (const std::string& node : request.nodes) SIGNET_RETURN_IF_ERROR(CheckSubject(node));
  return CheckComment(request.comment);
}

absl::string_view ReasonText(store::RevocationReason reason) {
  switch (reason) {
    case store::RevocationReason::kKeyCompromise:
      return "keyCompromise";
    case store::RevocationReason::kSuperseded:
      return "superseded";
    case store::RevocationReason::kCessationOfOperation:
      return "cessationOfOperation";
    case store::RevocationReason::kUnspecified:
      break;
  }
  return "unspecified";
}

// NOT_FOUND becomes false; any other error stays one.
template <typename Row>
absl::StatusOr<bool> Exists(const absl::StatusOr<Row>& row) {
  if (row.ok() || absl::IsNotFound(row.status())) return row.ok();
  return row.status();
}

absl::Status Unknown(absl::string_view what, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kNotFound, base::kNotFound,
                       absl::StrCat(what, " is unknown; nothing was revoked"), next);
}

// One request within one transaction.
class Change {
 public:
  Change(const Request& request, const audit::Origin& origin, const audit::AuditLog& audit, absl::Time now,
         store::Tables& tables)
      : request_(request), origin_(origin), audit_(audit), now_(now), tables_(tables) {}

  absl::StatusOr<Revoked> Run() {
    for (const std::string& serial : std::set(request_.serials.begin(), request_.serials.end())) {
      SIGNET_RETURN_IF_ERROR(RevokeSerial(serial));
    }
    for (const std::string& node : std::set(request_.nodes.begin(), request_.nodes.end())) {
      SIGNET_RETURN_IF_ERROR(RevokeNode(node));
    }
    if (!request_.authority_id.empty()) SIGNET_RETURN_IF_ERROR(RevokeAuthority(request_.authority_id));
    return total_;
  }

 private:
  absl::Status RevokeSerial(const std::string& serial) {
    const auto row = tables_.certificates().Find(serial);
    if (absl::IsNotFound(row.status())) return Unknown(absl::StrCat("serial ", serial), "signetctl cert list");
    SIGNET_RETURN_IF_ERROR(row.status());
    SIGNET_ASSIGN_OR_RETURN(const bool revoked, tables_.certificates().Revoke(serial, now_, request_.reason));
    Revoked done{revoked ? 1 : 0, 0};
    if (row->profile == store::Profile::kControl) {
      SIGNET_ASSIGN_OR_RETURN(const int64_t renewed,
                              tables_.certificates().RevokeOfClient(row->subject, row->daemon, now_, request_.reason));
      done.certificates += renewed;
    }
    SIGNET_ASSIGN_OR_RETURN(done.identities_ended, EndIdentityOf(*row));
    return Append(serial, done, {{"serial", serial}, {"holder", row->subject}, {"daemon", row->daemon}});
  }

  // Only the key that obtained it: a node that has enrolled anew since keeps its new one.
  absl::StatusOr<int64_t> EndIdentityOf(const store::CertificateRow& row) {
    if (row.profile != store::Profile::kNode || row.identity_key_id.empty()) return 0;
    const auto identity = tables_.nodes().FindIdentity(row.identity_key_id);
    SIGNET_ASSIGN_OR_RETURN(const bool found, Exists(identity));
    if (!found || identity->superseded_at != absl::InfiniteFuture()) return 0;
    // One daemon of one node has one live key.
    return tables_.nodes().EndIdentities(identity->node, identity->daemon, now_, store::EndedBy::kRevocation);
  }

  absl::Status RevokeNode(const std::string& node) {
    SIGNET_ASSIGN_OR_RETURN(const bool known, IsKnown(node));
    if (!known) return Unknown(node, "signetctl node list");
    Revoked done;
    SIGNET_ASSIGN_OR_RETURN(done.certificates, tables_.certificates().RevokeOfSubject(node, now_, request_.reason));
    if (names::IsServiceName(node)) {
      SIGNET_ASSIGN_OR_RETURN(const int64_t clients,
                              tables_.certificates().RevokeOfClient(node, kServiceRole, now_, request_.reason));
      done.certificates += clients;
    }
    SIGNET_ASSIGN_OR_RETURN(done.identities_ended,
                            tables_.nodes().EndIdentities(node, "", now_, store::EndedBy::kRevocation));
    SIGNET_ASSIGN_OR_RETURN(const int64_t tokens, tables_.tokens().RevokeOfNode(node, now_));
    SIGNET_ASSIGN_OR_RETURN(const int64_t approvals, tables_.approvals().DeleteOfNode(node));
    return Append(node, done,
                  {{"tokens_revoked", absl::StrCat(tokens)}, {"approvals_dropped", absl::StrCat(approvals)}},
                  tokens > 0 || approvals > 0);
  }

  // One that was forgotten is known by its certificates.
  absl::StatusOr<bool> IsKnown(const std::string& node) const {
    const store::Tables& tables = tables_;
    for (const char* daemon : {"slurmd", "sackd"}) {
      SIGNET_ASSIGN_OR_RETURN(const bool enrolled, Exists(tables.nodes().Find(node, daemon)));
      if (enrolled) return true;
    }
    for (const store::Profile profile : {store::Profile::kNode, store::Profile::kService}) {
      SIGNET_ASSIGN_OR_RETURN(const bool certified, Exists(tables.certificates().Newest(profile, node)));
      if (certified) return true;
    }
    if (!names::IsServiceName(node)) return false;
    // No other role of a client may bear a service's name.
    return Exists(tables.certificates().Newest(store::Profile::kControl, node));
  }

  absl::Status RevokeAuthority(const std::string& id) {
    SIGNET_ASSIGN_OR_RETURN(const std::vector<store::AuthorityRow> rows, tables_.authorities().List());
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const store::AuthorityRow& each) { return each.id == id; });
    if (row == rows.end()) return Unknown(absl::StrCat("authority ", id), "signetctl authority list");
    if (row->state == store::AuthorityState::kActive) {
      return base::Refusal(
          absl::StatusCode::kFailedPrecondition, base::kGateClosed,
          absl::StrCat("authority ", id, " is the active one: whatever is revoked under it is renewed under it"),
          "signetctl authority prepare   (for a stolen key: signetctl authority emergency)");
    }
    SIGNET_RETURN_IF_ERROR(CheckNobodyServes(*row));
    Revoked done;
    SIGNET_ASSIGN_OR_RETURN(done.certificates, tables_.certificates().RevokeOfAuthority(id, now_, request_.reason));
    return Append(id, done, {{"authority", id}});
  }

  // Slurm reads no list: who serves such a certificate is cut off when the root leaves the trust bundle, and the gate
  // of that step would see none that is not revoked.
  absl::Status CheckNobodyServes(const store::AuthorityRow& row) const {
    const bool trusted = row.state == store::AuthorityState::kPrepared || row.state == store::AuthorityState::kRetired;
    if (row.purpose != store::Purpose::kSlurm || !trusted) return absl::OkStatus();
    SIGNET_ASSIGN_OR_RETURN(std::vector<authority::Blocker> blockers, authority::StillServed(tables_, row, now_));
    SIGNET_ASSIGN_OR_RETURN(std::vector<authority::Blocker> more, authority::MayBeServed(tables_, row, now_));
    blockers.insert(blockers.end(), more.begin(), more.end());
    if (blockers.empty()) return absl::OkStatus();
    const auto say = [](std::string* out, const authority::Blocker& blocker) {
      absl::StrAppend(out, blocker.cause, blocker.names.empty() ? "" : ": ", blocker.names);
    };
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kGateClosed,
                         absl::StrCat("authority ", row.id, " is still needed: ", absl::StrJoin(blockers, "; ", say)),
                         absl::StrCat(blockers.front().next, "; for a stolen key: signetctl authority emergency ",
                                      row.id.substr(0, 12)));
  }

  absl::Status Append(const std::string& subject, const Revoked& done, std::map<std::string, std::string> facts,
                      bool more = false) {
    total_.certificates += done.certificates;
    total_.identities_ended += done.identities_ended;
    if (done.certificates == 0 && done.identities_ended == 0 && !more) return absl::OkStatus();
    audit::Event event;
    event.origin = origin_;
    event.action = "certificate.revoke";
    event.subject = subject;
    event.facts = std::move(facts);
    event.facts["revoked"] = absl::StrCat(done.certificates);
    event.facts["identities_ended"] = absl::StrCat(done.identities_ended);
    event.facts["revocation_reason"] = std::string(ReasonText(request_.reason));
    event.facts["why"] = request_.comment;
    return audit_.Append(tables_, event);
  }

  const Request& request_;
  const audit::Origin& origin_;
  const audit::AuditLog& audit_;
  const absl::Time now_;
  store::Tables& tables_;
  Revoked total_;
};

}  // namespace

Revocation::Revocation(store::Store& store, authority::Authorities& authorities, const audit::AuditLog& audit,
                       base::Clock& clock)
    : store_(store), authorities_(authorities), audit_(audit), clock_(clock) {}

absl::StatusOr<Revoked> Revocation::Revoke(const Request& request, const audit::Origin& origin) {
  SIGNET_RETURN_IF_ERROR(CheckRequest(request));
  const absl::Time now = clock_.Now();
  Revoked revoked;
  // A dry run does it all, and its error undoes it: what it counts is what would change.
  bool undone = false;
  const absl::Status status = store_.Write([&](store::Tables& tables) -> absl::Status {
    undone = false;
    SIGNET_ASSIGN_OR_RETURN(revoked, Change(request, origin, audit_, now, tables).Run());
    undone = request.dry_run;
    return request.dry_run ? absl::CancelledError("dry run") : absl::OkStatus();
  });
  if (status.ok() || (undone && absl::IsCancelled(status))) return revoked;
  return status;
}

}  // namespace signet::revocation
