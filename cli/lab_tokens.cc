#include "cli/lab_tokens.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/evidence/token.h"
#include "services/files/file.h"
#include "services/names/node_name.h"
#include "services/x509/public_key.h"

namespace signet::cli {
namespace {

constexpr std::size_t kListLimit = std::size_t{64} << 20;
constexpr std::size_t kTokenLimit = 4096;
constexpr char kTokenSuffix[] = "_token.txt";

// Collects tokens and finds what is there twice.
class Collector {
 public:
  void Add(absl::string_view node, absl::string_view secret, std::string place) {
    if (!names::CheckNodeName(node).ok()) return Fault(place, "the first field is not a node name");
    if (const auto [seen, fresh] = nodes_.emplace(std::string(node), place); !fresh) {
      return Fault(place, absl::StrCat("the same node as ", seen->second));
    }
    if (const auto [seen, fresh] = secrets_.emplace(x509::Sha256(secret), place); !fresh) {
      return Fault(place, absl::StrCat("the same token as ", seen->second, ", for another node"));
    }
    result_.tokens.push_back({std::string(node), base::SecretBytes(secret), std::move(place)});
  }
  void Fault(absl::string_view place, absl::string_view what) {
    result_.faults.push_back(absl::StrCat(place, ": ", what));
  }
  LabTokens Take() { return std::move(result_); }

 private:
  LabTokens result_;
  std::map<std::string, std::string> nodes_;
  std::map<std::string, std::string> secrets_;
};

absl::Status ReadList(const std::string& path, Collector& collector) {
  SIGNET_ASSIGN_OR_RETURN(std::string text, files::Read(path, kListLimit));
  std::size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (fields.empty() || absl::StartsWith(fields[0], "#")) continue;
    const std::string place = absl::StrCat(path, ":", number);
    if (fields.size() != 2) {
      collector.Fault(place, absl::StrCat("has ", fields.size(), " fields, not a node name and a token"));
      continue;
    }
    collector.Add(fields[0], fields[1], place);
  }
  base::WipeString(text);
  return absl::OkStatus();
}

absl::Status ReadDirectory(const std::string& path, Collector& collector) {
  std::error_code error;
  std::vector<std::string> file_names;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    file_names.push_back(it->path().filename().string());
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("reading ", path));
  std::sort(file_names.begin(), file_names.end());
  for (const std::string& name : file_names) {
    if (!absl::EndsWith(name, kTokenSuffix)) continue;
    const std::string place = absl::StrCat(path, "/", name);
    absl::StatusOr<std::string> text = files::Read(place, kTokenLimit);
    if (!text.ok()) {
      collector.Fault(place, text.status().message());
      continue;
    }
    const absl::string_view secret = absl::StripTrailingAsciiWhitespace(*text);
    if (secret.empty() || std::any_of(secret.begin(), secret.end(), absl::ascii_isspace)) {
      collector.Fault(place, "is not one token on one line");
    } else {
      collector.Add(name.substr(0, name.size() - sizeof(kTokenSuffix) + 1), secret, place);
    }
    base::WipeString(*text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LabTokens> ReadLabTokens(const std::string& path) {
  Collector collector;
  std::error_code error;
  const bool directory = std::filesystem::is_directory(path, error);
  SIGNET_RETURN_IF_ERROR(directory ? ReadDirectory(path, collector) : ReadList(path, collector));
  LabTokens result = collector.Take();
  if (result.tokens.empty() && result.faults.empty()) {
    return base::Refusal(
        absl::StatusCode::kNotFound, base::kNotFound,
        absl::StrCat(path, directory ? " holds no {node}_token.txt" : " holds no \"name token\" line"));
  }
  return result;
}

std::vector<v1::NewToken> DeriveLabTokens(LabTokens& lab, const std::string& cluster, const LabOptions& options) {
  std::vector<v1::NewToken> tokens;
  for (const LabToken& token : lab.tokens) {
    absl::StatusOr<keys::PrivateKey> key = evidence::DeriveLabKey(token.secret, cluster, token.node);
    if (!key.ok()) {
      lab.faults.push_back(absl::StrCat(token.place, ": ", key.status().message()));
      continue;
    }
    v1::NewToken& fresh = tokens.emplace_back();
    fresh.set_node(token.node);
    fresh.set_daemon(options.daemon);
    fresh.set_kind(v1::TOKEN_KIND_LAB);
    fresh.set_public_key(key->public_key().spki_der());
    fresh.set_ttl_seconds(absl::ToInt64Seconds(options.ttl));
  }
  return tokens;
}

}  // namespace signet::cli
