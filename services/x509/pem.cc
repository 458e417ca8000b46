#include "services/x509/pem.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::x509 {
namespace {

constexpr char kBegin[] = "-----BEGIN ";
constexpr char kEnd[] = "-----END ";
constexpr char kDashes[] = "-----";

absl::Status Malformed(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("PEM: ", problem));
}

absl::Status MalformedLine(std::size_t line, absl::string_view problem) {
  return Malformed(absl::StrCat("line ", line, ": ", problem));
}

// RFC 7468 section 3: printable ASCII, words separated by single spaces. Dashes would blur where the line ends.
bool IsLabel(absl::string_view label) {
  if (label.empty() || label.size() > 64 || label.front() == ' ' || label.back() == ' ') return false;
  for (const char c : label) {
    if (c < ' ' || c > '~' || c == '-') return false;
  }
  return true;
}

// The label of "-----BEGIN label-----"; empty when the line is no such thing.
absl::string_view LabelOf(absl::string_view line, absl::string_view prefix) {
  line = absl::StripTrailingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, prefix) || !absl::ConsumeSuffix(&line, kDashes)) return "";
  return IsLabel(line) ? line : absl::string_view();
}

int Sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// Decodes base64 as it comes. Writes into one buffer that never grows beyond its reservation, so that a private key
// leaves no copies behind.
class Base64 {
 public:
  explicit Base64(std::size_t characters) { bytes_.reserve(characters / 4 * 3 + 3); }

  // False on a character that does not belong there.
  bool Add(char c) {
    if (c == '=') return ++padding_ <= 2;
    const int sextet = Sextet(c);
    if (sextet < 0 || padding_ > 0) return false;
    group_ = (group_ << 6) | static_cast<std::uint32_t>(sextet);
    if (++count_ == 4) {
      for (const int shift : {16, 8, 0}) bytes_.push_back(static_cast<char>((group_ >> shift) & 0xff));
      count_ = 0;
      group_ = 0;
    }
    return true;
  }

  // False when the last group is incomplete or carries bits that no byte takes (RFC 4648 section 3.5).
  bool Finish() {
    if (count_ == 0) return padding_ == 0 && !bytes_.empty();
    if (count_ + padding_ != 4 || count_ == 1) return false;
    const int spare = count_ == 2 ? 4 : 2;
    if ((group_ & ((1U << spare) - 1)) != 0) return false;
    group_ >>= spare;
    if (count_ == 3) bytes_.push_back(static_cast<char>((group_ >> 8) & 0xff));
    bytes_.push_back(static_cast<char>(group_ & 0xff));
    return true;
  }

  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
  std::uint32_t group_ = 0;
  int count_ = 0;
  int padding_ = 0;
};

// One pass over the lines of a text. Every character is looked at a bounded number of times (CVE-2024-12401 was a scan
// that started over at each dash).
class PemReader {
 public:
  PemReader(absl::string_view text, bool only_blocks) : rest_(text), only_blocks_(only_blocks) {}

  absl::StatusOr<std::vector<PemBlock>> Read(std::size_t limit) {
    std::vector<PemBlock> blocks;
    while (!rest_.empty()) {
      const absl::string_view line = NextLine();
      if (absl::StartsWith(line, kEnd)) return MalformedLine(line_, "END without BEGIN");
      if (!absl::StartsWith(line, kBegin)) {
        if (only_blocks_ && !absl::StripAsciiWhitespace(line).empty()) {
          return MalformedLine(line_, "text outside of the one block that is expected");
        }
        continue;
      }
      if (blocks.size() == limit) return MalformedLine(line_, absl::StrCat("more than ", limit, " blocks"));
      SIGNET_ASSIGN_OR_RETURN(PemBlock block, ReadBlock(line));
      blocks.push_back(std::move(block));
    }
    return blocks;
  }

 private:
  absl::string_view NextLine() {
    ++line_;
    const std::size_t end = rest_.find('\n');
    const absl::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == absl::string_view::npos ? rest_.size() : end + 1);
    return line;
  }

  absl::StatusOr<PemBlock> ReadBlock(absl::string_view begin_line) {
    const std::size_t begin = line_;
    PemBlock block;
    block.label = std::string(LabelOf(begin_line, kBegin));
    if (block.label.empty()) return MalformedLine(begin, "a BEGIN line that is not of the form -----BEGIN label-----");
    // Whatever dashes come first end this block, rightly or not, so this search is paid for once.
    const std::size_t size = rest_.find(kDashes);
    if (size == absl::string_view::npos) return MalformedLine(begin, "BEGIN without its END");
    Base64 base64(size);
    while (!rest_.empty()) {
      const absl::string_view line = absl::StripTrailingAsciiWhitespace(NextLine());
      if (absl::StartsWith(line, kDashes)) {
        if (LabelOf(line, kEnd) != block.label) return MalformedLine(begin, "BEGIN without its END");
        if (!base64.Finish()) return MalformedLine(line_, "base64 that is empty, incomplete or not canonical");
        block.der = std::move(base64.bytes());
        return block;
      }
      if (absl::StrContains(line, ':')) return MalformedLine(line_, "a header inside a block, as encrypted keys have");
      for (const char c : line) {
        if (!base64.Add(c)) return MalformedLine(line_, "not base64");
      }
    }
    return MalformedLine(begin, "BEGIN without its END");
  }

  absl::string_view rest_;
  const bool only_blocks_;
  std::size_t line_ = 0;
};

absl::StatusOr<std::vector<PemBlock>> Parse(absl::string_view text, const PemLimits& limits, bool only_blocks) {
  if (text.size() > limits.bytes) {
    return Malformed(absl::StrCat(text.size(), " bytes, the limit is ", limits.bytes));
  }
  if (const std::size_t nul = text.find('\0'); nul != absl::string_view::npos) {
    std::size_t line = 1;
    for (const char c : text.substr(0, nul)) line += c == '\n' ? 1 : 0;
    return MalformedLine(line, "a NUL");
  }
  return PemReader(text, only_blocks).Read(limits.blocks);
}

}  // namespace

absl::StatusOr<std::vector<PemBlock>> ParsePem(absl::string_view text, const PemLimits& limits) {
  return Parse(text, limits, /*only_blocks=*/false);
}

absl::StatusOr<std::string> ParseSinglePem(absl::string_view text, absl::string_view label, const PemLimits& limits) {
  PemLimits one = limits;
  one.blocks = 1;
  SIGNET_ASSIGN_OR_RETURN(std::vector<PemBlock> blocks, Parse(text, one, /*only_blocks=*/true));
  if (blocks.empty()) return Malformed(absl::StrCat("no ", label, " block"));
  if (blocks.front().label != label) {
    return Malformed(absl::StrCat("a ", blocks.front().label, " block where a ", label, " block belongs"));
  }
  return std::move(blocks.front().der);
}

std::string EncodePem(absl::string_view label, absl::string_view der) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static constexpr std::size_t kLineBytes = 48;
  std::string out;
  out.reserve(der.size() / 3 * 4 + der.size() / kLineBytes + 2 * label.size() + 64);
  absl::StrAppend(&out, kBegin, label, kDashes, "\n");
  for (std::size_t i = 0; i < der.size(); i += 3) {
    if (i != 0 && i % kLineBytes == 0) out.push_back('\n');
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, der.size() - i);
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < count ? static_cast<unsigned char>(der[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out.push_back(j <= count ? kAlphabet[(group >> (18 - 6 * j)) & 0x3f] : '=');
    }
  }
  if (!der.empty()) out.push_back('\n');
  absl::StrAppend(&out, kEnd, label, kDashes, "\n");
  return out;
}

}  // namespace signet::x509
