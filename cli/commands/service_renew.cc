#include <unistd.h>

#include <array>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "cli/control_certificate.h"
#include "cli/service_certificate.h"
#include "cli/service_reload.h"
#include "cli/table.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/writer.h"
#include "services/files/file.h"
#include "services/files/lock.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

struct Options {
  std::vector<std::string> services;  // empty: those whose certificate is there
  std::string dir;
  std::string layout = "slurm";
  std::string pin;
  std::string restart_command;
  bool now = false;
  bool may_ask = true;  // which authority signs: a service's own control certificate may not
};

struct Outcome {
  std::string service;
  std::string serial;
  absl::Time not_after;
  std::string why;  // it was renewed, or would be; empty: it was not
  uint64_t generation = 0;
  Loaded loaded;
  absl::Status fault;  // what could not be done after the certificate was
};

// The active authority's certificate; nullopt where the caller may not know, or signetd does not say.
std::optional<x509::Certificate> ActiveAuthority(Session& session) {
  const auto list = session.Call(&v1::CertAuthority::Stub::ListAuthorities, v1::ListAuthoritiesRequest());
  if (!list.ok()) return std::nullopt;
  for (const v1::Authority& authority : list->authorities()) {
    if (authority.purpose() != v1::AUTHORITY_PURPOSE_SLURM || authority.state() != v1::AUTHORITY_STATE_ACTIVE) continue;
    absl::StatusOr<x509::Certificate> certificate = x509::Certificate::FromPem(authority.certificate_pem());
    if (certificate.ok()) return *std::move(certificate);
  }
  return std::nullopt;
}

// Why the certificate is to be replaced; empty when it is not.
std::string WhyRenew(Session& session, const Options& options, const std::vector<x509::Certificate>& chain,
                     const std::vector<x509::Certificate>& anchors) {
  const absl::Time now = session.Now();
  if (options.now) return "asked for";
  if (IsDue(chain.front(), now)) return "two thirds of its life are over";
  if (!x509::VerifyChain(chain.front(), {chain.begin() + 1, chain.end()}, anchors, now).ok())
    return "the bundle does not verify it";
  const std::optional<x509::Certificate> active = options.may_ask ? ActiveAuthority(session) : std::nullopt;
  const bool other = active.has_value() && active->subject_key_id() != chain.front().authority_key_id();
  return other ? "another authority signs now" : "";
}

// What was replaced while it was looked at may not be what was loaded: `outcome` holds only what another look, after
// the hash of the file, finds as well.
absl::Status Report(Session& session, const ServiceFiles& files, Outcome& outcome) {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return absl::InternalError("this host has no name");
  const absl::string_view host = name.data();
  v1::ReportHostRequest request;
  v1::HostReport& report = *request.mutable_report();
  report.set_host(std::string(host.substr(0, host.find('.'))));  // as signet-slurm reports it
  report.set_program(outcome.service);
  const bundle::OnDisk on_disk = bundle::Observe(files.ca);
  report.mutable_bundle_on_disk()->set_generation(on_disk.generation);
  report.mutable_bundle_on_disk()->set_sha256(on_disk.sha256);
  const Loaded again = LookAt(session.proc(), outcome.service, files);
  outcome.loaded.runs = again.runs;
  outcome.loaded.bundle &= again.bundle;
  outcome.loaded.certificate &= again.certificate;
  if (outcome.loaded.bundle) {
    *report.mutable_bundle_loaded() = report.bundle_on_disk();
    report.set_loaded_evidence(v1::LOADED_EVIDENCE_STARTED_AFTER_FILE);
  }
  if (outcome.loaded.certificate) report.set_served_serial(outcome.serial);
  report.set_adapter_version(SIGNET_VERSION);
  return session.Call(&v1::CertAuthority::Stub::ReportHost, request).status();
}

// Reloads when the process is older than its files, whoever wrote them: a hook that failed last time runs again.
absl::Status ReloadIfStale(Session& session, const Options& options, const ServiceFiles& files, Outcome& outcome) {
  outcome.loaded = LookAt(session.proc(), outcome.service, files);
  if (!outcome.loaded.runs || outcome.loaded.all()) return absl::OkStatus();
  if (outcome.service != "slurmctld" && options.restart_command.empty()) return absl::OkStatus();
  const absl::Status reloaded = Reload(session, outcome.service, options.restart_command);
  outcome.loaded = LookAt(session.proc(), outcome.service, files);
  return reloaded;
}

absl::StatusOr<Outcome> RenewOne(Session& session, const Options& options, const std::string& service) {
  const ServiceFiles files = ServiceFilesOf(service, options.layout, options.dir);
  SIGNET_ASSIGN_OR_RETURN(const bool healed, HealPair(files.pair));
  if (healed) session.Note(absl::StrCat(files.pair.cert, ": finished what a run that was killed had begun"));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain, ReadPair(files.pair));
  SIGNET_ASSIGN_OR_RETURN(const PairRights rights, RightsOf(files.pair));
  SIGNET_ASSIGN_OR_RETURN(const ClusterPin pin, PinFor(session, files.ca, options.pin));
  SIGNET_ASSIGN_OR_RETURN(const FetchedBundle fetched, FetchBundle(session, pin));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> anchors,
                          x509::Certificate::ListFromPem(fetched.trusted.ca_cert_pem));
  Outcome outcome{.service = service,
                  .serial = chain.front().serial(),
                  .not_after = chain.front().not_after(),
                  .why = WhyRenew(session, options, chain, anchors),
                  .generation = fetched.trusted.generation,
                  .loaded = LookAt(session.proc(), service, files),
                  .fault = absl::OkStatus()};
  if (session.options().dry_run) return outcome;
  if (outcome.why.empty()) {
    SIGNET_RETURN_IF_ERROR(WriteBundle(session, files.ca, pin, fetched.signed_bundle).status());
  } else {
    SIGNET_ASSIGN_OR_RETURN(const IssuedService issued, IssueService(session, service, files, rights, pin));
    outcome.serial = issued.chain.front().serial();
    outcome.not_after = issued.chain.front().not_after();
    outcome.generation = issued.generation;
  }
  outcome.fault = ReloadIfStale(session, options, files, outcome);
  outcome.fault.Update(Report(session, files, outcome));
  return outcome;
}

std::string NextOf(const Outcome& outcome) {
  return outcome.loaded.runs && !outcome.loaded.all() ? ReloadCommand(outcome.service) : "";
}

std::string Rows(const std::vector<Outcome>& outcomes, absl::Time now, bool dry_run) {
  Table table({"SERVICE", dry_run ? "WOULD BE RENEWED" : "RENEWED", "ENDS", "BUNDLE", "LOADED", "NEXT"});
  for (const Outcome& outcome : outcomes) {
    const char* loaded = !outcome.loaded.runs ? "does not run here" : outcome.loaded.all() ? "yes" : "no";
    table.Add({outcome.service, outcome.why.empty() ? "no" : outcome.why, RelativeTime(outcome.not_after, now),
               absl::StrCat(outcome.generation), loaded, NextOf(outcome)});
  }
  return table.Text();
}

google::protobuf::Struct Document(const std::vector<Outcome>& outcomes) {
  google::protobuf::Struct document;
  auto& list = *(*document.mutable_fields())["services"].mutable_list_value();
  for (const Outcome& outcome : outcomes) {
    auto& fields = *list.add_values()->mutable_struct_value()->mutable_fields();
    fields["service"].set_string_value(outcome.service);
    fields["serial"].set_string_value(outcome.serial);
    fields["expires_at"].set_string_value(
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", outcome.not_after, absl::UTCTimeZone()));
    fields["renewed"].set_bool_value(!outcome.why.empty());
    fields["bundle_generation"].set_number_value(static_cast<double>(outcome.generation));
    fields["bundle_loaded"].set_bool_value(outcome.loaded.bundle);
    fields["certificate_loaded"].set_bool_value(outcome.loaded.certificate);
    fields["next"].set_string_value(NextOf(outcome));
  }
  return document;
}

std::vector<std::string> Chosen(const Options& options) {
  if (!options.services.empty()) return options.services;
  std::vector<std::string> found;
  for (const std::string& service : Services()) {
    if (files::Exists(ServiceFilesOf(service, options.layout, options.dir).pair.cert)) found.push_back(service);
  }
  return found;
}

absl::Status RenewOwn(Session& session, const std::optional<x509::Certificate>& own) {
  if (!own.has_value() || !IsDue(*own, session.Now()) || session.options().dry_run) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate fresh, RenewControlCertificate(session, *own));
  session.Note(absl::StrCat("renewed the control certificate of ", fresh.common_name(), ", which ends ",
                            RelativeTime(fresh.not_after(), session.Now())));
  return absl::OkStatus();
}

absl::Status Renew(Session& session, Options options) {
  const std::vector<std::string> services = Chosen(options);
  const std::string dir = ServiceFilesOf("slurmctld", options.layout, options.dir).dir;
  if (services.empty()) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kNotFound,
                         absl::StrCat("no service's certificate is in ", dir), "signetctl service issue slurmctld");
  }
  std::optional<files::FileLock> lock;
  if (!session.options().dry_run) {
    absl::StatusOr<files::FileLock> taken = files::FileLock::Acquire(dir + "/.signetctl-renew.lock", absl::Seconds(1));
    // Its code would be taken for signetd's silence.
    if (absl::IsDeadlineExceeded(taken.status())) return absl::FailedPreconditionError(taken.status().message());
    SIGNET_RETURN_IF_ERROR(taken.status());
    lock = *std::move(taken);
  }
  // Before the first call: it is what calls are made with.
  SIGNET_ASSIGN_OR_RETURN(const std::optional<x509::Certificate> own, OwnControlCertificate(session));
  options.may_ask = !own.has_value() || own->uris().empty() || !absl::StrContains(own->uris()[0], "/service/");
  std::vector<Outcome> outcomes;
  absl::Status verdict;
  for (const std::string& service : services) {
    absl::StatusOr<Outcome> outcome = RenewOne(session, options, service);
    const absl::Status fault = outcome.ok() ? outcome->fault : outcome.status();
    // Where one service cannot be renewed, the others are.
    if (!fault.ok()) session.Note(absl::StrCat(service, ": ", fault.message()));
    verdict.Update(fault);
    if (outcome.ok()) outcomes.push_back(*std::move(outcome));
  }
  verdict.Update(RenewOwn(session, own));
  const google::protobuf::Struct document = Document(outcomes);
  View view{.text = [&](bool) { return Rows(outcomes, session.Now(), session.options().dry_run); },
            .message = &document,
            .names = {}};
  for (const Outcome& outcome : outcomes) view.names.push_back(outcome.serial);
  SIGNET_RETURN_IF_ERROR(session.Print(view));
  return verdict;
}

}  // namespace

Action DeclareServiceRenew(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("service", options->services, "slurmctld, slurmdbd or slurmrestd [those whose certificate is there]")
      ->check(CLI::IsMember(Services()));
  app.add_flag("--now", options->now, "renew even when less than two thirds of the life are over");
  app.add_option("--dir", options->dir, "where the files are [/etc/slurm; lab: /etc/slurm/certmgr]");
  app.add_option("--layout", options->layout, "file names: slurm (Slurm's defaults) or lab (the documented lab's)")
      ->check(CLI::IsMember({"slurm", "lab"}))
      ->capture_default_str();
  app.add_option("--restart-command", options->restart_command,
                 "makes slurmdbd and slurmrestd read their files: words parted by blanks, {service} is its name");
  app.add_option("--pin", options->pin, "bundle pin, 64 hex digits [the one of signet-bundle beside ca_cert.pem]");
  return [options](Session& session) { return Renew(session, *options); };
}

}  // namespace signet::cli
