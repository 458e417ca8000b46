#include "services/x509/certificate_fields.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"

namespace signet::x509 {
namespace {

constexpr char kWhat[] = "certificate";
constexpr char kBrokenExtension[] = "an extension that is broken or there twice";

absl::Status Malformed(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("certificate: ", problem));
}

// X.690 section 8.3.2: at least one octet, and not nine bits alike at the front.
bool IsMinimalInteger(absl::string_view contents) {
  if (contents.size() < 2) return !contents.empty();
  const bool second_begins_with_one = (contents[1] & 0x80) != 0;
  return !(contents[0] == '\0' && !second_begins_with_one) && !(contents[0] == '\xff' && second_begins_with_one);
}

// RFC 5280 section 4.1.2.5: UTCTime YYMMDDHHMMSSZ or GeneralizedTime YYYYMMDDHHMMSSZ.
absl::StatusOr<absl::Time> ReadTime(DerReader& reader) {
  SIGNET_ASSIGN_OR_RETURN(const DerElement element, reader.ReadAny("validity"));
  std::string digits(element.contents.substr(0, element.contents.size() - (element.contents.empty() ? 0 : 1)));
  const bool utc_time = element.tag == kDerUtcTime && digits.size() == 12;
  const bool generalized = element.tag == kDerGeneralizedTime && digits.size() == 14;
  if ((!utc_time && !generalized) || element.contents.back() != 'Z' ||
      !std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return absl::ascii_isdigit(c); })) {
    return Malformed("a validity that is no time");
  }
  // Two digits of a year mean 1950 to 2049.
  if (utc_time) digits.insert(0, digits[0] >= '5' ? "19" : "20");
  const auto number = [&digits](std::size_t at, std::size_t size) {
    int value = 0;
    for (std::size_t i = at; i < at + size; ++i) value = value * 10 + (digits[i] - '0');
    return value;
  };
  const absl::CivilSecond second(number(0, 4), number(4, 2), number(6, 2), number(8, 2), number(10, 2), number(12, 2));
  // A civil time normalises the 31st of February into March.
  if (second.month() != number(4, 2) || second.day() != number(6, 2) || second.hour() != number(8, 2) ||
      second.minute() != number(10, 2) || second.second() != number(12, 2)) {
    return Malformed("a validity that is no time");
  }
  return absl::FromCivil(second, absl::UTCTimeZone());
}

absl::Status ReadBasicConstraints(absl::string_view value, CertificateFields& fields) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view contents, ReadDer(value, kDerSequence, kWhat));
  DerReader reader(contents);
  if (reader.Is(kDerBoolean)) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view ca, reader.Read(kDerBoolean, kWhat));
    // X.690 section 11.5: a default is not written out; some CAs do, and it means the same.
    if (ca != "\xff" && ca != absl::string_view("\0", 1)) return Malformed(kBrokenExtension);
    fields.is_ca = ca == "\xff";
  }
  if (reader.Is(kDerInteger)) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view length, reader.Read(kDerInteger, kWhat));
    // RFC 5280 section 4.2.1.9: only with a CA. No path is longer than the 127 of one octet.
    if (length.size() != 1 || (length[0] & 0x80) != 0 || !fields.is_ca) return Malformed(kBrokenExtension);
    fields.path_length = length[0];
  }
  return reader.Finish(kWhat);
}

absl::Status ReadKeyUsage(absl::string_view value, CertificateFields& fields) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view bits, ReadDer(value, kDerBitString, kWhat));
  // The number of unused bits, then one or two octets (decipherOnly is bit 8).
  if (bits.size() < 2 || bits.size() > 3 || static_cast<unsigned char>(bits[0]) > 7) return Malformed(kBrokenExtension);
  // X.690 section 11.2.1: unused bits are zero.
  if ((static_cast<unsigned char>(bits.back()) & ((1U << bits[0]) - 1)) != 0) return Malformed(kBrokenExtension);
  fields.key_usage = static_cast<std::uint8_t>(bits[1]);
  return absl::OkStatus();
}

absl::Status ReadExtendedKeyUsage(absl::string_view value, CertificateFields& fields) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view usages, ReadDer(value, kDerSequence, kWhat));
  if (usages.empty()) return Malformed(kBrokenExtension);
  for (DerReader reader(usages); !reader.done();) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, reader.Read(kDerOid, kWhat));
    fields.extended_key_usages.push_back(OidText(oid));
  }
  return absl::OkStatus();
}

absl::Status ReadAuthorityKeyId(absl::string_view value, CertificateFields& fields) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view contents, ReadDer(value, kDerSequence, kWhat));
  for (DerReader reader(contents); !reader.done();) {
    SIGNET_ASSIGN_OR_RETURN(const DerElement part, reader.ReadAny(kWhat));
    if (part.tag == DerContext(0)) fields.authority_key_id = std::string(part.contents);
  }
  return absl::OkStatus();
}

absl::Status ReadAltNames(absl::string_view value, CertificateFields& fields) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view names, ReadDer(value, kDerSequence, kWhat));
  for (DerReader reader(names); !reader.done();) {
    SIGNET_ASSIGN_OR_RETURN(const DerElement name, reader.ReadAny(kWhat));
    if (name.tag == DerContext(2)) fields.dns_names.emplace_back(name.contents);
    if (name.tag == DerContext(6)) fields.uris.emplace_back(name.contents);
  }
  return absl::OkStatus();
}

absl::Status ReadExtension(absl::string_view extension, std::set<std::string>& seen, CertificateFields& fields) {
  DerReader reader(extension);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid_bytes, reader.Read(kDerOid, kWhat));
  bool critical = false;
  if (reader.Is(kDerBoolean)) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view flag, reader.Read(kDerBoolean, kWhat));
    if (flag != "\xff" && flag != absl::string_view("\0", 1)) return Malformed(kBrokenExtension);
    critical = flag == "\xff";
  }
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view value, reader.Read(kDerOctetString, kWhat));
  SIGNET_RETURN_IF_ERROR(reader.Finish(kWhat));
  const std::string oid = OidText(oid_bytes);
  // RFC 5280 section 4.2: no extension twice.
  if (!seen.insert(oid).second) return Malformed(kBrokenExtension);
  // Sections 4.2.1.1 and 4.2.1.2: key identifiers are never critical, and OpenSSL passes over none that is.
  const bool key_identifier = oid == "2.5.29.35" || oid == "2.5.29.14";
  if (critical && key_identifier && fields.unknown_critical.empty()) fields.unknown_critical = oid;
  if (oid == "2.5.29.19") return ReadBasicConstraints(value, fields);
  if (oid == "2.5.29.15") return ReadKeyUsage(value, fields);
  if (oid == "2.5.29.37") return ReadExtendedKeyUsage(value, fields);
  if (oid == "2.5.29.17") return ReadAltNames(value, fields);
  if (oid == "2.5.29.35") return ReadAuthorityKeyId(value, fields);
  if (oid == "2.5.29.14") {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view id, ReadDer(value, kDerOctetString, kWhat));
    fields.subject_key_id = std::string(id);
    return absl::OkStatus();
  }
  // nameConstraints should be critical (RFC 5280 section 4.2.1.10) and bind all the same when they are not.
  if ((critical || oid == "2.5.29.30") && fields.unknown_critical.empty()) fields.unknown_critical = oid;
  return absl::OkStatus();
}

absl::Status ReadExtensions(absl::string_view wrapped, CertificateFields& fields) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view extensions, ReadDer(wrapped, kDerSequence, kWhat));
  if (fields.version != 3 || extensions.empty()) return Malformed(kBrokenExtension);
  std::set<std::string> seen;
  for (DerReader reader(extensions); !reader.done();) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view extension, reader.Read(kDerSequence, kWhat));
    const absl::Status read = ReadExtension(extension, seen, fields);
    if (!read.ok()) return Malformed(kBrokenExtension);
  }
  return absl::OkStatus();
}

absl::Status ReadTbs(absl::string_view tbs, CertificateFields& fields) {
  DerReader reader(tbs);
  if (reader.Is(DerContextConstructed(0))) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view wrapped, reader.Read(DerContextConstructed(0), "version"));
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view version, ReadDer(wrapped, kDerInteger, "version"));
    if (version != "\x01" && version != "\x02") return Malformed("a version other than 1, 2 or 3");
    fields.version = version[0] + 1;
  }
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view serial, reader.Read(kDerInteger, "serial"));
  if (!IsMinimalInteger(serial)) return Malformed("a serial that is no INTEGER in its shortest form");
  fields.serial = std::string(serial);
  SIGNET_ASSIGN_OR_RETURN(const DerElement algorithm, reader.ReadAny("signature algorithm"));
  // RFC 5280 section 4.1.1.2: the one outside, which no signature covers, says the same.
  if (algorithm.whole != fields.signature_algorithm_der) return Malformed("two signature algorithms that differ");
  SIGNET_ASSIGN_OR_RETURN(const DerElement issuer, reader.ReadAny("issuer"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view validity, reader.Read(kDerSequence, "validity"));
  DerReader times(validity);
  SIGNET_ASSIGN_OR_RETURN(fields.not_before, ReadTime(times));
  SIGNET_ASSIGN_OR_RETURN(fields.not_after, ReadTime(times));
  SIGNET_RETURN_IF_ERROR(times.Finish("validity"));
  SIGNET_ASSIGN_OR_RETURN(const DerElement subject, reader.ReadAny("subject"));
  if (issuer.tag != kDerSequence || subject.tag != kDerSequence) return Malformed("a name that is no name");
  fields.issuer_der = std::string(issuer.whole);
  fields.subject_der = std::string(subject.whole);
  SIGNET_ASSIGN_OR_RETURN(const DerElement spki, reader.ReadAny("public key"));
  fields.spki_der = std::string(spki.whole);
  for (const std::uint8_t unique_id : {DerContext(1), DerContext(2)}) {
    if (reader.Is(unique_id)) SIGNET_RETURN_IF_ERROR(reader.Read(unique_id, kWhat).status());
  }
  if (reader.Is(DerContextConstructed(3))) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view wrapped, reader.Read(DerContextConstructed(3), "extensions"));
    SIGNET_RETURN_IF_ERROR(ReadExtensions(wrapped, fields));
  }
  return reader.Finish(kWhat);
}

}  // namespace

absl::StatusOr<CertificateFields> ReadCertificateFields(absl::string_view der) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view contents, ReadDer(der, kDerSequence, kWhat));
  DerReader reader(contents);
  CertificateFields fields;
  SIGNET_ASSIGN_OR_RETURN(const DerElement tbs, reader.ReadAny("tbsCertificate"));
  SIGNET_ASSIGN_OR_RETURN(const DerElement algorithm, reader.ReadAny("signature algorithm"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view bits, reader.Read(kDerBitString, "signature"));
  SIGNET_RETURN_IF_ERROR(reader.Finish(kWhat));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view signature, BitStringOctets(bits, "signature"));
  fields.tbs_der = std::string(tbs.whole);
  fields.signature_algorithm_der = std::string(algorithm.whole);
  fields.signature = std::string(signature);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view inside, ReadDer(tbs.whole, kDerSequence, "tbsCertificate"));
  SIGNET_RETURN_IF_ERROR(ReadTbs(inside, fields));
  return fields;
}

}  // namespace signet::x509
