#include "services/authority/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/base/reason.h"
#include "services/bundle/signed_bundle.h"
#include "tests/golden/refused_roots.h"
#include "tests/testing/authority_steps.h"
#include "tests/testing/test_root.h"
#include "tests/testing/world.h"

namespace signet::authority {
namespace {

using ::signet::testing::AddSubordinate;
using ::signet::testing::MakeTestRoot;
using ::signet::testing::Must;
using ::signet::testing::SetState;
using ::signet::testing::World;
using ::testing::HasSubstr;

// Made by the two commands of Slurm's TLS page: openssl ecparam, openssl req -x509.
constexpr char kDocumentedRoot[] = R"(-----BEGIN CERTIFICATE-----
MIICUDCCAfegAwIBAgIUamdHNDjQUPtG4dHQu/5Ay226oBowCgYIKoZIzj0EAwIw
fTELMAkGA1UEBhMCWFgxEjAQBgNVBAgMCVN0YXRlTmFtZTERMA8GA1UEBwwIQ2l0
eU5hbWUxFDASBgNVBAoMC0NvbXBhbnlOYW1lMRswGQYDVQQLDBJDb21wYW55U2Vj
dGlvbk5hbWUxFDASBgNVBAMMC215X3NsdXJtX2NhMCAXDTI2MTEyMjAyMjY0MVoY
DzIxMjYxMDI5MDIyNjQxWjB9MQswCQYDVQQGEwJYWDESMBAGA1UECAwJU3RhdGVO
YW1lMREwDwYDVQQHDAhDaXR5TmFtZTEUMBIGA1UECgwLQ29tcGFueU5hbWUxGzAZ
BgNVBAsMEkNvbXBhbnlTZWN0aW9uTmFtZTEUMBIGA1UEAwwLbXlfc2x1cm1fY2Ew
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARGX3enkSBQF5UYofFKELasHcq9TSGX
I1ikcx0GogegWPrbH0d3cL0MwfJj7SXhssxlrhp/Ak2CaOQ3WaGN/Z02o1MwUTAd
BgNVHQ4EFgQUblTqXeXHe956vMUGUgmYh74P9D4wHwYDVR0jBBgwFoAUblTqXeXH
e956vMUGUgmYh74P9D4wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBE
AiBQ5iGsiKGoCdRlu3iZzLLi2RzWHv11LKRiUOgu1PnLsAIgUOBGK2CRhP1/Bs1s
s015kZuGwpcPBD4cRbl4J4PdU/8=
-----END CERTIFICATE-----
)";
// The same key and no extensions: X.509 version 1.
constexpr char kVersionOne[] = R"(-----BEGIN CERTIFICATE-----
MIIBHzCBxwIUOT/rAA3G+7y9djjGQV4cq0piQRwwCgYIKoZIzj0EAwIwEjEQMA4G
A1UEAwwHdjEgcm9vdDAgFw0yNjExMjIwMjI2NDFaGA8yMTI2MTAyOTAyMjY0MVow
EjEQMA4GA1UEAwwHdjEgcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEZf
d6eRIFAXlRih8UoQtqwdyr1NIZcjWKRzHQaiB6BY+tsfR3dwvQzB8mPtJeGyzGWu
Gn8CTYJo5DdZoY39nTYwCgYIKoZIzj0EAwIDRwAwRAIgckqkIT0Y1fnXEbAZVtdv
NXa//bJOoqeswStBPDdR0yACIEu/f5KDoEpCxFsn/EdRV64F6pS91b8444QCb+u/
BVLa
-----END CERTIFICATE-----
)";
constexpr char kSha1[] = R"(-----BEGIN CERTIFICATE-----
MIIBfjCCASSgAwIBAgIUZJVTEFEkjP9fn28XxFK9fghzVbIwCQYHKoZIzj0EATAU
MRIwEAYDVQQDDAlzaGExIHJvb3QwIBcNMjYxMTIyMDIyNzMyWhgPMjEyNjEwMjkw
MjI3MzJaMBQxEjAQBgNVBAMMCXNoYTEgcm9vdDBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABEZfd6eRIFAXlRih8UoQtqwdyr1NIZcjWKRzHQaiB6BY+tsfR3dwvQzB
8mPtJeGyzGWuGn8CTYJo5DdZoY39nTajUzBRMB0GA1UdDgQWBBRuVOpd5cd73nq8
xQZSCZiHvg/0PjAfBgNVHSMEGDAWgBRuVOpd5cd73nq8xQZSCZiHvg/0PjAPBgNV
HRMBAf8EBTADAQH/MAkGByqGSM49BAEDSQAwRgIhAIVq6S8pmce6FIlLc9vTSNzT
A/BxD8JKs1E1rcrZi20nAiEAjgBJRLkcgQ4WX/VylVKzoZEmFXT+IOU0azzIoOqH
dbA=
-----END CERTIFICATE-----
)";
constexpr char kEd25519[] = R"(-----BEGIN CERTIFICATE-----
MIIBOjCB7aADAgECAhQNuLp1Aco5m0N0edkT//JRe33T8zAFBgMrZXAwEjEQMA4G
A1UEAwwHZWQgcm9vdDAgFw0yNjExMjIwMjI3MzJaGA8yMTI2MTAyOTAyMjczMlow
EjEQMA4GA1UEAwwHZWQgcm9vdDAqMAUGAytlcAMhALn1Go8HO/WePDp/B641PcMz
95j0ZvGdp4D8XioEQUc8o1MwUTAdBgNVHQ4EFgQUthCtnRdlxdhjN7q1FYBzTirx
muIwHwYDVR0jBBgwFoAUthCtnRdlxdhjN7q1FYBzTirxmuIwDwYDVR0TAQH/BAUw
AwEB/zAFBgMrZXADQQB8L7UJRcpyXq9ZpQeqT+v8rNGb9zfHYyul3RecOKAyTqnO
7UMRYXlP4Sgx7rouTkTCCgWgID4ZWwwbke2QIj0E
-----END CERTIFICATE-----
)";
// A CA signed by the documented root.
constexpr char kIntermediate[] = R"(-----BEGIN CERTIFICATE-----
MIICADCCAaegAwIBAgIUUJs5HBxl82eViIXrOXW0wa+llxYwCgYIKoZIzj0EAwIw
fTELMAkGA1UEBhMCWFgxEjAQBgNVBAgMCVN0YXRlTmFtZTERMA8GA1UEBwwIQ2l0
eU5hbWUxFDASBgNVBAoMC0NvbXBhbnlOYW1lMRswGQYDVQQLDBJDb21wYW55U2Vj
dGlvbk5hbWUxFDASBgNVBAMMC215X3NsdXJtX2NhMCAXDTI2MTEyMjAyMjczMloY
DzIxMjYxMDI5MDIyNzMyWjAQMQ4wDAYDVQQDDAViZWxvdzB2MBAGByqGSM49AgEG
BSuBBAAiA2IABMDgHrQlE8LmUhz7jEtXW5o7bZ+8qZuDjonf+mBWpwtUbNJGPwfR
LufjUiJCDxmS92f1UlWeb2SphT9yzMetDkgoBc0xgYvLjqCjyJxZaZl/Adfd/5qH
KpsPkyyF/PJ0zKNTMFEwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQU/WAol4xx
jgPjpK2KEBNGtUhRRf8wHwYDVR0jBBgwFoAUblTqXeXHe956vMUGUgmYh74P9D4w
CgYIKoZIzj0EAwIDRwAwRAIgL3iJ1wUui1kiA4lipBe/qMlwHIibVerM67xXWWky
OWECIGC6N+x+l9CRW7SgdL8a4uz1EfJSsciNf6Ue+N84uPst
-----END CERTIFICATE-----
)";
constexpr char kSameSubject[] = R"(-----BEGIN CERTIFICATE-----
MIICjTCCAhSgAwIBAgIUFfpEp9HK+6YIDpf/ht/ee18wA0IwCgYIKoZIzj0EAwIw
fTELMAkGA1UEBhMCWFgxEjAQBgNVBAgMCVN0YXRlTmFtZTERMA8GA1UEBwwIQ2l0
eU5hbWUxFDASBgNVBAoMC0NvbXBhbnlOYW1lMRswGQYDVQQLDBJDb21wYW55U2Vj
dGlvbk5hbWUxFDASBgNVBAMMC215X3NsdXJtX2NhMCAXDTI2MTEyMjAyMjczMloY
DzIxMjYxMDI5MDIyNzMyWjB9MQswCQYDVQQGEwJYWDESMBAGA1UECAwJU3RhdGVO
YW1lMREwDwYDVQQHDAhDaXR5TmFtZTEUMBIGA1UECgwLQ29tcGFueU5hbWUxGzAZ
BgNVBAsMEkNvbXBhbnlTZWN0aW9uTmFtZTEUMBIGA1UEAwwLbXlfc2x1cm1fY2Ew
djAQBgcqhkjOPQIBBgUrgQQAIgNiAATA4B60JRPC5lIc+4xLV1uaO22fvKmbg46J
3/pgVqcLVGzSRj8H0S7n41IiQg8Zkvdn9VJVnm9kqYU/cszHrQ5IKAXNMYGLy46g
o8icWWmZfwHX3f+ahyqbD5MshfzydMyjUzBRMB0GA1UdDgQWBBT9YCiXjHGOA+Ok
rYoQE0a1SFFF/zAfBgNVHSMEGDAWgBT9YCiXjHGOA+OkrYoQE0a1SFFF/zAPBgNV
HRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA2cAMGQCMHItQM7Cr98C6RnpEVSBQ4aV
hep7cdvoOwRW0m1TuoC/VceCN9tYDvyagIujcPf9ggIwCRPoJLeX+qG72LGsT4g3
HzBnuN6FxHCKWrXfrLLK4lyyVBYjv1HORYYh9WuRa9lf
-----END CERTIFICATE-----
)";
constexpr char kNoKeyCertSign[] = R"(-----BEGIN CERTIFICATE-----
MIIBxTCCAUugAwIBAgIUXdlpwDaH2SU6uqDsWH4endpdDtMwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHbm8gc2lnbjAgFw0yNjExMjIwMjI3MzJaGA8yMTI2MTAyOTAy
MjczMlowEjEQMA4GA1UEAwwHbm8gc2lnbjB2MBAGByqGSM49AgEGBSuBBAAiA2IA
BMDgHrQlE8LmUhz7jEtXW5o7bZ+8qZuDjonf+mBWpwtUbNJGPwfRLufjUiJCDxmS
92f1UlWeb2SphT9yzMetDkgoBc0xgYvLjqCjyJxZaZl/Adfd/5qHKpsPkyyF/PJ0
zKNgMF4wHQYDVR0OBBYEFP1gKJeMcY4D46StihATRrVIUUX/MB8GA1UdIwQYMBaA
FP1gKJeMcY4D46StihATRrVIUUX/MA8GA1UdEwEB/wQFMAMBAf8wCwYDVR0PBAQD
AgeAMAoGCCqGSM49BAMCA2gAMGUCMQDfC7EtNJS0uH0koNxGGV55HcQqb6Ta6SGR
niai6EbLlrd2fyW8qEEpBj0XMG4XCGsCMBgqxUpPM1FoG8rF5MHetc2ikCB61wH7
kendHtbGjyyg8m76a7Phw+PJxX4RXr6/5g==
-----END CERTIFICATE-----
)";
constexpr char kSameKey[] = R"(-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUBWxBtdeEFpMO4rqk5JpJ9HK0LdYwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFYWdhaW4wIBcNMjYxMTIyMDIyNzMyWhgPMjEyNTA2MTYwMjI3
MzJaMBAxDjAMBgNVBAMMBWFnYWluMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
Rl93p5EgUBeVGKHxShC2rB3KvU0hlyNYpHMdBqIHoFj62x9Hd3C9DMHyY+0l4bLM
Za4afwJNgmjkN1mhjf2dNqNTMFEwHQYDVR0OBBYEFG5U6l3lx3veerzFBlIJmIe+
D/Q+MB8GA1UdIwQYMBaAFG5U6l3lx3veerzFBlIJmIe+D/Q+MA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhALlSwdo6zOPbmwRsqEAuaT3beMFfyr/5
44ogOnlLCYaqAiAZhUyv4TOV+lahm6iYhXc/T0/FfaD/gmo8jsNvKgVDMQ==
-----END CERTIFICATE-----
)";
constexpr char kServerOnly[] = R"(-----BEGIN CERTIFICATE-----
MIIBRTCB66ADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC3NlcnZlciBv
bmx5MCAXDTI2MDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
DAtzZXJ2ZXIgb25seTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNGzvXU7ghWJ
gXiVmdWe9tFdSOqEbT5ThWiCldQD023ya7h0jIHWuMH9BihCMzTo8iwFKnh8f4wE
iPHMxJEk01CjKDAmMA8GA1UdEwEB/wQFMAMBAf8wEwYDVR0lBAwwCgYIKwYBBQUH
AwEwCgYIKoZIzj0EAwIDSQAwRgIhAKlINSUiiW/hyozblo1vdR7A8fExivMowYqU
7H3Sp+DBAiEA9jMMp7c99TUQMadch3JaXiXWVUohFbw7n52RVWyScHY=
-----END CERTIFICATE-----
)";
constexpr char kAnyUse[] = R"(-----BEGIN CERTIFICATE-----
MIIBNzCB36ADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB2FueSB1c2Uw
IBcNMjYwMTAxMDAwMDAwWhgPMjA5OTAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB2Fu
eSB1c2UwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATRs711O4IViYF4lZnVnvbR
XUjqhG0+U4VogpXUA9Nt8mu4dIyB1rjB/QYoQjM06PIsBSp4fH+MBIjxzMSRJNNQ
oyQwIjAPBgNVHRMBAf8EBTADAQH/MA8GA1UdJQQIMAYGBFUdJQAwCgYIKoZIzj0E
AwIDRwAwRAIgOuem7csbMZysiib74rBEY18JzrNVpKMmaS1p3KU40GUCIFZY3G2R
Z3kUVEh3VQSXz5n9dM0HxW6DUEuP02nNGFSe
-----END CERTIFICATE-----
)";
constexpr char kNameConstraints[] = R"(-----BEGIN CERTIFICATE-----
MIIBSDCB7qADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC2NvbnN0cmFp
bmVkMCAXDTI2MDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
DAtjb25zdHJhaW5lZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNGzvXU7ghWJ
gXiVmdWe9tFdSOqEbT5ThWiCldQD023ya7h0jIHWuMH9BihCMzTo8iwFKnh8f4wE
iPHMxJEk01CjKzApMA8GA1UdEwEB/wQFMAMBAf8wFgYDVR0eBA8wDaALMAmCB2V4
YW1wbGUwCgYIKoZIzj0EAwIDSQAwRgIhANvFT4sh5L5CDHlggZGRAJemkV5Jj0Wr
0O037YRlPEnDAiEApECJ0AvYx9zGY3log+fiJEjK/FTnjmOFY7Lnps8/0qk=
-----END CERTIFICATE-----
)";
constexpr char kUnknownCritical[] = R"(-----BEGIN CERTIFICATE-----
MIIBNzCB3qADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCGNyaXRpY2Fs
MCAXDTI2MDEwMTAwMDAwMFoYDzIwOTkwMTAxMDAwMDAwWjATMREwDwYDVQQDDAhj
cml0aWNhbDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNGzvXU7ghWJgXiVmdWe
9tFdSOqEbT5ThWiCldQD023ya7h0jIHWuMH9BihCMzTo8iwFKnh8f4wEiPHMxJEk
01CjITAfMA8GA1UdEwEB/wQFMAMBAf8wDAYDKgMEAQH/BAIFADAKBggqhkjOPQQD
AgNIADBFAiEAgn8KGVASVVLkEIaQ0kWz9rf6Z0ST3/yrhmrxlSmN3o8CIAOLQAQD
Jqsir1cBMW21wFYxt7uUbBIu1IyVJA3NloQQ
-----END CERTIFICATE-----
)";

class ImportAnchorTest : public ::testing::Test {
 protected:
  absl::StatusOr<ImportedAnchor> Import(absl::string_view pem, bool dry_run = false) {
    return ImportAnchor("alpha", pem, dry_run, *world.store, *world.custody, *world.authorities, *world.audit,
                        world.clock, world.origin);
  }
  bundle::Bundle NewestBundle() {
    store::BundleRow newest;
    store::KeyRow key;
    Must(world.store->Read([&](const store::Tables& tables) {
      newest = Must(tables.bundles().Newest());
      key = Must(tables.authorities().FindKey("bundle"));
      return absl::OkStatus();
    }));
    return Must(bundle::Verify(newest.signed_bundle, x509::Sha256(key.spki_der), "alpha"));
  }
  void ExpectRefused(absl::string_view pem, const std::string& what) {
    const auto refused = Import(pem);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << what;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(what));
    EXPECT_EQ(NewestBundle().generation, 1U) << what;
  }

  World world{"alpha", absl::Hours(24 * 3650), absl::FromUnixSeconds(1795500000)};
};

TEST_F(ImportAnchorTest, TheDocumentedRootStandsInTheBundleBesideOurs) {
  const bundle::Bundle before = NewestBundle();
  const auto imported = Import(kDocumentedRoot);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(imported->changed);
  EXPECT_EQ(imported->bundle_generation, 2U);
  const bundle::Bundle after = NewestBundle();
  EXPECT_EQ(after.generation, 2U);
  EXPECT_NE(after.previous_sha256, "");
  const auto anchors = Must(x509::Certificate::ListFromPem(after.ca_cert_pem));
  ASSERT_EQ(anchors.size(), 2U);
  EXPECT_EQ(anchors[0].der(), world.Root().der());
  EXPECT_EQ(anchors[1].common_name(), "my_slurm_ca");
  EXPECT_THAT(after.ca_cert_pem, HasSubstr(std::string(kDocumentedRoot).substr(100, 40)));
  EXPECT_EQ(world.authorities->Anchors(store::Purpose::kSlurm).size(), 2U);
  EXPECT_THAT(world.AuditRows().back().bytes, HasSubstr("authority.import"));
}

TEST_F(ImportAnchorTest, AnImportedAnchorNeverSignsAndSurvivesARestart) {
  const std::string id = Must(Import(kDocumentedRoot)).id;
  world.Restart();
  const auto authority = Must(world.authorities->Find(id));
  EXPECT_EQ(authority->signer, nullptr);
  EXPECT_EQ(authority->state, store::AuthorityState::kRetired);
  EXPECT_EQ(authority->retired_at, world.clock.Now());
  EXPECT_EQ(authority->activated_at, absl::InfinitePast());
  EXPECT_NE(Must(world.authorities->Active(store::Purpose::kSlurm))->id, id);
}

TEST_F(ImportAnchorTest, TheSameRootTwiceIsOneAnchor) {
  const ImportedAnchor first = Must(Import(kDocumentedRoot));
  const std::size_t records = world.AuditRows().size();
  const ImportedAnchor second = Must(Import(kDocumentedRoot));
  EXPECT_FALSE(second.changed);
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.bundle_generation, 2U);
  EXPECT_EQ(world.AuditRows().size(), records);
}

TEST_F(ImportAnchorTest, OurOwnActiveRootIsAnAnchorAlready) {
  const ImportedAnchor own = Must(Import(world.Root().pem()));
  EXPECT_FALSE(own.changed);
  EXPECT_EQ(own.bundle_generation, 1U);
}

TEST_F(ImportAnchorTest, ADryRunChangesNothing) {
  const ImportedAnchor judged = Must(Import(kDocumentedRoot, true));
  EXPECT_FALSE(judged.changed);
  EXPECT_EQ(judged.bundle_generation, 1U);
  EXPECT_EQ(NewestBundle().generation, 1U);
  EXPECT_EQ(world.authorities->List().size(), 2U);
}

TEST_F(ImportAnchorTest, WhatS2nCannotUseIsRefused) {
  ExpectRefused("", "certificate");
  ExpectRefused(kVersionOne, "not a CA certificate");
  ExpectRefused(kSha1, "SHA-1");
  ExpectRefused(kEd25519, "none that s2n takes");
  ExpectRefused(kIntermediate, "only a self-signed root");
  ExpectRefused(kNoKeyCertSign, "keyCertSign");
  ExpectRefused(std::string(kDocumentedRoot) + kSameSubject, "");
}

TEST_F(ImportAnchorTest, WhatOpensslCannotParseIsRefused) {
  const std::vector<std::string> roots = signet::testing::RefusedRoots();
  ASSERT_EQ(roots.size(), 4U);
  ExpectRefused(roots[0], "serial");
  for (std::size_t i = 1; i < roots.size(); ++i) ExpectRefused(roots[i], "OpenSSL");
}

TEST_F(ImportAnchorTest, ARootThatIsNotForTlsInBothDirectionsIsRefused) {
  ExpectRefused(kServerOnly, "not TLS in both directions");
  ExpectRefused(kAnyUse, "not TLS in both directions");
  ExpectRefused(kNameConstraints, "extension 2.5.29.30");
  ExpectRefused(kUnknownCritical, "extension 1.2.3.4");
}

TEST_F(ImportAnchorTest, AnExpiredOrFutureRootIsRefused) {
  const auto root = MakeTestRoot(world.clock.Now(), absl::Hours(24 * 400));
  world.clock.Advance(absl::Hours(24 * 401));
  ExpectRefused(root.certificate.pem(), "expired");
  const auto future = MakeTestRoot(world.clock.Now() + absl::Hours(24 * 30));
  ExpectRefused(future.certificate.pem(), "begins only");
}

TEST_F(ImportAnchorTest, TheControlAuthorityNeverBecomesAnAnchorOfSlurm) {
  ExpectRefused(world.Root(store::Purpose::kControl).pem(), "control authority");
}

TEST_F(ImportAnchorTest, TwoRootsThatVerifiersCouldNotTellApartAreRefused) {
  Must(Import(kDocumentedRoot).status());
  EXPECT_THAT(std::string(Import(kSameSubject).status().message()), HasSubstr("same subject"));
  EXPECT_THAT(std::string(Import(kSameKey).status().message()), HasSubstr("under another certificate"));
  EXPECT_EQ(NewestBundle().generation, 2U);
}

TEST_F(ImportAnchorTest, TheRootOfASubordinateIsAnAnchorAlreadyAndDoesNotComeBackAfterARevocation) {
  const auto root = MakeTestRoot(world.clock.Now(), absl::Hours(24 * 3650), x509::KeyType::kEcP256, "CN=Offline root");
  const std::string id = AddSubordinate(world, root, "CN=Sub");
  EXPECT_FALSE(Must(Import(root.certificate.pem())).changed);
  SetState(world, id, store::AuthorityState::kRevoked);
  const auto refused = Import(root.certificate.pem());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("does not come back"));
  EXPECT_EQ(NewestBundle().generation, 1U);
}

TEST_F(ImportAnchorTest, AnAnchorThatExpiredIsLeftOutOfTheNextBundle) {
  const auto old = MakeTestRoot(world.clock.Now(), absl::Hours(24 * 400));
  Must(Import(old.certificate.pem()).status());
  world.clock.Advance(absl::Hours(24 * 401));
  Must(Import(kDocumentedRoot).status());
  const auto anchors = Must(x509::Certificate::ListFromPem(NewestBundle().ca_cert_pem));
  ASSERT_EQ(anchors.size(), 2U);
  EXPECT_EQ(anchors[1].common_name(), "my_slurm_ca");
}

TEST_F(ImportAnchorTest, ARowWithoutAKeyThatShouldSignIsDamage) {
  Must(Import(kDocumentedRoot).status());
  const auto tamper = [&](store::Tables& tables) -> absl::Status {
    for (store::AuthorityRow& row : Must(tables.authorities().List())) {
      if (row.custody != "foreign") continue;
      row.state = store::AuthorityState::kPrepared;
      return tables.authorities().Update(row);
    }
    return absl::NotFoundError("no imported row");
  };
  Must(world.store->Write(tamper));
  EXPECT_THAT(std::string(world.authorities->Reload().message()), HasSubstr("it has no key here"));
}

}  // namespace
}  // namespace signet::authority
