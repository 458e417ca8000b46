#include "services/authority/next_subject.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/authority/trust_bundle.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/name.h"

namespace signet::authority {
namespace {

constexpr char kCommonName[] = "CN=";
// More digits are a part of the name, and no count.
constexpr std::size_t kMostDigits = 6;

absl::Status Refused(absl::string_view what) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("subject: ", what),
                       "signetctl authority prepare --subject 'CN=…'");
}

std::string Folded(absl::string_view subject) {
  std::string text = absl::AsciiStrToLower(subject);
  absl::RemoveExtraAsciiWhitespace(&text);
  return text;
}

// The length of the first part of RFC 4514 text: up to a comma that no backslash escapes.
std::size_t PartLength(absl::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != ',') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

}  // namespace

absl::Status CheckSubjectIsFree(absl::string_view subject, const std::vector<store::AuthorityRow>& rows,
                                const std::vector<store::AuthorityRequestRow>& requests) {
  const auto name_der = x509::NameDerFromText(subject);
  if (!name_der.ok()) return Refused(name_der.status().message());
  const std::string wanted = Folded(x509::NameTextFromDer(*name_der));
  for (const store::AuthorityRow& row : rows) {
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate certificate, x509::Certificate::FromDer(row.certificate_der));
    SIGNET_ASSIGN_OR_RETURN(const x509::Certificate anchor, AnchorOf(row));
    if (Folded(certificate.subject()) != wanted && Folded(anchor.subject()) != wanted) continue;
    return Refused(absl::StrCat("authority ", row.id, " has ", subject, ": verifiers could not tell them apart"));
  }
  for (const store::AuthorityRequestRow& request : requests) {
    if (request.withdrawn_at != absl::InfinitePast()) continue;
    if (Folded(x509::NameTextFromDer(request.subject_der)) != wanted) continue;
    return Refused(absl::StrCat("request ", request.id, " asks for ", subject));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> NextSubject(absl::string_view subject, const std::vector<store::AuthorityRow>& rows,
                                        const std::vector<store::AuthorityRequestRow>& requests) {
  std::size_t begin = 0;
  while (begin < subject.size() && !absl::StartsWith(subject.substr(begin), kCommonName)) {
    begin += PartLength(subject.substr(begin)) + 1;
  }
  if (begin >= subject.size()) return Refused(absl::StrCat(subject, " has no common name that a number could follow"));
  const std::size_t end = begin + PartLength(subject.substr(begin));
  absl::string_view name = subject.substr(begin, end - begin);
  uint64_t number = 1;
  const std::size_t blank = name.rfind(' ');
  if (blank != absl::string_view::npos && name.size() - blank - 1 <= kMostDigits &&
      absl::SimpleAtoi(name.substr(blank + 1), &number)) {
    name = name.substr(0, blank);
  } else {
    number = 1;
  }
  // Each authority takes two names at most, each request one.
  for (std::size_t tries = 0; tries <= 2 * rows.size() + requests.size(); ++tries) {
    const std::string next = absl::StrCat(subject.substr(0, begin), name, " ", ++number, subject.substr(end));
    const absl::Status free = CheckSubjectIsFree(next, rows, requests);
    if (free.ok()) return next;
    if (!x509::NameDerFromText(next).ok()) return free;
  }
  return Refused("no free number was found");
}

}  // namespace signet::authority
