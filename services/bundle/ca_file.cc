#include "services/bundle/ca_file.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/x509/pem.h"

namespace signet::bundle {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMaxAnchors = 64;
constexpr std::size_t kMaxCommentChars = 200;
constexpr x509::PemLimits kLimits = {.bytes = 1 << 20, .blocks = kMaxAnchors};

// A subject is an admin's text: only printable ASCII reaches the file, and never two dashes, which s2n takes for a PEM
// line.
std::string Comment(absl::string_view subject) {
  std::string text;
  for (const char c : subject.substr(0, kMaxCommentChars)) {
    const bool printable = c >= ' ' && c <= '~';
    const bool second_dash = c == '-' && !text.empty() && text.back() == '-';
    text.push_back(!printable || second_dash ? '_' : c);
  }
  return text;
}

bool IsBlank(absl::string_view line) { return absl::StripAsciiWhitespace(line).empty(); }

// What only the text shows; the blocks' contents come later.
std::vector<std::string> FaultsOfText(absl::string_view content) {
  std::vector<std::string> faults;
  bool inside = false;
  bool after_a_block = false;
  std::size_t number = 0;
  std::size_t text_line = 0;  // the last line with text since the last END
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    ++number;
    if (absl::StartsWith(line, "-----BEGIN ")) {
      if (absl::StrContains(line, "PRIVATE KEY")) {
        faults.push_back(absl::StrCat("line ", number, ": a private key, in a file that everybody reads"));
      } else if (absl::StripTrailingAsciiWhitespace(line) != "-----BEGIN CERTIFICATE-----") {
        faults.push_back(absl::StrCat("line ", number, ": a PEM block that is no certificate"));
      }
      inside = true;
      text_line = 0;
    } else if (inside && absl::StartsWith(line, "-----END ")) {
      inside = false;
      after_a_block = true;
    } else if (!inside && !IsBlank(line)) {
      text_line = number;
      if (absl::StrContains(line, "--")) {
        faults.push_back(absl::StrCat("line ", number, ": \"--\" in a comment crashes s2n"));
      }
    }
  }
  if (after_a_block && text_line != 0) {
    faults.push_back(absl::StrCat("line ", text_line, ": text after the last END line crashes s2n"));
  }
  return faults;
}

// What the certificates themselves show. Dates stand apart: one anchor that counts now makes up for others' dates.
struct CertificateFindings {
  std::vector<std::string> faults;
  std::vector<std::string> dates;
  bool one_counts = false;
};

void Judge(absl::string_view der, std::size_t number, absl::Time now, CertificateFindings& findings) {
  const auto certificate = x509::Certificate::FromDer(der);
  if (!certificate.ok()) {
    findings.faults.push_back(absl::StrCat("certificate ", number, ": does not parse"));
    return;
  }
  if (certificate->ParseWithOpenssl() == nullptr) {
    findings.faults.push_back(absl::StrCat("certificate ", number, ": OpenSSL cannot parse it, which crashes s2n"));
  }
  if (!certificate->is_ca()) findings.faults.push_back(absl::StrCat("certificate ", number, ": is not a CA's"));
  const auto date = [](absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); };
  if (now > certificate->not_after()) {
    findings.dates.push_back(absl::StrCat("certificate ", number, ": expired at ", date(certificate->not_after())));
  } else if (now < certificate->not_before()) {
    findings.dates.push_back(
        absl::StrCat("certificate ", number, ": begins only at ", date(certificate->not_before())));
  } else if (certificate->is_ca()) {
    findings.one_counts = true;
  }
}

CertificateFindings JudgeAll(const std::vector<x509::PemBlock>& blocks, absl::Time now) {
  CertificateFindings findings;
  for (std::size_t at = 0; at < blocks.size(); ++at) Judge(blocks[at].der, at + 1, now, findings);
  return findings;
}

}  // namespace

absl::StatusOr<std::string> RenderCaFile(const std::vector<x509::Certificate>& anchors) {
  const auto malformed = [](absl::string_view message) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
  };
  if (anchors.empty() || anchors.size() > kMaxAnchors) return malformed("anchors: must be 1 to 64 certificates");
  std::string content;
  for (const x509::Certificate& anchor : anchors) {
    if (!anchor.is_ca()) return malformed("anchors: one is not a CA's certificate");
    if (anchor.ParseWithOpenssl() == nullptr) {
      return malformed(absl::StrCat("anchors: ", Comment(anchor.subject()), " is none that OpenSSL can parse"));
    }
    absl::StrAppend(&content, "# ", Comment(anchor.subject()), "\n", anchor.pem());
  }
  // Slurm maps the file and reads it as a C string: a file that fills its last page has no end.
  if (content.size() % kPage == 0) content.push_back('\n');
  return content;
}

std::vector<std::string> FaultsOfCaFile(absl::string_view content, absl::Time now) {
  std::vector<std::string> faults = FaultsOfText(content);
  if (!content.empty() && content.size() % kPage == 0) {
    faults.push_back(absl::StrCat("its size, ", content.size(),
                                  " bytes, is a multiple of 4096, which crashes Slurm: add a blank line at the end"));
  }
  if (absl::StrContains(content, absl::string_view("\0", 1))) {
    faults.emplace_back("a NUL in it hides the rest from Slurm");
  }
  const auto blocks = x509::ParsePem(content, kLimits);
  if (!blocks.ok()) {
    faults.push_back(absl::StrCat("does not parse: ", blocks.status().message()));
    return faults;
  }
  if (blocks->empty()) faults.emplace_back("no certificate in it");
  CertificateFindings findings = JudgeAll(*blocks, now);
  if (!findings.one_counts) {
    std::move(findings.dates.begin(), findings.dates.end(), std::back_inserter(findings.faults));
  }
  std::move(findings.faults.begin(), findings.faults.end(), std::back_inserter(faults));
  return faults;
}

std::vector<std::string> NotesOfCaFile(absl::string_view content, absl::Time now) {
  const auto blocks = x509::ParsePem(content, kLimits);
  if (!blocks.ok()) return {};
  CertificateFindings findings = JudgeAll(*blocks, now);
  return findings.one_counts ? std::move(findings.dates) : std::vector<std::string>();
}

}  // namespace signet::bundle
