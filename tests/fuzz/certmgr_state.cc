// What parses is exactly what Slurm would pack from it again: no byte is skipped, guessed or read twice.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "adapters/slurm/certmgr_state.h"
#include "services/base/secret_bytes.h"

namespace {

void AppendNumber(std::string& packed, std::uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) packed += static_cast<char>(number >> shift & 0xff);
}

void AppendText(std::string& packed, absl::string_view text) {
  AppendNumber(packed, text.size() + 1, 4);
  packed.append(text.data(), text.size());
  packed += '\0';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const auto state = signet::slurm::ParseCertmgrState(signet::base::SecretBytes(input));
  if (!state.ok()) return 0;
  std::string packed(input.substr(0, 2));  // the version is judged, and not kept
  AppendNumber(packed, static_cast<std::uint64_t>(absl::ToUnixSeconds(state->renewed_at)), 8);
  AppendText(packed, state->certificate_pem);
  AppendText(packed, state->key_pem.ExposeSecret());
  if (packed != input) std::abort();
  return 0;
}
