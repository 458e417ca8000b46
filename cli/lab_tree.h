// The files of a cluster that runs the certmgr scripts of Slurm's documentation or of its published lab.
#ifndef SIGNET_CLI_LAB_TREE_H_
#define SIGNET_CLI_LAB_TREE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/x509/certificate.h"

namespace signet::cli {

// One service's certificate file.
struct LabService {
  std::string service;  // "slurmctld"
  std::string path;
  x509::Certificate certificate;  // the leaf
};

struct LabTree {
  std::string directory;
  std::string options;                 // " --ca FILE --tokens PATH", as far as they were named: to be typed again
  std::string ca_file;                 // what ca_cert_file names
  std::vector<x509::Certificate> ca;   // all that is in it
  std::vector<std::string> key_files;  // private keys of the CA, by their names alone: never opened
  std::string tokens;                  // the list, or the directory of {node}_token.txt; empty when there is neither
  std::vector<LabService> services;
  std::vector<std::string> scripts;  // the *.sh files
};

// Looks for the names of both sources in `directory` (/etc/slurm/certmgr), and for Slurm's default PEM names in the
// directory above it too. `ca_file` and `tokens`, unless empty, say where those are. Errors: `directory` is none, or no
// CA certificate is found, or one of the certificate files does not parse.
absl::StatusOr<LabTree> ReadLabTree(const std::string& directory, const std::string& ca_file,
                                    const std::string& tokens);

}  // namespace signet::cli

#endif  // SIGNET_CLI_LAB_TREE_H_
