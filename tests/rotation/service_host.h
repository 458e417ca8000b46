// slurmctld, slurmdbd or slurmrestd, and what `signetctl service renew` and signet-slurm do on its host.
#ifndef SIGNET_TESTS_ROTATION_SERVICE_HOST_H_
#define SIGNET_TESTS_ROTATION_SERVICE_HOST_H_

#include <optional>
#include <string>

#include "services/authority/sightings.h"
#include "services/keys/request_signing.h"
#include "tests/rotation/disk_bundle.h"
#include "tests/rotation/peer.h"
#include "tests/testing/simulated_node.h"
#include "tests/testing/world.h"

namespace signet::rotation {

class ServiceHost {
 public:
  ServiceHost(std::string service, std::string host, testing::World& world)
      : world_(world), service_(std::move(service)), host_(std::move(host)), process_(host_, service_) {
    RefreshBundle();
    RenewCertificate();
    Load();
  }

  // Files only: the process knows nothing of it.
  void RefreshBundle() {
    if (disk_.Refresh(world_)) changed_at_ = world_.clock.Now();
  }
  void RenewCertificate() {
    const keys::PrivateKey key = testing::SimulatedNode::NewKey();
    chain_pem_ = testing::Must(world_.named->IssueService(
                                   service_, testing::Must(keys::SignRequestPem(key, service_, "")), world_.origin))
                     .chain_pem;
    key_ = key;
  }
  void Stop() { up_ = false; }
  // A start; of slurmctld also what `scontrol reconfigure` does.
  void Load() {
    up_ = true;
    world_.clock.Advance(absl::Seconds(1));
    process_ = Peer(host_, service_);
    process_.LoadAnchors(disk_.pem());
    process_.LoadCertificate(chain_pem_, *key_);
    started_at_ = world_.clock.Now();
  }
  // What signet-slurm says of this host: a process that began after the file was changed has loaded it.
  void Report(authority::Sightings& sightings) const {
    store::ReportRow report;
    report.host = host_;
    report.program = service_;
    report.disk_generation = disk_.generation();
    report.disk_sha256 = disk_.sighting().sha256;
    if (started_at_ > changed_at_) {
      report.loaded_generation = report.disk_generation;
      report.loaded_sha256 = report.disk_sha256;
    }
    report.served_serial = testing::Must(x509::Certificate::ListFromPem(process_.chain_pem())).front().serial();
    report.adapter_version = "0.1.0";
    testing::Must(sightings.Report(report, world_.origin));
  }

  bool up() const { return up_; }
  const Peer& process() const { return process_; }
  const std::string& service() const { return service_; }
  const DiskBundle& disk() const { return disk_; }

 private:
  testing::World& world_;
  std::string service_;
  std::string host_;
  DiskBundle disk_;
  absl::Time changed_at_ = absl::InfinitePast();
  std::string chain_pem_;
  std::optional<keys::PrivateKey> key_;
  bool up_ = true;
  Peer process_;
  absl::Time started_at_ = absl::InfinitePast();
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_SERVICE_HOST_H_
