#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/cluster_pin.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/files/file.h"

namespace signet::cli {
namespace {

constexpr std::size_t kLimit = std::size_t{4} << 20;

struct Options {
  std::string file;
  std::string pin;
  std::string cluster;
};

absl::Status PrintFindings(Session& session, const Options& options, const std::vector<std::string>& faults,
                           const std::vector<std::string>& notes) {
  google::protobuf::Struct document;
  (*document.mutable_fields())["file"].set_string_value(options.file);
  auto& list = *(*document.mutable_fields())["faults"].mutable_list_value();
  for (const std::string& fault : faults) list.add_values()->set_string_value(fault);
  auto& harmless = *(*document.mutable_fields())["notes"].mutable_list_value();
  for (const std::string& note : notes) harmless.add_values()->set_string_value(note);
  const auto text = [&](bool) {
    std::string lines;
    for (const std::string& fault : faults) absl::StrAppend(&lines, options.file, ": ", fault, "\n");
    for (const std::string& note : notes) absl::StrAppend(&lines, options.file, ": note: ", note, "\n");
    if (faults.empty()) absl::StrAppend(&lines, options.file, ": good\n");
    return Printable(lines);
  };
  return session.Print({.text = text, .message = &document, .names = faults});
}

absl::Status VerifySigned(Session& session, const Options& options, const std::string& content) {
  if (options.pin.empty()) {
    return UsageError(absl::StrCat(options.file, " is not PEM; a signed bundle is believed by its pin only: --pin HEX"),
                      "signetctl status   # on the head node shows the pin");
  }
  v1::SignedBundle signed_bundle;
  v1::Bundle claimed;
  if (!signed_bundle.ParseFromString(content) || !claimed.ParseFromString(signed_bundle.bundle())) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         absl::StrCat(options.file, " is neither PEM nor a signed bundle"));
  }
  ClusterPin pin{.cluster = options.cluster.empty() ? claimed.cluster() : options.cluster, .pin = ""};
  SIGNET_ASSIGN_OR_RETURN(pin.pin, PinFromHex(options.pin));
  SIGNET_ASSIGN_OR_RETURN(const bundle::Bundle verified, bundle::Verify(content, pin.pin, pin.cluster));
  return session.Print({.text =
                            [&](bool) {
                              return absl::StrCat(options.file, ": good, cluster ", verified.cluster, ", generation ",
                                                  verified.generation, "\n");
                            },
                        .message = &claimed,
                        .names = {absl::StrCat(verified.generation)}});
}

absl::Status Verify(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const std::string content, files::Read(options.file, kLimit));
  // A signed bundle holds PEM text too; a PEM file never parses as one.
  v1::SignedBundle signed_bundle;
  const bool is_signed = signed_bundle.ParseFromString(content) && !signed_bundle.signature().empty();
  if (is_signed) return VerifySigned(session, options, content);
  const std::vector<std::string> faults = bundle::FaultsOfCaFile(content, session.Now());
  const std::vector<std::string> notes = bundle::NotesOfCaFile(content, session.Now());
  SIGNET_RETURN_IF_ERROR(PrintFindings(session, options, faults, notes));
  if (faults.empty()) return absl::OkStatus();
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kMalformed,
      absl::StrCat(faults.size(), " faults in ", options.file, ": Slurm would crash on it or refuse it"),
      "signetctl bundle write");
}

}  // namespace

Action DeclareBundleVerify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "a CA file (PEM) or a signed bundle (signet-bundle)")->required();
  app.add_option("--pin", options->pin, "for a signed bundle: the pin to believe, 64 hex digits");
  app.add_option("--cluster", options->cluster, "for a signed bundle: the cluster it must be for [its own]");
  return [options](Session& session) { return Verify(session, *options); };
}

}  // namespace signet::cli
