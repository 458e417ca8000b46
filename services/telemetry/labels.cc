#include "services/telemetry/labels.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

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

std::map<std::string, std::string> LabelValues::Admit(const Family& family,
                                                      const std::vector<absl::string_view>& values) {
  std::map<std::string, std::string> labels;
  for (std::size_t i = 0; i < family.labels.size() && family.labels[i].name != nullptr; ++i) {
    const Label& label = family.labels[i];
    const absl::string_view value = i < values.size() ? values[i] : kOther;
    if (label.values == nullptr) {
      labels[label.name] = AdmitOpen(label, value);
    } else {
      const std::vector<absl::string_view> known = absl::StrSplit(label.values, ',');
      labels[label.name] = std::find(known.begin(), known.end(), value) != known.end() ? std::string(value) : kOther;
    }
  }
  return labels;
}

std::string LabelValues::AdmitOpen(const Label& label, absl::string_view value) {
  LabelLimit* limit;
  {
    const base::MutexLock lock(mutex_);
    limit = &open_.try_emplace(&label, kMostOpenValues).first->second;
  }
  return limit->Admit({value})[0];
}

}  // namespace signet::telemetry
