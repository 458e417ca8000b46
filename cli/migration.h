// How far a cluster is on its way from the documented scripts to Signet.
#ifndef SIGNET_CLI_MIGRATION_H_
#define SIGNET_CLI_MIGRATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/lab_tokens.h"
#include "cli/lab_tree.h"
#include "cli/session.h"
#include "google/protobuf/struct.pb.h"
#include "signet/v1/node_enrollment.pb.h"

namespace signet::cli {

// What a run finds; everything that is "old" works until it ends, and is named until it is gone.
struct Migration {
  LabTree tree;
  std::string cluster;
  std::string bundle_pin_hex;
  std::vector<std::string> faults;           // of the token list, one line each
  std::vector<v1::NewToken> to_import;       // tokens of old nodes that signetd does not know yet
  std::size_t imported = 0;                  // lab tokens of old nodes that signetd knows
  std::vector<std::string> ended;            // old nodes whose imported token can no longer enrol
  std::vector<std::string> nodes_on_signet;  // of those in the list
  std::vector<std::string> nodes_old;
  std::vector<LabService> services_old;  // not signed by an authority of ours that signs or will
  std::vector<LabService> services_new;
  std::vector<x509::Certificate> to_anchor;  // in the CA file, unknown to signetd
  std::vector<x509::Certificate> anchors;    // in the CA file, retired at signetd: imported before
  bool ca_file_has_signet = false;           // the CA file holds the root that signs now

  // Without a single token nobody can say which nodes there are, and so not that none is old.
  bool nodes_known() const { return !nodes_on_signet.empty() || !nodes_old.empty(); }
  bool done() const {
    return nodes_known() && faults.empty() && nodes_old.empty() && services_old.empty() && to_anchor.empty() &&
           ca_file_has_signet;
  }
};

// Reads the tree and asks signetd; changes nothing.
absl::StatusOr<Migration> Survey(Session& session, LabTree tree);

// The commands to type next, in order; comments begin with '#'. Empty lines never.
std::vector<std::string> NextSteps(const Migration& migration, bool dry_run);

// The plan for people and for programs.
std::string PlanText(const Migration& migration, const std::vector<std::string>& next, absl::Time now);
google::protobuf::Struct PlanDocument(const Migration& migration, const std::vector<std::string>& next);

}  // namespace signet::cli

#endif  // SIGNET_CLI_MIGRATION_H_
