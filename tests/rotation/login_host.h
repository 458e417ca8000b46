// A login or submit host without a daemon: Slurm's commands, and signet-slurm's timers beside them.
#ifndef SIGNET_TESTS_ROTATION_LOGIN_HOST_H_
#define SIGNET_TESTS_ROTATION_LOGIN_HOST_H_

#include <string>
#include <utility>

#include "services/authority/sightings.h"
#include "tests/rotation/disk_bundle.h"
#include "tests/rotation/peer.h"
#include "tests/testing/world.h"

namespace signet::rotation {

class LoginHost {
 public:
  LoginHost(std::string host, testing::World& world) : world_(world), host_(std::move(host)) { Refresh(); }

  // `signet-slurm refresh`, by timer.
  void Refresh() {
    if (!managed_elsewhere_) disk_.Refresh(world_);
  }
  // `signet-slurm report`, by timer: commands load the file at each start. With the host's own observer certificate.
  void Report(authority::Sightings& sightings) const {
    store::ReportRow report;
    report.host = host_;
    report.program = "host";
    report.disk_generation = report.loaded_generation = disk_.generation();
    report.disk_sha256 = report.loaded_sha256 = disk_.sighting().sha256;
    report.adapter_version = "0.1.0";
    testing::Must(
        sightings.Report(report, {"tls:signet://alpha/observer/" + host_, "0123456789abcdef", "observer", host_, ""}));
  }
  // One that starts now. It knows nothing newer until it ends.
  Peer Command(const std::string& program) const {
    Peer command(host_, program);
    command.LoadAnchors(disk_.pem());
    return command;
  }

  void Stop() { up_ = false; }
  void Start() { up_ = true; }
  // From now on nobody replaces ca_cert_file.
  void ManageElsewhere() { managed_elsewhere_ = true; }
  bool up() const { return up_; }
  const std::string& host() const { return host_; }
  const DiskBundle& disk() const { return disk_; }

 private:
  testing::World& world_;
  std::string host_;
  DiskBundle disk_;
  bool up_ = true;
  bool managed_elsewhere_ = false;
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_LOGIN_HOST_H_
