// The parsed document behind Section and StrictReader.
#ifndef SIGNET_SERVICES_YAML_TREE_H_
#define SIGNET_SERVICES_YAML_TREE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace signet::yaml::internal {

// Every fault of one document, in the order found.
struct Faults {
  struct Fault {
    int line = 0;
    std::string text;
  };
  std::string file;
  std::vector<Fault> list;
  // The text could not be read to its end: what is missing from it is no fault of its author.
  bool closed = false;

  // "<file>:<line>: <path>: <message>; allowed: <allowed>"
  void Add(int line, absl::string_view path, absl::string_view message, absl::string_view allowed = "");
};

enum class Kind { kAbsent, kNull, kScalar, kSequence, kMap };

// One value of the document; kAbsent stands for a mapping that was asked for and is not there.
struct Node {
  Kind kind = Kind::kAbsent;
  int line = 1;
  std::string key;   // within the parent mapping
  std::string path;  // dotted, from the root
  std::string scalar;
  bool quoted = false;
  std::vector<std::shared_ptr<Node>> items;  // of a sequence, or the values of a mapping
  bool opened = false;                       // read as a section: its unknown keys are faults
  std::vector<std::string> asked;            // keys that were asked for, in order
  std::shared_ptr<Faults> faults;

  // Nothing when the key is absent.
  std::shared_ptr<Node> Find(absl::string_view wanted) const;
  // As Find, and remembers that the key is known here.
  std::shared_ptr<Node> Ask(absl::string_view wanted);
};

struct Document {
  std::shared_ptr<Faults> faults;
  std::shared_ptr<Node> root;
};

// Never fails: what is wrong is recorded in the document's faults.
std::shared_ptr<Document> Parse(absl::string_view name, absl::string_view text);

}  // namespace signet::yaml::internal

#endif  // SIGNET_SERVICES_YAML_TREE_H_
