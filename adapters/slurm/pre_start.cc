#include "adapters/slurm/pre_start.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "adapters/slurm/certmgr_state.h"
#include "adapters/slurm/held_bundle.h"
#include "adapters/slurm/node_state.h"
#include "adapters/slurm/spool_directory.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/signed_bundle.h"
#include "services/keys/private_key.h"
#include "services/names/node_name.h"
#include "services/x509/certificate.h"

namespace signet::slurm {
namespace {

constexpr char kState[] = "certmgr_state";
constexpr char kOldState[] = "certmgr_state.old";  // the previous private key, which slurmd never reads back

std::string Utc(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

std::string InWords(const absl::Status& status) {
  const std::string next = base::NextOf(status);
  return absl::StrCat(std::string(status.message()), next.empty() ? "" : "; ", next);
}

using Act = Prospect::Act;

// What to do with certmgr_state, and why.
struct Verdict {
  Act act = Act::kLeaveAlone;
  std::string why;
  bool expired = false;
};

Verdict Keep(absl::string_view why) { return {Act::kKeep, std::string(why)}; }
Verdict Doubt(absl::string_view why) { return {Act::kLeaveAlone, std::string(why)}; }
Verdict Aside(absl::string_view why) { return {Act::kMoveAside, std::string(why)}; }

Verdict JudgeTimeAndChain(const std::vector<x509::Certificate>& chain, absl::Time written,
                          const absl::StatusOr<bundle::Bundle>& verified, absl::Time now) {
  const x509::Certificate& leaf = chain.front();
  const std::string clock = absl::StrCat(", and this host's clock says ", Utc(now), "; timedatectl");
  if (now < written) return Doubt(absl::StrCat("it was written at ", Utc(written), clock));
  if (now < leaf.not_before()) {
    return Doubt(absl::StrCat("its certificate begins at ", Utc(leaf.not_before()), clock));
  }
  if (!verified.ok()) return Doubt(absl::StrCat("no verified trust bundle: ", InWords(verified.status())));
  // The one witness on this host that does not come from its own clock.
  if (now < verified->created_at) {
    return Doubt(absl::StrCat("the trust bundle was made at ", Utc(verified->created_at), clock));
  }
  if (leaf.not_after() < now) return Aside(absl::StrCat("its certificate expired at ", Utc(leaf.not_after())));
  const absl::StatusOr<std::vector<x509::Certificate>> anchors = x509::Certificate::ListFromPem(verified->ca_cert_pem);
  if (!anchors.ok()) return Doubt(absl::StrCat("trust bundle: ", anchors.status().message()));
  const absl::Status chains = x509::VerifyChain(leaf, {chain.begin() + 1, chain.end()}, *anchors, now);
  if (absl::IsFailedPrecondition(chains)) {
    return Aside(absl::StrCat("its certificate does not chain to the trust bundle: ", chains.message()));
  }
  if (!chains.ok()) return Doubt(chains.message());
  return Keep(absl::StrCat("its certificate is good until ", Utc(leaf.not_after())));
}

Verdict Judge(const SpoolFile& file, const Config& config, const Host& host, const std::string& node, absl::Time now) {
  const absl::StatusOr<CertmgrState> state = ParseCertmgrState(file.content);
  if (!state.ok()) return Doubt(state.status().message());
  const absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(state->certificate_pem);
  if (!chain.ok()) return Doubt(absl::StrCat("its certificate: ", chain.status().message()));
  const absl::StatusOr<keys::PrivateKey> key = keys::PrivateKey::FromPem(state->key_pem);
  if (!key.ok()) return Doubt(absl::StrCat("its key: ", key.status().message()));
  // No clock and no bundle has a say in this.
  if (!(key->public_key() == chain->front().public_key())) {
    return Aside("its key is not its certificate's, on which slurmd crashes");
  }
  const absl::Time written = std::max(state->renewed_at, file.modified_at);
  Verdict verdict = JudgeTimeAndChain(*chain, written, HeldBundle(config, host, node, now), now);
  verdict.expired = chain->front().not_after() < now;
  return verdict;
}

std::string MoveAside(const SpoolDirectory& directory, const std::string& name, absl::string_view why) {
  const std::string path = absl::StrCat(directory.path(), "/", name);
  const absl::Status moved = directory.MoveAside(name);
  if (!moved.ok()) return absl::StrCat(path, ": left alone: ", moved.message(), "\n");
  return absl::StrCat(path, ": moved to ", name, kAsideSuffix, ": ", why, "\n");
}

// What was seen, and the directory in which, held open.
struct Sight {
  Prospect prospect;
  absl::StatusOr<SpoolDirectory> directory;
};

Sight Look(const Config& config, const Host& host, const PreStartOptions& options, absl::Time now) {
  std::string node = options.node;
  if (node.empty()) {
    const std::vector<std::string> known = KnownNodes(config.state_dir, host.uid);
    node = known.size() == 1 ? known.front() : host.name;
  }
  const std::string path =
      ExpandSpoolDir(options.spool_dir.empty() ? config.slurmd_spool_dir : options.spool_dir, node, host.name);
  Sight sight{{}, SpoolDirectory::Open(path)};
  Prospect& prospect = sight.prospect;
  prospect.path = absl::StrCat(path, "/", kState);
  prospect.no_directory = absl::IsNotFound(sight.directory.status());
  if (prospect.no_directory) {
    prospect.why = absl::StrCat(path, " is absent");
    return sight;
  }
  const absl::StatusOr<SpoolFile> file =
      sight.directory.ok() ? sight.directory->Read(kState) : sight.directory.status();
  if (absl::IsNotFound(file.status())) {
    prospect.why = "there is none";
    return sight;
  }
  prospect.readable = file.ok();
  prospect.next = base::NextOf(file.status());
  Verdict verdict = file.ok() ? Judge(*file, config, host, node, now) : Doubt(file.status().message());
  prospect.act = verdict.act;
  prospect.why = std::move(verdict.why);
  prospect.expired = verdict.expired;
  return sight;
}

}  // namespace

absl::StatusOr<PreStartOptions> ParsePreStart(const std::vector<std::string>& arguments) {
  const auto usage = [](absl::string_view why) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, why,
                         "signet-slurm pre-start [--node NAME] [--spool-dir DIR]");
  };
  PreStartOptions options;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    if (i + 1 == arguments.size()) return usage("an option without its value");
    const std::string& value = arguments[i + 1];
    if (arguments[i] == "--node" && names::CheckNodeName(value).ok()) {
      options.node = value;
    } else if (arguments[i] == "--spool-dir" && absl::StartsWith(value, "/")) {
      options.spool_dir = value;
    } else {
      return usage("an unknown option, a --node that is no node name, or a --spool-dir that is no absolute path");
    }
  }
  return options;
}

std::string ExpandSpoolDir(const std::string& pattern, const std::string& node, const std::string& host_name) {
  return absl::StrReplaceAll(pattern, {{"%n", node}, {"%h", host_name}});
}

Prospect Foresee(const Config& config, const Host& host, const PreStartOptions& options, absl::Time now) {
  return Look(config, host, options, now).prospect;
}

std::string PreStart(const Config& config, const Host& host, const PreStartOptions& options, absl::Time now) {
  const Sight sight = Look(config, host, options, now);
  const Prospect& prospect = sight.prospect;
  switch (prospect.act) {
    case Act::kNothing:
      return absl::StrCat(prospect.path, ": nothing to do: ", prospect.why, "\n");
    case Act::kKeep:
      return absl::StrCat(prospect.path, ": kept: ", prospect.why, "\n");
    case Act::kLeaveAlone:
      return absl::StrCat(prospect.path, ": left alone: ", prospect.why, prospect.next.empty() ? "" : "; ",
                          prospect.next, "\n");
    case Act::kMoveAside:
      break;
  }
  const SpoolDirectory& directory = *sight.directory;
  std::string lines;
  // First: a kill in between leaves the file by which the next start judges.
  if (const absl::StatusOr<SpoolFile> old = directory.Read(kOldState); old.ok()) {
    lines = MoveAside(directory, kOldState, absl::StrCat("it goes with ", kState));
  } else if (!absl::IsNotFound(old.status())) {
    lines = absl::StrCat(directory.path(), "/", kOldState, ": left alone: ", InWords(old.status()), "\n");
  }
  return lines + MoveAside(directory, kState, absl::StrCat(prospect.why, "; slurmd will enrol anew"));
}

}  // namespace signet::slurm
