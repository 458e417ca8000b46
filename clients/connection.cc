#include "clients/connection.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/support/log.h"
#include "grpc/support/time.h"
#include "services/base/foreign_mutexes.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"

namespace signet::clients {
namespace {

constexpr char kNewClientCertificate[] = "signetctl client issue --help";

absl::Status Misconfigured(absl::string_view message, absl::string_view next = "") {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration, message, next);
}

absl::StatusOr<std::string> ReadPem(absl::string_view field, const std::string& path) {
  if (path.empty()) return Misconfigured(absl::StrCat("tls.", field, " is not set"), kNewClientCertificate);
  absl::StatusOr<std::string> pem = files::Read(path);
  if (!pem.ok()) return Misconfigured(absl::StrCat("tls.", field, ": ", pem.status().message()), kNewClientCertificate);
  return pem;
}

// gRPC reports a pair that does not fit only as a channel that never connects.
absl::Status CheckPair(const TlsFiles& tls, const std::string& cert_pem, const base::SecretBytes& key_pem) {
  absl::StatusOr<std::vector<x509::Certificate>> chain = x509::Certificate::ListFromPem(cert_pem);
  if (!chain.ok())
    return Misconfigured(absl::StrCat("tls.cert ", tls.cert, ": ", chain.status().message()), kNewClientCertificate);
  absl::StatusOr<keys::PrivateKey> key = keys::PrivateKey::FromPem(key_pem);
  if (!key.ok())
    return Misconfigured(absl::StrCat("tls.key ", tls.key, ": ", key.status().message()), kNewClientCertificate);
  if (!(key->public_key() == chain->front().public_key())) {
    return Misconfigured(absl::StrCat("tls.cert ", tls.cert, " and tls.key ", tls.key, " do not belong together"),
                         kNewClientCertificate);
  }
  if (chain->front().not_after() < absl::Now()) {
    return Misconfigured(absl::StrCat("tls.cert ", tls.cert, " expired on ",
                                      absl::FormatTime(chain->front().not_after(), absl::UTCTimeZone())),
                         kNewClientCertificate);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(const TlsFiles& tls) {
  grpc::SslCredentialsOptions options;
  SIGNET_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("ca", tls.ca));
  // An empty or garbled file would make gRPC fall back to the system's roots or to a channel that never connects.
  absl::StatusOr<std::vector<x509::Certificate>> roots = x509::Certificate::ListFromPem(options.pem_root_certs);
  if (!roots.ok())
    return Misconfigured(absl::StrCat("tls.ca ", tls.ca, ": ", roots.status().message()), kNewClientCertificate);
  if (!tls.cert.empty() || !tls.key.empty()) {
    SIGNET_ASSIGN_OR_RETURN(options.pem_cert_chain, ReadPem("cert", tls.cert));
    if (tls.key.empty()) return Misconfigured("tls.key is not set", kNewClientCertificate);
    // Symbolic links: Kubernetes mounts secrets that way. Owner and mode are judged on the file behind them.
    absl::StatusOr<base::SecretBytes> key =
        files::ReadSecret(tls.key, {.allow_group_read = true, .allow_symlink = true});
    if (!key.ok()) {
      return Misconfigured(absl::StrCat("tls.key: ", key.status().message()), base::NextOf(key.status()));
    }
    SIGNET_RETURN_IF_ERROR(CheckPair(tls, options.pem_cert_chain, *key));
    options.pem_private_key.assign(key->ExposeSecret().data(), key->size());
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::SslCredentials(options);
  base::WipeString(options.pem_private_key);
  return credentials;
}

// True for "host:port" and "[v6]:port" with a port of 1–65535.
bool IsHostAndPort(absl::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  const absl::string_view host = address.substr(0, colon);
  if (host.find_first_of("/ \t\r\n%") != absl::string_view::npos) return false;
  if (absl::StrContains(host, ':') && !(absl::StartsWith(host, "[") && absl::EndsWith(host, "]"))) return false;
  const absl::string_view digits = address.substr(colon + 1);
  int port = 0;
  return !digits.empty() && absl::ascii_isdigit(digits.front()) && absl::SimpleAtoi(digits, &port) && port >= 1 &&
         port <= 65535;
}

std::string WhatToCheck(absl::string_view address, absl::string_view message) {
  const bool local = absl::StartsWith(address, "unix:");
  if (local && absl::StrContains(message, "Permission denied")) {
    return absl::StrCat("ls -l ", address.substr(5), "   # run as root or as a member of its group");
  }
  if (absl::StrContains(message, "andshake") || absl::StrContains(message, "certificate")) {
    return "compare tls.ca with the control authority, and the name with listen.grpc.names in signetd.yaml";
  }
  if (absl::StrContains(message, "DNS") || absl::StrContains(message, "resolution"))
    return absl::StrCat("getent hosts ", address.substr(0, address.rfind(':')));
  return local ? "systemctl status signetd" : "systemctl status signetd   # on that host; then its firewall";
}

absl::Status Unreachable(const grpc::Status& status, absl::string_view address) {
  const bool late = status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  const std::string& detail = status.error_message();
  const std::string message = late ? absl::StrCat("no answer from signetd at ", address, " in time")
                                   : absl::StrCat("cannot reach signetd at ", address, ": ", detail);
  return base::Refusal(late ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kUnavailable, kUnreachable,
                       message, WhatToCheck(address, detail));
}

}  // namespace

void PrepareProcess() {
  // Whatever the caller's environment says must not steer gRPC: proxies, tracing to stderr, resolvers, root
  // certificates.
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view variable(*entry);
    const std::string name(variable.substr(0, variable.find('=')));
    const std::string upper = absl::AsciiStrToUpper(name);
    if (absl::StartsWith(upper, "GRPC_") || absl::EndsWith(upper, "_PROXY")) names.push_back(name);
  }
  for (const std::string& name : names) unsetenv(name.c_str());
  setenv("GRPC_VERBOSITY", "NONE", 1);
  setenv("GRPC_DNS_RESOLVER", "ares", 1);
  // gRPC's handlers for fork() start threads of their own.
  setenv("GRPC_ENABLE_FORK_SUPPORT", "0", 1);
  gpr_set_log_function([](gpr_log_func_args*) {});
  base::StopSearchingForLockCycles();
  // protobuf complains on stderr about a string that is not UTF-8: Slurm would find that line in front of a PEM.
  google::protobuf::SetLogHandler(nullptr);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(absl::string_view address, const std::optional<TlsFiles>& tls) {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string target(address);
  if (absl::StartsWith(address, "unix:")) {
    if (!absl::StartsWith(address, "unix:/")) {
      return Misconfigured(
          absl::StrCat("server address \"", absl::CHexEscape(address),
                       "\": a socket's path must be absolute, as in unix:/run/signet/controller.sock"));
    }
    credentials = grpc::InsecureChannelCredentials();
  } else {
    if (!IsHostAndPort(address)) {
      return Misconfigured(
          absl::StrCat("server address \"", absl::CHexEscape(address), "\": must be unix:/path or host:port"));
    }
    if (!tls.has_value()) {
      return Misconfigured(absl::StrCat("server address ", address,
                                        " needs tls.cert, tls.key and tls.ca: clear text is for unix sockets alone"),
                           kNewClientCertificate);
    }
    SIGNET_ASSIGN_OR_RETURN(credentials, TlsCredentials(*tls));
    target = absl::StrCat("dns:///", address);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  // Otherwise every connection over TCP asks the name servers for a TXT record as well.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

absl::Status SendBearer(const base::SecretBytes& token, absl::string_view address, grpc::ClientContext& context) {
  if (absl::StartsWith(address, "unix:")) {
    return Misconfigured(absl::StrCat("a bearer token is not sent to ", address, ": it is for host:port over TLS"));
  }
  // gRPC itself refuses to send these over a channel without TLS.
  context.set_credentials(grpc::AccessTokenCredentials(std::string(token.ExposeSecret())));
  return absl::OkStatus();
}

absl::Status FromGrpc(const grpc::Status& status, absl::string_view address) {
  if (status.ok()) return absl::OkStatus();
  std::string message = status.error_message();
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      google::rpc::ErrorInfo info;
      if (!detail.Is<google::rpc::ErrorInfo>() || !detail.UnpackTo(&info) || info.domain() != "signet") continue;
      std::string next;
      if (const auto found = info.metadata().find("next"); found != info.metadata().end()) next = found->second;
      if (const auto found = info.metadata().find("request_id");
          found != info.metadata().end() && !absl::StrContains(message, found->second)) {
        absl::StrAppend(&message, " (request ", found->second, ")");
      }
      return base::Refusal(static_cast<absl::StatusCode>(status.error_code()), info.reason(), message, next);
    }
  }
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return Unreachable(status, address);
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    absl::StrAppend(&message, " (the server at ", address, " is older than this program, or not signetd)");
  }
  return base::Refusal(static_cast<absl::StatusCode>(status.error_code()), "", message,
                       absl::StrCat("journalctl -u signetd   # on the host of ", address));
}

std::unique_ptr<grpc::ClientContext> MakeContext(absl::Duration deadline) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                     gpr_time_from_nanos(absl::ToInt64Nanoseconds(deadline), GPR_TIMESPAN)));
  return context;
}

}  // namespace signet::clients
