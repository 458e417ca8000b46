// The directory that token files are handed out from.
#ifndef SIGNET_CLI_TOKEN_DIRECTORY_H_
#define SIGNET_CLI_TOKEN_DIRECTORY_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/secret_bytes.h"
#include "services/evidence/token.h"

namespace signet::cli {

// One "<node>.token" (0400) a node. A key is durable under a pending name before the server hears of it and gets its
// final name after the server registered it, so a lost reply or a kill loses nothing: the next run finds the pending
// files and goes on with their keys. A final file counts as that run's work only when the server knows its token as one
// of this node, daemon and kind that can still enrol; any other final file stops the command. Locked against a second
// signetctl while it lives.
class TokenDirectory {
 public:
  // Creates `path` (0700) when it is missing. FAILED_PRECONDITION when others could put files into it, or another run
  // holds it.
  static absl::StatusOr<TokenDirectory> Open(const std::string& path);
  TokenDirectory(TokenDirectory&& other) noexcept : path_(std::move(other.path_)), fd_(other.fd_) { other.fd_ = -1; }
  TokenDirectory& operator=(TokenDirectory&&) = delete;
  ~TokenDirectory();

  std::string FilePath(absl::string_view node) const;
  bool HasFile(absl::string_view node) const;
  bool HasPending(absl::string_view node) const;
  // True when the pending file is the final one under its old name: a run that was killed while it renamed.
  bool PendingIsFile(absl::string_view node) const;
  // The token in the node's file; nullopt when there is none, or none of this node.
  std::optional<evidence::Token> ReadFile(absl::string_view node) const;
  // The token of an interrupted run; nullopt when there is none that can be used.
  std::optional<evidence::Token> ReadPending(absl::string_view node) const;
  // Not durable before Sync().
  absl::Status WritePending(absl::string_view node, const base::SecretBytes& text);
  absl::Status Sync();
  // Gives the pending file its final name. ALREADY_EXISTS unless `replace`.
  absl::Status Publish(absl::string_view node, bool replace);
  void DropPending(absl::string_view node);

 private:
  std::optional<evidence::Token> ReadToken(absl::string_view name, absl::string_view node) const;
  TokenDirectory(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

}  // namespace signet::cli

#endif  // SIGNET_CLI_TOKEN_DIRECTORY_H_
