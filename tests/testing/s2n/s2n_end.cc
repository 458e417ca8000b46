#include "tests/testing/s2n/s2n_end.h"

#include <s2n.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace signet::testing {
namespace {

// A fixed one, with TLS 1.3 and without Ed25519. A site names its own by security_policy_version in TLSParameters.
constexpr char kPolicy[] = "20230317";

void Require(bool condition) {
  if (!condition) std::abort();
}

void StartLibrary() {
  static const bool started = [] {
    // It would lock its memory, and a hundred daemons in one process reach the limit.
    setenv("S2N_DONT_MLOCK", "1", 1);
    return s2n_init() == S2N_SUCCESS;
  }();
  Require(started);
}

absl::Status Refusal(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", s2n_strerror_name(s2n_errno)));
}

}  // namespace

struct S2nFiles::Loaded {
  ~Loaded() {
    s2n_config_free(config);
    if (chain != nullptr) s2n_cert_chain_and_key_free(chain);
  }
  s2n_config* config = nullptr;
  s2n_cert_chain_and_key* chain = nullptr;
  uint64_t now_ns = 0;  // ends of several connections are told the time one after the other
};

absl::StatusOr<S2nFiles> S2nFiles::Load(const std::string& anchors_pem, const std::string& chain_pem,
                                        const std::string& key_pem) {
  StartLibrary();
  S2nFiles files;
  files.loaded_ = std::make_shared<Loaded>();
  Loaded& loaded = *files.loaded_;
  // Minimal: without the system's anchors.
  loaded.config = s2n_config_new_minimal();
  Require(loaded.config != nullptr);
  Require(s2n_config_set_cipher_preferences(loaded.config, kPolicy) == S2N_SUCCESS);
  Require(s2n_config_set_client_auth_type(loaded.config, S2N_CERT_AUTH_OPTIONAL) == S2N_SUCCESS);
  // Slurm compares no names.
  Require(s2n_config_set_verify_host_callback(
              loaded.config, [](const char*, std::size_t, void*) -> uint8_t { return 1; }, nullptr) == S2N_SUCCESS);
  const auto clock = [](void* context, uint64_t* now_ns) {
    *now_ns = *static_cast<uint64_t*>(context);
    return 0;
  };
  Require(s2n_config_set_wall_clock(loaded.config, clock, &loaded.now_ns) == S2N_SUCCESS);
  if (s2n_config_add_pem_to_trust_store(loaded.config, anchors_pem.c_str()) != S2N_SUCCESS)
    return Refusal("the anchors");
  if (chain_pem.empty() && key_pem.empty()) return files;
  loaded.chain = s2n_cert_chain_and_key_new();
  Require(loaded.chain != nullptr);
  if (s2n_cert_chain_and_key_load_pem(loaded.chain, chain_pem.c_str(), key_pem.c_str()) != S2N_SUCCESS)
    return Refusal("the certificate and its key");
  if (s2n_config_add_cert_chain_and_key_to_store(loaded.config, loaded.chain) != S2N_SUCCESS)
    return Refusal("the certificate and its key");
  return files;
}

bool S2nFiles::shows_certificate() const { return loaded_->chain != nullptr; }

S2nEnd::S2nEnd(const S2nFiles& files, Side side, absl::Time now)
    : loaded_(files.loaded_),
      pipe_(std::make_unique<Pipe>()),
      connection_(s2n_connection_new(side == Side::kServer ? S2N_SERVER : S2N_CLIENT), s2n_connection_free) {
  loaded_->now_ns = static_cast<uint64_t>(absl::ToUnixNanos(now));
  s2n_connection* const one = connection_.get();
  Require(one != nullptr && s2n_connection_set_config(one, loaded_->config) == S2N_SUCCESS);
  // Whoever waits for the other side's delay decides that for itself.
  Require(s2n_connection_set_blinding(one, S2N_SELF_SERVICE_BLINDING) == S2N_SUCCESS);
  const auto receive = [](void* context, uint8_t* bytes, uint32_t size) -> int {
    std::string& in = static_cast<Pipe*>(context)->in;
    if (in.empty()) {
      errno = EAGAIN;
      return -1;
    }
    const std::size_t taken = std::min<std::size_t>(size, in.size());
    std::memcpy(bytes, in.data(), taken);
    in.erase(0, taken);
    return static_cast<int>(taken);
  };
  const auto send = [](void* context, const uint8_t* bytes, uint32_t size) -> int {
    static_cast<Pipe*>(context)->out.append(reinterpret_cast<const char*>(bytes), size);
    return static_cast<int>(size);
  };
  Require(s2n_connection_set_recv_cb(one, receive) == S2N_SUCCESS);
  Require(s2n_connection_set_send_cb(one, send) == S2N_SUCCESS);
  Require(s2n_connection_set_recv_ctx(one, pipe_.get()) == S2N_SUCCESS);
  Require(s2n_connection_set_send_ctx(one, pipe_.get()) == S2N_SUCCESS);
}

S2nEnd::State S2nEnd::Negotiate() {
  if (!error_.empty()) return State::kFailed;
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  if (s2n_negotiate(connection_.get(), &blocked) == S2N_SUCCESS) return State::kDone;
  if (s2n_error_get_type(s2n_errno) == S2N_ERR_T_BLOCKED) return State::kGoesOn;
  error_ = s2n_strerror_name(s2n_errno);
  return State::kFailed;
}

std::string S2nEnd::Read() {
  char bytes[4096];
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  const ssize_t size = s2n_recv(connection_.get(), bytes, sizeof(bytes), &blocked);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

void S2nEnd::Write(absl::string_view bytes) {
  s2n_blocked_status blocked = S2N_NOT_BLOCKED;
  Require(s2n_send(connection_.get(), bytes.data(), static_cast<ssize_t>(bytes.size()), &blocked) ==
          static_cast<ssize_t>(bytes.size()));
}

void S2nEnd::Feed(absl::string_view bytes) { pipe_->in.append(bytes.data(), bytes.size()); }

std::string S2nEnd::Take() { return std::exchange(pipe_->out, {}); }

bool S2nEnd::saw_certificate() const { return s2n_connection_client_cert_used(connection_.get()) == 1; }

S2nHandshake::S2nHandshake(const S2nFiles& client, const S2nFiles& server, absl::Time now) {
  S2nEnd asking(client, S2nEnd::Side::kClient, now);
  S2nEnd serving(server, S2nEnd::Side::kServer, now);
  auto by_client = S2nEnd::State::kGoesOn, by_server = S2nEnd::State::kGoesOn;
  for (int flight = 0; flight < 8 && !ok && !client_refused && !server_refused; ++flight) {
    by_client = asking.Negotiate();
    serving.Feed(asking.Take());
    client_refused = by_client == S2nEnd::State::kFailed;
    if (client_refused) break;
    by_server = serving.Negotiate();
    asking.Feed(serving.Take());
    server_refused = by_server == S2nEnd::State::kFailed;
    ok = by_client == S2nEnd::State::kDone && by_server == S2nEnd::State::kDone;
  }
  if (ok && client.shows_certificate() && !serving.saw_certificate()) ok = false;
  if (ok) return;
  error = client_refused   ? asking.error()
          : server_refused ? serving.error()
                           : "no end, or no certificate of the client";
}

}  // namespace signet::testing
