// Bytes that are wiped when they go: private keys, scalars, key-encryption keys.
#ifndef SIGNET_SERVICES_BASE_SECRET_BYTES_H_
#define SIGNET_SERVICES_BASE_SECRET_BYTES_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace signet::base {

// Owns secret bytes. Moves, never copies; never printed. Reading goes through ExposeSecret(), a name one can search
// for.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(absl::string_view bytes) : bytes_(bytes.data(), bytes.size()) {}
  // Takes over `bytes`, leaving the caller's string empty and its buffer wiped.
  static SecretBytes Take(std::string& bytes);
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept { Swap(other); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    Wipe();
    Swap(other);
    return *this;
  }
  ~SecretBytes() { Wipe(); }

  absl::string_view ExposeSecret() const { return absl::string_view(bytes_.data(), bytes_.size()); }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

 private:
  void Wipe();
  // A moved-from short string keeps its bytes inline, so swapping with an empty one is what leaves nothing behind.
  void Swap(SecretBytes& other) { bytes_.swap(other.bytes_); }

  std::string bytes_;
};

// Overwrites the string's whole buffer with zeros, in a way the compiler keeps, and empties it.
void WipeString(std::string& bytes);

}  // namespace signet::base

#endif  // SIGNET_SERVICES_BASE_SECRET_BYTES_H_
