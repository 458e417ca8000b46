#include "cli/session.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/structured.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::cli {

absl::StatusOr<std::shared_ptr<grpc::Channel>> Session::Channel() {
  if (channel_ != nullptr) return channel_;
  const clients::TlsFiles& tls = options_.tls;
  std::optional<clients::TlsFiles> files;
  if (!tls.cert.empty() || !tls.key.empty() || !tls.ca.empty()) files = tls;
  absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = clients::Connect(options_.server, files);
  if (!channel.ok()) {
    // Nothing was asked yet: the command line or the files it names are at fault.
    return UsageError(channel.status().message(), base::NextOf(channel.status()));
  }
  channel_ = *std::move(channel);
  return channel_;
}

absl::Status Session::Print(const View& view) {
  switch (options_.format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      out() << view.text(options_.format == OutputFormat::kWide);
      break;
    case OutputFormat::kJson: {
      SIGNET_ASSIGN_OR_RETURN(const std::string json, ToJson(*view.message));
      out() << json;
      break;
    }
    case OutputFormat::kYaml: {
      SIGNET_ASSIGN_OR_RETURN(const std::string yaml, ToYaml(*view.message));
      out() << yaml;
      break;
    }
    case OutputFormat::kName:
      for (const std::string& name : view.names) out() << Printable(name) << "\n";
      break;
  }
  return Flush();
}

absl::Status Session::Flush() {
  out().flush();
  return out().good() ? absl::OkStatus() : absl::DataLossError("standard output cannot be written");
}

void Session::Note(absl::string_view line) { surroundings_.err << "signetctl: " << Printable(line) << "\n"; }

absl::StatusOr<std::string> Session::Ask(absl::string_view question) {
  if (!CanAsk()) return UsageError("nobody can be asked here: standard input is no terminal");
  surroundings_.err << Printable(question) << " " << std::flush;
  std::string line;
  std::getline(*surroundings_.in, line);
  absl::StripAsciiWhitespace(&line);
  return line;
}

absl::Status Session::CheckCanConfirm(absl::string_view what, absl::string_view next) const {
  if (options_.yes || CanAsk()) return absl::OkStatus();
  return UsageError(absl::StrCat("this ", what, "; confirm it with --yes"), next);
}

absl::Status Session::Confirm(absl::string_view what, absl::string_view next) {
  SIGNET_RETURN_IF_ERROR(CheckCanConfirm(what, next));
  if (options_.yes) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const std::string word, Ask(absl::StrCat("This ", what, ". Type yes to go on:")));
  if (word == "yes") return absl::OkStatus();
  return absl::CancelledError("not confirmed; nothing was changed");
}

void Session::Progress(absl::string_view what, std::size_t done, std::size_t total) {
  if (total <= 1000 && !surroundings_.err_is_terminal) return;
  Note(absl::StrCat(what, ": ", done, " of ", total));
}

void Session::NotePart(absl::string_view what, std::size_t done, std::size_t total) {
  Note(absl::StrCat(what, ": ", done, " of ", total, " before the error; repeating the command is safe"));
}

}  // namespace signet::cli
