#include "tests/rotation/peer.h"

#include <openssl/ssl.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/x509/certificate.h"
#include "services/x509/openssl.h"
#include "tests/testing/must.h"

namespace signet::rotation {
namespace {

using ::signet::testing::Must;
using SslPtr = x509::OpensslPtr<SSL, SSL_free>;

constexpr int kDepth = 7;

void Require(bool condition, const char* what) {
  if (condition) return;
  Must(absl::InternalError(what));
}

std::shared_ptr<X509> Parse(const x509::Certificate& certificate) {
  std::shared_ptr<X509> parsed = certificate.ParseWithOpenssl();
  Require(parsed != nullptr, "openssl refuses a certificate");
  return parsed;
}

SSL_CTX* Context() {
  static SSL_CTX* const context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_method());
    Require(made != nullptr && SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) == 1, "no TLS 1.3");
    // One of each: choosing is most of a handshake's work here, and not what is tested.
    Require(SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256") == 1 &&
                SSL_CTX_set_cipher_list(made, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1 &&
                SSL_CTX_set1_groups_list(made, "X25519") == 1 && SSL_CTX_set1_sigalgs_list(made, "ECDSA+SHA256") == 1,
            "no algorithms");
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(made, 0);
    // What is shown is the chain that was loaded and nothing that OpenSSL would add.
    SSL_CTX_set_mode(made, SSL_MODE_NO_AUTO_CHAIN);
    return made;
  }();
  return context;
}

// One end of the wire.
SslPtr End(X509_STORE* anchors, const std::vector<std::shared_ptr<X509>>& chain,
           const std::optional<keys::PrivateKey>& key, int verify, absl::Time now) {
  SslPtr end(SSL_new(Context()));
  Require(end != nullptr && SSL_set1_verify_cert_store(end.get(), anchors) == 1, "no TLS end");
  if (key.has_value()) {
    Require(SSL_use_certificate(end.get(), chain.front().get()) == 1, "the certificate");
    Require(SSL_use_PrivateKey(end.get(), key->evp()) == 1, "the key is not the certificate's");
    for (std::size_t i = 1; i < chain.size(); ++i)
      Require(SSL_add1_chain_cert(end.get(), chain[i].get()) == 1, "the chain");
  }
  SSL_set_verify(end.get(), verify, nullptr);
  X509_VERIFY_PARAM* param = SSL_get0_param(end.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(param, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_depth(param, kDepth);
  return end;
}

// True once this end is done; `failed` when it never will be.
bool Advance(SSL* end, bool done, bool& failed) {
  if (done) return true;
  const int result = SSL_do_handshake(end);
  if (result == 1) return true;
  if (SSL_get_error(end, result) != SSL_ERROR_WANT_READ) failed = true;
  return false;
}

}  // namespace

void Peer::LoadAnchors(const std::string& ca_cert_pem) {
  if (ca_cert_pem == anchors_pem_) return;
  anchors_ = std::shared_ptr<X509_STORE>(X509_STORE_new(), X509_STORE_free);
  anchor_key_ids_.clear();
  for (const x509::Certificate& anchor : Must(x509::Certificate::ListFromPem(ca_cert_pem))) {
    Require(X509_STORE_add_cert(anchors_.get(), Parse(anchor).get()) == 1, "an anchor");
    anchor_key_ids_.insert(anchor.subject_key_id());
  }
  anchors_pem_ = ca_cert_pem;
}

void Peer::LoadCertificate(const std::string& chain_pem, const keys::PrivateKey& key) {
  chain_.clear();
  signed_by_.clear();
  for (const x509::Certificate& one : Must(x509::Certificate::ListFromPem(chain_pem))) {
    chain_.push_back(Parse(one));
    signed_by_.insert(one.authority_key_id());
  }
  chain_pem_ = chain_pem;
  key_ = key;
}

bool Peer::ShouldAccept(const Peer& other) const {
  return std::any_of(other.signed_by_.begin(), other.signed_by_.end(),
                     [this](const std::string& key_id) { return anchor_key_ids_.count(key_id) != 0; });
}

Handshake::Handshake(const Peer& client, const Peer& server, absl::Time now) {
  const x509::OpensslErrorScope errors;
  const int ask = SSL_VERIFY_PEER | (client.has_certificate() ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  const SslPtr asking = End(client.anchors_.get(), client.chain_, client.key_, SSL_VERIFY_PEER, now);
  const SslPtr serving = End(server.anchors_.get(), server.chain_, server.key_, ask, now);
  BIO* const to_server = BIO_new(BIO_s_mem());
  BIO* const to_client = BIO_new(BIO_s_mem());
  BIO_up_ref(to_server);
  BIO_up_ref(to_client);
  SSL_set_bio(asking.get(), to_client, to_server);
  SSL_set_bio(serving.get(), to_server, to_client);
  SSL_set_connect_state(asking.get());
  SSL_set_accept_state(serving.get());
  bool client_done = false, server_done = false, failed = false;
  for (int flight = 0; flight < 8 && !failed && !(client_done && server_done); ++flight) {
    client_done = Advance(asking.get(), client_done, failed);
    if (!failed) server_done = Advance(serving.get(), server_done, failed);
  }
  ok = client_done && server_done;
  if (ok) return;
  const long by_client = SSL_get_verify_result(asking.get());
  const long by_server = SSL_get_verify_result(serving.get());
  client_refused = by_client != X509_V_OK;
  server_refused = by_server != X509_V_OK;
  const unsigned long reason = ERR_peek_last_error();
  const char* const words = reason == 0 ? nullptr : ERR_reason_error_string(reason);
  error = absl::StrCat(client.program(), " on ", client.host(), " → ", server.program(), " on ", server.host(), ": ",
                       client_refused     ? X509_verify_cert_error_string(by_client)
                       : server_refused   ? X509_verify_cert_error_string(by_server)
                       : words != nullptr ? words
                                          : "no end");
}

}  // namespace signet::rotation
