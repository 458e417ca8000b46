#include "tests/clients/probe/fake_daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "services/x509/openssl.h"

namespace signet::clients {
namespace {

using ContextPtr = x509::OpensslPtr<SSL_CTX, SSL_CTX_free>;
using TlsPtr = x509::OpensslPtr<SSL, SSL_free>;

void Require(bool condition) {
  if (!condition) std::abort();
}

void Send(int socket, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

// Until the client is gone.
void Drain(int socket) {
  char ignored[4096];
  while (recv(socket, ignored, sizeof(ignored), 0) > 0) {
  }
}

void SendPending(SSL& tls, int socket) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(&tls), &bytes);
  if (size > 0) Send(socket, bytes, static_cast<std::size_t>(size));
  (void)BIO_reset(SSL_get_wbio(&tls));
}

// Repeats `step` until it succeeds; what a failure would send stays unsent.
template <typename Step>
bool Finish(SSL& tls, int socket, Step step) {
  while (true) {
    const int result = step(&tls);
    if (result > 0) return true;
    if (SSL_get_error(&tls, result) != SSL_ERROR_WANT_READ) return false;
    SendPending(tls, socket);
    char bytes[4096];
    const ssize_t size = recv(socket, bytes, sizeof(bytes), 0);
    if (size <= 0) return false;
    BIO_write(SSL_get_rbio(&tls), bytes, static_cast<int>(size));
  }
}

ContextPtr MakeContext(const DaemonSetup& setup) {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  Require(context != nullptr);
  Require(SSL_CTX_set_min_proto_version(context.get(), setup.tls_version) == 1);
  Require(SSL_CTX_set_max_proto_version(context.get(), setup.tls_version) == 1);
  Require(SSL_CTX_use_certificate(context.get(), setup.leaf.ParseWithOpenssl().get()) == 1);
  Require(SSL_CTX_use_PrivateKey(context.get(), setup.key.evp()) == 1);
  Require(X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), setup.anchor.ParseWithOpenssl().get()) == 1);
  if (setup.manner != Manner::kAsksNobody)
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

}  // namespace

int ListenOnLoopback(int backlog, uint16_t& port, uint8_t host) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
  address.sin_port = htons(port);
  socklen_t size = sizeof(address);
  Require(listener >= 0 && bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  Require(listen(listener, backlog) == 0);
  Require(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return listener;
}

FakeDaemon::FakeDaemon(DaemonSetup setup, uint8_t host, uint16_t port)
    : setup_(std::move(setup)), port_(port), listener_(ListenOnLoopback(64, port_, host)) {
  acceptor_ = std::thread([this] { Accept(); });
}

FakeDaemon::~FakeDaemon() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  for (std::thread& connection : connections_) connection.join();
}

void FakeDaemon::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    connections_.emplace_back([this, socket] {
      Serve(socket);
      close(socket);
    });
  }
}

void FakeDaemon::Serve(int socket) const {
  switch (setup_.manner) {
    case Manner::kClosesAtOnce:
      return;
    case Manner::kMute:
      Drain(socket);
      return;
    case Manner::kGarbage:
      Send(socket, "SSH-2.0-daemon\r\n", 16);
      Drain(socket);
      return;
    default:
      Talk(socket);
  }
}

void FakeDaemon::Talk(int socket) const {
  const ContextPtr context = MakeContext(setup_);
  const TlsPtr tls(SSL_new(context.get()));
  SSL_set_bio(tls.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  char junk[16];
  std::size_t size = 0;
  const bool accepted = Finish(*tls, socket, [](SSL* one) { return SSL_accept(one); });
  if (accepted) SendPending(*tls, socket);
  const bool read =
      accepted && Finish(*tls, socket, [&](SSL* one) { return SSL_read_ex(one, junk, sizeof(junk), &size); });
  if (read && setup_.manner != Manner::kHangsUp) {
    constexpr char kAnswer[] = "HTTP/1.1 405 Method Not Allowed\r\n\r\n";
    SSL_write(tls.get(), kAnswer, sizeof(kAnswer) - 1);
    SendPending(*tls, socket);
  }
  if (setup_.manner == Manner::kHangsUp) return;
  if (!accepted && setup_.manner == Manner::kOpenssl) {
    SendPending(*tls, socket);  // the alert
    shutdown(socket, SHUT_WR);
  }
  Drain(socket);
}

}  // namespace signet::clients
