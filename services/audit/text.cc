#include "services/audit/text.h"

#include <cstdint>

namespace signet::audit {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";

// The length of the character that `text` begins with; 0 when it begins with none (RFC 3629 section 4).
std::size_t CharacterLength(absl::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

std::string FitText(absl::string_view text, std::size_t limit) {
  std::string fit;
  while (!text.empty()) {
    const std::size_t length = CharacterLength(text);
    const absl::string_view character = length == 0 ? kReplacement : text.substr(0, length);
    if (fit.size() + character.size() > limit) break;
    fit.append(character.data(), character.size());
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return fit;
}

}  // namespace signet::audit
