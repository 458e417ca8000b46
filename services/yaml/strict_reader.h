// Reads a YAML mapping strictly. Usage:
//
//   yaml::StrictReader reader = yaml::StrictReader::FromText("/etc/signet/signetd.yaml", text);
//   yaml::Section root = reader.root();
//   root.String("cluster", &config.cluster, {.required = true});
//   yaml::Section keys = root.Child("keys");
//   keys.Choice("kind", &config.kind, {"sealed", "pkcs11"});
//   SIGNET_RETURN_IF_ERROR(reader.Finish());   // all faults at once; unknown keys included
#ifndef SIGNET_SERVICES_YAML_STRICT_READER_H_
#define SIGNET_SERVICES_YAML_STRICT_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace signet::yaml {

namespace internal {
// Opaque here: the parsed document, kept out of this header together with the YAML library.
struct Document;
struct Node;
}  // namespace internal

// What a string must be.
struct StringRule {
  bool required = false;
  bool allow_empty = false;
};

// One mapping of the document. Each reader leaves its target alone when the key is absent, and records a fault when the
// value is wrong. Copies are cheap and share the document.
class Section {
 public:
  bool Has(absl::string_view key) const;
  // The keys that stand in this mapping, in the order of the file: for a mapping whose keys are names of the author's.
  // None of them is known until it is read.
  std::vector<std::string> Keys() const;
  // True when this section itself stands in the file.
  bool present() const;
  void String(absl::string_view key, std::string* target, StringRule rule = {});
  void Bool(absl::string_view key, bool* target);
  void Int(absl::string_view key, int64_t* target, int64_t min, int64_t max);
  // "90d", "12h", "10y" (365 days), "30s", "1h30m"; units y d h m s ms.
  void Duration(absl::string_view key, absl::Duration* target, absl::Duration min, absl::Duration max);
  // One of `allowed`.
  void Choice(absl::string_view key, std::string* target, const std::vector<std::string>& allowed);
  void Strings(absl::string_view key, std::vector<std::string>* target);
  // An octal mode written as a quoted string, "0660".
  void Mode(absl::string_view key, uint32_t* target);
  // A nested mapping; an absent one reads as empty.
  Section Child(absl::string_view key);
  // Records a fault of the caller's own at this key's line: "<message>; allowed: <allowed>".
  void Fault(absl::string_view key, absl::string_view message, absl::string_view allowed = "");

 private:
  friend class StrictReader;
  explicit Section(std::shared_ptr<internal::Node> node) : node_(std::move(node)) {}
  std::shared_ptr<internal::Node> node_;
};

// One YAML document. Aliases, anchors, tags, several documents, duplicate keys and files over 1 MiB are faults.
class StrictReader {
 public:
  // `name` stands for the file in faults ("signetd.yaml:12: listen.grpc.adress: unknown key; allowed: address, names").
  static StrictReader FromText(absl::string_view name, absl::string_view text);
  Section root();
  // Reports every fault recorded, one line each, in the order of the file, as INVALID_ARGUMENT with reason
  // CONFIGURATION. A key that nobody asked for is a fault; its nearest allowed spelling is named.
  absl::Status Finish();

 private:
  explicit StrictReader(std::shared_ptr<internal::Document> document) : document_(std::move(document)) {}
  std::shared_ptr<internal::Document> document_;
};

// "90d" → 90 days, as Section::Duration reads it. INVALID_ARGUMENT names the units.
absl::Status ParseDuration(absl::string_view text, absl::Duration* duration);

}  // namespace signet::yaml

#endif  // SIGNET_SERVICES_YAML_STRICT_READER_H_
