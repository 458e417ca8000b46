#include "tests/contract/slurm_daemons.h"

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/contract/judges.h"

namespace signet::contract {
namespace {

absl::Status Failed(absl::string_view node, absl::string_view script, const ScriptResult& result) {
  return absl::AbortedError(absl::StrCat(node, ": ", script, ": ", result.Describe()));
}

}  // namespace

ScriptResult Scripts::Run(const std::string& name, std::vector<std::string> args) const {
  ScriptCall next = call;
  next.path = directory + "/" + name;
  next.args = std::move(args);
  return RunScript(next);
}

absl::StatusOr<std::string> Slurmctld::SignFirst(const std::string& node, const std::string& token,
                                                 const std::string& csr) const {
  const ScriptResult validated = scripts_.Run("validate-node", {node, token});
  if (!validated.said_valid()) return Failed(node, "validate_node", validated);
  return SignRenewal(csr);
}

absl::StatusOr<std::string> Slurmctld::SignRenewal(const std::string& csr) const {
  const ScriptResult result = scripts_.Run("sign-csr", {csr});
  if (!result.gave_output()) return Failed("slurmctld", "sign_csr", result);
  return result.output;
}

absl::Status SlurmNode::MakeRequest() {
  const ScriptResult token = scripts_.Run("get-node-token", {name_});
  if (!token.gave_output()) return Failed(name_, "get_node_token", token);
  const ScriptResult csr = scripts_.Run("generate-csr", {name_});
  if (!csr.gave_output()) return Failed(name_, "generate_csr", csr);
  token_ = token.output;
  csr_ = csr.output;
  return absl::OkStatus();
}

absl::Status SlurmNode::SendRequest(const Slurmctld& controller) {
  return Keep(controller.SignFirst(name_, token_, csr_));
}

absl::Status SlurmNode::Enrol(const Slurmctld& controller) {
  if (absl::Status made = MakeRequest(); !made.ok()) return made;
  return SendRequest(controller);
}

absl::Status SlurmNode::BootThrough(const Slurmctld& controller, const Outage& outage) {
  absl::Status last;
  for (int start = 0; start < outage.starts; ++start) {
    last = MakeRequest();
    if (last.ok()) {
      while (!outage.slurmctld_answers()) std::this_thread::sleep_for(outage.resend);
      last = SendRequest(controller);
    }
    if (last.ok()) return last;
    std::this_thread::sleep_for(outage.restart);
  }
  return last;
}

absl::Status SlurmNode::EnrolWithRestarts(const Slurmctld& controller, int starts) {
  absl::Status last;
  for (int start = 0; start < starts; ++start) {
    last = Enrol(controller);
    if (last.ok()) return last;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return last;
}

absl::Status SlurmNode::Renew(const Slurmctld& controller) {
  const ScriptResult csr = scripts_.Run("generate-csr", {name_});
  if (!csr.gave_output()) return Failed(name_, "generate_csr", csr);
  csr_ = csr.output;
  return Keep(controller.SignRenewal(csr_));
}

absl::Status SlurmNode::Keep(absl::StatusOr<std::string> certificate_pem) {
  if (!certificate_pem.ok()) return certificate_pem.status();
  const ScriptResult key = scripts_.Run("get-node-cert-key", {name_});
  if (!key.gave_output()) return Failed(name_, "get_node_cert_key", key);
  // s2n crashes on a pair that does not match: for slurmd that is the end, so the harness refuses to hold one.
  if (!KeyMatches(*certificate_pem, key.output)) {
    return absl::InternalError(absl::StrCat(name_, ": certificate and key do not match: slurmd would crash"));
  }
  certificate_pem_ = *std::move(certificate_pem);
  key_pem_ = key.output;
  return absl::OkStatus();
}

}  // namespace signet::contract
