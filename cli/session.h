// One invocation of signetctl: where it speaks to, how it answers.
#ifndef SIGNET_CLI_SESSION_H_
#define SIGNET_CLI_SESSION_H_

#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/failure.h"
#include "clients/connection.h"
#include "google/protobuf/message.h"
#include "services/base/clock.h"

namespace signet::cli {

// What the process gives a command; tests give their own.
struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  const base::Clock& clock;
  std::string server;   // $SIGNET_SERVER; empty: the default socket
  std::string tls_dir;  // $SIGNET_TLS_DIR: control.pem, control.key, control_ca.pem
  std::string path;     // $PATH, for scontrol
  bool err_is_terminal = false;
  std::function<void(absl::Duration)> sleep = absl::SleepFor;
  std::istream* in = nullptr;   // where a person types, when there is one: in_is_terminal
  bool in_is_terminal = false;  // questions go to err
  std::string proc = "/proc";   // when the services' processes began
};

enum class OutputFormat { kTable, kWide, kJson, kYaml, kName };

// Options that every command takes.
struct GlobalOptions {
  std::string server;
  clients::TlsFiles tls;
  OutputFormat format = OutputFormat::kTable;
  absl::Duration timeout = absl::Seconds(10);
  bool yes = false;
  bool dry_run = false;
};

// One answer in every form in which it can be asked for.
struct View {
  std::function<std::string(bool wide)> text;          // for people, with its final newline
  const google::protobuf::Message* message = nullptr;  // json and yaml
  std::vector<std::string> names;                      // -o name: one identifier a line
};

// The text of an answer that has none for people.
inline std::string NoText(bool) { return {}; }

// Calls signetd and prints. Not thread-safe, except that after a first Call() others may run at once.
class Session {
 public:
  Session(Surroundings surroundings, const GlobalOptions& options)
      : surroundings_(std::move(surroundings)), options_(options) {}

  // Calls one method of a generated Stub with the global deadline. Errors are the server's own (see clients::FromGrpc);
  // a server that cannot be addressed at all is a usage error.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Channel();
    if (!channel.ok()) return channel.status();
    Stub stub(*channel);
    const std::unique_ptr<grpc::ClientContext> context = clients::MakeContext(options_.timeout);
    Response response;
    const grpc::Status status = (stub.*method)(context.get(), request, &response);
    if (!status.ok()) return WithPlan(clients::FromGrpc(status, options_.server), status.error_details());
    return response;
  }

  absl::Status Print(const View& view);
  // DATA_LOSS unless everything that was written to out() has left this process.
  absl::Status Flush();
  // A line on stderr: what happened beside the answer.
  void Note(absl::string_view line);
  // A line on stderr that says how far a long command is; only where somebody watches or `total` is over 1000.
  void Progress(absl::string_view what, std::size_t done, std::size_t total);
  // A line on stderr for a long command that fails in its middle: how far it came, and that repeating it is safe.
  void NotePart(absl::string_view what, std::size_t done, std::size_t total);

  // True when signetd is reached over a unix socket, where no certificate is shown.
  bool OnSocket() const { return absl::StartsWith(options_.server, "unix:"); }
  // True where a person can be asked.
  bool CanAsk() const { return surroundings_.in_is_terminal && surroundings_.in != nullptr; }
  // The line that a person types after `question`, without blanks around it; a usage error unless CanAsk().
  absl::StatusOr<std::string> Ask(absl::string_view question);
  // OK when --yes was given or a person can be asked; a usage error otherwise, before anything is judged or done.
  absl::Status CheckCanConfirm(absl::string_view what, absl::string_view next) const;
  // OK at --yes, or when a person types "yes"; CANCELLED for any other word.
  absl::Status Confirm(absl::string_view what, absl::string_view next);

  absl::Time Now() const { return surroundings_.clock.Now(); }
  void Sleep(absl::Duration duration) { surroundings_.sleep(duration); }
  std::ostream& out() { return surroundings_.out; }
  const GlobalOptions& options() const { return options_; }
  const std::string& path() const { return surroundings_.path; }
  const std::string& proc() const { return surroundings_.proc; }

 private:
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();

  Surroundings surroundings_;
  const GlobalOptions& options_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace signet::cli

#endif  // SIGNET_CLI_SESSION_H_
