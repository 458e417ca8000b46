#include "services/telemetry/labels.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace signet::telemetry {
namespace {

constexpr char kOther[] = "other";
constexpr std::size_t kMaxWord = 64;

bool IsWord(absl::string_view value) {
  return !value.empty() && value.size() <= kMaxWord && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '/' || c == '-';
  });
}

}  // namespace

std::vector<std::string> LabelLimit::Admit(const std::vector<absl::string_view>& values) {
  std::vector<std::string> words;
  words.reserve(values.size());
  for (const absl::string_view value : values) words.emplace_back(IsWord(value) ? std::string(value) : kOther);
  base::MutexLock lock(mutex_);
  if (admitted_.count(words) != 0) return words;
  if (admitted_.size() >= limit_) return std::vector<std::string>(values.size(), kOther);
  admitted_.insert(words);
  return words;
}

}  // namespace signet::telemetry
