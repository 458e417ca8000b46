#include "services/rpc/caller.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/keys/private_key.h"
#include "services/policy/profile.h"
#include "services/x509/certificate_template.h"

namespace signet::rpc {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// A control authority and what it signs.
class TestAuthority {
 public:
  TestAuthority() : key_(*keys::PrivateKey::Generate(x509::KeyType::kEcP256)), root_(Root()) {}

  std::string Leaf(const std::vector<std::string>& uris) const {
    const auto leaf_key = *keys::PrivateKey::Generate(x509::KeyType::kEcP256);
    const auto leaf = *policy::LeafTemplate(policy::ControlProfile(), {"jane", {"jane"}, uris}, leaf_key.public_key(),
                                            root_, std::string(20, '\x11'), kNow);
    return Sign(leaf).pem();
  }
  const std::vector<x509::Certificate> anchors() const { return {root_}; }

 private:
  x509::Certificate Root() const {
    return Sign(*policy::RootTemplate("CN=Signet control alpha", absl::Hours(24 * 3650), key_.public_key(),
                                      std::string(20, '\x12'), kNow));
  }
  x509::Certificate Sign(const x509::CertificateTemplate& certificate) const {
    const auto algorithm = keys::DefaultAlgorithm(key_.public_key());
    const std::string tbs = *x509::EncodeTbs(certificate, algorithm);
    return *x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, *key_.Sign(algorithm, tbs)));
  }
  keys::PrivateKey key_;
  x509::Certificate root_;
};

Caller Judge(const TestAuthority& authority, const std::vector<std::string>& uris, absl::Time now = kNow) {
  return CallerOfCertificate(authority.Leaf(uris), "alpha", authority.anchors(), now);
}

TEST(CallerOfCertificate, TakesTheRoleFromTheOneUri) {
  const TestAuthority authority;
  const std::vector<std::pair<std::string, v1::Role>> roles = {
      {"controller", v1::ROLE_CONTROLLER},   {"observer", v1::ROLE_OBSERVER}, {"service", v1::ROLE_SERVICE},
      {"provisioner", v1::ROLE_PROVISIONER}, {"auditor", v1::ROLE_AUDITOR},   {"admin", v1::ROLE_ADMIN}};
  for (const auto& [name, role] : roles) {
    const Caller caller = Judge(authority, {"signet://alpha/" + name + "/jane"});
    EXPECT_EQ(caller.role, role);
    EXPECT_EQ(caller.actor, "tls:signet://alpha/" + name + "/jane");
    EXPECT_EQ(caller.fault, "");
    EXPECT_EQ(caller.serial, absl::StrCat("5", std::string(39, '1')));
    EXPECT_EQ(RoleName(role), name);
  }
}

TEST(CallerOfCertificate, GivesNoRoleToAnyOtherUri) {
  const TestAuthority authority;
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"signet://alpha/admin/jane", "signet://alpha/auditor/jane"},
      {"signet://beta/admin/jane"},
      {"signet://alpha/Admin/jane"},
      {"signet://alpha/root/jane"},
      {"signet://alpha/public/jane"},
      {"signet://alpha/server/signetd"},
      {"signet://alpha//jane"},
      {"signet://alpha/admin/"},
      {"signet://alpha/admin"},
      {"signet://alpha/admin/jane/x"},
      {"https://alpha/admin/jane"},
      {"spiffe://alpha/admin/jane"},
  };
  for (const auto& uris : cases) {
    const Caller caller = Judge(authority, uris);
    EXPECT_EQ(caller.role, v1::ROLE_PUBLIC) << testing::PrintToString(uris);
    EXPECT_EQ(caller.actor, "tls:public");
    EXPECT_NE(caller.fault, "");
  }
}

TEST(CallerOfCertificate, GivesNoRoleToACertificateThatDoesNotHold) {
  const TestAuthority authority;
  const TestAuthority stranger;
  const std::string uri = "signet://alpha/admin/jane";
  EXPECT_EQ(Judge(authority, {uri}, kNow + absl::Hours(24 * 91)).role, v1::ROLE_PUBLIC);
  EXPECT_EQ(Judge(authority, {uri}, kNow - absl::Hours(2)).role, v1::ROLE_PUBLIC);
  EXPECT_EQ(CallerOfCertificate(stranger.Leaf({uri}), "alpha", authority.anchors(), kNow).role, v1::ROLE_PUBLIC);
  EXPECT_EQ(CallerOfCertificate(authority.Leaf({uri}), "alpha", {}, kNow).role, v1::ROLE_PUBLIC);
  EXPECT_THAT(CallerOfCertificate("junk", "alpha", authority.anchors(), kNow).fault, HasSubstr("cannot be read"));
  EXPECT_EQ(CallerOfCertificate("", "alpha", authority.anchors(), kNow).role, v1::ROLE_PUBLIC);
}

TEST(RoleFromName, KnowsNoPublicAndNoEmptyRole) {
  EXPECT_EQ(RoleFromName(""), v1::ROLE_UNSPECIFIED);
  EXPECT_EQ(RoleFromName("public"), v1::ROLE_UNSPECIFIED);
  EXPECT_EQ(RoleName(v1::ROLE_PUBLIC), "");
  EXPECT_EQ(RoleName(v1::ROLE_UNSPECIFIED), "");
}

}  // namespace
}  // namespace signet::rpc
