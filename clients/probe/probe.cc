#include "clients/probe/probe.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/probe/endpoint.h"
#include "services/base/mutex.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate.h"
#include "services/x509/openssl.h"

namespace signet::clients {
namespace {

using ContextPtr = x509::OpensslPtr<SSL_CTX, SSL_CTX_free>;
using ConnectionPtr = x509::OpensslPtr<SSL, SSL_free>;
using BioPtr = x509::OpensslPtr<BIO, BIO_free>;

// Of a chain: a leaf, and what x509::VerifyChain takes with it.
constexpr int kMostShown = 8;
// No length of a Slurm message (over its limit of a gibibyte) and no HTTP method: slurmd answers at once.
constexpr char kJunk[] = {'j', 'u', 'n', 'k'};

// OpenSSL writes to sockets without MSG_NOSIGNAL: a daemon that closes first must not end this process.
class SigpipeBlocked {
 public:
  SigpipeBlocked() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~SigpipeBlocked() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec at_once{};
    while (sigtimedwait(&sigpipe_, nullptr, &at_once) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

// What a daemon showed of itself, by OpenSSL's callbacks: it may break off right afterwards.
struct Seen {
  bool certificate = false;
  bool asked_for_ours = false;
  std::vector<std::string> chain;  // DER, leaf first
  std::string serial;
  std::string issuer;
};

// In the order of the bytes, as x509::Certificate writes names.
std::string NameText(const X509_NAME* name) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  if (text == nullptr || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV) < 0) return "";
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : "";
}

std::string DerOf(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return "";
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Seen& SeenBy(const SSL* connection) { return *static_cast<Seen*>(SSL_get_app_data(connection)); }

int NoteCertificate(X509_STORE_CTX* store, void*) {
  const auto* connection =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const X509* leaf = X509_STORE_CTX_get0_cert(store);
  if (connection == nullptr || leaf == nullptr) return 0;
  Seen& seen = SeenBy(connection);
  const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf);
  seen.certificate = true;
  seen.serial = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)), ASN1_STRING_length(serial)));
  seen.issuer = NameText(X509_get_issuer_name(leaf));
  seen.chain = {DerOf(leaf)};
  const STACK_OF(X509)* const shown = X509_STORE_CTX_get0_untrusted(store);
  for (int i = 1; i < std::min(sk_X509_num(shown), kMostShown); ++i) {
    seen.chain.push_back(DerOf(sk_X509_value(shown, i)));
  }
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

int NoteRequest(SSL* connection, void*) {
  SeenBy(connection).asked_for_ours = true;
  return 1;
}

// One TLS conversation; ends at the deadline.
class Conversation {
 public:
  Conversation(SSL& tls, const Socket& socket, const Deadline& deadline)
      : tls_(tls), socket_(socket), deadline_(deadline) {}

  // Repeats `step`, which returns what SSL_connect, SSL_write and SSL_read do, until it succeeds. False: it did not,
  // and end() says why.
  template <typename Step>
  bool Finish(Step step) {
    while (true) {
      ERR_clear_error();
      errno = 0;
      const int result = step(&tls_);
      if (result > 0) return true;
      const int error = SSL_get_error(&tls_, result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        end_ = Words(error);
        return false;
      }
      if (!socket_.Wait(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_)) {
        end_ = "silence";
        return false;
      }
    }
  }
  const std::string& end() const { return end_; }

 private:
  static std::string Words(int error) {
    const int system_error = errno;
    if (error == SSL_ERROR_ZERO_RETURN) return "it closed the connection";
    const unsigned long reason = ERR_peek_last_error();
    const char* words = reason == 0 ? nullptr : ERR_reason_error_string(reason);
    if (words != nullptr) return words;
    return system_error == 0 ? "it closed the connection" : std::strerror(system_error);
  }

  SSL& tls_;
  const Socket& socket_;
  const Deadline& deadline_;
  std::string end_;
};

ProbeAnswer NoVerdict(Seen seen, absl::string_view why) {
  return {ProbeVerdict::kNoVerdict, std::move(seen.serial), std::move(seen.issuer), std::string(why)};
}

// Why it is not the certificate of `name`. That whoever showed it has its key is for the handshake to prove.
absl::Status CheckShown(const std::vector<std::string>& chain, const std::string& name,
                        const std::vector<x509::Certificate>& anchors) {
  std::vector<x509::Certificate> certificates;
  for (const std::string& der : chain) {
    SIGNET_ASSIGN_OR_RETURN(x509::Certificate one, x509::Certificate::FromDer(der));
    certificates.push_back(std::move(one));
  }
  const x509::Certificate& leaf = certificates.front();
  SIGNET_RETURN_IF_ERROR(x509::VerifyChain(leaf, {certificates.begin() + 1, certificates.end()}, anchors, absl::Now()));
  if (!name.empty() && leaf.common_name() == name) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("it is for ", leaf.common_name()));
}

// Whatever was not said clearly is no trust.
ProbeAnswer Judge(Seen seen, const absl::Status& shown, bool answered, absl::string_view end) {
  if (!seen.certificate) return NoVerdict(std::move(seen), absl::StrCat("no TLS: ", end));
  if (!shown.ok()) {
    return {ProbeVerdict::kAnother, std::move(seen.serial), std::move(seen.issuer),
            absl::StrCat("the certificate it showed: ", shown.message())};
  }
  if (!seen.asked_for_ours) return NoVerdict(std::move(seen), "it asked for no certificate");
  const ProbeVerdict verdict = answered ? ProbeVerdict::kTrusted : ProbeVerdict::kRefused;
  return {verdict, std::move(seen.serial), std::move(seen.issuer), answered ? "" : std::string(end)};
}

ProbeAnswer AskOne(SSL_CTX& context, const std::vector<x509::Certificate>& anchors, const ProbeTarget& target,
                   absl::Duration limit) {
  const x509::OpensslErrorScope errors;
  const absl::StatusOr<Connected> connected = ConnectTcp(target.host, target.port, limit);
  if (!connected.ok()) return NoVerdict({}, connected.status().message());
  Seen seen;
  const ConnectionPtr tls(SSL_new(&context));
  if (tls == nullptr || SSL_set_app_data(tls.get(), &seen) != 1 || SSL_set_fd(tls.get(), connected->socket.fd()) != 1)
    return NoVerdict({}, "openssl has no memory");
  SSL_set_cert_cb(tls.get(), NoteRequest, nullptr);
  Conversation conversation(*tls, connected->socket, connected->deadline);
  char answer[16];
  std::size_t size = 0;
  const bool answered = conversation.Finish([](SSL* one) { return SSL_connect(one); }) &&
                        conversation.Finish([&](SSL* one) { return SSL_write_ex(one, kJunk, sizeof(kJunk), &size); }) &&
                        conversation.Finish([&](SSL* one) { return SSL_read_ex(one, answer, sizeof(answer), &size); });
  const absl::Status shown = seen.certificate ? CheckShown(seen.chain, target.name, anchors) : absl::OkStatus();
  return Judge(std::move(seen), shown, answered, conversation.end());
}

absl::Status NoMemory() { return absl::ResourceExhaustedError("openssl could not set up a TLS client"); }

absl::StatusOr<ContextPtr> NewContext() {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) return NoMemory();
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cert_verify_callback(context.get(), NoteCertificate, nullptr);
  return context;
}

}  // namespace

absl::StatusOr<Probe> Probe::Create(absl::string_view chain_pem, const keys::PrivateKey& key,
                                    std::vector<x509::Certificate> anchors) {
  const x509::OpensslErrorScope errors;
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain, x509::Certificate::ListFromPem(chain_pem));
  if (!(chain.front().public_key() == key.public_key())) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         "the probe's certificate is another key's");
  }
  SIGNET_ASSIGN_OR_RETURN(ContextPtr context, NewContext());
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const std::shared_ptr<X509> certificate = chain[i].ParseWithOpenssl();
    if (certificate == nullptr) {
      return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                           "openssl refuses the probe's certificate");
    }
    const long taken = i == 0 ? SSL_CTX_use_certificate(context.get(), certificate.get())
                              : SSL_CTX_add1_chain_cert(context.get(), certificate.get());
    if (taken != 1) return NoMemory();
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key.evp()) != 1) return NoMemory();
  return Probe(std::shared_ptr<SSL_CTX>(context.release(), SSL_CTX_free), std::move(anchors));
}

absl::StatusOr<Probe> Probe::WithoutCertificate(std::vector<x509::Certificate> anchors) {
  const x509::OpensslErrorScope errors;
  SIGNET_ASSIGN_OR_RETURN(ContextPtr context, NewContext());
  return Probe(std::shared_ptr<SSL_CTX>(context.release(), SSL_CTX_free), std::move(anchors));
}

std::vector<ProbeAnswer> Probe::Ask(const std::vector<ProbeTarget>& targets, const ProbeLimits& limits,
                                    const std::function<void(std::size_t done)>& progress) const {
  std::vector<ProbeAnswer> answers(targets.size());
  std::atomic<std::size_t> next = 0;
  base::Mutex mutex;
  std::size_t done = 0;  // under mutex
  const auto work = [&] {
    const SigpipeBlocked blocked;
    for (std::size_t i = next++; i < targets.size(); i = next++) {
      answers[i] = AskOne(*context_, anchors_, targets[i], limits.per_host);
      const base::MutexLock lock(mutex);
      ++done;
      if (progress) progress(done);
    }
  };
  std::vector<std::thread> others;
  try {
    while (others.size() + 1 < std::min(limits.parallel, targets.size())) others.emplace_back(work);
  } catch (const std::system_error&) {
    // Fewer threads take longer, and that is all.
  }
  work();
  for (std::thread& other : others) other.join();
  return answers;
}

}  // namespace signet::clients
