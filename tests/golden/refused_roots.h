// Self-signed CA certificates with good signatures, out of whose bytes OpenSSL makes no certificate: s2n crashes on a
// ca_cert_file with one.
#ifndef SIGNET_TESTS_GOLDEN_REFUSED_ROOTS_H_
#define SIGNET_TESTS_GOLDEN_REFUSED_ROOTS_H_

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/testing/paths.h"

namespace signet::testing {

// PEM, one each; a comment line in the file says what is wrong with it.
inline std::vector<std::string> RefusedRoots() {
  std::ifstream file(std::string(SIGNET_SOURCE_DIR) + "/tests/golden/refused_roots.pem");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> roots;
  std::size_t begin = 0;
  while ((begin = text.find("-----BEGIN", begin)) != std::string::npos) {
    const std::size_t end = std::min(text.find("\n# ", begin), text.size() - 1) + 1;
    roots.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return roots;
}

}  // namespace signet::testing

#endif  // SIGNET_TESTS_GOLDEN_REFUSED_ROOTS_H_
