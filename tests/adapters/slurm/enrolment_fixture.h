// One node's three scripts in a directory of their own, by a clock that a test moves.
#ifndef SIGNET_TESTS_ADAPTERS_SLURM_ENROLMENT_FIXTURE_H_
#define SIGNET_TESTS_ADAPTERS_SLURM_ENROLMENT_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>

#include "adapters/slurm/enrolment.h"
#include "services/evidence/statement.h"
#include "services/x509/certificate_request.h"
#include "tests/adapters/slurm/scratch.h"

namespace signet::slurm {

class EnrolmentTest : public testing::Test {
 protected:
  static evidence::Statement Decode(const std::string& bytes) {
    const auto parsed = evidence::SignedStatement::Parse(bytes);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return parsed->statement();
  }
  evidence::Statement Token(const std::string& name = "n1") {
    const auto token = enrolment_.NodeToken(name);
    EXPECT_TRUE(token.ok()) << token.status();
    return Decode(*evidence::DecodeScriptToken(*token));
  }
  x509::CertificateRequest Csr(const std::string& name = "n1") {
    const auto pem = enrolment_.Csr(name);
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *x509::CertificateRequest::FromPem(*pem);
  }
  evidence::Statement Renewal(const std::string& name = "n1") { return Decode(*Csr(name).statement()); }
  void Enrol(const std::string& name = "n1") {
    Token(name);
    Csr(name);
    Key(name);
  }
  void InPod() {
    config_.cluster = "alpha";
    WriteFile(config_.kubernetes_token_file, "header.claims.signature\n", 0400);
  }
  keys::PrivateKey Key(const std::string& name = "n1") {
    const auto pem = enrolment_.CertKey(name);
    EXPECT_TRUE(pem.ok()) << pem.status();
    return *keys::PrivateKey::FromPem(*pem);
  }

  const Scratch scratch_;
  Config config_ = ConfigIn(scratch_);
  Host host_ = HostNamed("host1");
  base::FakeClock clock_{absl::Now()};
  const Deadline deadline_{absl::Seconds(60)};
  Enrolment enrolment_{config_, host_, clock_, deadline_};
};

}  // namespace signet::slurm

#endif  // SIGNET_TESTS_ADAPTERS_SLURM_ENROLMENT_FIXTURE_H_
