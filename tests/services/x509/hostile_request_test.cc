// Requests that are made to break the reader, or to cost it more than they cost their sender.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/x509/certificate_request.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "services/x509/pem.h"
#include "test_key.h"

namespace signet::x509 {
namespace {

constexpr auto kAlgorithm = SignatureAlgorithm::kEcdsaSha256;

bool BuiltWithASanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return true;
#endif
#endif
  return false;
}

const TestKey& Key() {
  static const TestKey key = TestKey::Ec();
  return key;
}

std::string Sequence(absl::string_view contents) { return WriteDer(kDerSequence, contents); }

std::string Good() {
  const std::string info = EncodeRequestInfo("n1", Key().public_key(), "statement");
  return AssembleRequest(info, kAlgorithm, Key().Sign(kAlgorithm, info));
}

// A request whose signature holds, with these bytes as its attributes.
std::string WithAttributes(absl::string_view contents) {
  const std::string info = Sequence(absl::StrCat(WriteDerInteger(""), CommonNameDer("n1"), Key().spki(),
                                                 WriteDer(DerContextConstructed(0), contents)));
  return AssembleRequest(info, kAlgorithm, Key().Sign(kAlgorithm, info));
}

// Refused as bytes and as PEM, with a reason for programs.
void ExpectRefused(const std::string& der, const std::string& what) {
  for (const auto& request :
       {CertificateRequest::FromDer(der), CertificateRequest::FromPem(EncodePem(kCertificateRequestLabel, der))}) {
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument) << what;
    EXPECT_NE(base::ReasonOf(request.status()), "") << what;
  }
}

std::string Repeated(absl::string_view part, std::size_t bytes) {
  std::string text;
  while (text.size() + part.size() <= bytes) absl::StrAppend(&text, part);
  return text;
}

// The smallest attributes there are, so that ten thousand fit below the limit; and ten thousand that do not.
std::vector<std::string> TenThousandAttributes() {
  const std::string smallest = Sequence(absl::StrCat(WriteDer(kDerOid, ""), WriteDer(kDerSet, "")));
  const std::string usual = Sequence(absl::StrCat(WriteDerOid(kStatementOid), WriteDer(kDerSet, "")));
  std::vector<std::string> requests;
  for (const std::string& one : {smallest, usual})
    requests.push_back(WithAttributes(Repeated(one, one.size() * 10000)));
  return requests;
}

std::vector<std::string> GiantLengths() {
  std::vector<std::string> requests;
  for (const std::string& length :
       {std::string("\x84\xff\xff\xff\xff"), std::string("\x84\x7f\xff\xff\xff"), std::string("\x83\xff\xff\xff"),
        std::string("\x88\xff\xff\xff\xff\xff\xff\xff\xff"), std::string("\x88\x7f\xff\xff\xff\xff\xff\xff\xff"),
        std::string("\xfe") + std::string(126, '\xff'), std::string("\xff")}) {
    for (const char tag : {'\x30', '\x31', '\x04', '\x03', '\x06', '\xa0'}) {
      requests.push_back(tag + length + Good());
      requests.push_back(WithAttributes(tag + length));
    }
  }
  return requests;
}

TEST(HostileRequest, OfGiantLengthsIsRefused) {
  for (const std::string& der : GiantLengths()) ExpectRefused(der, "giant length");
}

TEST(HostileRequest, InBerWithIndefiniteLengthsIsRefusedWhereverTheyAre) {
  const std::string der = Good();
  const std::string end("\0\0", 2);
  ExpectRefused("\x30\x80" + der.substr(4) + end, "the whole");
  ExpectRefused(WithAttributes("\x30\x80" + end), "an attribute");
  ExpectRefused(WithAttributes(Sequence(
                    absl::StrCat(WriteDerOid(kStatementOid), "\x31\x80", WriteDer(kDerOctetString, "s"), end))),
                "a set");
  ExpectRefused(WithAttributes(Sequence(absl::StrCat(WriteDerOid(kStatementOid),
                                                     WriteDer(kDerSet, absl::StrCat("\x24\x80\x04\x01s", end))))),
                "a string in parts");
}

TEST(HostileRequest, OfTenThousandAttributesIsRefused) {
  for (const std::string& der : TenThousandAttributes()) ExpectRefused(der, absl::StrCat(der.size(), " bytes"));
}

TEST(HostileRequest, NestedThousandsDeepIsRefused) {
  ExpectRefused(Repeated(absl::string_view("\x30\x80", 2), 60000), "open sequences");
  std::string nested;
  while (nested.size() < 20000) nested = Sequence(nested);
  ExpectRefused(nested, "sequences");
  ExpectRefused(WithAttributes(nested), "sequences in the attributes");
}

TEST(HostileRequest, ThatIsAlmostPemIsRefused) {
  const std::string pem = EncodePem(kCertificateRequestLabel, Good());
  for (const absl::string_view part : {"-----BEGIN ", "-----BEGIN CERTIFICATE REQUEST-----\n", "-----END ", "-", "\n",
                                       "=", "A", "-----BEGIN A-----\n-----END A-----\n", "\r", " "}) {
    for (const std::string& text : {Repeated(part, 60000), pem + Repeated(part, 60000), Repeated(part, 1 << 20)}) {
      const bool white = part == "\n" || part == "\r" || part == " ";
      EXPECT_TRUE(!CertificateRequest::FromPem(text).ok() || (white && text.size() < 65536)) << part;
    }
  }
}

// What still parses has not been changed: the signature covers every byte, and DER has one form.
TEST(HostileRequest, ChangedAtRandomIsRefusedOrTheSame) {
  const std::string good = Good();
  std::mt19937 random(20260101);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int i = 0; i < 30000; ++i) {
    std::string der = good;
    for (std::size_t changes = 1 + below(3); changes > 0 && !der.empty(); --changes) {
      const std::size_t at = below(der.size());
      const std::size_t span = 1 + below(16);
      switch (below(5)) {
        case 0:
          der[at] = static_cast<char>(random());
          break;
        case 1:
          der.erase(at, span);
          break;
        case 2:
          der.insert(at, span, static_cast<char>(random()));
          break;
        case 3:
          der.insert(at, der.substr(below(der.size()), span));
          break;
        default:
          der.resize(at + 1);
      }
    }
    const auto request = CertificateRequest::FromDer(der);
    EXPECT_TRUE(!request.ok() || der == good) << i;
    EXPECT_TRUE(request.ok() || !base::ReasonOf(request.status()).empty()) << i;
  }
}

TEST(HostileRequest, NeedsLittleMemory) {
  if (BuiltWithASanitizer()) GTEST_SKIP() << "a sanitizer keeps what is freed; the release build runs this";
  std::vector<std::string> inputs = GiantLengths();
  for (std::string& der : TenThousandAttributes()) inputs.push_back(std::move(der));
  for (const absl::string_view part : {"-----BEGIN ", "-----BEGIN A-----\n-----END A-----\n", "A", "\x30\x80"}) {
    inputs.push_back(Repeated(part, 65536));
    inputs.push_back(Repeated(part, 1 << 20));
  }
  // The most that this process ever held, seen from a child that begins to count anew.
  const pid_t child = fork();
  if (child == 0) {
    const auto peak = [] {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;  // KiB
    };
    static_cast<void>(CertificateRequest::FromDer(Good()).ok());
    const long before = peak();
    for (const std::string& input : inputs) {
      static_cast<void>(CertificateRequest::FromDer(input).ok());
      static_cast<void>(CertificateRequest::FromPem(input).ok());
    }
    _exit(peak() - before <= 4096 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "more than 4 MiB for requests of 64 KiB";
}

}  // namespace
}  // namespace signet::x509
