// Files that belong together and replace older ones together.
#ifndef SIGNET_CLI_STAGED_FILES_H_
#define SIGNET_CLI_STAGED_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/files/file.h"

namespace signet::cli {

// FAILED_PRECONDITION unless `directory` is one in which this process can create files, which it tries.
absl::Status CheckCanCreateFilesIn(const std::string& directory);

// Add() writes each file whole and durable under a temporary name beside its final one; Commit() then renames all of
// them in the order added, with nothing between the renames. While it does, the old ones keep a second name,
// "<path>.signetctl-old". What was not committed is removed on destruction.
class StagedFiles {
 public:
  StagedFiles() = default;
  StagedFiles(const StagedFiles&) = delete;
  StagedFiles& operator=(const StagedFiles&) = delete;
  ~StagedFiles();

  absl::Status Add(const std::string& path, absl::string_view content, const files::WriteOptions& options);
  // All files are replaced or, after an error, none: those that were already replaced are put back. The error says so,
  // and names what could not be put back. Only a kill between the renames leaves a mixture.
  absl::Status Commit();

  // Where a new file waits, and where an old one is kept meanwhile: what a killed run leaves behind.
  static std::string StagedName(const std::string& path);
  static std::string KeptName(const std::string& path);

 private:
  struct File {
    std::string path;
    bool kept = false;  // there was an old one, and it has a second name
    bool replaced = false;
  };
  // What became of the files that were replaced, for the error.
  std::string PutBack();

  std::vector<File> files_;
};

}  // namespace signet::cli

#endif  // SIGNET_CLI_STAGED_FILES_H_
