// ca_cert_file on one host, as signet-slurm writes it.
#ifndef SIGNET_TESTS_ROTATION_DISK_BUNDLE_H_
#define SIGNET_TESTS_ROTATION_DISK_BUNDLE_H_

#include <string>
#include <utility>

#include "services/authority/authorities.h"
#include "services/bundle/signed_bundle.h"
#include "services/evidence/statement.h"
#include "services/x509/public_key.h"
#include "tests/testing/world.h"

namespace signet::rotation {

class DiskBundle {
 public:
  DiskBundle() = default;
  // A file that somebody else wrote, before Signet came.
  explicit DiskBundle(std::string ca_cert_pem) : pem_(std::move(ca_cert_pem)) {}

  // Takes the newest bundle that signetd serves, after the checks of signet-slurm; true when the file changed.
  bool Refresh(testing::World& world) {
    const std::string newest =
        testing::Must(world.Read([](const store::Tables& tables) { return tables.bundles().Newest(); })).signed_bundle;
    if (newest == signed_bundle_) return false;
    const auto key = testing::Must(authority::OpenKey(*world.store, *world.custody, "bundle"));
    const bundle::Bundle read = testing::Must(bundle::Verify(newest, key->public_key().spki_sha256(), world.cluster));
    if (read.generation < generation_) testing::Must(absl::InternalError("the bundle's generation went back"));
    signed_bundle_ = newest;
    generation_ = read.generation;
    const bool changed = pem_ != read.ca_cert_pem;
    pem_ = read.ca_cert_pem;
    return changed;
  }
  const std::string& pem() const { return pem_; }
  uint64_t generation() const { return generation_; }
  evidence::BundleSighting sighting() const { return {generation_, x509::Sha256(pem_)}; }

 private:
  std::string signed_bundle_;
  std::string pem_;
  uint64_t generation_ = 0;
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_DISK_BUNDLE_H_
