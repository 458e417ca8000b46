#include "adapters/slurm/process.h"

#include <gtest/gtest.h>

#include "services/base/reason.h"

namespace signet::slurm {
namespace {

TEST(ErrorLine, NamesTheVerbTheFaultAndTheNextStep) {
  EXPECT_EQ(ErrorLine("sign-csr", base::Refusal(absl::StatusCode::kNotFound, "NOT_FOUND", "no file", "ls")),
            "signet-slurm sign-csr: no file; ls\n");
}

TEST(ErrorLine, IsOneLineWhateverTheServerSays) {
  const std::string line = ErrorLine("sign-csr", absl::InternalError(std::string("one\ntwo\r\x1b[2J\0three\n\n", 21)));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(line.find('\0'), std::string::npos);
}

TEST(ErrorLine, IsBounded) {
  EXPECT_LT(ErrorLine("sign-csr", absl::InternalError(std::string(1 << 20, 'x'))).size(), 4096u);
}

TEST(ErrorLine, IsNeverEmpty) {
  EXPECT_EQ(ErrorLine("keygen", absl::Status(absl::StatusCode::kInternal, "")), "signet-slurm keygen: INTERNAL\n");
}

}  // namespace
}  // namespace signet::slurm
