#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/sealed/sealed_custody.h"

namespace signet::keys::sealed {
namespace {

constexpr absl::string_view kPrefix = "signet-kek1.";
constexpr std::size_t kKekBytes = 32;
constexpr std::size_t kMaxFileBytes = 256;

}  // namespace

absl::StatusOr<base::SecretBytes> ReadKek(const std::string& path) {
  const auto content = files::ReadSecret(path, {.allow_group_read = true}, kMaxFileBytes);
  if (absl::IsNotFound(content.status())) {
    return base::Refusal(
        absl::StatusCode::kNotFound, base::kConfiguration,
        absl::StrCat("the key-encryption key is missing; expected at ", path,
                     ". It opens every authority's key: a lost key-encryption key is a lost CA"),
        absl::StrCat("put the copy that was kept apart from the backups at ", path, " with mode 0400"));
  }
  SIGNET_RETURN_IF_ERROR(content.status());
  absl::string_view digits = content->ExposeSecret();
  absl::ConsumeSuffix(&digits, "\n");
  const bool well_formed = absl::ConsumePrefix(&digits, kPrefix) && digits.size() == 2 * kKekBytes &&
                           std::all_of(digits.begin(), digits.end(),
                                       [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); });
  if (!well_formed) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(path, " is no key-encryption key: must be \"", kPrefix,
                                      "\" and 64 hexadecimal digits on one line"));
  }
  std::string kek = absl::HexStringToBytes(digits);
  return base::SecretBytes::Take(kek);
}

absl::Status CreateKek(const std::string& path, base::Random& random) {
  std::string kek = random.Bytes(kKekBytes);
  std::string digits = absl::BytesToHexString(kek);
  std::string line;
  line.reserve(kPrefix.size() + digits.size() + 1);
  absl::StrAppend(&line, kPrefix, digits, "\n");
  base::WipeString(kek);
  base::WipeString(digits);
  const base::SecretBytes content = base::SecretBytes::Take(line);
  return files::WriteAtomically(path, content.ExposeSecret(), {.mode = 0400, .exclusive = true});
}

}  // namespace signet::keys::sealed
