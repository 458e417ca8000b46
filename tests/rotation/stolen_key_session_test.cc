// A TLS session of before the theft was known: whoever resumes one shows no certificate again.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "services/x509/openssl.h"
#include "tests/rotation/thief.h"
#include "tests/testing/must.h"

namespace signet::rotation {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SignTemplate;
using ::signet::testing::TestRoot;
using SslPtr = x509::OpensslPtr<SSL, SSL_free>;
using SessionPtr = x509::OpensslPtr<SSL_SESSION, SSL_SESSION_free>;

constexpr unsigned char kContextId[] = "daemon";

// A process that hands out session tickets, which slurmd does not: the worst that a daemon could do. Its ticket keys
// are its own, in memory.
class Process {
 public:
  Process(const x509::Certificate& anchor, const x509::Certificate& leaf, const keys::PrivateKey& key)
      : context_(SSL_CTX_new(TLS_method()), SSL_CTX_free) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_session_id_context(context_.get(), kContextId, sizeof(kContextId));
    SSL_CTX_use_certificate(context_.get(), leaf.ParseWithOpenssl().get());
    SSL_CTX_use_PrivateKey(context_.get(), key.evp());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    LoadAnchor(anchor);
  }
  // As at a reload: the process goes on, and its sessions with it.
  void LoadAnchor(const x509::Certificate& anchor) {
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, anchor.ParseWithOpenssl().get());
    SSL_CTX_set_cert_store(context_.get(), store);
  }
  SSL_CTX* context() const { return context_.get(); }

 private:
  std::shared_ptr<SSL_CTX> context_;
};

class SessionTest : public ::testing::Test {
 protected:
  Process Daemon(const TestRoot& root, const std::string& name) {
    const keys::PrivateKey key = testing::SimulatedNode::NewKey();
    return Process(root.certificate, Leaf(root, name, key), key);
  }
  x509::Certificate Leaf(const TestRoot& root, const std::string& name, const keys::PrivateKey& key) {
    return SignTemplate(Must(policy::LeafTemplate(policy::NodeProfile(), {name, {name}, {}}, key.public_key(),
                                                  root.certificate, random_.Bytes(20), now_)),
                        root.key);
  }
  // Calls `server`, with `session` where there is one. True when the server took it; `resumed`: without a certificate.
  // A session that the server handed out is left in `session`.
  static bool Call(const Process& client, const Process& server, SessionPtr& session, bool& resumed) {
    const x509::OpensslErrorScope errors;
    const SslPtr asking(SSL_new(client.context()));
    const SslPtr serving(SSL_new(server.context()));
    SSL_set_verify(asking.get(), SSL_VERIFY_NONE, nullptr);  // the thief does not mind
    if (session != nullptr) SSL_set_session(asking.get(), session.get());
    BIO* const to_server = BIO_new(BIO_s_mem());
    BIO* const to_client = BIO_new(BIO_s_mem());
    BIO_up_ref(to_server);
    BIO_up_ref(to_client);
    SSL_set_bio(asking.get(), to_client, to_server);
    SSL_set_bio(serving.get(), to_server, to_client);
    SSL_set_connect_state(asking.get());
    SSL_set_accept_state(serving.get());
    for (int flight = 0; flight < 4; ++flight) {
      SSL_do_handshake(asking.get());
      SSL_do_handshake(serving.get());
    }
    resumed = SSL_session_reused(serving.get()) == 1;
    const bool taken = SSL_is_init_finished(serving.get()) == 1 && SSL_get_verify_result(serving.get()) == X509_V_OK;
    char byte = 0;
    SSL_read(asking.get(), &byte, 1);  // takes the tickets in
    // OpenSSL gives up the session of a connection that was not closed.
    SSL_set_shutdown(asking.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    if (taken) session.reset(SSL_get1_session(asking.get()));
    return taken;
  }

  // OpenSSL's sessions go by the machine's clock.
  const absl::Time now_ = absl::Now();
  base::SystemRandom random_;
  const TestRoot stolen_ = MakeTestRoot(now_);
  const TestRoot fresh_ = MakeTestRoot(now_, absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Slurm CA 2,O=Example");
};

TEST_F(SessionTest, OfTheThiefEndsWithTheProcessAndNotWithAReload) {
  const Process thief = Daemon(stolen_, "thief");
  Process daemon = Daemon(stolen_, "n001");
  SessionPtr session(nullptr);
  bool resumed = false;
  ASSERT_TRUE(Call(thief, daemon, session, resumed));
  EXPECT_FALSE(resumed);
  daemon.LoadAnchor(fresh_.certificate);
  ASSERT_TRUE(Call(thief, daemon, session, resumed)) << "a session outlives the anchors";
  EXPECT_TRUE(resumed) << "which is why the runbook restarts daemons, and does not have them reload";

  const Process restarted = Daemon(fresh_, "n001");
  EXPECT_FALSE(Call(thief, restarted, session, resumed));
  EXPECT_FALSE(resumed);
  session.reset();
  EXPECT_FALSE(Call(thief, restarted, session, resumed));
}

}  // namespace
}  // namespace signet::rotation
