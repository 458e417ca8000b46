#include "services/kubernetes/objects.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/reason.h"
#include "tests/testing/fake_kubernetes.h"
#include "tests/testing/must.h"

namespace signet::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Mode;
using testing::Must;
using ::testing::Pair;
using Json = nlohmann::json;

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() {
    for (const char* resource : {"configmaps", "secrets"}) {
      for (const char* verb : {"get", "patch"})
        kubernetes_.Grant({"signet/signetd", verb, "", resource, "slurm", "one"});
    }
    kubernetes_.PutObject(Manifest("Secret"));
    kubernetes_.PutObject(Manifest("ConfigMap"));
  }
  static Json Manifest(const std::string& kind) {
    return {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", "one"}, {"namespace", "slurm"}}}};
  }
  static Deadline Soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }
  std::string VersionOf(const ObjectName& name) { return Must(objects_.Get(name, Soon())).version; }
  absl::Status PatchStatus(const ObjectName& name, const Change& change) {
    return objects_.Patch(name, change, Soon()).status();
  }

  base::FakeClock clock_{absl::Now()};
  testing::FakeKubernetes kubernetes_{clock_};
  Objects objects_{{kubernetes_.url(), kubernetes_.ca_file(), kubernetes_.token_file()}};
  const ObjectName secret_{ObjectKind::kSecret, "slurm", "one"};
  const ObjectName config_map_{ObjectKind::kConfigMap, "slurm", "one"};
};

TEST_F(ObjectsTest, ASecretsValuesGoAndComeBackAsTheyAre) {
  Change change{.version = VersionOf(secret_), .annotations = {{"signet/pending-key", "\"a\"\\\n"}}};
  const std::string bytes("\x00\xff\"\n", 4);
  change.bytes.emplace("tls.key", base::SecretBytes(bytes));
  change.bytes.emplace("tls.crt", base::SecretBytes("pem"));
  const std::string version = Must(objects_.Patch(secret_, change, Soon()));
  const Object object = Must(objects_.Get(secret_, Soon()));
  EXPECT_EQ(object.version, version);
  EXPECT_EQ(object.Value("tls.key"), bytes);
  EXPECT_EQ(object.Value("tls.crt"), "pem");
  EXPECT_EQ(object.Value("none"), "");
  EXPECT_THAT(object.annotations, ElementsAre(Pair("signet/pending-key", "\"a\"\\\n")));
  EXPECT_EQ(kubernetes_.Value("Secret", "slurm", "one", "tls.key"), bytes);
}

TEST_F(ObjectsTest, AConfigMapHoldsTextAndBytes) {
  Change change{.version = VersionOf(config_map_)};
  change.text = {{"bundle_pin", "00ff"}, {"control_ca.pem", "a\n\"b\"\n"}};
  change.bytes.emplace("bundle", base::SecretBytes("\xff\xfe"));
  Must(PatchStatus(config_map_, change));
  EXPECT_EQ(kubernetes_.Object("ConfigMap", "slurm", "one").at("data").at("control_ca.pem"), "a\n\"b\"\n");
  const Object object = Must(objects_.Get(config_map_, Soon()));
  EXPECT_EQ(object.Value("bundle"), "\xff\xfe");
  EXPECT_EQ(object.Value("bundle_pin"), "00ff");
}

TEST_F(ObjectsTest, WhatAPatchDoesNotNameStays) {
  Json manifest = Manifest("Secret");
  manifest["metadata"]["annotations"] = {{"their", "own"}, {"signet/pending-key", "x"}};
  manifest["data"] = {{"other", "b3RoZXI="}};
  kubernetes_.PutObject(manifest);
  Change change{.version = VersionOf(secret_), .annotations = {{"signet/pending-key", std::nullopt}}};
  change.bytes.emplace("tls.crt", base::SecretBytes("pem"));
  Must(PatchStatus(secret_, change));
  const Object object = Must(objects_.Get(secret_, Soon()));
  EXPECT_EQ(object.Value("other"), "other");
  EXPECT_THAT(object.annotations, ElementsAre(Pair("their", "own")));
}

TEST_F(ObjectsTest, AnObjectThatSomebodyElseChangedIsNotOverwritten) {
  const std::string version = VersionOf(secret_);
  kubernetes_.PutObject(Manifest("Secret"));
  Change change{.version = version};
  change.bytes.emplace("tls.crt", base::SecretBytes("pem"));
  EXPECT_TRUE(absl::IsAborted(PatchStatus(secret_, change)));
  EXPECT_EQ(kubernetes_.Value("Secret", "slurm", "one", "tls.crt"), "");
}

TEST_F(ObjectsTest, AMissingRightIsNamedWithVerbAndObject) {
  const std::string version = VersionOf(secret_);
  kubernetes_.Revoke("patch", "secrets");
  const absl::Status refused = PatchStatus(secret_, {.version = version});
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(refused.message(), HasSubstr("signetd may not patch Secret slurm/one (403)"));
  EXPECT_THAT(base::NextOf(refused), HasSubstr("get and patch on secrets, resourceNames [one]"));
  kubernetes_.Revoke("get", "configmaps");
  EXPECT_THAT(objects_.Get(config_map_, Soon()).status().message(), HasSubstr("may not get ConfigMap slurm/one"));
  EXPECT_THAT(kubernetes_.denied(),
              ElementsAre("signet/signetd: patch secrets one in slurm", "signet/signetd: get configmaps one in slurm"));
}

TEST_F(ObjectsTest, RightsAreForTheNamedObjectOnly) {
  EXPECT_TRUE(absl::IsPermissionDenied(objects_.Get({ObjectKind::kSecret, "slurm", "two"}, Soon()).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(objects_.Get({ObjectKind::kSecret, "other", "one"}, Soon()).status()));
}

TEST_F(ObjectsTest, AMissingObjectIsNeverMade) {
  kubernetes_.DeleteObject("Secret", "slurm", "one");
  EXPECT_TRUE(absl::IsNotFound(objects_.Get(secret_, Soon()).status()));
  EXPECT_TRUE(absl::IsNotFound(PatchStatus(secret_, {.version = "1"})));
  EXPECT_TRUE(kubernetes_.Object("Secret", "slurm", "one").is_null());
}

TEST_F(ObjectsTest, AnImmutableObjectAndOneOfTypeTlsAreRefusedWithTheReason) {
  Json manifest = Manifest("Secret");
  manifest["immutable"] = true;
  kubernetes_.PutObject(manifest);
  Change change{.version = VersionOf(secret_)};
  change.bytes.emplace("tls.crt", base::SecretBytes("pem"));
  const absl::Status refused = PatchStatus(secret_, change);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(base::NextOf(refused), HasSubstr("type Opaque"));
}

TEST_F(ObjectsTest, AnAnswerThatIsNoneIsWorthARetry) {
  const std::string version = VersionOf(secret_);
  for (const Mode mode :
       {Mode::kInternalError, Mode::kTooManyRequests, Mode::kGarbage, Mode::kCut, Mode::kRedirect, Mode::kHuge}) {
    kubernetes_.SetMode(mode);
    const absl::Status status = objects_.Get(secret_, Soon()).status();
    EXPECT_EQ(base::ReasonOf(status), base::kKubernetesUnavailable) << static_cast<int>(mode) << status;
    EXPECT_EQ(base::ReasonOf(PatchStatus(secret_, {.version = version})), base::kKubernetesUnavailable);
  }
  kubernetes_.SetMode(Mode::kNormal);
  kubernetes_.Down();
  EXPECT_EQ(base::ReasonOf(objects_.Get(secret_, Soon()).status()), base::kKubernetesUnavailable);
}

TEST_F(ObjectsTest, AnotherObjectsAnswerAndOneWithoutAVersionAreRefused) {
  const auto with = [](const std::string& field, const std::string& value) {
    return testing::Lie{"", false, [field, value](Json& object) { object["metadata"][field] = value; }};
  };
  for (const testing::Lie& lie : {with("name", "two"), with("namespace", "other"), with("resourceVersion", "")}) {
    kubernetes_.SetLie(&lie);
    EXPECT_EQ(base::ReasonOf(objects_.Get(secret_, Soon()).status()), base::kKubernetesUnavailable);
  }
  const testing::Lie data{"", false, [](Json& object) { object["data"] = {{"tls.crt", "%"}}; }};
  kubernetes_.SetLie(&data);
  EXPECT_THAT(objects_.Get(secret_, Soon()).status().message(), HasSubstr("no base64"));
  const testing::Lie number{"", false, [](Json& object) { object["data"] = {{"tls.crt", 7}}; }};
  kubernetes_.SetLie(&number);
  EXPECT_THAT(objects_.Get(secret_, Soon()).status().message(), HasSubstr("no text"));
}

TEST_F(ObjectsTest, NothingButGetAndPatchIsAsked) {
  Must(PatchStatus(secret_, {.version = VersionOf(secret_)}));
  EXPECT_THAT(kubernetes_.denied(), IsEmpty());
  EXPECT_THAT(kubernetes_.requests(),
              ElementsAre("GET /api/v1/namespaces/slurm/secrets/one", "PATCH /api/v1/namespaces/slurm/secrets/one"));
}

}  // namespace
}  // namespace signet::kubernetes
