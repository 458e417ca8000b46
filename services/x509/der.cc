#include "services/x509/der.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::x509 {
namespace {

__extension__ typedef unsigned __int128 Arc;

absl::Status Malformed(absl::string_view what, absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat(what, ": ", problem));
}

std::uint8_t Octet(absl::string_view bytes, std::size_t index) { return static_cast<std::uint8_t>(bytes[index]); }

void AppendArc(Arc arc, std::string& out) {
  std::string reversed(1, static_cast<char>(arc & 0x7f));
  for (arc >>= 7; arc != 0; arc >>= 7) reversed.push_back(static_cast<char>(0x80 | (arc & 0x7f)));
  out.append(reversed.rbegin(), reversed.rend());
}

std::string ArcText(Arc arc) {
  std::string reversed;
  do {
    reversed.push_back(static_cast<char>('0' + static_cast<int>(arc % 10)));
    arc /= 10;
  } while (arc != 0);
  return std::string(reversed.rbegin(), reversed.rend());
}

}  // namespace

absl::StatusOr<DerElement> DerReader::ReadAny(absl::string_view what) {
  if (rest_.size() < 2) return Malformed(what, "missing or truncated");
  const std::uint8_t tag = Octet(rest_, 0);
  if ((tag & 0x1f) == 0x1f) return Malformed(what, "a multi-byte tag, which no field here has");
  std::size_t length = Octet(rest_, 1);
  std::size_t header = 2;
  if (length == 0x80) return Malformed(what, "indefinite length, which DER forbids");
  if (length > 0x80) {
    const std::size_t octets = length & 0x7f;
    if (octets > 4) return Malformed(what, "a length of more than 4 octets");
    if (rest_.size() < 2 + octets) return Malformed(what, "missing or truncated");
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = (length << 8) | Octet(rest_, 2 + i);
    // X.690 section 10.1: the shortest form only.
    if (length < 0x80 || Octet(rest_, 2) == 0) return Malformed(what, "a length that is not in its shortest form");
    header += octets;
  }
  if (length > rest_.size() - header) return Malformed(what, "longer than the bytes that are there");
  DerElement element{tag, rest_.substr(header, length), rest_.substr(0, header + length)};
  rest_.remove_prefix(header + length);
  return element;
}

absl::StatusOr<absl::string_view> DerReader::Read(std::uint8_t tag, absl::string_view what) {
  if (!rest_.empty() && !Is(tag)) {
    return Malformed(what, absl::StrCat("tag 0x", absl::Hex(Octet(rest_, 0), absl::kZeroPad2), " where 0x",
                                        absl::Hex(tag, absl::kZeroPad2), " belongs"));
  }
  SIGNET_ASSIGN_OR_RETURN(const DerElement element, ReadAny(what));
  return element.contents;
}

absl::Status DerReader::Finish(absl::string_view what) const {
  return rest_.empty() ? absl::OkStatus() : Malformed(what, absl::StrCat(rest_.size(), " trailing bytes"));
}

absl::StatusOr<absl::string_view> ReadDer(absl::string_view bytes, std::uint8_t tag, absl::string_view what) {
  DerReader reader(bytes);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view contents, reader.Read(tag, what));
  SIGNET_RETURN_IF_ERROR(reader.Finish(what));
  return contents;
}

absl::StatusOr<absl::string_view> BitStringOctets(absl::string_view contents, absl::string_view what) {
  if (contents.empty() || contents.front() != '\0') return Malformed(what, "a bit string with unused bits");
  return contents.substr(1);
}

std::string WriteDer(std::uint8_t tag, absl::string_view contents) {
  std::string out(1, static_cast<char>(tag));
  const std::size_t length = contents.size();
  if (length < 0x80) {
    out.push_back(static_cast<char>(length));
  } else {
    std::size_t octets = 1;
    while (octets < sizeof(length) && (length >> (8 * octets)) != 0) ++octets;
    out.push_back(static_cast<char>(0x80 | octets));
    for (std::size_t i = octets; i > 0; --i) out.push_back(static_cast<char>((length >> (8 * (i - 1))) & 0xff));
  }
  absl::StrAppend(&out, contents);
  return out;
}

std::string WriteDerBits(absl::string_view octets) {
  return WriteDer(kDerBitString, absl::StrCat(absl::string_view("\0", 1), octets));
}

std::string WriteDerInteger(absl::string_view big_endian) {
  while (!big_endian.empty() && big_endian.front() == '\0') big_endian.remove_prefix(1);
  const bool pad = big_endian.empty() || (Octet(big_endian, 0) & 0x80) != 0;
  return WriteDer(kDerInteger, absl::StrCat(absl::string_view("\0", pad ? 1 : 0), big_endian));
}

bool IsDerTime(absl::Time time) {
  static const absl::Time kFirst = absl::FromCivil(absl::CivilYear(1950), absl::UTCTimeZone());
  static const absl::Time kEnd = absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone());
  return time >= kFirst && time < kEnd;
}

std::string WriteDerTime(absl::Time time) {
  const bool utc_time = time < absl::FromCivil(absl::CivilYear(2050), absl::UTCTimeZone());
  return WriteDer(utc_time ? kDerUtcTime : kDerGeneralizedTime,
                  absl::FormatTime(utc_time ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", time, absl::UTCTimeZone()));
}

std::string WriteDerExtension(absl::string_view oid, bool critical, absl::string_view value) {
  return WriteDer(kDerSequence, absl::StrCat(WriteDerOid(oid), critical ? WriteDer(kDerBoolean, "\xff") : "",
                                             WriteDer(kDerOctetString, value)));
}

std::string WriteDerOid(absl::string_view dotted) {
  std::vector<Arc> arcs;
  for (const absl::string_view text : absl::StrSplit(dotted, '.')) {
    Arc arc = 0;
    for (const char digit : text) arc = arc * 10 + static_cast<unsigned>(digit - '0');
    arcs.push_back(arc);
  }
  std::string contents;
  // X.690 section 8.19.4: the first two arcs share one subidentifier.
  AppendArc(arcs[0] * 40 + arcs[1], contents);
  for (std::size_t i = 2; i < arcs.size(); ++i) AppendArc(arcs[i], contents);
  return WriteDer(kDerOid, contents);
}

std::string OidText(absl::string_view contents) {
  static constexpr char kMalformedOid[] = "(malformed oid)";
  static constexpr std::size_t kLongest = 64;
  if (contents.empty() || contents.size() > kLongest || (Octet(contents, contents.size() - 1) & 0x80) != 0) {
    return kMalformedOid;
  }
  std::string text;
  Arc arc = 0;
  bool begins = true;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::uint8_t octet = Octet(contents, i);
    if ((begins && octet == 0x80) || (arc >> 121) != 0) return kMalformedOid;
    arc = (arc << 7) | (octet & 0x7f);
    begins = (octet & 0x80) == 0;
    if (!begins) continue;
    if (text.empty()) {
      const Arc first = arc < 80 ? arc / 40 : 2;
      text = absl::StrCat(ArcText(first), ".", ArcText(arc - first * 40));
    } else {
      absl::StrAppend(&text, ".", ArcText(arc));
    }
    arc = 0;
  }
  return text;
}

}  // namespace signet::x509
