// One node with a configuration, token folder and state of its own, into which a test puts a fault.
#ifndef SIGNET_TESTS_CONTRACT_FAULTY_NODE_H_
#define SIGNET_TESTS_CONTRACT_FAULTY_NODE_H_

#include <functional>
#include <map>
#include <string>

#include "services/evidence/statement.h"
#include "services/keys/private_key.h"
#include "tests/contract/slurm_daemons.h"
#include "tests/contract/test_cluster.h"

namespace signet::contract {

class FaultyNode {
 public:
  FaultyNode(const TestCluster& cluster, std::string name);

  // Writes the node's signet-slurm.yaml with these keys in place of its usual ones; the scripts then use it.
  void Configure(const std::map<std::string, std::string>& changes) const;
  // The same for the controller.
  void ConfigureController(const std::map<std::string, std::string>& changes) const;

  // Creates a token for this node in its own folder; extra arguments such as --reusable.
  void CreateToken(const std::vector<std::string>& extra = {}) const;
  // As the usual life of a node: these abort the test program when they fail.
  void EnrolWithToken() const;
  absl::Status Enrol() const;

  Scripts node_scripts() const { return cluster_.ScriptsWith(name_ + "/node.yaml"); }
  Scripts controller_scripts() const { return cluster_.ScriptsWith(name_ + "/controller.yaml"); }
  // What a script of the node, or of the controller, says: its whole output.
  std::string NodeSays(const std::string& script) const;
  std::string SignCsrSays(const std::string& csr) const;
  std::string ValidateNodeSays() const;
  // What `signetctl node explain` says about this node, or about `name`.
  std::string Explain() const { return Explain(name_); }
  std::string Explain(const std::string& name) const;
  // `signetctl WORDS NODE MORE`, which must succeed.
  void Ctl(std::vector<std::string> args) const;

  // A CSR as this node's adapter makes one, with its own identity key, after `change`; with a new identity key and its
  // token when it has not enrolled.
  std::string ForgedCsr(const std::function<void(evidence::Statement&)>& change = [](evidence::Statement&) {}) const;

  const TestCluster& cluster() const { return cluster_; }
  const std::string& name() const { return name_; }
  std::string path(const std::string& file) const { return cluster_.path(name_ + "/" + file); }
  std::string token_file() const { return path("tokens/" + name_ + ".token"); }
  std::string state_dir() const { return path("state"); }
  // Where its state lies, of root's daemon.
  std::string state() const { return state_dir() + "/0/" + name_; }

 private:
  const TestCluster& cluster_;
  std::string name_;
};

}  // namespace signet::contract

#endif  // SIGNET_TESTS_CONTRACT_FAULTY_NODE_H_
