#include "tests/rotation/node_host.h"

#include "services/base/status_macros.h"
#include "services/x509/certificate.h"

namespace signet::rotation {

using ::signet::testing::SimulatedNode;

namespace {

absl::Status Verifies(const std::string& anchors_pem, const std::string& chain_pem, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const auto anchors, x509::Certificate::ListFromPem(anchors_pem));
  SIGNET_ASSIGN_OR_RETURN(const auto chain, x509::Certificate::ListFromPem(chain_pem));
  return x509::VerifyChain(chain.front(), {chain.begin() + 1, chain.end()}, anchors, now);
}

}  // namespace

void NodeHost::Start() {
  if (disk_.pem().empty()) disk_.Refresh(world_);  // the image's
  up_ = true;
  ++process_;
  adapter_.boot_id = SimulatedNode::BootId(process_);
  daemon_ = Peer(adapter_.name(), daemon_.program());
  daemon_.LoadAnchors(disk_.pem());
  if (daemon_.program() == "sackd") kept_key_.reset();
  // What pre-start renames aside is as good as lost.
  if (kept_key_.has_value() && !Verifies(disk_.pem(), kept_chain_pem_, world_.clock.Now()).ok()) kept_key_.reset();
  must_enrol_ = !kept_key_.has_value() || world_.clock.Now() - renewed_at_ >= kRenewalPeriod;
  if (!must_enrol_) daemon_.LoadCertificate(kept_chain_pem_, *kept_key_);
}

bool NodeHost::Wants() const { return up_ && (must_enrol_ || world_.clock.Now() - renewed_at_ >= kRenewalPeriod); }

Peer NodeHost::Caller() const {
  if (!must_enrol_) return daemon_;
  Peer without(adapter_.name(), daemon_.program());
  without.LoadAnchors(daemon_.anchors_pem());
  return without;
}

// As adapters/slurm/enrolment.cc: loaded is what two renewals in a row of one process found on disk.
evidence::Statement NodeHost::Say(const keys::PrivateKey& key) {
  evidence::Statement statement = adapter_.Next(key);
  statement.bundle_on_disk = disk_.sighting();
  if (!must_enrol_ && last_renewal_.has_value() && last_renewal_->process == process_ &&
      last_renewal_->disk_sha256 == statement.bundle_on_disk.sha256) {
    statement.bundle_loaded = statement.bundle_on_disk;
    statement.loaded_seen_at_renewal = true;
  }
  return statement;
}

absl::Status NodeHost::Ask(const std::string& controller_ca_pem) {
  Refresh();
  const keys::PrivateKey key = SimulatedNode::NewKey();
  const auto request = adapter_.Request(Say(key), key, token_.has_value() ? &*token_ : nullptr, adapter_.name());
  SIGNET_ASSIGN_OR_RETURN(
      const auto answer,
      world_.node_certificates->Sign(request.csr_pem, {"socket:controller", "0123456789abcdef", "controller"}));
  SIGNET_RETURN_IF_ERROR(Verifies(controller_ca_pem, answer.issued.chain_pem, world_.clock.Now()));
  daemon_.LoadCertificate(answer.issued.chain_pem, key);
  // At a first enrolment the file that generate-csr replaced stays unread.
  if (must_enrol_) {
    last_renewal_.reset();
  } else {
    daemon_.LoadAnchors(disk_.pem());
    last_renewal_ = Renewed{process_, disk_.sighting().sha256};
  }
  must_enrol_ = false;
  token_.reset();
  kept_chain_pem_ = answer.issued.chain_pem;
  kept_key_ = key;
  renewed_at_ = world_.clock.Now();
  return absl::OkStatus();
}

}  // namespace signet::rotation
