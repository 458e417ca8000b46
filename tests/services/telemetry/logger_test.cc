#include "services/telemetry/logger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/telemetry/json_line.h"

namespace signet::telemetry {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json Parsed(const std::string& line) { return nlohmann::json::parse(line); }
std::string LineWith(const std::string& value) {
  return JsonLine(absl::FromUnixMillis(0), Level::kInfo, "test", {{"value", value}});
}

TEST(JsonLine, HoldsTimeLevelEventAndFieldsInThisOrder) {
  EXPECT_EQ(JsonLine(absl::FromUnixMillis(1500), Level::kWarning, "node.blocked", {{"node", "n1"}, {"by", "jane"}}),
            R"({"time":"1970-01-01T00:00:01.500Z","level":"warning","event":"node.blocked","node":"n1","by":"jane"})");
}

TEST(JsonLine, KeepsEveryValueInOneAsciiLine) {
  for (const std::string& value :
       {std::string("a\nb\r\0c", 6), std::string("\x1b[31m"), std::string("\x7f"), std::string("\xc2\x9b"),
        std::string("quote\" and \\"), std::string("\xe2\x80\xa8")}) {
    const std::string line = LineWith(value);
    EXPECT_THAT(line, Each(::testing::AllOf(::testing::Ge(' '), ::testing::Le('~')))) << line;
    EXPECT_EQ(Parsed(line)["value"].get<std::string>(), value);
  }
}

TEST(JsonLine, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(Parsed(LineWith("a\xff\xfe"))["value"].get<std::string>(), "a\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(Parsed(LineWith("a\xc3"))["value"].get<std::string>(), "a\xef\xbf\xbd");
}

TEST(JsonLine, CutsAValueAtOneKibibyteBetweenCharacters) {
  EXPECT_EQ(Parsed(LineWith(std::string(1024, 'a')))["value"].get<std::string>().size(), 1024u);
  EXPECT_EQ(Parsed(LineWith(std::string(100000, 'a')))["value"].get<std::string>().size(), 1024u);
  EXPECT_EQ(Parsed(LineWith(std::string(1023, 'a') + "\xc3\xa4" + "b"))["value"].get<std::string>(),
            std::string(1023, 'a'));
  EXPECT_EQ(Parsed(LineWith(std::string(5000, '\x80')))["event"], "test");
}

TEST(StderrLogger, WritesOneLineAnEvent) {
  ::testing::internal::CaptureStderr();
  MakeStderrLogger(Level::kInfo)->Info("start", {{"version", "1\n2"}});
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(output.find('\n'), output.size() - 1);
  EXPECT_EQ(Parsed(output)["version"], "1\n2");
}

TEST(StderrLogger, DropsWhatIsBelowItsLevelAndFollowsSetLevel) {
  ::testing::internal::CaptureStderr();
  const auto logger = MakeStderrLogger(Level::kWarning);
  logger->Info("hidden");
  logger->Warning("shown");
  logger->SetLevel(Level::kDebug);
  logger->Debug("later");
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(output, Not(HasSubstr("hidden")));
  EXPECT_THAT(output, HasSubstr("shown"));
  EXPECT_THAT(output, HasSubstr("later"));
}

TEST(StderrLogger, NeverMixesTheLinesOfTwoThreads) {
  ::testing::internal::CaptureStderr();
  const auto logger = MakeStderrLogger(Level::kInfo);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      for (int line = 0; line < 50; ++line) logger->Info("line", {{"text", std::string(900, 'x')}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> lines = absl::StrSplit(::testing::internal::GetCapturedStderr(), '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 400u);
  for (const std::string& line : lines) EXPECT_EQ(Parsed(line)["text"].get<std::string>().size(), 900u);
}

TEST(NullLogger, WritesNothing) {
  ::testing::internal::CaptureStderr();
  MakeNullLogger()->Error("silent");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace signet::telemetry
