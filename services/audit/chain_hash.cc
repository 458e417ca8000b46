#include "services/audit/chain_hash.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "services/x509/public_key.h"

namespace signet::audit {

std::string ChainHash(absl::string_view record_bytes) {
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(static_cast<uint64_t>(record_bytes.size()) >> (56 - 8 * i));
  return x509::Sha256(absl::StrCat(length, record_bytes));
}

}  // namespace signet::audit
