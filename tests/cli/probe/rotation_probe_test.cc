// rotation probe, against daemons on loopback that trust, refuse, and are not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <tuple>

#include "cli/failure.h"
#include "cli/run.h"
#include "services/base/mutex.h"
#include "services/x509/certificate_request.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"
#include "tests/clients/probe/fake_daemon.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/test_root.h"

namespace signet::cli {
namespace {

using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SignTemplate;
using ::signet::testing::TestRoot;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kId[] = "00112233445566778899aabbccddeeff";

// The calls that the command makes; a ledger of three nodes, one of them blocked besides, and a login host.
class ProbingSignetd final : public v1::CertAuthority::Service, public v1::NodeEnrollment::Service {
 public:
  ProbingSignetd(const TestRoot& root, const TestRoot& active, const TestRoot& revoked)
      : root_(root), active_(active), revoked_(revoked) {}
  grpc::Status ListAuthorities(grpc::ServerContext*, const v1::ListAuthoritiesRequest*,
                               v1::ListAuthoritiesResponse* response) override {
    for (const auto& [id, state, root] :
         {std::tuple("ff112233445566778899aabbccddeeff", v1::AUTHORITY_STATE_ACTIVE, &active_),
          std::tuple(kId, v1::AUTHORITY_STATE_PREPARED, &root_),
          std::tuple("ee112233445566778899aabbccddeeff", v1::AUTHORITY_STATE_REVOKED, &revoked_)}) {
      v1::Authority& one = *response->add_authorities();
      one.set_id(id);
      one.set_purpose(v1::AUTHORITY_PURPOSE_SLURM);
      one.set_state(state);
      one.set_certificate_pem(root->certificate.pem());
    }
    return grpc::Status::OK;
  }
  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*, v1::ListNodesResponse* response) override {
    for (const char* name : {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}) {
      v1::Node& node = *response->add_nodes();
      node.set_name(name);
      node.set_daemon("slurmd");
      node.set_blocked(name == std::string("127.0.0.4"));
    }
    v1::Node& login = *response->add_nodes();
    login.set_name("127.0.0.5");
    login.set_daemon("sackd");
    return grpc::Status::OK;
  }
  grpc::Status IssueProbeCertificate(grpc::ServerContext*, const v1::IssueProbeCertificateRequest* request,
                                     v1::IssueProbeCertificateResponse* response) override {
    const auto csr = Must(x509::CertificateRequest::FromPem(request->csr_pem()));
    const base::MutexLock lock(mutex);
    asked_for = request->authority_id();
    names.push_back(csr.common_name());
    base::SystemRandom random;
    const auto leaf =
        SignTemplate(Must(policy::LeafTemplate(policy::ProbeProfile(), {csr.common_name(), {csr.common_name()}, {}},
                                               csr.public_key(), root_.certificate, random.Bytes(20), absl::Now())),
                     root_.key);
    response->set_certificate_chain_pem(leaf.pem());
    return grpc::Status::OK;
  }
  grpc::Status RecordProbes(grpc::ServerContext*, const v1::RecordProbesRequest* request,
                            v1::RecordProbesResponse* response) override {
    const base::MutexLock lock(mutex);
    recorded.push_back(*request);
    if (!not_matching.empty()) {
      response->set_not_matching(1);
      response->set_not_matching_hosts(not_matching);
    }
    return refuse_records ? grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not you") : grpc::Status::OK;
  }

  // Orders a handler's writes and the test's reads for the thread sanitizer.
  base::Mutex mutex;
  bool refuse_records = false;
  std::string not_matching;
  std::string asked_for;
  std::vector<std::string> names;
  std::vector<v1::RecordProbesRequest> recorded;

 private:
  const TestRoot& root_;
  const TestRoot& active_;
  const TestRoot& revoked_;
};

class RotationProbeTest : public ::testing::Test {
 protected:
  RotationProbeTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<v1::CertAuthority::Service*>(&signetd_));
    builder.RegisterService(static_cast<v1::NodeEnrollment::Service*>(&signetd_));
    server_ = builder.BuildAndStart();
  }
  ~RotationProbeTest() override { server_->Shutdown(); }

  int Run(std::vector<std::string> args) {
    args.insert(args.begin(), {"--port", std::to_string(trusting_.port())});
    return RunWithoutPort(args);
  }
  int RunWithoutPort(std::vector<std::string> args) {
    args.insert(args.begin(), {"rotation", "probe", "--host-timeout", "30s"});
    std::ostringstream out, err;
    const base::SystemClock clock;
    const int code = cli::Run(
        args,
        {.out = out, .err = err, .clock = clock, .server = "unix:" + socket_, .tls_dir = "", .path = dir_.File("")});
    const base::MutexLock lock(signetd_.mutex);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  static x509::Certificate Leaf(const TestRoot& root, const keys::PrivateKey& key, const std::string& name) {
    base::SystemRandom random;
    return SignTemplate(Must(policy::LeafTemplate(policy::NodeProfile(), {name, {name}, {}}, key.public_key(),
                                                  root.certificate, random.Bytes(20), absl::Now())),
                        root.key);
  }

  const TestRoot root_ = MakeTestRoot(absl::Now());
  const TestRoot other_ = MakeTestRoot(absl::Now());
  const keys::PrivateKey key_ = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const x509::Certificate served_ = Leaf(other_, key_, "127.0.0.1");
  clients::FakeDaemon trusting_{{clients::Manner::kS2n, 0x0304, root_.certificate, served_, key_}};
  clients::FakeDaemon refusing_{
      {clients::Manner::kOpenssl, 0x0304, other_.certificate, Leaf(other_, key_, "127.0.0.2"), key_},
      2,
      trusting_.port()};
  testing::TempDir dir_;
  const std::string socket_ = dir_.File("socket");
  const TestRoot revoked_ = MakeTestRoot(absl::Now());
  ProbingSignetd signetd_{root_, other_, revoked_};
  std::unique_ptr<grpc::Server> server_;
  std::string out_;
  std::string err_;
};

TEST_F(RotationProbeTest, AsksEveryNodeAboutThePreparedAuthorityAndRecordsWhatWasAnswered) {
  ASSERT_EQ(Run({}), kExitDone) << err_;
  EXPECT_THAT(out_, ContainsRegex("\ntrusted +1 +127.0.0.1 *\n"));
  EXPECT_THAT(out_, ContainsRegex("\nnot trusted +1 +127.0.0.2 *\n"));
  EXPECT_THAT(out_, ContainsRegex("\nunreachable +1 +127.0.0.3 *\n")) << "neither the blocked one nor the login host";
  EXPECT_EQ(signetd_.asked_for, kId);
  EXPECT_THAT(signetd_.names, ::testing::ElementsAre("signet-probe"));
  ASSERT_EQ(signetd_.recorded.size(), 1u);
  const v1::RecordProbesRequest& recorded = signetd_.recorded.front();
  EXPECT_EQ(recorded.authority_id(), kId);
  ASSERT_EQ(recorded.results_size(), 2) << "no verdict is no record";
  EXPECT_TRUE(recorded.results(0).trusted());
  EXPECT_FALSE(recorded.results(1).trusted());
  EXPECT_EQ(recorded.results(1).host(), "127.0.0.2");
  EXPECT_EQ(recorded.results(1).program(), "slurmd");
  EXPECT_EQ(recorded.results(0).served_serial(), served_.serial());
}

TEST_F(RotationProbeTest, AsksTheHostsThatAreNamedAboutTheAuthorityThatIsNamed) {
  ASSERT_EQ(Run({"127.0.0.1", "--authority", "ff112233"}), kExitDone) << err_;
  EXPECT_EQ(signetd_.asked_for, "ff112233445566778899aabbccddeeff");
  ASSERT_EQ(signetd_.recorded.size(), 1u);
  EXPECT_EQ(signetd_.recorded.front().results_size(), 1);
}

TEST_F(RotationProbeTest, AServicesCertificateBearsItsOwnName) {
  const clients::FakeDaemon slurmctld(
      {clients::Manner::kS2n, 0x0304, root_.certificate, Leaf(other_, key_, "slurmctld"), key_}, 7, trusting_.port());
  ASSERT_EQ(Run({"127.0.0.[1,7]", "--program", "slurmctld"}), kExitDone) << err_;
  ASSERT_EQ(signetd_.recorded.size(), 1u);
  ASSERT_EQ(signetd_.recorded.front().results_size(), 1) << "a node is no slurmctld";
  EXPECT_EQ(signetd_.recorded.front().results(0).host(), "127.0.0.7");
  EXPECT_EQ(signetd_.recorded.front().results(0).program(), "slurmctld");
  EXPECT_TRUE(signetd_.recorded.front().results(0).trusted());
}

TEST_F(RotationProbeTest, WhoShowsAnothersOrARevokedAuthoritysCertificateIsNamedAndNotRecorded) {
  const clients::FakeDaemon n1s({clients::Manner::kS2n, 0x0304, root_.certificate, served_, key_}, 3, trusting_.port());
  const clients::FakeDaemon revoked(
      {clients::Manner::kS2n, 0x0304, root_.certificate, Leaf(revoked_, key_, "127.0.0.4"), key_}, 4, trusting_.port());
  ASSERT_EQ(Run({"127.0.0.[3-4]"}), kExitDone) << err_;
  EXPECT_THAT(out_, ContainsRegex("\nanother host +2 +127.0.0.\\[3-4\\] *\n"));
  EXPECT_THAT(err_, HasSubstr("another host answered for 127.0.0.3: "));
  EXPECT_TRUE(signetd_.recorded.empty());
}

TEST_F(RotationProbeTest, WhatTheServerDoesNotMatchIsNamedAndNotCalledTrusted) {
  signetd_.not_matching = "127.0.0.1";
  ASSERT_EQ(Run({"127.0.0.[1-2]"}), kExitDone) << err_;
  EXPECT_THAT(out_, Not(ContainsRegex("\ntrusted")));
  EXPECT_THAT(out_, ContainsRegex("\nanother host +1 +127.0.0.1 *\n"));
  EXPECT_THAT(err_, HasSubstr("another host answered for 127.0.0.1: the ledger"));
}

TEST_F(RotationProbeTest, ANodeIsWhereSlurmSaysItIs) {
  const clients::FakeDaemon n9({clients::Manner::kS2n, 0x0304, root_.certificate, Leaf(other_, key_, "n9"), key_}, 9);
  const std::string scontrol = dir_.File("scontrol");
  std::ofstream(scontrol) << "#!/bin/sh\n[ \"$*\" = 'show node n9 --json' ] || exit 3\n"
                          << "echo '{\"nodes\": [{\"name\": \"n9\", \"address\": \"127.0.0.9\", \"port\": " << n9.port()
                          << "}]}'\n";
  ASSERT_EQ(chmod(scontrol.c_str(), 0755), 0);
  ASSERT_EQ(RunWithoutPort({"n9"}), kExitDone) << err_;
  ASSERT_EQ(signetd_.recorded.size(), 1u) << out_;
  EXPECT_EQ(signetd_.recorded.front().results(0).host(), "n9");
  EXPECT_TRUE(signetd_.recorded.front().results(0).trusted());
}

TEST_F(RotationProbeTest, NamesAreOfThoseWhoDoNotTrust) {
  ASSERT_EQ(Run({"-o", "name"}), kExitDone) << err_;
  EXPECT_EQ(out_, "127.0.0.2\n127.0.0.3\n");
}

TEST_F(RotationProbeTest, ADryRunAsksForNoCertificate) {
  EXPECT_EQ(Run({"--dry-run"}), kExitDone);
  EXPECT_THAT(err_, HasSubstr("3 hosts"));
  EXPECT_TRUE(signetd_.names.empty() && signetd_.recorded.empty());
}

TEST_F(RotationProbeTest, WhatCannotBeRecordedIsAnError) {
  signetd_.refuse_records = true;
  EXPECT_EQ(Run({}), kExitRefused);
  EXPECT_EQ(out_, "");
}

TEST_F(RotationProbeTest, OtherDaemonsHostsMustBeNamed) {
  EXPECT_EQ(Run({"--program", "slurmdbd"}), kExitUsage);
  EXPECT_TRUE(signetd_.names.empty());
}

}  // namespace
}  // namespace signet::cli
