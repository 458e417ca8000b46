#include "services/x509/revocation_list.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"
#include "services/x509/signature_algorithm.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxSerial = 20;

absl::Status Invalid(absl::string_view field, absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       absl::StrCat("revocation list ", field, ": ", problem));
}

bool IsLowerHex(absl::string_view text) {
  return !text.empty() && text.size() % 2 == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Big endian, without leading zeros: by it two spellings of one number are seen to be one.
absl::StatusOr<std::string> SerialOctets(absl::string_view hex) {
  if (!IsLowerHex(hex)) return Invalid("serial", "not lower-case hex of whole octets");
  std::string octets = absl::HexStringToBytes(hex);
  octets.erase(0, octets.find_first_not_of('\0'));
  if (octets.empty()) return Invalid("serial", "zero");
  // RFC 5280 section 4.1.2.2; a first bit that is set takes one octet more.
  if (WriteDerInteger(octets).size() > kMaxSerial + 2) return Invalid("serial", "more than 20 octets");
  return octets;
}

// RFC 5280 section 5.3.1: 7 is not used, and 8, removeFromCRL, stands in delta lists only.
absl::Status CheckReason(int reason) {
  if (reason < 0 || reason > 10 || reason == 7 || reason == 8) {
    return Invalid("reason", absl::StrCat(reason, " is none of a complete list"));
  }
  return absl::OkStatus();
}

absl::Status CheckTime(absl::string_view field, absl::Time time) {
  if (!IsDerTime(time)) return Invalid(field, "outside of the years 1950 to 9999");
  return absl::OkStatus();
}

std::string WriteEntry(absl::string_view serial, const RevokedCertificate& certificate) {
  std::string entry = absl::StrCat(WriteDerInteger(serial), WriteDerTime(certificate.revoked_at));
  // RFC 5280 section 5.3.1: unspecified should be absent.
  if (certificate.reason != 0) {
    const char code = static_cast<char>(certificate.reason);
    const std::string extension =
        WriteDerExtension("2.5.29.21", false, WriteDer(kDerEnumerated, absl::string_view(&code, 1)));
    absl::StrAppend(&entry, WriteDer(kDerSequence, extension));
  }
  return WriteDer(kDerSequence, entry);
}

// revokedCertificates, or nothing: RFC 5280 section 5.1.2.6 wants it absent when it is empty.
absl::StatusOr<std::string> WriteEntries(const std::vector<RevokedCertificate>& revoked) {
  if (revoked.empty()) return std::string();
  std::vector<std::pair<std::string, const RevokedCertificate*>> by_serial;
  by_serial.reserve(revoked.size());
  for (const RevokedCertificate& certificate : revoked) {
    SIGNET_ASSIGN_OR_RETURN(std::string serial, SerialOctets(certificate.serial));
    SIGNET_RETURN_IF_ERROR(CheckTime("revocationDate", certificate.revoked_at));
    SIGNET_RETURN_IF_ERROR(CheckReason(certificate.reason));
    by_serial.emplace_back(std::move(serial), &certificate);
  }
  std::sort(by_serial.begin(), by_serial.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (const auto twice = std::adjacent_find(by_serial.begin(), by_serial.end(), same); twice != by_serial.end()) {
    return Invalid("serial", absl::StrCat(absl::BytesToHexString(twice->first), " stands there twice"));
  }
  std::string entries;
  for (const auto& [serial, certificate] : by_serial) absl::StrAppend(&entries, WriteEntry(serial, *certificate));
  return WriteDer(kDerSequence, entries);
}

std::string WriteNumber(uint64_t number) {
  std::string octets;
  for (int shift = 56; shift >= 0; shift -= 8) octets.push_back(static_cast<char>(number >> shift & 0xff));
  return WriteDerInteger(octets);
}

absl::Status CheckList(const RevocationListTemplate& list) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view issuer,
                          ReadDer(list.issuer_der, kDerSequence, "revocation list issuer"));
  // RFC 5280 section 5.1.2.3.
  if (issuer.empty()) return Invalid("issuer", "empty");
  if (list.authority_key_id.empty() || list.authority_key_id.size() > 64) {
    return Invalid("authorityKeyIdentifier", "must have 1 to 64 bytes");
  }
  SIGNET_RETURN_IF_ERROR(CheckTime("thisUpdate", list.this_update));
  SIGNET_RETURN_IF_ERROR(CheckTime("nextUpdate", list.next_update));
  if (list.next_update <= list.this_update) return Invalid("nextUpdate", "not after thisUpdate");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> EncodeRevocationList(const RevocationListTemplate& list, SignatureAlgorithm algorithm) {
  SIGNET_RETURN_IF_ERROR(CheckList(list));
  SIGNET_ASSIGN_OR_RETURN(const std::string entries, WriteEntries(list.revoked));
  const std::string key_id = WriteDer(kDerSequence, WriteDer(DerContext(0), list.authority_key_id));
  const std::string extensions = absl::StrCat(WriteDerExtension("2.5.29.35", false, key_id),
                                              WriteDerExtension("2.5.29.20", false, WriteNumber(list.number)));
  // Version 2 is written as 1 (RFC 5280 section 5.1.2.1).
  return WriteDer(kDerSequence,
                  absl::StrCat(WriteDerInteger("\x01"), AlgorithmIdentifierDer(algorithm), list.issuer_der,
                               WriteDerTime(list.this_update), WriteDerTime(list.next_update), entries,
                               WriteDer(DerContextConstructed(0), WriteDer(kDerSequence, extensions))));
}

std::string AssembleRevocationList(absl::string_view tbs_der, SignatureAlgorithm algorithm,
                                   absl::string_view signature) {
  return WriteDer(kDerSequence, absl::StrCat(tbs_der, AlgorithmIdentifierDer(algorithm), WriteDerBits(signature)));
}

}  // namespace signet::x509
