#include "services/bundle/signed_bundle.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/ca_file.h"
#include "services/x509/public_key.h"
#include "signet/v1/bundle.pb.h"

namespace signet::bundle {
namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kMaxBundleBytes = 1 << 20;
constexpr int64_t kMaxTimeMs = 253402300799999;  // the end of the year 9999

absl::Status Malformed(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, message);
}

absl::Status Invalid(absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kUnauthenticated, base::kEvidenceInvalid, message, next);
}

bool IsClusterName(absl::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

absl::StatusOr<x509::PublicKey> BundleKey(absl::string_view spki_der) {
  SIGNET_ASSIGN_OR_RETURN(x509::PublicKey key, x509::PublicKey::FromSpkiDer(spki_der));
  if (key.type() != x509::KeyType::kEcP256) return Malformed("bundle key: must be a P-256 key");
  return key;
}

// What maker and reader both hold the content to.
absl::Status CheckBundle(const v1::Bundle& message) {
  if (!IsClusterName(message.cluster())) return Malformed("bundle cluster: must be 1 to 64 of [A-Za-z0-9._-]");
  if (message.generation() == 0 || message.generation() > std::numeric_limits<int64_t>::max()) {
    return Malformed("bundle generation: must lie between 1 and 2^63 - 1");
  }
  if (message.previous_sha256().size() != (message.generation() == 1 ? 0 : kHashBytes)) {
    return Malformed("bundle previous_sha256: must have 32 bytes, none at generation 1");
  }
  if (message.created_at_ms() <= 0 || message.created_at_ms() > kMaxTimeMs) {
    return Malformed("bundle created_at_ms: must lie between 1970 and 9999");
  }
  if (!message.next_bundle_key().empty()) SIGNET_RETURN_IF_ERROR(BundleKey(message.next_bundle_key()).status());
  // At the time of making: an anchor that expires later must not stop a newer one from arriving.
  const auto faults = FaultsOfCaFile(message.ca_cert_pem(), absl::FromUnixMillis(message.created_at_ms()));
  if (!faults.empty()) return Malformed(absl::StrCat("bundle ca_cert_pem: ", absl::StrJoin(faults, "; ")));
  return absl::OkStatus();
}

absl::StatusOr<v1::SignedBundle> ParseOuter(absl::string_view signed_bundle) {
  v1::SignedBundle outer;
  if (signed_bundle.empty() || signed_bundle.size() > kMaxBundleBytes ||
      !outer.ParseFromArray(signed_bundle.data(), static_cast<int>(signed_bundle.size())) || outer.bundle().empty()) {
    return Malformed("signed bundle: must be a SignedBundle of at most 1 MiB");
  }
  return outer;
}

Bundle FromMessage(const v1::Bundle& message) {
  return Bundle{message.cluster(),
                message.generation(),
                message.previous_sha256(),
                message.ca_cert_pem(),
                absl::FromUnixMillis(message.created_at_ms()),
                message.next_bundle_key()};
}

}  // namespace

absl::StatusOr<std::string> Sign(const Bundle& bundle, const keys::Signer& bundle_key) {
  v1::Bundle message;
  message.set_cluster(bundle.cluster);
  message.set_generation(bundle.generation);
  message.set_previous_sha256(bundle.previous_sha256);
  message.set_ca_cert_pem(bundle.ca_cert_pem);
  message.set_created_at_ms(absl::ToUnixMillis(bundle.created_at));
  message.set_next_bundle_key(bundle.next_bundle_key);
  SIGNET_RETURN_IF_ERROR(CheckBundle(message));
  v1::SignedBundle result;
  result.set_bundle(message.SerializeAsString());
  SIGNET_ASSIGN_OR_RETURN(*result.mutable_signature(),
                          keys::SignInDomain(bundle_key, keys::kBundleDomain, result.bundle()));
  result.set_bundle_key(bundle_key.public_key().spki_der());
  return result.SerializeAsString();
}

absl::StatusOr<Bundle> Verify(absl::string_view signed_bundle, absl::string_view pin, absl::string_view cluster) {
  if (pin.size() != kHashBytes) {
    return Invalid("bundle pin: must have 32 bytes; without a pin no bundle is believed",
                   "set bundle_pin in signet-slurm.yaml, or use a token file, which carries it");
  }
  SIGNET_ASSIGN_OR_RETURN(const v1::SignedBundle outer, ParseOuter(signed_bundle));
  if (absl::string_view(x509::Sha256(outer.bundle_key())) != pin) {
    return Invalid("signed bundle: its key is not the pinned one");
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::PublicKey key, BundleKey(outer.bundle_key()));
  if (!keys::VerifyInDomain(key, keys::kBundleDomain, outer.bundle(), outer.signature()).ok()) {
    return Invalid("signed bundle: its signature does not hold");
  }
  v1::Bundle message;
  if (!message.ParseFromString(outer.bundle())) return Malformed("bundle: not a protobuf message of this kind");
  SIGNET_RETURN_IF_ERROR(CheckBundle(message));
  if (absl::string_view(message.cluster()) != cluster) {
    return base::Refusal(absl::StatusCode::kUnauthenticated, base::kWrongCluster,
                         absl::StrCat("bundle: made for cluster ", message.cluster(), ", not for this one"));
  }
  return FromMessage(message);
}

absl::StatusOr<Bundle> ReadUnverified(absl::string_view signed_bundle) {
  SIGNET_ASSIGN_OR_RETURN(const v1::SignedBundle outer, ParseOuter(signed_bundle));
  v1::Bundle message;
  if (!message.ParseFromString(outer.bundle())) return Malformed("bundle: not a protobuf message of this kind");
  return FromMessage(message);
}

absl::StatusOr<std::string> BundleSha256(absl::string_view signed_bundle) {
  SIGNET_ASSIGN_OR_RETURN(const v1::SignedBundle outer, ParseOuter(signed_bundle));
  return x509::Sha256(outer.bundle());
}

}  // namespace signet::bundle
