#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/authority_choice.h"
#include "cli/commands/command.h"
#include "cli/failure.h"
#include "cli/node_set.h"
#include "cli/pages.h"
#include "cli/scontrol.h"
#include "cli/table.h"
#include "clients/probe/probe.h"
#include "google/protobuf/struct.pb.h"
#include "services/base/status_macros.h"
#include "services/keys/private_key.h"
#include "services/keys/request_signing.h"
#include "services/names/hostlist.h"
#include "services/x509/certificate.h"
#include "signet/v1/cert_authority.grpc.pb.h"
#include "signet/v1/node_enrollment.grpc.pb.h"

namespace signet::cli {
namespace {

using clients::ProbeVerdict;

constexpr char kProbeName[] = "signet-probe";
// The server's limit for one RecordProbes call.
constexpr std::size_t kBatch = 1000;
constexpr absl::Duration kLongestHost = absl::Seconds(30);
// Asked of scontrol in one call: what it says of a node is a few kilobytes.
constexpr std::size_t kAskedAtOnce = 200;
// A certificate that ends earlier is not used for another batch.
constexpr absl::Duration kLeastLife = absl::Minutes(5);

struct Options {
  std::string hostlist;
  std::string authority;
  std::string program = "slurmd";
  uint16_t port = 0;
  std::size_t parallel = 256;
  absl::Duration per_host = absl::Seconds(2);
};

// Slurm's own defaults.
uint16_t PortOf(const Options& options) {
  if (options.port != 0) return options.port;
  static const auto& ports = *new std::map<std::string, uint16_t>{
      {"slurmd", 6818}, {"slurmctld", 6817}, {"slurmdbd", 6819}, {"slurmrestd", 6820}};
  return ports.at(options.program);
}

// Where those of `hosts` are, slurmd's, whom scontrol says it of. Left to DNS and Slurm's port are all where there is
// none, where it fails once, and where --port names another.
std::map<std::string, NodeAddress> AddressesFromSlurm(Session& session, const Options& options,
                                                      const std::vector<std::string>& hosts) {
  std::map<std::string, NodeAddress> all;
  if (options.program != "slurmd" || options.port != 0) return all;
  for (std::size_t begin = 0; begin < hosts.size(); begin += kAskedAtOnce) {
    const std::vector<std::string> some(
        hosts.begin() + static_cast<std::ptrdiff_t>(begin),
        hosts.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kAskedAtOnce, hosts.size())));
    const std::optional<std::string> answer =
        AskScontrol(session.path(), names::CompressHostlist(some), session.options().timeout);
    if (!answer.has_value()) break;
    all.merge(AddressesOf(*answer));
  }
  return all;
}

absl::StatusOr<std::vector<std::string>> HostsToAsk(Session& session, const Options& options) {
  if (!options.hostlist.empty()) return NodesOf(options.hostlist, "signetctl rotation probe 'n[001-128]'");
  if (options.program != "slurmd") {
    return UsageError(absl::StrCat("name the hosts that ", options.program, " runs on"),
                      absl::StrCat("signetctl rotation probe head1 --program ", options.program));
  }
  SIGNET_ASSIGN_OR_RETURN(const v1::ListNodesResponse ledger,
                          AllPages(session, &v1::NodeEnrollment::Stub::ListNodes, v1::ListNodesRequest()));
  std::vector<std::string> names;
  for (const v1::Node& node : ledger.nodes()) {
    if (node.daemon() == "slurmd" && !node.blocked()) names.push_back(node.name());
  }
  return names;
}

// The one named; else the newest that is prepared, whose turn comes next; else the one that signs.
absl::StatusOr<v1::Authority> AuthorityToAsk(Session& session, const Options& options) {
  if (!options.authority.empty()) return FindAuthority(session, options.authority);
  SIGNET_ASSIGN_OR_RETURN(const v1::ListAuthoritiesResponse list,
                          session.Call(&v1::CertAuthority::Stub::ListAuthorities, v1::ListAuthoritiesRequest()));
  std::optional<v1::Authority> chosen;
  for (const v1::Authority& one : list.authorities()) {
    if (one.purpose() != v1::AUTHORITY_PURPOSE_SLURM) continue;
    const bool prepared = one.state() == v1::AUTHORITY_STATE_PREPARED;
    if (prepared || (one.state() == v1::AUTHORITY_STATE_ACTIVE && !chosen.has_value())) chosen = one;
  }
  if (!chosen.has_value()) return UsageError("no authority is prepared or active", "signetctl authority list");
  return *chosen;
}

// The authorities that certificates in use are of, imported ones too.
absl::StatusOr<std::vector<x509::Certificate>> Anchors(Session& session) {
  SIGNET_ASSIGN_OR_RETURN(const v1::ListAuthoritiesResponse list,
                          session.Call(&v1::CertAuthority::Stub::ListAuthorities, v1::ListAuthoritiesRequest()));
  std::vector<x509::Certificate> anchors;
  for (const v1::Authority& one : list.authorities()) {
    const bool trusted = one.state() == v1::AUTHORITY_STATE_PREPARED || one.state() == v1::AUTHORITY_STATE_ACTIVE ||
                         one.state() == v1::AUTHORITY_STATE_RETIRED;
    if (one.purpose() != v1::AUTHORITY_PURPOSE_SLURM || !trusted) continue;
    SIGNET_ASSIGN_OR_RETURN(x509::Certificate anchor, x509::Certificate::FromPem(one.certificate_pem()));
    anchors.push_back(std::move(anchor));
  }
  return anchors;
}

// A probe with a certificate of minutes; its key never leaves this process.
struct Credential {
  clients::Probe probe;
  absl::Time not_after;
};

absl::StatusOr<Credential> AskForCredential(Session& session, const std::string& authority_id) {
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  v1::IssueProbeCertificateRequest request;
  request.set_authority_id(authority_id);
  SIGNET_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), keys::SignRequestPem(key, kProbeName, ""));
  SIGNET_ASSIGN_OR_RETURN(const v1::IssueProbeCertificateResponse response,
                          session.Call(&v1::CertAuthority::Stub::IssueProbeCertificate, request));
  SIGNET_ASSIGN_OR_RETURN(const std::vector<x509::Certificate> chain,
                          x509::Certificate::ListFromPem(response.certificate_chain_pem()));
  SIGNET_ASSIGN_OR_RETURN(std::vector<x509::Certificate> anchors, Anchors(session));
  SIGNET_ASSIGN_OR_RETURN(clients::Probe probe,
                          clients::Probe::Create(response.certificate_chain_pem(), key, std::move(anchors)));
  return Credential{std::move(probe), chain.front().not_after()};
}

// Hosts by verdict, then by why.
using Summary = std::map<ProbeVerdict, std::map<std::string, std::vector<std::string>>>;

std::string VerdictText(ProbeVerdict verdict) {
  switch (verdict) {
    case ProbeVerdict::kTrusted:
      return "trusted";
    case ProbeVerdict::kRefused:
      return "not trusted";
    case ProbeVerdict::kNoVerdict:
      return "unreachable";
    case ProbeVerdict::kAnother:
      return "another host";
  }
  return "";
}

// Answers that the server knows to be another host's become such.
absl::Status Record(Session& session, const std::string& authority_id, const std::string& program,
                    const std::vector<std::string>& hosts, std::vector<clients::ProbeAnswer>& answers) {
  v1::RecordProbesRequest request;
  request.set_authority_id(authority_id);
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (answers[i].verdict == ProbeVerdict::kNoVerdict || answers[i].verdict == ProbeVerdict::kAnother) continue;
    v1::ProbeResult* const result = request.add_results();
    result->set_host(hosts[i]);
    result->set_program(program);
    result->set_trusted(answers[i].verdict == ProbeVerdict::kTrusted);
    result->set_served_serial(answers[i].served_serial);
  }
  if (request.results().empty()) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const v1::RecordProbesResponse response,
                          session.Call(&v1::CertAuthority::Stub::RecordProbes, request));
  if (response.not_matching() == 0) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> others,
                          names::ExpandHostlist(response.not_matching_hosts(), kBatch));
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (std::find(others.begin(), others.end(), hosts[i]) == others.end()) continue;
    if (answers[i].verdict != ProbeVerdict::kTrusted) continue;
    answers[i].verdict = ProbeVerdict::kAnother;
    answers[i].detail = "the ledger has no such valid certificate of this host";
  }
  return absl::OkStatus();
}

// Asks and records a batch at a time, so that an interruption loses one batch.
absl::StatusOr<Summary> AskAll(Session& session, const Options& options, const std::string& authority_id,
                               const std::vector<std::string>& hosts) {
  Summary summary;
  std::optional<Credential> credential;
  const std::map<std::string, NodeAddress> addresses = AddressesFromSlurm(session, options, hosts);
  for (std::size_t begin = 0; begin < hosts.size(); begin += kBatch) {
    const std::vector<std::string> batch(
        hosts.begin() + static_cast<std::ptrdiff_t>(begin),
        hosts.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kBatch, hosts.size())));
    if (!credential.has_value() || credential->not_after - session.Now() < kLeastLife) {
      SIGNET_ASSIGN_OR_RETURN(credential, AskForCredential(session, authority_id));
    }
    std::vector<clients::ProbeTarget> targets;
    for (const std::string& host : batch) {
      const auto known = addresses.find(host);
      const NodeAddress at = known == addresses.end() ? NodeAddress{host, PortOf(options)} : known->second;
      targets.push_back({at.host, at.port, options.program == "slurmd" ? host : options.program});
    }
    std::vector<clients::ProbeAnswer> answers = credential->probe.Ask(
        targets, {.per_host = options.per_host, .parallel = options.parallel}, [&](std::size_t done) {
          if (done % 100 == 0 || done == batch.size()) session.Progress("asked", begin + done, hosts.size());
        });
    if (const absl::Status recorded = Record(session, authority_id, options.program, batch, answers); !recorded.ok()) {
      if (begin > 0) session.NotePart("recorded", begin, hosts.size());
      return recorded;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) summary[answers[i].verdict][answers[i].detail].push_back(batch[i]);
  }
  return summary;
}

std::string SummaryText(const Summary& summary, bool wide) {
  std::vector<std::string> header = {"ANSWER", "COUNT", "HOSTS"};
  if (wide) header.push_back("WHY");
  Table table(header);
  for (const auto& [verdict, reasons] : summary) {
    std::vector<std::string> all;
    for (const auto& [why, hosts] : reasons) {
      all.insert(all.end(), hosts.begin(), hosts.end());
      if (wide) table.Add({VerdictText(verdict), absl::StrCat(hosts.size()), names::CompressHostlist(hosts), why});
    }
    if (!wide) table.Add({VerdictText(verdict), absl::StrCat(all.size()), names::CompressHostlist(all)});
  }
  return table.Text();
}

absl::Status Print(Session& session, const Summary& summary, const v1::Authority& authority) {
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  fields["authority"].set_string_value(authority.id());
  View view{.text = [&](bool wide) { return SummaryText(summary, wide); }, .message = &document, .names = {}};
  auto& answers = *fields["answers"].mutable_list_value();
  for (const auto& [verdict, reasons] : summary) {
    for (const auto& [why, hosts] : reasons) {
      auto& one = *answers.add_values()->mutable_struct_value()->mutable_fields();
      one["answer"].set_string_value(VerdictText(verdict));
      one["why"].set_string_value(why);
      one["hosts"].set_string_value(names::CompressHostlist(hosts));
      one["count"].set_number_value(static_cast<double>(hosts.size()));
      if (verdict != ProbeVerdict::kTrusted) view.names.insert(view.names.end(), hosts.begin(), hosts.end());
    }
  }
  return session.Print(view);
}

void NoteOthers(Session& session, const Summary& summary) {
  const auto others = summary.find(ProbeVerdict::kAnother);
  if (others == summary.end()) return;
  for (const auto& [why, hosts] : others->second) {
    session.Note(absl::StrCat("another host answered for ", names::CompressHostlist(hosts), ": ", why));
  }
}

absl::Status ProbeHosts(Session& session, const Options& options) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, HostsToAsk(session, options));
  SIGNET_ASSIGN_OR_RETURN(const v1::Authority authority, AuthorityToAsk(session, options));
  if (session.options().dry_run) {
    session.Note(absl::StrCat("dry run: would ask ", options.program, " on ", hosts.size(),
                              " hosts, whether they trust ", authority.subject()));
    const google::protobuf::Struct nothing;
    return session.Print({.text = NoText, .message = &nothing, .names = hosts});
  }
  SIGNET_ASSIGN_OR_RETURN(const Summary summary, AskAll(session, options, authority.id(), hosts));
  NoteOthers(session, summary);
  return Print(session, summary, authority);
}

}  // namespace

Action DeclareRotationProbe(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("hostlist", options->hostlist, "hosts to ask [every node of the ledger that is not blocked]");
  app.add_option("--authority", options->authority,
                 "whose trust is asked about, 8 digits of its id or more [the prepared one, else the active one]");
  app.add_option("--program", options->program, "the daemon that is asked: slurmd, slurmctld, slurmdbd or slurmrestd")
      ->check(CLI::IsMember({"slurmd", "slurmctld", "slurmdbd", "slurmrestd"}))
      ->capture_default_str();
  app.add_option("--port", options->port, "its port, at its name's address [as scontrol says; else Slurm's own: 6818]")
      ->check(CLI::Range(1, 65535));
  app.add_option("--parallel", options->parallel, "hosts asked at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  AddDuration(app, "--host-timeout", &options->per_host, "how long a host may be silent, at most 30s [2s]");
  return [options](Session& session) -> absl::Status {
    if (options->per_host > kLongestHost) return UsageError("--host-timeout is at most 30s");
    return ProbeHosts(session, *options);
  };
}

}  // namespace signet::cli
