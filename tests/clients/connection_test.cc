#include "clients/connection.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/base/reason.h"
#include "services/keys/private_key.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_template.h"
#include "services/x509/name.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::clients {
namespace {

std::string SelfSigned(const keys::PrivateKey& key, absl::Time not_after) {
  x509::CertificateTemplate fields;
  fields.serial = "\x01\x02\x03\x04\x05\x06\x07\x08";
  fields.issuer_der = fields.subject_der = x509::CommonNameDer("test");
  fields.not_before = absl::FromUnixSeconds(absl::ToUnixSeconds(not_after - absl::Hours(48)));
  fields.not_after = absl::FromUnixSeconds(absl::ToUnixSeconds(not_after));
  fields.spki_der = key.public_key().spki_der();
  fields.dns_names = {"test"};
  fields.digital_signature = fields.server_auth = fields.client_auth = true;
  fields.subject_key_id = x509::KeyIdentifier(key.public_key());
  const auto algorithm = keys::DefaultAlgorithm(key.public_key());
  const std::string tbs = *x509::EncodeTbs(fields, algorithm);
  return x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, *key.Sign(algorithm, tbs)))->pem();
}

class ConnectTest : public testing::Test {
 protected:
  ConnectTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "signet-clients-test-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    tls_ = {folder_ + "/cert", folder_ + "/key", folder_ + "/ca"};
    Write(tls_.cert, SelfSigned(key_, absl::Now() + absl::Hours(24)));
    Write(tls_.key, std::string(key_.ToPem()->ExposeSecret()));
    Write(tls_.ca, SelfSigned(key_, absl::Now() + absl::Hours(24)));
  }
  ~ConnectTest() override { std::filesystem::remove_all(folder_); }
  static void Write(const std::string& path, const std::string& content, mode_t mode = 0600) {
    std::ofstream(path, std::ios::trunc) << content;
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  void ExpectRefused(const std::string& words) {
    const auto channel = Connect("head1:6843", tls_);
    ASSERT_FALSE(channel.ok());
    EXPECT_EQ(base::ReasonOf(channel.status()), base::kConfiguration);
    EXPECT_NE(channel.status().message().find(words), absl::string_view::npos) << channel.status();
  }

  const keys::PrivateKey key_ = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
  std::string folder_;
  TlsFiles tls_;
};

TEST_F(ConnectTest, TakesASocketWithoutTls) {
  EXPECT_TRUE(Connect("unix:/run/signet/controller.sock", std::nullopt).ok());
}

TEST_F(ConnectTest, TakesTcpWithTls) {
  EXPECT_TRUE(Connect("head1:6843", tls_).ok());
  EXPECT_TRUE(Connect("[::1]:6843", tls_).ok());
}

TEST_F(ConnectTest, TakesTcpWithTheControlAuthorityAlone) {
  tls_.cert = tls_.key = "";
  EXPECT_TRUE(Connect("head1:6843", tls_).ok());
}

TEST_F(ConnectTest, RefusesClearTextOverTcp) { EXPECT_FALSE(Connect("head1:6843", std::nullopt).ok()); }

TEST_F(ConnectTest, RefusesWhatIsNoAddress) {
  for (const char* address : {"", "head1", ":6843", "head1:", "head1:0", "head1:70000", "head1:+1", "::1:6843",
                              "unix:relative", "unix:", "ipv4:1.2.3.4:5", "https://head1:443", "dns:///head1:1"}) {
    EXPECT_FALSE(Connect(address, tls_).ok()) << address;
  }
}

TEST_F(ConnectTest, NamesTheFileThatIsMissingOrBroken) {
  ASSERT_EQ(unlink(tls_.cert.c_str()), 0);
  ExpectRefused("tls.cert");
  ASSERT_EQ(unlink(tls_.ca.c_str()), 0);
  ExpectRefused("tls.ca");
  Write(tls_.ca, "");
  ExpectRefused(tls_.ca);
}

TEST_F(ConnectTest, RefusesAKeyThatOthersCanRead) {
  ASSERT_EQ(chmod(tls_.key.c_str(), 0644), 0);
  ExpectRefused("tls.key");
}

TEST_F(ConnectTest, RefusesAPairThatDoesNotBelongTogether) {
  Write(tls_.key, std::string(keys::PrivateKey::Generate(x509::KeyType::kEcP256)->ToPem()->ExposeSecret()));
  ExpectRefused("do not belong together");
}

TEST_F(ConnectTest, RefusesAnExpiredCertificate) {
  Write(tls_.cert, SelfSigned(key_, absl::Now() - absl::Hours(1)));
  ExpectRefused("expired");
}

grpc::Status WithInfo(grpc::StatusCode code, const std::string& domain) {
  google::rpc::ErrorInfo info;
  info.set_reason("GATE_CLOSED");
  info.set_domain(domain);
  (*info.mutable_metadata())["next"] = "signetctl rotation status";
  (*info.mutable_metadata())["request_id"] = "r-1";
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return grpc::Status(code, "closed", details.SerializeAsString());
}

TEST(FromGrpc, KeepsReasonNextStepAndRequest) {
  const absl::Status status = FromGrpc(WithInfo(grpc::StatusCode::FAILED_PRECONDITION, "signet"), "unix:/s");
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(base::ReasonOf(status), "GATE_CLOSED");
  EXPECT_EQ(base::NextOf(status), "signetctl rotation status");
  EXPECT_EQ(status.message(), "closed (request r-1)");
}

TEST(FromGrpc, BelievesNoOtherDomain) {
  EXPECT_EQ(base::ReasonOf(FromGrpc(WithInfo(grpc::StatusCode::FAILED_PRECONDITION, "elsewhere"), "unix:/s")), "");
}

TEST(FromGrpc, SurvivesGarbledDetails) {
  EXPECT_TRUE(absl::IsPermissionDenied(
      FromGrpc(grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no", "\xff\xff"), "unix:/s")));
}

TEST(FromGrpc, NamesTheServerThatDoesNotAnswer) {
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::DEADLINE_EXCEEDED}) {
    const absl::Status status = FromGrpc(grpc::Status(code, "x"), "unix:/s");
    EXPECT_EQ(base::ReasonOf(status), kUnreachable);
    EXPECT_NE(status.message().find("unix:/s"), absl::string_view::npos);
    EXPECT_FALSE(base::NextOf(status).empty());
  }
}

TEST(FromGrpc, OkIsOk) { EXPECT_TRUE(FromGrpc(grpc::Status::OK, "unix:/s").ok()); }

TEST(PrepareProcess, LeavesNothingOfTheEnvironmentToGrpc) {
  setenv("https_proxy", "http://127.0.0.1:1", 1);
  setenv("GRPC_TRACE", "all", 1);
  PrepareProcess();
  EXPECT_EQ(getenv("https_proxy"), nullptr);
  EXPECT_EQ(getenv("GRPC_TRACE"), nullptr);
  EXPECT_STREQ(getenv("GRPC_DNS_RESOLVER"), "ares");
}

TEST(SendBearer, IsForTlsAlone) {
  const base::SecretBytes token("a.b.c");
  grpc::ClientContext context;
  EXPECT_TRUE(SendBearer(token, "head1:6843", context).ok());
  EXPECT_EQ(base::ReasonOf(SendBearer(token, "unix:/run/signet/controller.sock", context)), base::kConfiguration);
}

TEST(MakeContext, EndsACallToNobody) {
  const auto channel = Connect("unix:/nonexistent/signetd.sock", std::nullopt);
  ASSERT_TRUE(channel.ok());
  const auto context = MakeContext(absl::Milliseconds(200));
  context->set_wait_for_ready(true);
  v1::GetTrustBundleResponse response;
  const grpc::Status status = v1::CertAuthority::NewStub(*channel)->GetTrustBundle(context.get(), {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

}  // namespace
}  // namespace signet::clients
