// Independent judges of what was issued: OpenSSL's and GnuTLS's command lines, and a TLS handshake in both directions.
#ifndef SIGNET_TESTS_CONTRACT_JUDGES_H_
#define SIGNET_TESTS_CONTRACT_JUDGES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace signet::contract {

// True when the first certificate of `certificate_pem` was issued for this private key.
bool KeyMatches(const std::string& certificate_pem, const std::string& key_pem);
// Lower-case hex, without leading zeros being lost; empty when it does not parse.
std::string SerialOf(const std::string& certificate_pem);
std::string CommonNameOf(const std::string& certificate_pem);

// `openssl verify` as server and as client, and `certtool --verify` for both purposes, against `ca_file`. `scratch` is
// an existing directory.
absl::Status VerifiedByTools(const std::string& certificate_pem, const std::string& ca_file,
                             const std::string& scratch);

// One end of a TLS connection.
struct Endpoint {
  std::string certificate_pem;
  std::string key_pem;
};

// A mutually authenticated TLS 1.3 handshake in memory; both ends trust the certificates in `ca_file`.
absl::Status Handshake(const Endpoint& server, const Endpoint& client, const std::string& ca_file);

// A CSR as anybody can make it with a key of his own: this CN and no statement.
std::string PlainRequest(const std::string& common_name, const std::string& key_pem);

// The first PEM block of a text, without what stands around it.
std::string FirstPem(const std::string& text);

// The private scalar of an EC key in PEM, 32 raw bytes; empty when it does not parse.
std::string PrivateScalar(const std::string& key_pem);

}  // namespace signet::contract

#endif  // SIGNET_TESTS_CONTRACT_JUDGES_H_
