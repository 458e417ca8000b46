#include "cli/run.h"

#include <algorithm>
#include <exception>
#include <map>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/failure.h"

namespace signet::cli {
namespace {

constexpr char kDefaultServer[] = "unix:/run/signet/admin.sock";

const std::map<std::string, OutputFormat>& Formats() {
  static const auto& formats = *new std::map<std::string, OutputFormat>{{"table", OutputFormat::kTable},
                                                                        {"wide", OutputFormat::kWide},
                                                                        {"json", OutputFormat::kJson},
                                                                        {"yaml", OutputFormat::kYaml},
                                                                        {"name", OutputFormat::kName}};
  return formats;
}

// The parser for one invocation: fills `options` and leaves the chosen command's action in `chosen`.
void Declare(CLI::App& app, GlobalOptions& options, Action& chosen) {
  app.set_version_flag("--version", absl::StrCat("signetctl ", SIGNET_VERSION));
  app.add_option("--server", options.server, "unix:PATH or HOST:PORT of signetd [$SIGNET_SERVER]")
      ->capture_default_str();
  app.add_option("--cert", options.tls.cert, "client certificate for TCP [$SIGNET_TLS_DIR/control.pem]");
  app.add_option("--key", options.tls.key, "its key [$SIGNET_TLS_DIR/control.key]");
  app.add_option("--ca", options.tls.ca, "the control authority's root [$SIGNET_TLS_DIR/control_ca.pem]");
  app.add_option("-o,--output", options.format, "table, wide, json, yaml or name")
      ->type_name("FORMAT")
      ->transform(CLI::Transformer(Formats()).description(""))
      ->default_str("table");
  AddDuration(app, "--timeout", &options.timeout, "how long one call may take [10s]");
  app.add_flag("--yes", options.yes, "do what would otherwise be asked about");
  app.add_flag("--dry-run", options.dry_run, "judge everything, change nothing");
  app.require_subcommand(1);
  app.footer("exit: 0 done, 1 refused, 2 usage, 3 unreachable, 4 gate closed");
  std::map<std::string, CLI::App*> groups;
  for (const Command& command : Commands()) {
    CLI::App* parent = &app;
    if (*command.group != '\0') {
      CLI::App*& group = groups[command.group];
      if (group == nullptr) group = app.add_subcommand(command.group)->require_subcommand(1)->fallthrough();
      parent = group;
    }
    CLI::App* sub = parent->add_subcommand(command.name, command.summary)->fallthrough();
    sub->footer(absl::StrCat("example: ", command.example));
    sub->final_callback([action = command.declare(*sub), &chosen] { chosen = action; });
  }
  for (const auto& [name, group] : groups) {
    std::vector<std::string> names;
    for (const CLI::App* sub : group->get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
    std::string description;
    for (const std::string& one : names) absl::StrAppend(&description, description.empty() ? "" : " | ", one);
    group->description(description);
  }
}

GlobalOptions Defaults(const Surroundings& surroundings) {
  GlobalOptions options;
  options.server = surroundings.server.empty() ? kDefaultServer : surroundings.server;
  if (!surroundings.tls_dir.empty()) {
    options.tls = {.cert = surroundings.tls_dir + "/control.pem",
                   .key = surroundings.tls_dir + "/control.key",
                   .ca = surroundings.tls_dir + "/control_ca.pem"};
  }
  return options;
}

int End(const absl::Status& status, const GlobalOptions& options, const Surroundings& surroundings) {
  if (!status.ok()) {
    Report(status, options.format == OutputFormat::kJson, surroundings.clock.Now(), surroundings.err);
  }
  return ExitCodeOf(status);
}

int Dispatch(const std::vector<std::string>& args, const Surroundings& surroundings) {
  GlobalOptions options = Defaults(surroundings);
  Action action;
  CLI::App app("Signet: the certificate authority for Slurm clusters", "signetctl");
  Declare(app, options, action);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error, surroundings.out, surroundings.err);  // the version or the help
      return End(Session(surroundings, options).Flush(), options, surroundings);
    }
    Report(UsageError(error.what(), "add --help to see the options and an example"), false, surroundings.clock.Now(),
           surroundings.err);
    return kExitUsage;
  }
  Session session(surroundings, options);
  return End(action(session), options, surroundings);
}

std::string OptionWords(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    for (const std::string& name : option->get_snames()) words.push_back("-" + name);
  }
  std::string text;
  for (const std::string& word : words) absl::StrAppend(&text, text.empty() ? "" : " ", word);
  return text;
}

std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// One case per word that has something to offer: its subcommands, or its options.
void AddCases(const CLI::App& app, const std::string& path, std::string& cases) {
  std::string names;
  for (const CLI::App* sub : Subcommands(app)) absl::StrAppend(&names, names.empty() ? "" : " ", sub->get_name());
  absl::StrAppend(&cases, "    '", path, "') subcommands='", names, "' options='", OptionWords(app), "' ;;\n");
  for (const CLI::App* sub : Subcommands(app)) {
    AddCases(*sub, path.empty() ? sub->get_name() : absl::StrCat(path, " ", sub->get_name()), cases);
  }
}

}  // namespace

std::string BashCompletion() {
  GlobalOptions options;
  Action action;
  CLI::App app("", "signetctl");
  Declare(app, options, action);
  std::string cases;
  AddCases(app, "", cases);
  std::string formats;
  for (const auto& [name, format] : Formats()) absl::StrAppend(&formats, formats.empty() ? "" : " ", name);
  return absl::StrCat(
      "# bash completion for signetctl. Made by: signetctl completion bash\n"
      "_signetctl() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path='' word subcommands='' "
      "options=''\n"
      "  local globals='",
      OptionWords(app),
      "'\n"
      "  case $previous in\n"
      "    -o|--output) COMPREPLY=($(compgen -W '",
      formats,
      "' -- \"$current\")); return ;;\n"
      "    --cert|--key|--ca|--ca-key|--chain|--out|--dir|--file|--out-dir|--libexec|--tokens) COMPREPLY=($(compgen -f "
      "-- \"$current\")); "
      "return ;;\n"
      "  esac\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in -*) continue ;; esac\n"
      "    _signetctl_words \"${path:+$path }$word\" && path=\"${path:+$path }$word\"\n"
      "  done\n"
      "  _signetctl_words \"$path\"\n"
      "  case $current in\n"
      "    -*) COMPREPLY=($(compgen -W \"$options $globals\" -- \"$current\")) ;;\n"
      "    *) COMPREPLY=($(compgen -W \"$subcommands\" -- \"$current\"))\n"
      "       [ -n \"$subcommands\" ] || COMPREPLY=($(compgen -f -- \"$current\")) ;;\n"
      "  esac\n"
      "}\n"
      "_signetctl_words() {\n"
      "  case $1 in\n",
      cases,
      "    *) return 1 ;;\n"
      "  esac\n"
      "}\n"
      "complete -F _signetctl signetctl\n");
}

int Run(const std::vector<std::string>& args, const Surroundings& surroundings) {
  // CLI11, iostreams and filesystem code below may throw; nothing above may see it.
  try {
    return Dispatch(args, surroundings);
  } catch (const std::exception& error) {
    Report(absl::InternalError(error.what()), false, surroundings.clock.Now(), surroundings.err);
    return kExitRefused;
  }
}

}  // namespace signet::cli
