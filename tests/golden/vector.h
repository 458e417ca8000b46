// Golden vectors: "name = value" lines, "#" comments. Binary values are lower-case hex.
#ifndef SIGNET_TESTS_GOLDEN_VECTOR_H_
#define SIGNET_TESTS_GOLDEN_VECTOR_H_

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/escaping.h"
#include "services/base/secret_bytes.h"
#include "services/keys/private_key.h"
#include "tests/testing/paths.h"

namespace signet {

class GoldenVector {
 public:
  // `file` lies in tests/golden/.
  explicit GoldenVector(const std::string& file) {
    std::ifstream in(std::string(SIGNET_SOURCE_DIR) + "/tests/golden/" + file);
    EXPECT_TRUE(in.good()) << file;
    for (std::string line; std::getline(in, line);) {
      const std::size_t equals = line.find(" = ");
      if (line.empty() || line[0] == '#' || equals == std::string::npos) continue;
      values_[line.substr(0, equals)] = line.substr(equals + 3);
    }
  }
  std::string Text(const std::string& name) const {
    const auto found = values_.find(name);
    EXPECT_NE(found, values_.end()) << name;
    return found == values_.end() ? std::string() : found->second;
  }
  std::string Bytes(const std::string& name) const { return absl::HexStringToBytes(Text(name)); }
  keys::PrivateKey Key(const std::string& name) const {
    return *keys::PrivateKey::FromP256Scalar(base::SecretBytes(Bytes(name)));
  }

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace signet

#endif  // SIGNET_TESTS_GOLDEN_VECTOR_H_
