#include "tests/rotation/peer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/x509/certificate.h"
#include "tests/testing/must.h"

namespace signet::rotation {

using ::signet::testing::Must;
using ::signet::testing::S2nFiles;

void Peer::LoadAnchors(const std::string& ca_cert_pem) {
  if (ca_cert_pem == anchors_pem_) return;
  anchor_key_ids_.clear();
  for (const x509::Certificate& anchor : Must(x509::Certificate::ListFromPem(ca_cert_pem)))
    anchor_key_ids_.insert(anchor.subject_key_id());
  anchors_pem_ = ca_cert_pem;
  Load();
}

void Peer::LoadCertificate(const std::string& chain_pem, const keys::PrivateKey& key) {
  signed_by_.clear();
  for (const x509::Certificate& one : Must(x509::Certificate::ListFromPem(chain_pem)))
    signed_by_.insert(one.authority_key_id());
  chain_pem_ = chain_pem;
  key_pem_ = std::string(Must(key.ToPem()).ExposeSecret());
  if (!anchors_pem_.empty()) Load();
}

// What s2n refuses here would have killed the daemon.
void Peer::Load() { files_ = Must(S2nFiles::Load(anchors_pem_, chain_pem_, key_pem_)); }

bool Peer::ShouldAccept(const Peer& other) const {
  return std::any_of(other.signed_by_.begin(), other.signed_by_.end(),
                     [this](const std::string& key_id) { return anchor_key_ids_.count(key_id) != 0; });
}

Handshake::Handshake(const Peer& client, const Peer& server, absl::Time now)
    : testing::S2nHandshake(*client.files_, *server.files_, now) {
  if (ok) return;
  error = absl::StrCat(client.program(), " on ", client.host(), " → ", server.program(), " on ", server.host(), ": ",
                       error);
}

}  // namespace signet::rotation
