// Files that belong together and replace older ones together.
#ifndef SIGNET_CLI_STAGED_FILES_H_
#define SIGNET_CLI_STAGED_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/files/file.h"

namespace signet::cli {

// Add() writes each file whole and durable under a temporary name beside its final one; Commit() then renames all of
// them in the order added, with nothing between the renames. What was not committed is removed on destruction.
class StagedFiles {
 public:
  StagedFiles() = default;
  StagedFiles(const StagedFiles&) = delete;
  StagedFiles& operator=(const StagedFiles&) = delete;
  ~StagedFiles();

  absl::Status Add(const std::string& path, absl::string_view content, const files::WriteOptions& options);
  // An error names the files that were already replaced.
  absl::Status Commit();

 private:
  std::vector<std::string> paths_;  // not yet renamed
};

}  // namespace signet::cli

#endif  // SIGNET_CLI_STAGED_FILES_H_
