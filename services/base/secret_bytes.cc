#include "services/base/secret_bytes.h"

#include <cstring>

namespace signet::base {

void WipeString(std::string& bytes) {
  // Up to the capacity: a shorter value may have replaced a longer one in the same buffer.
  bytes.resize(bytes.capacity());
  explicit_bzero(bytes.data(), bytes.size());
  bytes.clear();
}

SecretBytes SecretBytes::Take(std::string& bytes) {
  SecretBytes secret{absl::string_view(bytes.data(), bytes.size())};
  WipeString(bytes);
  return secret;
}

void SecretBytes::Wipe() { WipeString(bytes_); }

}  // namespace signet::base
