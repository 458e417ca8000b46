#include "adapters/slurm/held_bundle.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "adapters/slurm/refresh.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/files/file.h"

namespace signet::slurm {

absl::StatusOr<bundle::Bundle> HeldBundle(const Config& config, const Host& host, absl::string_view node,
                                          absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const bundle::Target target, BundleTarget(config, host, node));
  const std::string object_path =
      absl::StrCat(config.ca_cert_file.substr(0, config.ca_cert_file.rfind('/')), "/signet-bundle");
  SIGNET_ASSIGN_OR_RETURN(const std::string object, files::Read(object_path));
  SIGNET_ASSIGN_OR_RETURN(bundle::Bundle verified, bundle::Verify(object, target.pin, target.cluster));
  SIGNET_ASSIGN_OR_RETURN(const std::string content, files::Read(config.ca_cert_file));
  if (content != verified.ca_cert_pem) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(config.ca_cert_file, " is not what the signed bundle beside it holds"),
                         "signet-slurm refresh");
  }
  if (const std::vector<std::string> faults = bundle::FaultsOfCaFile(content, now); !faults.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(config.ca_cert_file, ": ", faults.front()));
  }
  return verified;
}

}  // namespace signet::slurm
