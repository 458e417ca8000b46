// Labels come from closed lists.
#ifndef SIGNET_SERVICES_TELEMETRY_LABELS_H_
#define SIGNET_SERVICES_TELEMETRY_LABELS_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/base/mutex.h"
#include "services/telemetry/catalogue.h"

namespace signet::telemetry {

// Holds a family's labels to at most `limit` different sets, of words of 1–64 letters, digits, '_', '.', '/' and '-',
// whatever its callers pass: a label that a request could choose would grow the process without bound. Thread-safe.
class LabelLimit {
 public:
  explicit LabelLimit(std::size_t limit) : limit_(limit) {}
  // The values to use: a value that is no such word becomes "other"; so do all values of a set that would be one too
  // many.
  std::vector<std::string> Admit(const std::vector<absl::string_view>& values);

 private:
  const std::size_t limit_;
  base::Mutex mutex_;
  std::set<std::vector<std::string>> admitted_ ABSL_GUARDED_BY(mutex_);
};

// Holds each label of the catalogue to its values. Thread-safe.
class LabelValues {
 public:
  // By label name, in the family's order; "other" for a value that is not on the label's list, for one too many of a
  // label without a list, and for one that is missing.
  std::map<std::string, std::string> Admit(const Family& family, const std::vector<absl::string_view>& values);

 private:
  std::string AdmitOpen(const Label& label, absl::string_view value);
  base::Mutex mutex_;
  std::map<const Label*, LabelLimit> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_LABELS_H_
