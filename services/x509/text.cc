#include "services/x509/text.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace signet::x509 {

std::optional<std::size_t> CountUtf8(absl::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    std::size_t size = 1;
    if (first >= 0x80) size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4)) return std::nullopt;
    if (size > text.size() - i) return std::nullopt;
    std::uint32_t point = size == 1 ? first : first & (0x7fU >> size);
    for (std::size_t j = 1; j < size; ++j) {
      const auto next = static_cast<std::uint8_t>(text[i + j]);
      if ((next & 0xc0) != 0x80) return std::nullopt;
      point = (point << 6) | (next & 0x3fU);
    }
    static constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return std::nullopt;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return std::nullopt;
    i += size;
  }
  return count;
}

bool IsPrintableString(absl::string_view text) {
  static constexpr absl::string_view kOthers = " '()+,-./:=?";
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && kOthers.find(c) == absl::string_view::npos) return false;
  }
  return true;
}

bool IsDnsName(absl::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.back() == '.') return false;
  if (absl::StrContains(text, "..")) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace signet::x509
