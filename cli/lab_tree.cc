#include "cli/lab_tree.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/failure.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"

namespace signet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kListLimit = std::size_t{64} << 20;

bool IsFile(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The names of the lab, of the certmgr page and of the TLS page; the last is Slurm's default.
std::string FindCa(const std::string& directory, const std::string& above) {
  for (const std::string& path : {directory + "/slurm_ca.pem", directory + "/root_cert.pem", directory + "/ca_cert.pem",
                                  above + "/ca_cert.pem"}) {
    if (IsFile(path)) return path;
  }
  return "";
}

std::vector<std::string> FindCaKeys(const std::string& directory, const std::string& above) {
  std::vector<std::string> found;
  for (const std::string& path :
       {directory + "/slurm_ca.key", directory + "/root_key.pem", directory + "/ca_key.pem", above + "/ca_key.pem"}) {
    if (IsFile(path)) found.push_back(path);
  }
  return found;
}

// The list of the certmgr page may hold tokens alone, one a line, beside {node}_token.txt files that have the names.
bool NamesNodes(const std::string& list) {
  absl::StatusOr<std::string> text = files::Read(list, kListLimit);
  if (!text.ok()) return true;  // whoever reads it says what is wrong
  bool names = true;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (fields.empty() || absl::StartsWith(fields[0], "#")) continue;
    names = fields.size() != 1;
    break;
  }
  base::WipeString(*text);
  return names;
}

std::string FindTokens(const std::string& directory, const std::vector<std::string>& names) {
  const bool files = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return absl::EndsWith(name, "_token.txt") && name != "_token.txt";
  });
  for (const char* name : {"node_token_list", "node_token_list.txt"}) {
    const std::string list = absl::StrCat(directory, "/", name);
    if (IsFile(list) && (!files || NamesNodes(list))) return list;
  }
  return files ? directory : "";
}

absl::StatusOr<std::vector<x509::Certificate>> ReadCertificates(const std::string& path) {
  SIGNET_ASSIGN_OR_RETURN(const std::string pem, files::Read(path));
  absl::StatusOr<std::vector<x509::Certificate>> list = x509::Certificate::ListFromPem(pem);
  if (list.ok()) return list;
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kMalformed,
                       absl::StrCat(path, ": ", list.status().message()));
}

absl::Status FindServices(const std::string& directory, const std::string& above, LabTree& tree) {
  static const auto& prefixes = *new std::vector<std::pair<std::string, std::string>>{
      {"slurmctld", "ctld"}, {"slurmdbd", "dbd"}, {"slurmrestd", "restd"}};
  for (const auto& [service, prefix] : prefixes) {
    for (const std::string& path :
         {absl::StrCat(directory, "/", service, ".pem"), absl::StrCat(directory, "/", prefix, "_cert.pem"),
          absl::StrCat(above, "/", prefix, "_cert.pem")}) {
      if (!IsFile(path)) continue;
      SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain, ReadCertificates(path));
      tree.services.push_back({service, path, chain.front()});
      break;
    }
  }
  return absl::OkStatus();
}

// A next run may stand elsewhere.
std::string Absolute(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return UsageError(absl::StrCat(directory, " cannot be read as a directory: ", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

absl::StatusOr<LabTree> ReadLabTree(const std::string& directory, const std::string& ca_file,
                                    const std::string& tokens) {
  std::error_code error;
  const fs::path absolute = fs::canonical(directory, error);
  if (error)
    return UsageError(absl::StrCat(directory, ": ", error.message()), "signetctl migrate lab /etc/slurm/certmgr");
  LabTree tree;
  tree.directory = absolute.string();
  const std::string above = absolute.parent_path().string();
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(tree.directory));
  tree.ca_file = ca_file.empty() ? FindCa(tree.directory, above) : Absolute(ca_file);
  if (tree.ca_file.empty()) {
    return UsageError(absl::StrCat("no CA certificate (slurm_ca.pem, root_cert.pem, ca_cert.pem) in ", tree.directory),
                      "name it: --ca FILE, what ca_cert_file in slurm.conf says");
  }
  SIGNET_ASSIGN_OR_RETURN(tree.ca, ReadCertificates(tree.ca_file));
  tree.key_files = FindCaKeys(tree.directory, above);
  tree.tokens = tokens.empty() ? FindTokens(tree.directory, names) : Absolute(tokens);
  if (!ca_file.empty()) absl::StrAppend(&tree.options, " --ca ", tree.ca_file);
  if (!tokens.empty()) absl::StrAppend(&tree.options, " --tokens ", tree.tokens);
  SIGNET_RETURN_IF_ERROR(FindServices(tree.directory, above, tree));
  for (const std::string& name : names) {
    if (absl::EndsWith(name, ".sh")) tree.scripts.push_back(absl::StrCat(tree.directory, "/", name));
  }
  return tree;
}

}  // namespace signet::cli
