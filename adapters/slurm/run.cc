#include "adapters/slurm/run.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "adapters/slurm/answer.h"
#include "adapters/slurm/certgen.h"
#include "adapters/slurm/config.h"
#include "adapters/slurm/doctor.h"
#include "adapters/slurm/enrolment.h"
#include "adapters/slurm/host.h"
#include "adapters/slurm/host_report.h"
#include "adapters/slurm/install.h"
#include "adapters/slurm/mirror_token.h"
#include "adapters/slurm/node_state.h"
#include "adapters/slurm/pre_start.h"
#include "adapters/slurm/refresh.h"
#include "adapters/slurm/repetition.h"
#include "adapters/slurm/report.h"
#include "adapters/slurm/selftest.h"
#include "adapters/slurm/servers.h"
#include "adapters/slurm/state_view.h"
#include "services/base/clock.h"
#include "services/base/random.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate_request.h"

namespace signet::slurm {
namespace {

constexpr char kVersionText[] = "signet-slurm " SIGNET_VERSION "\n";
constexpr char kHelpText[] =
    R"(signet-slurm: Signet's answers to the scripts that Slurm's certmgr and certgen plugins call.

Called by Slurm, under these names or as `signet-slurm NAME` (stdout: the answer; on failure one line on stderr, exit 1):
  get-node-token [NODE]      on a node: the signed statement that stands for a token
  generate-csr [NODE]        on a node: a CSR with the same statement inside
  get-node-cert-key [NODE]   on a node: the private key of that CSR
  validate-node NODE TOKEN   beside slurmctld: is this statement good?
  sign-csr CSR               beside slurmctld: the certificate chain
  keygen                     a fresh P-256 key
  certgen KEY                a self-signed certificate of that key

For people:
  refresh [--every D] [--wait D]
                             fetch the trust bundle, verify it, write ca_cert_file; again and again, until SIGTERM; try
                             for so long until it worked once
  pre-start [--node NAME] [--spool-dir DIR]
                             before slurmd starts: move a certmgr_state aside with which it could not come back
  report [--program slurmctld|slurmdbd|slurmrestd]
                             where no slurmd or sackd runs: tell signetd which trust bundle this host, or that program
                             on it, has loaded
  state show [--node NAME]   identity keys (what `signetctl node approve` takes), tokens and requests of this host
  doctor                     what would stop this host's next start or renewal, with what to type; exit 1 for a fault
  install --dest DIR [--state-dir DIR]
                             copy this program to DIR, with the seven names beside it; make a state_dir with this
                             user's directory in it
  mirror-token --from FILE --to FILE [--every D]
                             in a pod: copy the projected service account token to a file of this user's, 0400
  selftest                   in a pod: have a certificate issued that ends in minutes, and judge it; exit 1 at a fault
  --version, --help

Configuration: /etc/signet/signet-slurm.yaml (optional). Documentation: docs/adapter.md.
)";

base::SecretBytes Public(absl::string_view text) { return base::SecretBytes(text); }

absl::StatusOr<std::string> SignCsr(const Config& config, const Deadline& deadline, const std::string& csr_pem) {
  // Before the server signs anything: Slurm repeats the request for as long as this fails.
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors, ReadAnchors(config.ca_cert_file));
  // A CSR that is refused here still goes to the server, whose audit log is to show it.
  const absl::StatusOr<x509::CertificateRequest> csr = x509::CertificateRequest::FromPem(csr_pem);
  SIGNET_ASSIGN_OR_RETURN(const std::string chain,
                          Servers(config, deadline).SignCertificate(csr_pem, ReportOfSlurmctld(config)));
  if (!csr.ok()) return csr.status();
  return CheckAnswer(chain, *csr, anchors, absl::Now());
}

// Whatever is wrong, slurmd is to start: only wrong usage is an error.
absl::StatusOr<std::string> PreStartOf(const std::vector<std::string>& arguments,
                                       const absl::StatusOr<Config>& config) {
  SIGNET_ASSIGN_OR_RETURN(const PreStartOptions options, ParsePreStart(arguments));
  if (!config.ok()) return ErrorLine("pre-start: nothing done", config.status());
  return PreStart(*config, ObserveHost(), options, absl::Now());
}

// What the system refuses comes without a word on what to do about it.
absl::Status Advised(const absl::Status& status, const std::string& state_dir) {
  if (status.ok() || !base::NextOf(status).empty()) return status;
  const bool full = absl::IsResourceExhausted(status);
  const std::string next = full ? absl::StrCat("df -h ", state_dir, " && df -i ", state_dir)
                                : absl::StrCat("ls -laR ", state_dir, "   # whose are its files, and who holds them?");
  return base::Refusal(status.code(), base::ReasonOf(status), status.message(), next);
}

absl::StatusOr<base::SecretBytes> AnswerOnNode(Verb verb, const std::string& name, Enrolment& enrolment) {
  if (verb == Verb::kGetNodeCertKey) return enrolment.CertKey(name);
  SIGNET_ASSIGN_OR_RETURN(const std::string output,
                          verb == Verb::kGetNodeToken ? enrolment.NodeToken(name) : enrolment.Csr(name));
  return Public(output);
}

absl::Status InstallTo(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> options = {{"--dest", ""}, {"--state-dir", ""}};
  SIGNET_RETURN_IF_ERROR(ParseOptions(arguments, &options));
  if (options["--dest"].empty()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "--dest DIR is missing",
                         "signet-slurm install --dest DIR");
  }
  SIGNET_RETURN_IF_ERROR(Install(options["--dest"]));
  const std::string& state_dir = options["--state-dir"];
  return state_dir.empty() ? absl::OkStatus() : MakeUserDirectory(state_dir, geteuid());
}

absl::Status RefreshOf(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> options = {{"--every", ""}, {"--wait", ""}};
  SIGNET_RETURN_IF_ERROR(ParseOptions(arguments, &options));
  Repetition repetition;
  SIGNET_ASSIGN_OR_RETURN(repetition.every, ParsePause("--every", options["--every"]));
  SIGNET_ASSIGN_OR_RETURN(repetition.wait, ParsePause("--wait", options["--wait"]));
  return Repeat(repetition, "refresh", [](const Deadline& deadline) -> absl::StatusOr<std::string> {
    // A ConfigMap changes while this runs.
    SIGNET_ASSIGN_OR_RETURN(const Config config, LoadConfig(ConfigPath()));
    return Refresh(config, ObserveHost(), deadline, absl::Now());
  });
}

absl::Status MirrorTokenOf(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> options = {{"--from", ""}, {"--to", ""}, {"--every", ""}};
  SIGNET_RETURN_IF_ERROR(ParseOptions(arguments, &options));
  const std::string& from = options["--from"];
  const std::string& to = options["--to"];
  if (from.empty() || to.empty()) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, "--from FILE or --to FILE is missing",
                         "signet-slurm --help");
  }
  Repetition repetition;
  SIGNET_ASSIGN_OR_RETURN(repetition.every, ParsePause("--every", options["--every"]));
  return Repeat(repetition, "mirror-token", [&](const Deadline&) { return MirrorToken(from, to); });
}

}  // namespace

absl::StatusOr<base::SecretBytes> Run(const Invocation& invocation, const Deadline& deadline) {
  SIGNET_RETURN_IF_ERROR(CheckArguments(invocation));
  const std::vector<std::string>& arguments = invocation.arguments;
  switch (invocation.verb) {
    case Verb::kVersion:
      return Public(kVersionText);
    case Verb::kHelp:
      return Public(kHelpText);
    case Verb::kKeygen:
      return MakeKey();
    case Verb::kInstall:
      SIGNET_RETURN_IF_ERROR(InstallTo(arguments));
      return Public("");
    case Verb::kRefresh:
      SIGNET_RETURN_IF_ERROR(RefreshOf(arguments));
      return Public("");
    case Verb::kMirrorToken:
      SIGNET_RETURN_IF_ERROR(MirrorTokenOf(arguments));
      return Public("");
    default:
      break;
  }
  const base::SystemClock clock;
  absl::StatusOr<Config> loaded = LoadConfig(ConfigPath());
  // Every client command and job step runs certgen, as its own user: a fault in a file that only names the subject must
  // not stop them. The other verbs report it.
  if (!loaded.ok() && invocation.verb == Verb::kCertgen) loaded = Config();
  if (invocation.verb == Verb::kPreStart) {
    SIGNET_ASSIGN_OR_RETURN(const std::string lines, PreStartOf(arguments, loaded));
    return Public(lines);
  }
  SIGNET_RETURN_IF_ERROR(loaded.status());
  const Config config = *std::move(loaded);
  if (invocation.verb == Verb::kSignCsr) {
    SIGNET_ASSIGN_OR_RETURN(const std::string chain, SignCsr(config, deadline, arguments[0]));
    return Public(chain);
  }
  if (invocation.verb == Verb::kValidateNode) {
    SIGNET_RETURN_IF_ERROR(
        Servers(config, deadline).ValidateNode(arguments[0], arguments[1], ReportOfSlurmctld(config)));
    return Public("");
  }
  const Host host = ObserveHost();
  if (invocation.verb == Verb::kCertgen) {
    base::SystemRandom random;
    SIGNET_ASSIGN_OR_RETURN(
        const std::string pem,
        MakeSelfSigned(base::SecretBytes(arguments[0]), config.certgen_subject, host.name, clock.Now(), random));
    return Public(pem);
  }
  if (invocation.verb == Verb::kSelfTest) {
    SIGNET_RETURN_IF_ERROR(SelfTest(config, deadline, clock.Now(), Print));
    return Public("");
  }
  if (invocation.verb == Verb::kReport) {
    SIGNET_ASSIGN_OR_RETURN(const std::string program, ParseReport(arguments));
    SIGNET_ASSIGN_OR_RETURN(const std::string line, Report(config, program, deadline));
    return Public(line);
  }
  if (invocation.verb == Verb::kDoctor) {
    const std::vector<Finding> findings = Examine(config, host, deadline, clock.Now());
    SIGNET_RETURN_IF_ERROR(Print(RenderFindings(findings)));
    const auto faults = std::count_if(findings.begin(), findings.end(),
                                      [](const Finding& finding) { return finding.level == Level::kFault; });
    if (faults > 0) return absl::FailedPreconditionError(absl::StrCat("faults found: ", faults));
    return Public("");
  }
  if (invocation.verb == Verb::kState) {
    SIGNET_ASSIGN_OR_RETURN(const std::string node, ParseStateShow(arguments));
    SIGNET_ASSIGN_OR_RETURN(const std::string text, ShowState(config, host, node, clock.Now()));
    return Public(text);
  }
  const std::string name = arguments.empty() ? "" : arguments[0];
  Enrolment enrolment(config, host, clock, deadline);
  absl::StatusOr<base::SecretBytes> answer = AnswerOnNode(invocation.verb, name, enrolment);
  if (!answer.ok()) return Advised(answer.status(), config.state_dir);
  return answer;
}

}  // namespace signet::slurm
