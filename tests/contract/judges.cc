#include "tests/contract/judges.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fstream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/contract/slurm_harness.h"

namespace signet::contract {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Freed<SSL_free>>;

Bio Reader(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }
X509Ptr ReadCertificate(const std::string& pem) {
  return X509Ptr(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr));
}
Key ReadKey(const std::string& pem) {
  return Key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, nullptr, nullptr));
}

absl::Status Tool(const std::string& path, std::vector<std::string> args) {
  ScriptCall call;
  call.path = path;
  call.args = std::move(args);
  call.limit = std::chrono::seconds(20);
  const ScriptResult result = RunScript(call);
  if (result.exited_zero()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", result.Describe()));
}

// A context that shows the endpoint's chain and demands a certificate of its peer.
Context MakeContext(const Endpoint& endpoint, const std::string& ca_file) {
  Context context(SSL_CTX_new(TLS_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) return nullptr;
  const Bio reader = Reader(endpoint.certificate_pem);
  const X509Ptr leaf(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context.get(), leaf.get()) != 1) return nullptr;
  while (X509* above = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add_extra_chain_cert(context.get(), above);  // takes it over
  }
  const Key key = ReadKey(endpoint.key_pem);
  if (key == nullptr || SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) return nullptr;
  return context;
}

}  // namespace

bool KeyMatches(const std::string& certificate_pem, const std::string& key_pem) {
  const X509Ptr certificate = ReadCertificate(certificate_pem);
  const Key key = ReadKey(key_pem);
  return certificate != nullptr && key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
}

std::string SerialOf(const std::string& certificate_pem) {
  const X509Ptr certificate = ReadCertificate(certificate_pem);
  if (certificate == nullptr) return "";
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  std::string hex;
  for (int i = 0; i < serial->length; ++i) absl::StrAppend(&hex, absl::Hex(serial->data[i], absl::kZeroPad2));
  return hex;
}

std::string CommonNameOf(const std::string& certificate_pem) {
  const X509Ptr certificate = ReadCertificate(certificate_pem);
  if (certificate == nullptr) return "";
  char name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof(name));
  return name;
}

absl::Status VerifiedByTools(const std::string& certificate_pem, const std::string& ca_file,
                             const std::string& scratch) {
  const std::string file = absl::StrCat(scratch, "/judged-", SerialOf(certificate_pem), ".pem");
  std::ofstream(file) << certificate_pem;
  for (const char* purpose : {"sslserver", "sslclient"}) {
    absl::Status verdict = Tool("/usr/bin/openssl", {"verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca_file,
                                                     "-untrusted", file, file});
    if (!verdict.ok()) return verdict;
  }
  for (const char* purpose : {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}) {
    absl::Status verdict = Tool("/usr/bin/certtool", {"--verify", "--verify-purpose", purpose, "--load-ca-certificate",
                                                      ca_file, "--infile", file});
    if (!verdict.ok()) return verdict;
  }
  return absl::OkStatus();
}

absl::Status Handshake(const Endpoint& server, const Endpoint& client, const std::string& ca_file) {
  const Context server_context = MakeContext(server, ca_file);
  const Context client_context = MakeContext(client, ca_file);
  if (server_context == nullptr || client_context == nullptr)
    return absl::InvalidArgumentError("an endpoint does not load");
  const Connection server_end(SSL_new(server_context.get()));
  const Connection client_end(SSL_new(client_context.get()));
  BIO* server_bio = nullptr;
  BIO* client_bio = nullptr;
  BIO_new_bio_pair(&server_bio, 0, &client_bio, 0);
  SSL_set_bio(server_end.get(), server_bio, server_bio);
  SSL_set_bio(client_end.get(), client_bio, client_bio);
  SSL_set_accept_state(server_end.get());
  SSL_set_connect_state(client_end.get());
  for (int step = 0; step < 20; ++step) {
    const bool client_done = SSL_do_handshake(client_end.get()) == 1;
    const bool server_done = SSL_do_handshake(server_end.get()) == 1;
    if (client_done && server_done) return absl::OkStatus();
  }
  return absl::UnauthenticatedError(
      absl::StrCat("handshake: server says ", X509_verify_cert_error_string(SSL_get_verify_result(server_end.get())),
                   ", client says ", X509_verify_cert_error_string(SSL_get_verify_result(client_end.get()))));
}

std::string PlainRequest(const std::string& common_name, const std::string& key_pem) {
  const std::unique_ptr<X509_REQ, Freed<X509_REQ_free>> request(X509_REQ_new());
  const Key key = ReadKey(key_pem);
  if (key == nullptr) return "";
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  const Bio out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(out.get(), request.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(size));
}

std::string FirstPem(const std::string& text) {
  const size_t begin = text.find("-----BEGIN ");
  const size_t end = text.find("-----END ", begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || end == std::string::npos) return "";
  return text.substr(begin, text.find('\n', end) - begin) + "\n";
}

std::string PrivateScalar(const std::string& key_pem) {
  const Key key = ReadKey(key_pem);
  BIGNUM* number = nullptr;
  if (key == nullptr || EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1) return "";
  std::string scalar(32, '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(scalar.data()), 32);
  BN_clear_free(number);
  return scalar;
}

}  // namespace signet::contract
