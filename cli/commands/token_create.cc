#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/commands/rows.h"
#include "cli/failure.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "cli/token_directory.h"
#include "cli/token_registration.h"
#include "cli/workers.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/mutex.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/token.h"
#include "services/names/hostlist.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::string hostlist;
  std::string daemon = "slurmd";
  std::string out_dir;
  std::string label;
  absl::Duration ttl = absl::ZeroDuration();  // the server's default for the kind
  bool reusable = false;
  bool boot = false;
  bool force = false;
  bool each = false;

  evidence::TokenKind kind() const {
    if (reusable) return evidence::TokenKind::kReusable;
    return boot ? evidence::TokenKind::kBoot : evidence::TokenKind::kSingleUse;
  }
};

// One token on its way into a file.
struct Draft {
  evidence::Token token;
  bool pending = false;  // its file exists already, from an interrupted run
};

absl::StatusOr<Draft> NewDraft(const std::string& node, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  return Draft{.token = {.cluster = "",
                         .node = node,
                         .daemon = options.daemon,
                         .kind = options.kind(),
                         .key = std::move(key),
                         .bundle_pin = ""}};
}

std::vector<v1::NewToken> PublicHalves(const std::vector<Draft>& drafts, const Options& options) {
  std::vector<v1::NewToken> tokens;
  tokens.reserve(drafts.size());
  for (const Draft& draft : drafts) {
    v1::NewToken& fresh = tokens.emplace_back();
    fresh.set_node(draft.token.node);
    fresh.set_daemon(options.daemon);
    fresh.set_kind(static_cast<v1::TokenKind>(options.kind()));
    fresh.set_public_key(draft.token.key.public_key().spki_der());
    fresh.set_ttl_seconds(absl::ToInt64Seconds(options.ttl));
    fresh.set_label(options.label);
  }
  return tokens;
}

// Keys for those of `drafts` that have none yet, on both of a small machine's processors.
absl::Status MakeKeys(Session& session, std::vector<std::optional<Draft>>& drafts,
                      const std::vector<std::string>& nodes, const Options& options) {
  constexpr std::size_t kChunk = 1000;
  base::Mutex mutex;  // guards done and the session's standard error
  std::size_t done = 0;
  return RunWorkers((drafts.size() + kChunk - 1) / kChunk, 2, [&](std::size_t chunk) -> absl::Status {
    const std::size_t end = std::min(drafts.size(), (chunk + 1) * kChunk);
    for (std::size_t i = chunk * kChunk; i < end; ++i) {
      if (drafts[i].has_value()) continue;
      SIGNET_ASSIGN_OR_RETURN(drafts[i], NewDraft(nodes[i], options));
    }
    const base::MutexLock lock(mutex);
    done += end - chunk * kChunk;
    session.Progress("keys made", done, drafts.size());
    return absl::OkStatus();
  });
}

// One node, no directory: the token goes to stdout. That is its documented way out.
absl::Status CreateOnStdout(Session& session, const std::string& node, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(Draft draft, NewDraft(node, options));
  std::vector<Draft> drafts;
  drafts.push_back(std::move(draft));
  const bool dry_run = session.options().dry_run;
  SIGNET_ASSIGN_OR_RETURN(const Registration registration,
                          RegisterTokens(session, PublicHalves(drafts, options), dry_run));
  if (dry_run) {
    session.Note(
        absl::StrCat("dry run: would create a ", evidence::TokenKindName(options.kind()), " token for ", node));
    return absl::OkStatus();
  }
  evidence::Token& token = drafts.front().token;
  token.cluster = registration.cluster;
  token.bundle_pin = registration.bundle_pin;
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes text, evidence::EncodeTokenFile(token));
  session.out() << text.ExposeSecret() << std::flush;
  session.Note(absl::StrCat("the line on standard output is a secret: whoever holds it can enrol ", node, "; it ends ",
                            RelativeTime(FromProto(registration.tokens.front().expires_at()), session.Now())));
  return session.out().good() ? absl::OkStatus() : absl::DataLossError("standard output cannot be written");
}

// What there is to do in the directory.
struct Plan {
  std::vector<Draft> drafts;
  std::vector<std::string> kept;  // finished by the run that was interrupted
};

absl::Status FilesExist(const std::vector<std::string>& nodes, const Options& options) {
  return base::Refusal(absl::StatusCode::kAlreadyExists, base::kAlreadyExists,
                       absl::StrCat("token files of ", names::CompressHostlist(nodes), " exist in ", options.out_dir),
                       "add --force to replace them, or name the other nodes only, or another --out-dir");
}

absl::StatusOr<Plan> MakePlan(Session& session, TokenDirectory& directory, const std::vector<std::string>& nodes,
                              const Options& options) {
  Plan plan;
  std::vector<std::string> missing;
  std::vector<std::optional<Draft>> drafts;
  std::vector<std::string> existing;
  std::vector<std::string> conflicts;
  bool interrupted = false;
  for (const std::string& node : nodes) {
    const bool pending = directory.HasPending(node);
    interrupted |= pending;
    if (!options.force && directory.HasFile(node)) {
      if (pending && !directory.PendingIsFile(node)) conflicts.push_back(node);
      existing.push_back(node);
      continue;
    }
    std::optional<evidence::Token> resumed = pending ? directory.ReadPending(node) : std::nullopt;
    if (resumed.has_value() && resumed->daemon == options.daemon && resumed->kind == options.kind()) {
      drafts.emplace_back(Draft{.token = *std::move(resumed), .pending = true});
    } else {
      drafts.emplace_back();
    }
    missing.push_back(node);
  }
  if (!conflicts.empty()) return FilesExist(conflicts, options);
  if (!existing.empty() && !interrupted) return FilesExist(existing, options);
  plan.kept = std::move(existing);
  SIGNET_RETURN_IF_ERROR(MakeKeys(session, drafts, missing, options));
  plan.drafts.reserve(drafts.size());
  for (std::optional<Draft>& draft : drafts) plan.drafts.push_back(*std::move(draft));
  return plan;
}

// One stray pending file must not make older token files, used or foreign, pass for what an interrupted run finished.
absl::Status CheckKept(Session& session, const TokenDirectory& directory, const std::vector<std::string>& kept,
                       const Options& options) {
  if (kept.empty()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const v1::ListTokensResponse list,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListTokens, v1::ListTokensRequest()));
  std::map<std::string, const v1::Token*> open;
  for (const v1::Token& token : list.tokens()) {
    if (TokenState(token, session.Now()) == "open") open[token.id()] = &token;
  }
  std::vector<std::string> others;
  for (const std::string& node : kept) {
    const std::optional<evidence::Token> token = directory.ReadFile(node);
    const auto known = token.has_value() ? open.find(token->id()) : open.end();
    const bool finished = known != open.end() && known->second->node() == node &&
                          known->second->daemon() == options.daemon &&
                          known->second->kind() == static_cast<v1::TokenKind>(options.kind());
    if (!finished) others.push_back(node);
  }
  return others.empty() ? absl::OkStatus() : FilesExist(others, options);
}

// Fills in what only the server knows and makes every key durable before the server is told about it.
absl::Status WritePending(TokenDirectory& directory, const Registration& judged, std::vector<Draft>& drafts) {
  for (Draft& draft : drafts) {
    if (draft.pending && draft.token.cluster == judged.cluster && draft.token.bundle_pin == judged.bundle_pin) continue;
    draft.token.cluster = judged.cluster;
    draft.token.bundle_pin = judged.bundle_pin;
    SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes text, evidence::EncodeTokenFile(draft.token));
    SIGNET_RETURN_IF_ERROR(directory.WritePending(draft.token.node, text));
  }
  return directory.Sync();
}

absl::Status PublishAll(Session& session, TokenDirectory& directory, const Registration& registration, const Plan& plan,
                        const Options& options) {
  std::vector<std::string> dead;
  for (const v1::Token& token : registration.tokens) {
    if (token.revoked() || FromProto(token.expires_at()) <= session.Now()) {
      directory.DropPending(token.node());
      dead.push_back(token.node());
      continue;
    }
    SIGNET_RETURN_IF_ERROR(directory.Publish(token.node(), options.force));
  }
  for (const std::string& node : plan.kept) directory.DropPending(node);
  SIGNET_RETURN_IF_ERROR(directory.Sync());
  if (dead.empty()) return absl::OkStatus();
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kTokenExpired,
      absl::StrCat("tokens of an interrupted run had ended and were removed: ", names::CompressHostlist(dead)),
      "repeat the command for these nodes");
}

absl::Status PrintCreated(Session& session, const TokenDirectory& directory, const Registration& registration) {
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  fields["cluster"].set_string_value(registration.cluster);
  fields["bundle_pin"].set_string_value(absl::BytesToHexString(registration.bundle_pin));
  auto& list = *fields["tokens"].mutable_list_value();
  View view{.text = nullptr, .message = &document, .names = {}};
  Table table({"NODE", "ENDS", "TOKEN", "FILE"});
  for (const v1::Token& token : registration.tokens) {
    auto& entry = *list.add_values()->mutable_struct_value()->mutable_fields();
    entry["node"].set_string_value(token.node());
    entry["daemon"].set_string_value(token.daemon());
    entry["id"].set_string_value(token.id());
    entry["file"].set_string_value(directory.FilePath(token.node()));
    entry["expires_at"].set_string_value(
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", FromProto(token.expires_at()), absl::UTCTimeZone()));
    table.Add({token.node(), RelativeTime(FromProto(token.expires_at()), session.Now()), token.id(),
               directory.FilePath(token.node())});
    view.names.push_back(token.id());
  }
  view.text = [&](bool) { return table.Text(); };
  return session.Print(view);
}

// What the server would take. With --each, nodes that it refuses leave `drafts`, `refused` names them, and `refusal` is
// what was said of the list; without it, or when nobody is left, that is the answer.
struct Judged {
  Registration registration;
  std::vector<std::string> refused;
  absl::Status refusal;
};

absl::StatusOr<Judged> Judge(Session& session, std::vector<Draft>& drafts, const Options& options) {
  Judged judged;
  absl::StatusOr<Registration> all = RegisterTokens(session, PublicHalves(drafts, options), /*dry_run=*/true);
  if (all.ok()) {
    judged.registration = *std::move(all);
    return judged;
  }
  if (!options.each || ExitCodeOf(all.status()) != kExitRefused) return all.status();
  judged.refusal = all.status();
  std::vector<Draft> taken;
  for (Draft& draft : drafts) {
    std::vector<Draft> one;
    one.push_back(std::move(draft));
    absl::StatusOr<Registration> answer = RegisterTokens(session, PublicHalves(one, options), /*dry_run=*/true);
    if (answer.ok()) {
      judged.registration = *std::move(answer);
      taken.push_back(std::move(one.front()));
      continue;
    }
    if (ExitCodeOf(answer.status()) != kExitRefused) return answer.status();
    session.Note(absl::StrCat("no token for ", one.front().token.node, ": ", Printable(answer.status().message())));
    judged.refused.push_back(one.front().token.node);
  }
  if (taken.empty()) return judged.refusal;
  drafts = std::move(taken);
  return judged;
}

absl::Status SomeRefused(const Judged& judged, std::size_t asked) {
  if (judged.refused.empty()) return absl::OkStatus();
  return base::Refusal(judged.refusal.code(), base::ReasonOf(judged.refusal),
                       absl::StrCat(judged.refused.size(), " of ", asked,
                                    " nodes got no token: ", names::CompressHostlist(judged.refused)),
                       base::NextOf(judged.refusal));
}

absl::Status CreateInDirectory(Session& session, const std::vector<std::string>& nodes, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(TokenDirectory directory, TokenDirectory::Open(options.out_dir));
  SIGNET_ASSIGN_OR_RETURN(Plan plan, MakePlan(session, directory, nodes, options));
  SIGNET_RETURN_IF_ERROR(CheckKept(session, directory, plan.kept, options));
  if (!plan.kept.empty()) {
    session.Note(
        absl::StrCat("going on with an interrupted run; finished before: ", names::CompressHostlist(plan.kept)));
  }
  Registration registration;
  Judged judged;
  const std::size_t asked = plan.drafts.size();
  if (asked != 0) {
    SIGNET_ASSIGN_OR_RETURN(judged, Judge(session, plan.drafts, options));
    SIGNET_RETURN_IF_ERROR(WritePending(directory, judged.registration, plan.drafts));
    const std::vector<v1::NewToken> halves = PublicHalves(plan.drafts, options);
    std::size_t done = 0;
    absl::StatusOr<Registration> registered = RegisterTokens(session, halves, /*dry_run=*/false, &done);
    if (!registered.ok()) {
      session.Note(absl::StrCat(done, " of ", halves.size(), " tokens are known to be registered; their keys wait in ",
                                options.out_dir, ": repeat the command, it goes on with them"));
      return registered.status();
    }
    registration = *std::move(registered);
  }
  SIGNET_RETURN_IF_ERROR(PublishAll(session, directory, registration, plan, options));
  SIGNET_RETURN_IF_ERROR(PrintCreated(session, directory, registration));
  return SomeRefused(judged, asked);
}

absl::Status Create(Session& session, const Options& options) {
  if (options.boot && options.reusable) return UsageError("--boot and --reusable exclude each other");
  absl::StatusOr<std::vector<std::string>> nodes = names::ExpandHostlist(options.hostlist);
  if (!nodes.ok()) return UsageError(nodes.status().message(), "signetctl token create 'n[001-128]' --out-dir DIR");
  if (options.out_dir.empty()) {
    if (nodes->size() == 1) return CreateOnStdout(session, nodes->front(), options);
    return UsageError(absl::StrCat("tokens for ", nodes->size(), " nodes go into files: name a directory"),
                      absl::StrCat("signetctl token create '", options.hostlist, "' --out-dir /root/tokens"));
  }
  if (!session.options().dry_run) return CreateInDirectory(session, *nodes, options);
  std::vector<std::optional<Draft>> made(nodes->size());
  SIGNET_RETURN_IF_ERROR(MakeKeys(session, made, *nodes, options));
  std::vector<Draft> drafts;
  for (std::optional<Draft>& draft : made) drafts.push_back(*std::move(draft));
  SIGNET_ASSIGN_OR_RETURN(const Judged judged, Judge(session, drafts, options));
  session.Note(absl::StrCat("dry run: would create ", drafts.size(), " ", evidence::TokenKindName(options.kind()),
                            " tokens for cluster ", judged.registration.cluster, " in ", options.out_dir));
  return SomeRefused(judged, nodes->size());
}

}  // namespace

Action DeclareTokenCreate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("hostlist", options->hostlist, "nodes, such as n[001-128],login1")->required();
  AddDuration(app, "--ttl", &options->ttl, "how long it can enrol [7d; boot 24h; reusable 365d]");
  app.add_flag("--reusable", options->reusable, "for every boot of a stateless node, until it ends or is revoked");
  app.add_flag("--boot", options->boot, "for one boot of a stateless node; a newer one supersedes it");
  app.add_option("--daemon", options->daemon, "slurmd or sackd")
      ->check(CLI::IsMember({"slurmd", "sackd"}))
      ->capture_default_str();
  app.add_option("--out-dir", options->out_dir,
                 "one NODE.token a node; without it one node's token, a secret, goes to stdout");
  app.add_option("--label", options->label, "a delivery, a rack: token list and token revoke take it");
  app.add_flag("--force", options->force, "replace token files that exist");
  app.add_flag("--each", options->each,
               "with --out-dir: where the server refuses some nodes, make the others' tokens, then fail");
  return [options](Session& session) { return Create(session, *options); };
}

}  // namespace signet::cli
