#include "services/x509/name.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"
#include "services/x509/text.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxTextBytes = 1024;

// X.520 and RFC 4519 attribute types, with the upper bounds of RFC 5280 appendix A.1, in characters.
struct Attribute {
  const char* text;
  const char* oid;
  std::uint8_t string_type;
  std::size_t limit;
};
constexpr Attribute kAttributes[] = {
    {"CN", "2.5.4.3", kDerUtf8String, 64},
    {"O", "2.5.4.10", kDerUtf8String, 64},
    {"OU", "2.5.4.11", kDerUtf8String, 64},
    {"C", "2.5.4.6", kDerPrintableString, 2},
    {"L", "2.5.4.7", kDerUtf8String, 128},
    {"ST", "2.5.4.8", kDerUtf8String, 128},
    {"DC", "0.9.2342.19200300.100.1.25", kDerIa5String, 63},
};

absl::Status Refused(absl::string_view part, absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       absl::StrCat("name: ", part, ": ", problem), "write it like CN=Slurm CA,O=Example");
}

std::string WriteRdn(const Attribute& attribute, absl::string_view value) {
  return WriteDer(kDerSet, WriteDer(kDerSequence,
                                    absl::StrCat(WriteDerOid(attribute.oid), WriteDer(attribute.string_type, value))));
}

// Takes one "TYPE=value" off the front of `rest`, up to an unescaped comma, which goes too. `value` comes unescaped.
absl::Status TakePart(absl::string_view& rest, std::string& type, std::string& value) {
  const std::size_t equals = rest.find('=');
  if (equals == absl::string_view::npos) return Refused(absl::CEscape(rest), "no '='");
  type = std::string(absl::StripAsciiWhitespace(rest.substr(0, equals)));
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(equals + 1));
  value.clear();
  std::size_t keep = 0;  // Unescaped spaces at the end do not count (RFC 4514 section 2.4).
  while (!rest.empty() && rest.front() != ',') {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '+' || c == ';' || c == '"' || c == '<' || c == '>') {
      return Refused(absl::CEscape(type), absl::StrCat("'", absl::string_view(&c, 1), "' needs a backslash before it"));
    }
    const bool escaped = c == '\\';
    if (escaped) {
      if (rest.empty()) return Refused(absl::CEscape(type), "ends in a backslash");
      if (rest.size() >= 2 && absl::ascii_isxdigit(static_cast<unsigned char>(rest[0])) &&
          absl::ascii_isxdigit(static_cast<unsigned char>(rest[1]))) {
        c = absl::HexStringToBytes(rest.substr(0, 2)).front();
        rest.remove_prefix(2);
      } else {
        c = rest.front();
        rest.remove_prefix(1);
      }
    }
    value.push_back(c);
    if (escaped || c != ' ') keep = value.size();
  }
  value.resize(keep);
  return absl::OkStatus();
}

absl::Status CheckValue(const Attribute& attribute, absl::string_view value) {
  const auto characters = CountUtf8(value);
  if (!characters.has_value()) return Refused(attribute.text, "not UTF-8, or a control character in it");
  if (*characters == 0) return Refused(attribute.text, "empty");
  if (*characters > attribute.limit) {
    return Refused(attribute.text, absl::StrCat(*characters, " characters, the limit is ", attribute.limit));
  }
  if (attribute.string_type == kDerPrintableString &&
      (value.size() != 2 ||
       !std::all_of(value.begin(), value.end(), [](unsigned char c) { return absl::ascii_isupper(c); }))) {
    return Refused(attribute.text, "not a country code of two capital letters");
  }
  if (attribute.string_type == kDerIa5String && *characters != value.size()) {
    return Refused(attribute.text, "only ASCII is allowed");
  }
  return absl::OkStatus();
}

// RFC 4514 section 2.4.
std::string EscapeValue(absl::string_view value) {
  static constexpr absl::string_view kSpecial = ",+\"\\<>;";
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool edge = (c == ' ' && (i == 0 || i + 1 == value.size())) || (c == '#' && i == 0);
    if (edge || kSpecial.find(c) != absl::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

absl::StatusOr<std::string> AttributeText(absl::string_view attribute_der) {
  static constexpr char kWhat[] = "name attribute";
  DerReader reader(attribute_der);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, reader.Read(kDerOid, kWhat));
  SIGNET_ASSIGN_OR_RETURN(const DerElement value, reader.ReadAny(kWhat));
  SIGNET_RETURN_IF_ERROR(reader.Finish(kWhat));
  std::string type = OidText(oid);
  const auto known = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                                  [&type](const Attribute& attribute) { return type == attribute.oid; });
  if (known != std::end(kAttributes)) type = known->text;
  const bool readable = value.tag == kDerUtf8String || value.tag == kDerPrintableString || value.tag == kDerIa5String;
  if (readable && CountUtf8(value.contents).has_value()) return absl::StrCat(type, "=", EscapeValue(value.contents));
  return absl::StrCat(type, "=#", absl::BytesToHexString(value.whole));
}

absl::StatusOr<std::string> NameText(absl::string_view name_der) {
  static constexpr char kWhat[] = "name";
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view rdns, ReadDer(name_der, kDerSequence, kWhat));
  std::string text;
  for (DerReader reader(rdns); !reader.done();) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view rdn, reader.Read(kDerSet, kWhat));
    absl::string_view separator = text.empty() ? "" : ",";
    for (DerReader attributes(rdn); !attributes.done(); separator = "+") {
      SIGNET_ASSIGN_OR_RETURN(const absl::string_view attribute, attributes.Read(kDerSequence, kWhat));
      SIGNET_ASSIGN_OR_RETURN(const std::string part, AttributeText(attribute));
      absl::StrAppend(&text, separator, part);
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> NameDerFromText(absl::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return Refused("the whole", absl::StrCat(text.size(), " bytes, the limit is ", kMaxTextBytes));
  }
  if (absl::StripAsciiWhitespace(text).empty()) return Refused("the whole", "empty");
  std::string rdns;
  for (absl::string_view rest = text;;) {
    std::string type;
    std::string value;
    SIGNET_RETURN_IF_ERROR(TakePart(rest, type, value));
    const auto known = std::find_if(std::begin(kAttributes), std::end(kAttributes),
                                    [&type](const Attribute& attribute) { return type == attribute.text; });
    if (known == std::end(kAttributes)) {
      return Refused(absl::CEscape(type), "unknown, the known ones are CN, O, OU, C, L, ST, DC");
    }
    SIGNET_RETURN_IF_ERROR(CheckValue(*known, value));
    rdns += WriteRdn(*known, value);
    if (rest.empty()) break;
    rest.remove_prefix(1);
  }
  return WriteDer(kDerSequence, rdns);
}

std::string CommonNameDer(absl::string_view common_name) {
  return WriteDer(kDerSequence, WriteRdn(kAttributes[0], common_name));
}

std::string NameTextFromDer(absl::string_view name_der) {
  const auto text = NameText(name_der);
  return text.ok() ? *text : "(malformed name)";
}

}  // namespace signet::x509
