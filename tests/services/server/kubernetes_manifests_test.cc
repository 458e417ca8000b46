// Real manifests, as `helm template` prints them, decide what signetd may do: pods enrol and everything is published
// with exactly their rights. SIGNET_RBAC_YAML names the file; without it, those of docs/kubernetes.md are judged.
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/bundle/signed_bundle.h"
#include "services/files/file.h"
#include "tests/services/server/daemon_fixture.h"
#include "tests/testing/fake_kubernetes.h"
#include "tests/testing/manifests.h"
#include "tests/testing/paths.h"
#include "tests/testing/simulated_node.h"

namespace signet::server {
namespace {

using ::testing::Contains;
using testing::FakePod;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Must;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kDocument[] = SIGNET_SOURCE_DIR "/docs/kubernetes.md";

std::string TextOf(const Json& object, const char* key) { return object.value(key, std::string()); }

class KubernetesManifestsTest : public DaemonTest {
 protected:
  KubernetesManifestsTest() {
    const char* const path = std::getenv("SIGNET_RBAC_YAML");
    const std::string text = path == nullptr ? testing::YamlOfMarkdown(Must(files::Read(kDocument)))
                                             : Must(files::Read(path, std::size_t{16} << 20));
    manifests_ = testing::ReadManifests(text);
    const Config written = Must(ParseConfig("signetd.yaml", ConfigText()));
    config_.cluster = written.cluster;
    config_.kubernetes = written.kubernetes;
    config_.kubernetes.api = kubernetes_.url();
    config_.kubernetes.ca_file = kubernetes_.ca_file();
    config_.kubernetes.token_file = kubernetes_.token_file();
    kubernetes_.Enforce(manifests_, OwnServiceAccount());
    PutObjects();
  }

  // Of the ConfigMap that holds signetd.yaml, or of the document that is one.
  std::string ConfigText() const {
    for (const Json& object : manifests_) {
      const bool config_map = TextOf(object, "kind") == "ConfigMap" && object.contains("data");
      if (config_map && object.at("data").contains("signetd.yaml")) return object.at("data").at("signetd.yaml");
    }
    for (const Json& object : manifests_) {
      if (TextOf(object, "kind").empty() && object.contains("cluster") && object.contains("kubernetes")) {
        return object.dump();
      }
    }
    ADD_FAILURE() << "no manifest has a signetd.yaml";
    return "cluster: alpha\n";
  }
  std::string OwnServiceAccount() const {
    for (const Json& object : manifests_) {
      if (TextOf(object, "kind") != "StatefulSet") continue;
      const Json& pod = object.at("spec").at("template").at("spec");
      return absl::StrCat(TextOf(object.at("metadata"), "namespace"), "/", TextOf(pod, "serviceAccountName"));
    }
    return "signet/signetd";
  }
  void PutObjects() {
    for (const Json& object : manifests_) {
      const std::string kind = TextOf(object, "kind");
      if (kind != "ConfigMap" && kind != "Secret") continue;
      kubernetes_.PutObject(object);
    }
  }
  static std::pair<std::string, std::string> Split(const std::string& name) {
    const std::size_t slash = name.find('/');
    return {name.substr(0, slash), name.substr(slash + 1)};
  }
  std::string Value(const std::string& kind, const std::string& object, const std::string& key) {
    const auto [name_space, name] = Split(object);
    return kubernetes_.Value(kind, name_space, name, key);
  }
  // A rendered object is empty, or an upgrade would take away what was published.
  void ExpectRenderedEmpty(const std::string& kind, const std::string& object) {
    const auto [name_space, name] = Split(object);
    const Json rendered = kubernetes_.Object(kind, name_space, name);
    ASSERT_FALSE(rendered.is_null()) << "signetd.yaml names " << kind << " " << object << ", which is not rendered";
    for (const char* field : {"data", "binaryData", "stringData"}) EXPECT_FALSE(rendered.contains(field)) << object;
  }

  FakePod PodOf(const std::string& service_account, const std::string& role) {
    FakePod pod;
    std::tie(pod.name_space, pod.service_account) = Split(service_account);
    pod.name = absl::StrCat("pod-of-", pod.service_account);
    pod.hostname = absl::StrCat("host-", kubernetes_pods_++);
    if (role != "slurmd") pod.owner_kind = "";
    kubernetes_.Put(pod);
    return pod;
  }
  std::string TokenOf(const FakePod& pod) const {
    testing::TokenWish wish;
    wish.audiences = {config_.kubernetes.audience};
    return kubernetes_.TokenOf(pod, wish);
  }
  static std::unique_ptr<grpc::ClientContext> With(const std::string& bearer) {
    auto context = Soon();
    context->AddMetadata("authorization", "Bearer " + bearer);
    return context;
  }
  std::string BearerOf(const std::string& role) {
    for (const auto& [account, given] : config_.kubernetes.service_accounts) {
      if (given == role) return TokenOf(PodOf(account, role));
    }
    return "";
  }
  void ExpectEnrols(const std::string& service_account, const std::string& daemon, const std::string& controller) {
    const FakePod pod = PodOf(service_account, daemon);
    testing::SimulatedNode node(pod.hostname, clock_, daemon, config_.cluster);
    node.kubernetes_token = TokenOf(pod);
    v1::SignCertificateRequest request;
    request.set_csr_pem(node.Ask().csr_pem);
    v1::SignCertificateResponse response;
    const grpc::Status status = controller.empty()
                                    ? Ca(Controller())->SignCertificate(Soon().get(), request, &response)
                                    : Ca(Network())->SignCertificate(With(controller).get(), request, &response);
    EXPECT_TRUE(status.ok()) << service_account << ": " << status.error_message();
  }
  void ExpectTests(const std::string& tester) {
    const keys::PrivateKey key = NewKey();
    v1::IssueProbeCertificateRequest request;
    request.set_csr_pem(*keys::SignRequestPem(key, "signet-probe", ""));
    v1::IssueProbeCertificateResponse response;
    const grpc::Status status = Ca(Network())->IssueProbeCertificate(With(tester).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    v1::ListNodesResponse nodes;
    EXPECT_EQ(Nodes(Network())->ListNodes(With(tester).get(), {}, &nodes).error_code(),
              grpc::StatusCode::PERMISSION_DENIED);
  }
  // What every object lacks; empty when all are full.
  std::string Missing() {
    for (const std::string& object : config_.kubernetes.publish.bundle_config_maps) {
      for (const char* key : {kBundleKey, kControlCaKey, kBundlePinKey}) {
        if (Value("ConfigMap", object, key).empty()) return absl::StrCat(object, " has no ", key);
      }
    }
    for (const auto& [object, service] : config_.kubernetes.publish.service_secrets) {
      for (const char* key : {kCertificateKey, kPrivateKeyKey}) {
        if (Value("Secret", object, key).empty()) return absl::StrCat(object, " has no ", key);
      }
    }
    return "";
  }
  bool Failed() {
    for (const std::string& line : logger_.lines()) {
      if (absl::StrContains(line, "publish.failed")) return true;
    }
    return false;
  }

  std::vector<Json> manifests_;
  testing::FakeKubernetes kubernetes_{clock_};
  int kubernetes_pods_ = 0;
};

TEST_F(KubernetesManifestsTest, GiveExactlyTheRightsThatEnrolmentAndPublishingNeed) {
  for (const std::string& object : config_.kubernetes.publish.bundle_config_maps)
    ExpectRenderedEmpty("ConfigMap", object);
  for (const auto& [object, service] : config_.kubernetes.publish.service_secrets)
    ExpectRenderedEmpty("Secret", object);
  Start();
  const std::string controller = BearerOf("controller");
  for (const auto& [account, role] : config_.kubernetes.service_accounts) {
    if (role == "slurmd" || role == "sackd") ExpectEnrols(account, role, controller);
    if (role == "tester") ExpectTests(TokenOf(PodOf(account, role)));
  }
  while (!Missing().empty() && !Failed()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(Missing(), "");
  EXPECT_THAT(logger_.lines(), Not(Contains(HasSubstr("publish.failed"))));
  EXPECT_THAT(kubernetes_.denied(), IsEmpty());
  EXPECT_THAT(kubernetes_.unused_rights(), IsEmpty()) << "rights that signetd never needed";
  for (const std::string& request : kubernetes_.requests()) {
    const bool known = absl::StartsWith(request, "GET /api/v1/namespaces/") ||
                       absl::StartsWith(request, "PATCH /api/v1/namespaces/") ||
                       absl::StartsWith(request, "POST /apis/authentication.k8s.io/v1/tokenreviews");
    EXPECT_TRUE(known) << request;
  }
}

TEST_F(KubernetesManifestsTest, PublishWhatVerifies) {
  Start();
  while (!Missing().empty() && !Failed()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(Missing(), "");
  std::vector<x509::Certificate> anchors;
  for (const std::string& object : config_.kubernetes.publish.bundle_config_maps) {
    const std::string pin = absl::HexStringToBytes(Value("ConfigMap", object, kBundlePinKey));
    const auto bundle = bundle::Verify(Value("ConfigMap", object, kBundleKey), pin, config_.cluster);
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    anchors = Must(x509::Certificate::ListFromPem(bundle->ca_cert_pem));
    EXPECT_EQ(Value("ConfigMap", object, kControlCaKey), ControlRoot());
  }
  for (const auto& [object, service] : config_.kubernetes.publish.service_secrets) {
    const auto chain = Must(x509::Certificate::ListFromPem(Value("Secret", object, kCertificateKey)));
    EXPECT_EQ(chain[0].common_name(), service);
    Must(x509::VerifyChain(chain[0], {chain.begin() + 1, chain.end()}, anchors, clock_.Now()));
  }
}

}  // namespace
}  // namespace signet::server
