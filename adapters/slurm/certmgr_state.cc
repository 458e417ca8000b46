#include "adapters/slurm/certmgr_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/status_macros.h"

namespace signet::slurm {
namespace {

// SLURM_25_05_PROTOCOL_VERSION, SLURM_25_11_PROTOCOL_VERSION, SLURM_26_05_PROTOCOL_VERSION.
constexpr uint64_t kVersions[] = {0x2b00, 0x2c00, 0x2d00};
constexpr uint64_t kLastSecond = 253402300799;  // of the year 9999

absl::Status Refused(absl::string_view why) { return absl::InvalidArgumentError(why); }

// Takes a big-endian number of `size` bytes off the front.
absl::StatusOr<uint64_t> TakeNumber(absl::string_view* rest, std::size_t size, absl::string_view what) {
  if (rest->size() < size) return Refused(absl::StrCat("it ends within the ", what));
  uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>((*rest)[i]);
  rest->remove_prefix(size);
  return number;
}

// The view points into the file's own bytes, which are wiped with it.
absl::StatusOr<absl::string_view> TakeText(absl::string_view* rest, absl::string_view what) {
  SIGNET_ASSIGN_OR_RETURN(const uint64_t length, TakeNumber(rest, 4, absl::StrCat("length of the ", what)));
  if (length > rest->size()) return Refused(absl::StrCat("it ends within the ", what));
  const absl::string_view text = rest->substr(0, length);
  rest->remove_prefix(length);
  if (text.size() < 2 || text.find('\0') != text.size() - 1) {
    return Refused(absl::StrCat("the ", what, " is empty, or does not end with its first NUL"));
  }
  return text.substr(0, text.size() - 1);
}

}  // namespace

absl::StatusOr<CertmgrState> ParseCertmgrState(const base::SecretBytes& file) {
  absl::string_view rest = file.ExposeSecret();
  SIGNET_ASSIGN_OR_RETURN(const uint64_t version, TakeNumber(&rest, 2, "version"));
  if (std::find(std::begin(kVersions), std::end(kVersions), version) == std::end(kVersions)) {
    return Refused(absl::StrFormat("its version 0x%04x is none of Slurm 25.05, 25.11 and 26.05", version));
  }
  SIGNET_ASSIGN_OR_RETURN(const uint64_t seconds, TakeNumber(&rest, 8, "time"));
  if (seconds > kLastSecond) return Refused("its time lies beyond the year 9999");
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view certificate, TakeText(&rest, "certificate"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view key, TakeText(&rest, "private key"));
  if (!rest.empty()) return Refused(absl::StrCat(rest.size(), " bytes follow its end"));
  return CertmgrState{absl::FromUnixSeconds(static_cast<int64_t>(seconds)), std::string(certificate),
                      base::SecretBytes(key)};
}

}  // namespace signet::slurm
