#include "cli/run.h"

#include <gmock/gmock.h>

#include <fstream>

#include "cli/commands/command.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "tests/cli/cli_fixture.h"
#include "tests/testing/paths.h"

namespace signet::cli {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class RunSignetctl : public CliTest {};

TEST_F(RunSignetctl, EveryCommandShowsAnExampleInItsHelp) {
  for (const Command& command : Commands()) {
    std::vector<std::string> args;
    if (*command.group != '\0') args.push_back(command.group);
    args.insert(args.end(), {command.name, "--help"});
    const Result result = Run(args);
    EXPECT_EQ(result.code, 0) << command.group << " " << command.name;
    EXPECT_THAT(result.out, ContainsRegex("\nexample: .*signetctl ")) << command.name;
  }
}

TEST_F(RunSignetctl, AnUnknownCommandOrOptionIsAUsageError) {
  EXPECT_EQ(Run({"frobnicate"}).code, 2);
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_EQ(Run({"status", "--frobnicate"}).code, 2);
  EXPECT_EQ(Run({"status", "-o", "xml"}).code, 2);
  EXPECT_EQ(Run({"status", "--timeout", "soon"}).code, 2);
  EXPECT_THAT(Run({"frobnicate"}).err, HasSubstr("  next: "));
}

TEST_F(RunSignetctl, TellsItsVersionOnStdout) {
  const Result result = Run({"--version"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, StartsWith("signetctl "));
}

TEST_F(RunSignetctl, AnAnswerThatCannotBeWrittenIsAFailure) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{{"--version"},
                                                                                    {"token", "create", "--help"},
                                                                                    {"status"},
                                                                                    {"slurm-conf", "print"},
                                                                                    {"completion", "bash"},
                                                                                    {"token", "create", "n1"}}) {
    std::ofstream full("/dev/full");
    const Result result = RunTo(full, args);
    EXPECT_EQ(result.code, 1) << args.front();
    EXPECT_THAT(result.err, HasSubstr("standard output cannot be written")) << args.front();
  }
}

TEST_F(RunSignetctl, ADeadServerIsUnreachable) {
  signetd_.Stop();
  const Result result = Run({"status"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr(socket_));
}

TEST_F(RunSignetctl, TcpWithoutTlsIsAUsageErrorBeforeAnythingIsSent) {
  EXPECT_EQ(Run({"--server", "127.0.0.1:6843", "status"}).code, 2);
}

TEST_F(RunSignetctl, ARefusalShowsItsMessageAndWhatToTypeNext) {
  signetd_.refusal = FakeSignetd::Refuse(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED",
                                         "role observer may not do this", "signetctl client issue");
  const Result result = Run({"status"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, StartsWith("signetctl: role observer may not do this"));
  EXPECT_THAT(result.err, HasSubstr("\n  next: signetctl client issue\n"));
}

TEST_F(RunSignetctl, ARefusalIsAlsoAJsonObjectWhenJsonWasAskedFor) {
  signetd_.refusal = FakeSignetd::Refuse(grpc::StatusCode::PERMISSION_DENIED, "ACCESS_DENIED", "no", "try this");
  const Result result = Run({"status", "-o", "json"});
  google::protobuf::Struct error;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.err.substr(result.err.find('{')), &error).ok())
      << result.err;
  const auto& fields = error.fields().at("error").struct_value().fields();
  EXPECT_EQ(fields.at("reason").string_value(), "ACCESS_DENIED");
  EXPECT_EQ(fields.at("next").string_value(), "try this");
}

TEST_F(RunSignetctl, AClosedGateHasAnExitCodeOfItsOwn) {
  signetd_.refusal =
      FakeSignetd::Refuse(grpc::StatusCode::FAILED_PRECONDITION, "GATE_CLOSED", "n017 has not loaded it", "");
  EXPECT_EQ(Run({"authority", "list"}).code, 4);
}

TEST_F(RunSignetctl, ControlCharactersOfAServerDoNotReachTheTerminal) {
  signetd_.refusal = {grpc::StatusCode::PERMISSION_DENIED, "\x1b[2Jgone"};
  EXPECT_THAT(Run({"status"}).err, Not(HasSubstr("\x1b")));
}

TEST_F(RunSignetctl, TheShippedCompletionIsTheOneThatItPrints) {
  const Result result = Run({"completion", "bash"});
  std::ifstream file(std::string(SIGNET_SOURCE_DIR) + "/packaging/completion/signetctl");
  const std::string shipped{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(result.out, shipped) << "signetctl completion bash > packaging/completion/signetctl";
  EXPECT_THAT(result.out, HasSubstr("'token create')"));
}

}  // namespace
}  // namespace signet::cli
