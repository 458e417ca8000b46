// What expands holds node names only, within the limit, and survives being compressed and expanded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/names/hostlist.h"
#include "services/names/node_name.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::size_t kLimit = 500;
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  auto names = signet::names::ExpandHostlist(input, kLimit);
  if (!names.ok()) return 0;
  if (names->empty() || names->size() > kLimit) std::abort();
  for (const std::string& name : *names) {
    if (!signet::names::CheckNodeName(name).ok()) std::abort();
  }
  const std::string compressed = signet::names::CompressHostlist(*names);
  auto again = signet::names::ExpandHostlist(compressed, kLimit);
  if (!again.ok() || signet::names::CompressHostlist(*again) != compressed) std::abort();
  std::sort(names->begin(), names->end());
  std::sort(again->begin(), again->end());
  if (*names != *again) std::abort();
  return 0;
}
