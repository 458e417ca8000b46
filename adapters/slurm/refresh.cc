#include "adapters/slurm/refresh.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "adapters/slurm/node_state.h"
#include "adapters/slurm/servers.h"
#include "adapters/slurm/token_search.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/writer.h"
#include "services/files/file.h"

namespace signet::slurm {
namespace {

// For all sources together. An enrolment still has a server to ask.
constexpr absl::Duration kEnrolmentLockTime = absl::Milliseconds(300);
constexpr absl::Duration kRefreshLockTime = absl::Seconds(1);
// What servers that do not answer leave for the files: the wait for the lock, and half a second to write.
constexpr absl::Duration kTimeForFiles = absl::Milliseconds(1500);

absl::StatusOr<bundle::Target> TargetOf(const Config& config, const std::string& cluster,
                                        const std::string& token_pin) {
  SIGNET_ASSIGN_OR_RETURN(std::string pin, ConfiguredPin(config));
  if (pin.empty()) pin = token_pin;
  if (pin.empty() || cluster.empty()) {
    return base::Refusal(
        absl::StatusCode::kFailedPrecondition, base::kConfiguration,
        absl::StrCat("no ", pin.empty() ? "bundle_pin" : "cluster", ", and no token file that brings one"),
        absl::StrCat("signetctl status shows both; set bundle_pin and cluster in ", ConfigPath()));
  }
  return bundle::Target{.ca_cert_file = config.ca_cert_file,
                        .memory_dir = absl::StrCat(config.state_dir, "/bundle"),
                        .cluster = cluster,
                        .pin = std::move(pin),
                        // Whoever may write that file must not turn round a daemon that runs.
                        .first_pin_only = !config.bundle_pin_file.empty()};
}

absl::StatusOr<bundle::WriteResult> WriteFromFiles(const Config& config, bundle::Target target,
                                                   absl::Duration lock_time, absl::Time now) {
  const Deadline locks(lock_time);
  absl::Status last = absl::NotFoundError("bundle_sources is empty");
  for (const std::string& source : config.bundle_sources) {
    const absl::StatusOr<std::string> signed_bundle = files::Read(source);
    if (!signed_bundle.ok()) {
      last = signed_bundle.status();
      continue;
    }
    target.lock_timeout = locks.left();
    absl::StatusOr<bundle::WriteResult> written = bundle::Write(target, *signed_bundle, now);
    if (written.ok()) return written;
    last = written.status();
  }
  return last;
}

// Nobody here mends that file: a daemon that would choke on it must not be told that all is well.
absl::Status CheckManagedElsewhere(const std::string& ca_cert_file, absl::Time now) {
  const auto refused = [&ca_cert_file](absl::string_view fault) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(ca_cert_file, " is managed elsewhere, and not usable: ", fault),
                         "place the cluster's bundle where that file comes from");
  };
  const absl::StatusOr<std::string> content = files::Read(ca_cert_file);
  if (!content.ok()) return refused(content.status().message());
  const std::vector<std::string> faults = bundle::FaultsOfCaFile(*content, now);
  return faults.empty() ? absl::OkStatus() : refused(faults.front());
}

absl::StatusOr<std::string> Describe(const std::string& ca_cert_file, bundle::WriteResult result, absl::Time now) {
  const uint64_t generation = bundle::Observe(ca_cert_file).generation;
  switch (result) {
    case bundle::WriteResult::kWritten:
      return absl::StrCat(ca_cert_file, ": written, generation ", generation, "\n");
    case bundle::WriteResult::kUnchanged:
      return absl::StrCat(ca_cert_file, ": unchanged, generation ", generation, "\n");
    case bundle::WriteResult::kManagedElsewhere:
      break;
  }
  SIGNET_RETURN_IF_ERROR(CheckManagedElsewhere(ca_cert_file, now));
  return absl::StrCat(ca_cert_file, ": not written: managed elsewhere (a link, a read-only or network file system)\n");
}

// The daemon's token brings the pin; an observer's host may hold either.
const FoundToken* AnyToken(const Config& config, const Host& host, absl::string_view node, TokenSearch* search) {
  std::vector<std::string> nodes;
  if (node.empty()) {
    nodes = KnownNodes(config.state_dir, host.uid);
  } else {
    nodes.emplace_back(node);
  }
  nodes.push_back(host.name);
  for (const std::string& name : nodes) {
    for (const char* daemon : {"slurmd", "sackd"}) {
      *search = FindToken(config, name, daemon);
      if (search->token.has_value() && !search->token->bundle_pin.empty()) return &*search->token;
    }
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<bundle::Target> BundleTarget(const Config& config, const Host& host, absl::string_view node) {
  TokenSearch search;
  const FoundToken* const token = AnyToken(config, host, node, &search);
  return TargetOf(config, config.cluster.empty() && token != nullptr ? token->cluster : config.cluster,
                  token != nullptr ? token->bundle_pin : "");
}

absl::Status RefreshFromFiles(const Config& config, const std::string& cluster, const std::string& token_pin,
                              absl::Time now) {
  if (config.bundle_sources.empty()) return absl::NotFoundError("bundle_sources is empty");
  SIGNET_ASSIGN_OR_RETURN(bundle::Target target, TargetOf(config, cluster, token_pin));
  return WriteFromFiles(config, std::move(target), kEnrolmentLockTime, now).status();
}

absl::StatusOr<std::string> Refresh(const Config& config, const Host& host, const Deadline& deadline, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const bundle::Target target, BundleTarget(config, host));
  const Deadline network_deadline(deadline.left() -
                                  (config.bundle_sources.empty() ? absl::ZeroDuration() : kTimeForFiles));
  const absl::StatusOr<std::string> answer = Servers(config, network_deadline).TrustBundle();
  absl::Status network = answer.status();
  if (answer.ok()) {
    const absl::StatusOr<bundle::WriteResult> written = bundle::Write(target, *answer, now);
    if (written.ok()) return Describe(config.ca_cert_file, *written, now);
    network = written.status();
  }
  if (config.bundle_sources.empty()) return network;
  const absl::StatusOr<bundle::WriteResult> written = WriteFromFiles(config, target, kRefreshLockTime, now);
  if (written.ok()) return Describe(config.ca_cert_file, *written, now);
  // What this host's own files lack is mended here, whatever the servers say.
  const bool ours = base::ReasonOf(written.status()) == base::kConfiguration && !base::NextOf(written.status()).empty();
  return base::Refusal(written.status().code(), base::ReasonOf(written.status()),
                       absl::StrCat(network.message(), "; bundle_sources: ", written.status().message()),
                       base::NextOf(ours ? written.status() : network));
}

}  // namespace signet::slurm
