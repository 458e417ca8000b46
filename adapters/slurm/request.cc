#include "adapters/slurm/request.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::slurm {
namespace {

constexpr char kFirstLine[] = "signet-request1";

// Takes the line "<name>: <value>" off the front of `text`.
absl::StatusOr<std::string> TakeField(absl::string_view* text, absl::string_view name) {
  const std::size_t end = text->find('\n');
  absl::string_view line = text->substr(0, end);
  if (end == absl::string_view::npos || !absl::ConsumePrefix(&line, name) || !absl::ConsumePrefix(&line, ": ")) {
    return absl::InvalidArgumentError(absl::StrCat("request file: no line ", name));
  }
  text->remove_prefix(end + 1);
  return std::string(line);
}

}  // namespace

absl::StatusOr<base::SecretBytes> EncodeRequest(const Request& request) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes key, request.tls_key.ToPem());
  const std::string head =
      absl::StrCat(kFirstLine, "\nrenewal: ", request.renewal ? "yes" : "no", "\nparent: ", request.parent,
                   "\nstatement: ", evidence::EncodeScriptToken(request.statement), "\n");
  std::string file;
  // Growing would leave copies of the key behind.
  file.reserve(head.size() + key.size());
  file.append(head);
  file.append(key.ExposeSecret().data(), key.size());
  return base::SecretBytes::Take(file);
}

absl::StatusOr<Request> ParseRequest(const base::SecretBytes& file) {
  absl::string_view rest = file.ExposeSecret();
  if (!absl::ConsumePrefix(&rest, kFirstLine) || !absl::ConsumePrefix(&rest, "\n")) {
    return absl::InvalidArgumentError("request file: unknown format");
  }
  SIGNET_ASSIGN_OR_RETURN(const std::string renewal, TakeField(&rest, "renewal"));
  SIGNET_ASSIGN_OR_RETURN(std::string parent, TakeField(&rest, "parent"));
  SIGNET_ASSIGN_OR_RETURN(const std::string text, TakeField(&rest, "statement"));
  SIGNET_ASSIGN_OR_RETURN(std::string statement, evidence::DecodeScriptToken(text));
  SIGNET_ASSIGN_OR_RETURN(const evidence::SignedStatement parsed, evidence::SignedStatement::Parse(statement));
  SIGNET_ASSIGN_OR_RETURN(keys::PrivateKey key, keys::PrivateKey::FromPem(base::SecretBytes(rest)));
  if (key.public_key().spki_sha256() != parsed.statement().csr_spki_sha256) {
    return absl::InvalidArgumentError("request file: the statement is about another key");
  }
  return Request{std::move(key), std::move(statement), parsed.statement(), renewal == "yes", std::move(parent)};
}

}  // namespace signet::slurm
