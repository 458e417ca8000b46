#include "cli/cluster_pin.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "cli/failure.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {

absl::StatusOr<std::string> PinFromHex(absl::string_view hex) {
  if (hex.size() != 64 || !std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit)) {
    return UsageError("a pin is 64 hex digits: the SHA-256 of the bundle key", "signetctl bundle show");
  }
  return absl::HexStringToBytes(hex);
}

absl::StatusOr<ClusterPin> AskForClusterPin(Session& session, absl::string_view pin_hex) {
  ClusterPin result;
  if (!pin_hex.empty()) {
    SIGNET_ASSIGN_OR_RETURN(result.pin, PinFromHex(pin_hex));
  }
  SIGNET_ASSIGN_OR_RETURN(const v1::GetStatusResponse status,
                          session.Call(&v1::CertAuthority::Stub::GetStatus, v1::GetStatusRequest()));
  result.cluster = status.cluster();
  if (result.pin.empty()) {
    absl::StatusOr<std::string> pin = PinFromHex(status.bundle_pin());
    if (!pin.ok()) return absl::DataLossError("signetd named no bundle pin");
    result.pin = *std::move(pin);
  }
  if (result.cluster.empty()) return absl::DataLossError("signetd named no cluster");
  return result;
}

absl::StatusOr<bundle::Bundle> VerifyBundle(const v1::SignedBundle& signed_bundle, const ClusterPin& pin) {
  return bundle::Verify(signed_bundle.SerializeAsString(), pin.pin, pin.cluster);
}

}  // namespace signet::cli
