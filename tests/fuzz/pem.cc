// What parses as PEM is written and read again unchanged.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "services/x509/pem.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto blocks = signet::x509::ParsePem(input);
  if (!blocks.ok()) return 0;
  std::string text;
  for (const auto& block : *blocks) {
    const std::string one = signet::x509::EncodePem(block.label, block.der);
    const auto der = signet::x509::ParseSinglePem(one, block.label, {.bytes = one.size()});
    if (!der.ok() || *der != block.der) std::abort();
    text += one;
  }
  const auto again = signet::x509::ParsePem(text, {.bytes = text.size(), .blocks = blocks->size()});
  if (!again.ok() || again->size() != blocks->size()) std::abort();
  for (std::size_t i = 0; i < again->size(); ++i) {
    if ((*again)[i].label != (*blocks)[i].label || (*again)[i].der != (*blocks)[i].der) std::abort();
  }
  return 0;
}
