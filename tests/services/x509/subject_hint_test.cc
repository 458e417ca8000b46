#include "services/x509/subject_hint.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "services/x509/der.h"
#include "services/x509/pem.h"

namespace signet::x509 {
namespace {

constexpr char kCountry[] = "2.5.4.6";
constexpr char kName[] = "2.5.4.3";

std::string Rdn(const char* oid, const std::string& value) {
  return WriteDer(kDerSet, WriteDer(kDerSequence, absl::StrCat(WriteDerOid(oid), WriteDer(kDerUtf8String, value))));
}

// As far as the hint reads, and nothing after the subject.
std::string Csr(const std::string& rdns) {
  const std::string info = absl::StrCat(WriteDer(kDerInteger, std::string(1, '\0')), WriteDer(kDerSequence, rdns));
  return EncodePem(kCertificateRequestLabel, WriteDer(kDerSequence, WriteDer(kDerSequence, info)));
}

TEST(SubjectHint, IsTheLastCommonNameAmongWhateverElseIsThere) {
  EXPECT_EQ(SubjectHint(Csr(Rdn(kCountry, "XX") + Rdn(kName, "n1"))), "n1");
  EXPECT_EQ(SubjectHint(Csr(Rdn(kName, "n1") + Rdn(kCountry, "XX"))), "n1");
  EXPECT_EQ(SubjectHint(Csr(Rdn(kName, "n1") + Rdn(kName, "n2"))), "n2");
}

TEST(SubjectHint, IsNothingWithoutANodesName) {
  EXPECT_EQ(SubjectHint(Csr("")), "");
  EXPECT_EQ(SubjectHint(Csr(Rdn(kCountry, "n1"))), "");
  EXPECT_EQ(SubjectHint(Csr(Rdn(kName, "n 1\n"))), "");
  EXPECT_EQ(SubjectHint(Csr(Rdn(kName, "slurmctld"))), "");
  EXPECT_EQ(SubjectHint(Csr("n1")), "");
  EXPECT_EQ(SubjectHint("n1"), "");
}

}  // namespace
}  // namespace signet::x509
