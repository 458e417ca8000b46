// Any bytes as signetd's configuration: faults in words, never a crash.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "services/base/reason.h"
#include "services/server/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = signet::server::ParseConfig("signetd.yaml", text);
  if (config.ok()) {
    const bool kept = !config->cluster.empty() && (config->admin.mode & 0007) == 0 &&
                      (config->controller.mode & 0007) == 0 && config->admin.path != config->controller.path;
    if (!kept) std::abort();
    return 0;
  }
  if (signet::base::ReasonOf(config.status()) != signet::base::kConfiguration) std::abort();
  return 0;
}
