// What goes wrong on nodes, one fault a row: whoever looks at it reads the cause and the command to type, in
// `signetctl node explain` or in the adapter's own line, which slurmd and slurmctld log.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/x509/certificate_template.h"
#include "services/x509/name.h"
#include "services/x509/pem.h"
#include "tests/contract/faulty_node.h"
#include "tests/contract/judges.h"

namespace signet::contract {
namespace {

namespace fs = std::filesystem;

struct Fault {
  std::string name;
  // Brings the fault about and returns what tells of it.
  std::function<std::string(const FaultyNode&)> tell;
  std::vector<std::string> cause;
  std::string next;  // NODE stands for the node's name
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

std::string ForNode(const std::string& text, const std::string& node) {
  const size_t at = text.find("NODE");
  return at == std::string::npos ? text : text.substr(0, at) + node + text.substr(at + 4);
}

// A certificate that ended yesterday, with its key; its own issuer.
Endpoint ExpiredPair() {
  const keys::PrivateKey key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  x509::CertificateTemplate certificate;
  certificate.serial = std::string(20, '\x41');
  certificate.issuer_der = certificate.subject_der = x509::CommonNameDer("expired");
  certificate.not_before = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now() - absl::Hours(48)));
  certificate.not_after = certificate.not_before + absl::Hours(24);
  certificate.spki_der = key.public_key().spki_der();
  certificate.dns_names = {"expired"};
  certificate.digital_signature = certificate.server_auth = certificate.client_auth = true;
  certificate.subject_key_id = certificate.authority_key_id = x509::KeyIdentifier(key.public_key());
  constexpr auto kAlgorithm = x509::SignatureAlgorithm::kEcdsaSha256;
  const std::string tbs = *x509::EncodeTbs(certificate, kAlgorithm);
  const std::string der = x509::AssembleCertificate(tbs, kAlgorithm, *key.Sign(kAlgorithm, tbs));
  return {x509::EncodePem(x509::kCertificateLabel, der), std::string(key.ToPem()->ExposeSecret())};
}

// As slurmd packs it: version, time of the renewal, certificate and key with their lengths and final NULs.
std::string CertmgrState(const Endpoint& pair, uint64_t renewed_at) {
  std::string packed("\x2d\x00", 2);
  const auto number = [&packed](uint64_t value, int bytes) {
    while (bytes-- > 0) packed += static_cast<char>(value >> (8 * bytes));
  };
  number(renewed_at, 8);
  for (const std::string& pem : {pair.certificate_pem, pair.key_pem}) {
    number(pem.size() + 1, 4);
    packed += pem + '\0';
  }
  return packed;
}

std::string EnrolAndExplain(const FaultyNode& node) {
  EXPECT_FALSE(node.Enrol().ok());
  return node.Explain();
}

std::string SignAndExplain(const FaultyNode& node, const std::string& csr) {
  EXPECT_FALSE(absl::StrContains(node.SignCsrSays(csr), "BEGIN CERTIFICATE"));
  return node.Explain();
}

std::string SignWithClockOff(const FaultyNode& node, absl::Duration by) {
  node.CreateToken();
  return SignAndExplain(node, node.ForgedCsr([by](evidence::Statement& statement) {
    statement.issued_at += by;
    statement.expires_at += by;
  }));
}

std::string AskAsSomebodyElse(const FaultyNode& node) {
  node.CreateToken();
  Scripts nobody = node.controller_scripts();
  nobody.call.uid = nobody.call.gid = 65534;
  return nobody.Run("sign-csr", {node.ForgedCsr()}).output;
}

std::string BreakCaFile(const FaultyNode& node, const std::string& content) {
  node.CreateToken();
  node.ConfigureController({{"ca_cert_file", node.path("ca_cert.pem")}});
  if (!content.empty()) WriteAll(node.path("ca_cert.pem"), content);
  return node.SignCsrSays(node.ForgedCsr());
}

std::string FillStateDirectory(const FaultyNode& node) {
  node.CreateToken();
  if (mount("tmpfs", node.state_dir().c_str(), "tmpfs", 0, "size=16k,mode=0755") != 0) return "mount is not permitted";
  WriteAll(node.state_dir() + "/filler", std::string(64 << 10, 'x'));
  const std::string said = node.NodeSays("get-node-token");
  umount2(node.state_dir().c_str(), MNT_DETACH);
  return said;
}

std::string ShowScontrol(const FaultyNode& node) {
  node.CreateToken();
  const std::string stub = node.path("scontrol");
  WriteAll(stub, absl::StrCat("#!/bin/sh\necho '{\"nodes\": [{\"name\": \"", node.name(),
                              "\", \"cert_flags\": [\"TOKEN_SET\"]}]}'\n"));
  fs::permissions(stub, fs::perms(0755));
  return node.cluster().Ctl({"node", "explain", node.name()}, std::chrono::seconds(60), node.path("")).output;
}

const Fault kFaults[] = {
    {"NoTokenFile",
     [](const FaultyNode& node) { return node.NodeSays("get-node-token"); },
     {"no token for node", "no such file"},
     "signetctl token create NODE"},
    {"TokenFileOfAnotherNode",
     [](const FaultyNode& node) {
       const FaultyNode other(node.cluster(), node.name() + "x");
       other.CreateToken();
       fs::copy_file(other.token_file(), node.token_file());
       return node.NodeSays("get-node-token");
     },
     {"for node", "x, not "},
     "signetctl token create NODE"},
    {"TokenFileThatOthersCanRead",
     [](const FaultyNode& node) {
       node.CreateToken();
       fs::permissions(node.token_file(), fs::perms(0444));
       return node.NodeSays("get-node-token");
     },
     {"no token for node", "0444"},
     "chmod"},
    {"WeakLabToken",
     [](const FaultyNode& node) {
       WriteAll(node.token_file(), "secret\n");
       fs::permissions(node.token_file(), fs::perms(0400));
       return node.NodeSays("get-node-token");
     },
     {"no token for node", "128 bits"},
     "signetctl token create NODE"},
    {"WrongClusterInTheConfiguration",
     [](const FaultyNode& node) {
       node.CreateToken();
       node.Configure({{"cluster", "other"}});
       return node.NodeSays("get-node-token");
     },
     {"for cluster demo, not other"},
     "signetctl token create NODE"},
    {"WrongClusterInTheStatement",
     [](const FaultyNode& node) {
       node.CreateToken();
       return SignAndExplain(node, node.ForgedCsr([](evidence::Statement& statement) { statement.cluster = "other"; }));
     },
     {"WRONG_CLUSTER", "this one is demo"},
     "set cluster in signet-slurm.yaml"},
    {"ExpiredToken",
     [](const FaultyNode& node) {
       node.CreateToken({"--ttl", "1s"});
       std::this_thread::sleep_for(std::chrono::milliseconds(1100));
       return EnrolAndExplain(node);
     },
     {"TOKEN_EXPIRED", "expired"},
     "signetctl token create NODE"},
    {"TokenThatAnotherHostUsed",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       node.Configure({{"state_dir", node.path("other_host")}});
       return EnrolAndExplain(node);
     },
     {"TOKEN_USED", "already admitted another"},
     "signetctl token create NODE"},
    {"RevokedToken",
     [](const FaultyNode& node) {
       node.CreateToken();
       node.Ctl({"token", "revoke", "--nodes", node.name(), "--yes"});
       return EnrolAndExplain(node);
     },
     {"TOKEN_REVOKED", "was revoked"},
     "signetctl token create NODE"},
    {"ClockTenDaysBehind",
     [](const FaultyNode& node) { return SignWithClockOff(node, -absl::Hours(240)); },
     {"EVIDENCE_EXPIRED", "wrong clock on the node"},
     "chronyc tracking"},
    {"ClockADayAhead",
     [](const FaultyNode& node) { return SignWithClockOff(node, absl::Hours(24)); },
     {"EVIDENCE_FROM_FUTURE", "wrong clock on the node"},
     "chronyc tracking"},
    {"OldScripts",
     [](const FaultyNode& node) {
       const auto key = keys::PrivateKey::Generate(x509::KeyType::kEcP256);
       return SignAndExplain(node, PlainRequest(node.name(), std::string(key->ToPem()->ExposeSecret())));
     },
     {"EVIDENCE_MISSING", "generate_csr_script"},
     "grep -i CertmgrParameters"},
    {"BlockedNode",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       node.Ctl({"node", "block", node.name(), "--reason", "stolen", "--yes"});
       return EnrolAndExplain(node);
     },
     {"NODE_BLOCKED", "stolen"},
     "signetctl node unblock NODE"},
    {"ForgottenNode",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       node.Ctl({"node", "forget", node.name(), "--yes"});
       return EnrolAndExplain(node);
     },
     {"IDENTITY_ENDED", "node forget"},
     "signetctl token create NODE"},
    {"RenamedNode",
     [](const FaultyNode& node) {
       const FaultyNode old(node.cluster(), node.name() + "x");
       old.EnrolWithToken();
       fs::create_directories(node.state_dir() + "/0");
       fs::permissions(node.state_dir() + "/0", fs::perms(0700));
       fs::rename(old.state(), node.state());
       return EnrolAndExplain(node);
     },
     {"WRONG_NODE", "belongs to node"},
     "signetctl token create NODE"},
    {"CopiedStateOnAnotherMachine",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       // Two machines of the test's own: this one may have no machine id, as containers often have none.
       for (const char machine : {'m', 'o'}) {
         EXPECT_TRUE(absl::StrContains(node.SignCsrSays(node.ForgedCsr([machine](evidence::Statement& statement) {
           statement.machine_id_sha256 = std::string(32, machine);
         })),
                                       "BEGIN CERTIFICATE"));
       }
       return node.Explain();
     },
     {"CLONE_SUSPECTED", "one is a copy of the other"},
     "on the copy only: systemctl stop slurmd"},
    {"ClonedMachineWithTheSameId",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       for (const char* boot : {"6d2c1b0a-0000-4000-8000-00000000000a", "6d2c1b0a-0000-4000-8000-00000000000b",
                                "6d2c1b0a-0000-4000-8000-00000000000a"}) {
         node.SignCsrSays(node.ForgedCsr([boot](evidence::Statement& statement) { statement.boot_id = boot; }));
       }
       return node.Explain();
     },
     {"CLONE_SUSPECTED", "one is a copy of the other"},
     "on the copy only: systemctl stop slurmd"},
    {"StateDirectoryThatCannotBeMade",
     [](const FaultyNode& node) {
       node.CreateToken();
       WriteAll(node.path("file"), "x");
       node.Configure({{"state_dir", node.path("file/state")}});
       return node.NodeSays("get-node-token");
     },
     {"state directory"},
     "install -d"},
    {"StateDirectoryOnAFullDisk", FillStateDirectory, {"No space left"}, "df"},
    {"StateDirectoryOfAnotherUser",
     [](const FaultyNode& node) {
       node.CreateToken();
       fs::create_directories(node.state_dir() + "/0");
       EXPECT_EQ(chown((node.state_dir() + "/0").c_str(), 65534, 65534), 0);
       return node.NodeSays("get-node-token");
     },
     {"state directory", "uid 0 alone"},
     "install -d"},
    {"DamagedIdentityKey",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       WriteAll(node.state() + "/identity", "garbage");
       return EnrolAndExplain(node);
     },
     {"TOKEN_USED", "already admitted another"},
     "signetctl token create NODE"},
    {"NoCaCertFileOnTheController",
     [](const FaultyNode& node) { return BreakCaFile(node, ""); },
     {"ca_cert_file", "o such file"},
     "signet-slurm refresh"},
    {"DamagedCaCertFileOnTheController",
     [](const FaultyNode& node) { return BreakCaFile(node, "garbage\n"); },
     {"ca_cert_file"},
     "signet-slurm refresh"},
    {"NoServer",
     [](const FaultyNode& node) {
       node.CreateToken();
       node.ConfigureController({{"servers", absl::StrCat("[\"unix:", node.path("dead.sock"), "\"]")}});
       return node.ValidateNodeSays();
     },
     {"cannot reach signetd at unix:"},
     "systemctl"},
    {"ServerListWithADeadAddress",
     [](const FaultyNode& node) {
       node.CreateToken();
       const std::string tls = node.cluster().path("run/tls");
       fs::create_directories(tls);
       node.Ctl({"client", "issue", node.name(), "--role", "controller", "--out-dir", tls, "--force", "--yes"});
       node.ConfigureController({{"servers", "[\"127.0.0.1:1\"]"},
                                 {"tls", absl::StrCat("{cert: ", tls, "/control.pem, key: ", tls,
                                                      "/control.key, ca: ", tls, "/control_ca.pem}")}});
       return node.ValidateNodeSays();
     },
     {"cannot reach signetd at 127.0.0.1:1"},
     "systemctl"},
    {"SocketThatSlurmUserMayNotUse", AskAsSomebodyElse, {"cannot reach signetd"}, "group"},
    {"ExpiredControlCertificate",
     [](const FaultyNode& node) {
       node.CreateToken();
       const Endpoint pair = ExpiredPair();
       WriteAll(node.path("control.pem"), pair.certificate_pem);
       WriteAll(node.path("control.key"), pair.key_pem);
       fs::permissions(node.path("control.key"), fs::perms(0400));
       WriteAll(node.path("control_ca.pem"), pair.certificate_pem);
       node.ConfigureController(
           {{"servers", "[\"127.0.0.1:1\"]"},
            {"tls", absl::StrCat("{cert: ", node.path("control.pem"), ", key: ", node.path("control.key"),
                                 ", ca: ", node.path("control_ca.pem"), "}")}});
       return node.ValidateNodeSays();
     },
     {"tls.cert", "expired on"},
     "signetctl client issue"},
    {"ExpiredCertmgrState",
     [](const FaultyNode& node) {
       node.CreateToken();
       const auto renewed_at = static_cast<uint64_t>(absl::ToUnixSeconds(absl::Now() - absl::Hours(48)));
       WriteAll(node.path("spool/certmgr_state"), CertmgrState(ExpiredPair(), renewed_at));
       fs::permissions(node.path("spool/certmgr_state"), fs::perms(0600));
       return node.node_scripts().Run("signet-slurm", {"pre-start", "--node", node.name()}).output;
     },
     {"moved to certmgr_state", "its certificate expired at"},
     "slurmd will enrol anew"},
    {"RequestForSlurmctld",
     [](const FaultyNode& node) {
       node.EnrolWithToken();
       const auto key = keys::PrivateKey::Generate(x509::KeyType::kEcP256);
       return node.SignCsrSays(PlainRequest("slurmctld", std::string(key->ToPem()->ExposeSecret())));
     },
     {"carries no signed statement"},
     "generate_csr_script"},
    {"NameOfAnotherWidth",
     [](const FaultyNode& node) {
       const FaultyNode wide(node.cluster(), "w007");
       wide.CreateToken();
       return node.Explain("w7");
     },
     {"NODE_UNKNOWN", "known is: w007"},
     "signetctl node explain w007"},
    {"SetCertToken",
     ShowScontrol,
     {"CERT_TOKEN_SET", "a CertToken is set"},
     "scontrol update NodeName=NODE CertToken="},
    {"ReusableTokenOnTwoHosts",
     [](const FaultyNode& node) {
       node.CreateToken({"--reusable"});
       for (const char* host : {"a", "b", "c", "d"}) {
         node.Configure({{"state_dir", node.path(host)}});
         EXPECT_EQ(node.Enrol(), absl::OkStatus());
       }
       return node.Explain();
     },
     {"IDENTITIES_FLAP", "two hosts share its token"},
     "scontrol show node NODE"},
};

class Faults : public testing::TestWithParam<Fault> {
 protected:
  static void SetUpTestSuite() {
    cluster_ = std::make_unique<TestCluster>();
    cluster_->WriteBundle();
  }
  static void TearDownTestSuite() { cluster_.reset(); }
  static std::unique_ptr<TestCluster> cluster_;
};
std::unique_ptr<TestCluster> Faults::cluster_;

TEST_P(Faults, AreToldWithTheirCauseAndWhatToType) {
  const Fault& fault = GetParam();
  static int number = 100;
  const FaultyNode node(*cluster_, absl::StrCat("f", ++number));
  const std::string told = fault.tell(node);
  if (told == "mount is not permitted") GTEST_SKIP() << told;
  for (const std::string& word : fault.cause) EXPECT_TRUE(absl::StrContains(told, word)) << word << " in: " << told;
  EXPECT_TRUE(absl::StrContains(told, ForNode(fault.next, node.name()))) << fault.next << " in: " << told;
}

INSTANTIATE_TEST_SUITE_P(OnANode, Faults, testing::ValuesIn(kFaults),
                         [](const testing::TestParamInfo<Fault>& one) { return one.param.name; });

}  // namespace
}  // namespace signet::contract
