// The statement as get_node_token prints it and validate_node receives it.
#include <gtest/gtest.h>

#include <string>

#include "services/base/reason.h"
#include "services/evidence/statement.h"
#include "tests/services/evidence/example.h"

namespace signet::evidence {
namespace {

std::string SignedExample() {
  const keys::PrivateKey token = NewKey();
  return *Sign(ExampleStatement(), NewKey(), &token);
}

TEST(ScriptToken, IsOneLineOfLettersAndComesBack) {
  const std::string bytes = SignedExample();
  const std::string text = EncodeScriptToken(bytes);
  EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
            std::string::npos);
  EXPECT_EQ(*DecodeScriptToken(text), bytes);
  EXPECT_EQ(*DecodeScriptToken(text + "\n"), bytes);
}

// Every one of these passes the documented shell scripts.
TEST(ScriptToken, RefusesWhatTheShellScriptsAccept) {
  const std::string text = EncodeScriptToken(SignedExample());
  for (const std::string& wrong : {std::string(),
                                   std::string(" "),
                                   std::string("\n"),
                                   std::string(".*"),
                                   std::string("signet1."),
                                   std::string("signet1.\n"),
                                   text + " ",
                                   " " + text,
                                   text + "\n\n",
                                   text + "\r\n",
                                   "x" + text,
                                   text + "=",
                                   text + "==",
                                   "Signet1." + text.substr(8),
                                   "signet2." + text.substr(8),
                                   text.substr(8),
                                   std::string("signet1.\xff\xfe"),
                                   std::string("signet1.A"),
                                   std::string("signet1.AB"),  // stray bits
                                   std::string("signet1.AA\0AA", 13),
                                   "signet1." + std::string(1 << 20, 'A'),
                                   std::string(1 << 20, 'x'),
                                   std::string("signet1.AA AA"),
                                   std::string("signet1.+/AA")}) {
    const auto refused = DecodeScriptToken(wrong);
    EXPECT_EQ(base::ReasonOf(refused.status()), base::kMalformed) << wrong.substr(0, 40);
    EXPECT_TRUE(IsTextSafe(refused.status().message()));
  }
}

TEST(ScriptToken, OfEveryPrefixIsRefusedAsTokenOrAsStatement) {
  const std::string text = EncodeScriptToken(SignedExample());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto decoded = DecodeScriptToken(absl::string_view(text).substr(0, size));
    EXPECT_FALSE(decoded.ok() && SignedStatement::Parse(*decoded).ok()) << size;
  }
}

}  // namespace
}  // namespace signet::evidence
