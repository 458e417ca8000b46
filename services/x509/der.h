// ASN.1 DER (X.690), read one element at a time and written from the inside out. Internal to x509/.
#ifndef SIGNET_SERVICES_X509_DER_H_
#define SIGNET_SERVICES_X509_DER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::x509 {

// Identifier octets (X.690 section 8.1.2) of everything Signet reads or writes.
inline constexpr std::uint8_t kDerBoolean = 0x01;
inline constexpr std::uint8_t kDerInteger = 0x02;
inline constexpr std::uint8_t kDerBitString = 0x03;
inline constexpr std::uint8_t kDerOctetString = 0x04;
inline constexpr std::uint8_t kDerNull = 0x05;
inline constexpr std::uint8_t kDerOid = 0x06;
inline constexpr std::uint8_t kDerEnumerated = 0x0a;
inline constexpr std::uint8_t kDerUtf8String = 0x0c;
inline constexpr std::uint8_t kDerPrintableString = 0x13;
inline constexpr std::uint8_t kDerIa5String = 0x16;
inline constexpr std::uint8_t kDerUtcTime = 0x17;
inline constexpr std::uint8_t kDerGeneralizedTime = 0x18;
inline constexpr std::uint8_t kDerSequence = 0x30;
inline constexpr std::uint8_t kDerSet = 0x31;
// [n], context-specific.
constexpr std::uint8_t DerContext(std::uint8_t number) { return 0x80 | number; }
constexpr std::uint8_t DerContextConstructed(std::uint8_t number) { return 0xa0 | number; }

// One element. Views into the bytes that were read.
struct DerElement {
  std::uint8_t tag = 0;
  absl::string_view contents;
  absl::string_view whole;  // with identifier and length
};

// Reads the elements of `bytes` in order. Refuses indefinite and non-minimal lengths and multi-byte tags; every error
// is INVALID_ARGUMENT / MALFORMED and names `what`. Never recurses: who wants the inside of an element opens another
// reader on it.
class DerReader {
 public:
  explicit DerReader(absl::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  // The next element has this tag.
  bool Is(std::uint8_t tag) const { return !rest_.empty() && static_cast<std::uint8_t>(rest_.front()) == tag; }
  absl::StatusOr<DerElement> ReadAny(absl::string_view what);
  // The contents of the next element, which must have this tag.
  absl::StatusOr<absl::string_view> Read(std::uint8_t tag, absl::string_view what);
  // OK when nothing is left.
  absl::Status Finish(absl::string_view what) const;

 private:
  absl::string_view rest_;
};

// The contents of the single element that `bytes` must be, without trailing bytes.
absl::StatusOr<absl::string_view> ReadDer(absl::string_view bytes, std::uint8_t tag, absl::string_view what);
// The octets of a BIT STRING's contents; refuses unused bits, since everything Signet reads is whole octets.
absl::StatusOr<absl::string_view> BitStringOctets(absl::string_view contents, absl::string_view what);

// Identifier, minimal length, contents.
std::string WriteDer(std::uint8_t tag, absl::string_view contents);
// A BIT STRING of whole octets.
std::string WriteDerBits(absl::string_view octets);
// A positive, minimal INTEGER from big-endian bytes.
std::string WriteDerInteger(absl::string_view big_endian);
// RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on, in whole seconds: a fraction is
// dropped. Only for what IsDerTime.
std::string WriteDerTime(absl::Time time);
// In the years 1950 to 9999.
bool IsDerTime(absl::Time time);
// An Extension (RFC 5280 section 4.1); `value` is the DER inside its OCTET STRING.
std::string WriteDerExtension(absl::string_view oid, bool critical, absl::string_view value);
// An OBJECT IDENTIFIER from dotted text that this program wrote itself; arcs up to 128 bits (X.667).
std::string WriteDerOid(absl::string_view dotted);

// Dotted text of an OBJECT IDENTIFIER's contents; "(malformed oid)" when they are none. For comparisons and for people.
std::string OidText(absl::string_view contents);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_DER_H_
