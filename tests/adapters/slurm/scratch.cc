#include "tests/adapters/slurm/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "services/base/random.h"
#include "services/evidence/token.h"
#include "services/x509/certificate_template.h"
#include "services/x509/name.h"

namespace signet::slurm {

Scratch::Scratch() {
  std::string pattern = (std::filesystem::temp_directory_path() / "signet-slurm-test-XXXXXX").string();
  path_ = mkdtemp(pattern.data());
}

Scratch::~Scratch() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content, mode_t mode) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  ASSERT_EQ(chmod(path.c_str(), mode), 0) << path;
}

void WriteToken(const std::string& path, const std::string& node, const std::string& daemon,
                const std::string& cluster) {
  evidence::Token token{cluster,
                        node,
                        daemon,
                        evidence::TokenKind::kSingleUse,
                        *keys::PrivateKey::Generate(x509::KeyType::kEcP256),
                        x509::Sha256("pin")};
  const auto text = evidence::EncodeTokenFile(token);
  ASSERT_TRUE(text.ok()) << text.status();
  unlink(path.c_str());
  WriteFile(path, std::string(text->ExposeSecret()), 0400);
}

Config ConfigIn(const Scratch& scratch) {
  Config config;
  config.servers = {"unix:" + (scratch / "signetd.sock")};
  config.tls = {scratch / "control.pem", scratch / "control.key", scratch / "control_ca.pem"};
  config.ca_cert_file = scratch / "ca_cert.pem";
  config.token_files = {scratch / "{node}.token", scratch / "token"};
  config.state_dir = scratch / "state";
  config.slurmd_spool_dir = scratch / "spool";
  config.kubernetes_token_file = scratch / "pod_token";
  WriteToken(scratch / "n1.token", "n1", "slurmd");
  return config;
}

std::string YamlOf(const Config& config) {
  const auto list = [](const std::vector<std::string>& items) {
    std::string text = "[";
    for (const std::string& item : items) text += (text.size() > 1 ? ", \"" : "\"") + item + "\"";
    return text + "]";
  };
  return "servers: " + list(config.servers) + "\nca_cert_file: " + config.ca_cert_file +
         "\ntoken_files: " + list(config.token_files) + "\nstate_dir: " + config.state_dir +
         "\nslurmd_spool_dir: " + config.slurmd_spool_dir +
         "\nkubernetes: {token_file: " + config.kubernetes_token_file + "}\ntls: {cert: " + config.tls.cert +
         ", key: " + config.tls.key + ", ca: " + config.tls.ca + "}\n" +
         (config.cluster.empty() ? "" : "cluster: " + config.cluster + "\n") +
         (config.bundle_pin.empty() ? "" : "bundle_pin: " + absl::BytesToHexString(config.bundle_pin) + "\n") +
         (config.bundle_pin_file.empty() ? "" : "bundle_pin_file: " + config.bundle_pin_file + "\n") +
         (config.bundle_sources.empty() ? "" : "bundle_sources: " + list(config.bundle_sources) + "\n");
}

std::string PackCertmgrState(uint16_t version, absl::Time renewed_at, const std::string& certificate_pem,
                             const std::string& key_pem) {
  std::string packed;
  const auto number = [&packed](uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      packed.push_back(static_cast<char>(value >> shift & 0xff));
  };
  number(version, 2);
  number(static_cast<uint64_t>(absl::ToUnixSeconds(renewed_at)), 8);
  for (const std::string& text : {certificate_pem, key_pem}) {
    number(text.size() + 1, 4);
    packed += text;
    packed.push_back('\0');
  }
  return packed;
}

Host HostNamed(const std::string& name) {
  Host host;
  host.uid = geteuid();
  host.name = name;
  host.daemon = "slurmd";
  host.parent = "100 5000";
  host.boot_id = "11111111-2222-3333-4444-555555555555";
  host.machine_id_sha256 = x509::Sha256("machine one");
  return host;
}

namespace {

std::string Certify(const keys::PrivateKey& issuer, const std::string& issuer_der, const x509::PublicKey& key,
                    const std::string& subject_der, const std::string& san, bool is_ca, absl::Time not_before,
                    absl::Time not_after, bool serves = true) {
  x509::CertificateTemplate fields;
  base::SystemRandom random;
  fields.serial = "\x01" + random.Bytes(15);
  fields.issuer_der = issuer_der;
  fields.subject_der = subject_der;
  fields.not_before = absl::FromUnixSeconds(absl::ToUnixSeconds(not_before));
  fields.not_after = absl::FromUnixSeconds(absl::ToUnixSeconds(not_after));
  fields.spki_der = key.spki_der();
  if (!san.empty()) fields.dns_names = {san};
  fields.is_ca = fields.certificate_signing = is_ca;
  fields.digital_signature = fields.client_auth = !is_ca;
  fields.server_auth = !is_ca && serves;
  fields.subject_key_id = x509::KeyIdentifier(key);
  fields.authority_key_id = x509::KeyIdentifier(issuer.public_key());
  const auto algorithm = keys::DefaultAlgorithm(issuer.public_key());
  const auto tbs = x509::EncodeTbs(fields, algorithm);
  EXPECT_TRUE(tbs.ok()) << tbs.status();
  return x509::AssembleCertificate(*tbs, algorithm, *issuer.Sign(algorithm, *tbs));
}

x509::Certificate MakeRoot(const keys::PrivateKey& key, absl::Time not_before, absl::Time not_after,
                           const std::string& common_name) {
  const std::string name = x509::CommonNameDer(common_name);
  return *x509::Certificate::FromDer(Certify(key, name, key.public_key(), name, "", true, not_before, not_after));
}

}  // namespace

TestAuthority::TestAuthority() : TestAuthority("Test CA") {}

TestAuthority::TestAuthority(const std::string& name)
    : TestAuthority(absl::Now() - absl::Hours(24), absl::Now() + absl::Hours(24 * 365), name) {}

TestAuthority::TestAuthority(absl::Time not_before, absl::Time not_after, const std::string& name)
    : key(*keys::PrivateKey::Generate(x509::KeyType::kEcP256)), root(MakeRoot(key, not_before, not_after, name)) {}

std::string TestAuthority::VouchFor(const TestAuthority& other, absl::Time not_after) const {
  return x509::Certificate::FromDer(Certify(key, root.subject_der(), other.root.public_key(), other.root.subject_der(),
                                            "", true, not_after - absl::Hours(24 * 60), not_after))
      ->pem();
}

std::string TestAuthority::Issue(const x509::PublicKey& leaf, const std::string& name, absl::Time not_before,
                                 absl::Time not_after) const {
  if (name != "signet-probe") return IssueTo(leaf, x509::CommonNameDer(name), name, not_before, not_after);
  return x509::Certificate::FromDer(Certify(key, root.subject_der(), leaf, x509::CommonNameDer(name), name, false,
                                            not_before, not_after, false))
      ->pem();
}

std::string TestAuthority::IssueTo(const x509::PublicKey& leaf, const std::string& subject_der, const std::string& name,
                                   absl::Time not_before, absl::Time not_after) const {
  return x509::Certificate::FromDer(
             Certify(key, root.subject_der(), leaf, subject_der, name, false, not_before, not_after))
      ->pem();
}

Outcome RunProgram(const std::vector<std::string>& argv, const RunOptions& options) {
  return RunProgram(SIGNET_SLURM, argv, options);
}

Outcome RunProgram(const std::string& program, const std::vector<std::string>& argv, const RunOptions& options) {
  int out[2];
  int err[2];
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(err, O_CLOEXEC), 0);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::vector<char*> environment;
  for (const std::string& variable : options.environment) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(out[1], 1);
    dup2(options.merge ? out[1] : err[1], 2);
    if (options.in_child) options.in_child();
    execve(program.c_str(), words.data(), environment.data());
    _exit(126);
  }
  close(out[1]);
  close(err[1]);
  Outcome outcome;
  bool term_sent = false;
  bool kill_sent = false;
  bool open_out = true;
  bool open_err = true;
  while (open_out || open_err) {
    const absl::Duration age = absl::FromChrono(std::chrono::steady_clock::now() - start);
    if (age >= options.term_after && !term_sent) term_sent = kill(child, SIGTERM) == 0;
    if (age >= options.kill_after && !kill_sent) kill_sent = kill(child, SIGKILL) == 0;
    pollfd waiting[2] = {{open_out ? out[0] : -1, POLLIN, 0}, {open_err ? err[0] : -1, POLLIN, 0}};
    const bool timed = options.term_after != absl::InfiniteDuration() || options.kill_after != absl::InfiniteDuration();
    poll(waiting, 2, timed && !kill_sent ? 1 : 100);
    char buffer[65536];
    if (waiting[0].revents != 0) {
      const ssize_t got = read(out[0], buffer, sizeof(buffer));
      if (got > 0) outcome.out.append(buffer, static_cast<std::size_t>(got));
      open_out = got > 0;
    }
    if (waiting[1].revents != 0) {
      const ssize_t got = read(err[0], buffer, sizeof(buffer));
      if (got > 0) outcome.err.append(buffer, static_cast<std::size_t>(got));
      open_err = got > 0;
    }
  }
  close(out[0]);
  close(err[0]);
  int status = 0;
  waitpid(child, &status, 0);
  outcome.took = absl::FromChrono(std::chrono::steady_clock::now() - start);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

}  // namespace signet::slurm
