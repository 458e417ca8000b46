#include "tests/rotation/cluster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/authority/custody_label.h"
#include "services/base/reason.h"
#include "services/names/hostlist.h"

namespace signet::rotation {

using ::signet::testing::Must;

Cluster::Cluster(int nodes)
    : rotation(world.cluster, {.hold = kHold},
               {*world.store, *world.custody, *world.authorities, *world.audit, world.clock, world.random}),
      sightings(*world.store, *world.audit, world.clock) {
  services_.emplace_back("slurmctld", "head1", world);
  services_.emplace_back("slurmdbd", "db1", world);
  services_.emplace_back("slurmrestd", "rest1", world);
  for (int i = 1; i <= kLogins; ++i) logins_.emplace_back(absl::StrCat("login", absl::Dec(i, absl::kZeroPad2)), world);
  for (int i = 1; i <= kSackds; ++i) AddHost(absl::StrCat("sub", absl::Dec(i, absl::kZeroPad2)), "sackd").Start();
  for (int i = 1; i <= nodes; ++i) AddHost(absl::StrCat("n", absl::Dec(i, absl::kZeroPad3)), "slurmd").Start();
  Renew();
  // Half of them renew at noon, half at midnight.
  for (std::size_t i = 0; i < nodes_.size(); i += 2) nodes_[i]->ShiftRenewals(-kTick);
  Run(absl::Hours(48));
}

NodeHost& Cluster::AddHost(const std::string& name, const std::string& program) {
  nodes_.push_back(std::make_unique<NodeHost>(name, world, program));
  nodes_.back()->Give(world.MakeToken(name, evidence::TokenKind::kSingleUse, program));
  return *nodes_.back();
}

NodeHost& Cluster::Add(const std::string& name, const DiskBundle& image) {
  NodeHost& host = AddHost(name, "slurmd");
  host.Install(image);
  return host;
}

void Cluster::Tick() {
  world.clock.Advance(kTick);
  Renew();
  TurnSteps();
  ReportAll();
  TalkAtRandom();
}

void Cluster::Run(absl::Duration duration) {
  for (absl::Duration done; done < duration; done += kTick) Tick();
}

bool Cluster::Talk(const Peer& client, const Peer& server) {
  ++handshakes_;
  ++by_program_[client.program()];
  ++by_program_[server.program()];
  const Handshake handshake(client, server, world.clock.Now());
  if (handshake.ok) return true;
  failures_.push_back({client.host(), server.host(),
                       handshake.client_refused   ? client.host()
                       : handshake.server_refused ? server.host()
                                                  : "",
                       handshake.error});
  return false;
}

void Cluster::Renew() {
  for (const auto& node : nodes_) {
    if (!node->Wants() || !Talk(node->Caller(), slurmctld())) continue;
    const absl::Status asked = node->Ask(services_.front().disk().pem());
    if (!asked.ok()) refusals_.push_back(absl::StrCat(node->daemon().host(), ": ", asked.message()));
  }
}

void Cluster::Begin(Peer process) {
  const auto ticks = static_cast<int>(1 + Below(static_cast<std::size_t>(kLongestStep / kTick)));
  steps_.push_back({std::move(process), world.clock.Now() + ticks * kTick});
}

// A step reads the CA file of its node once, and knows nothing newer until it ends; so does the srun that waits for it.
void Cluster::TurnSteps() {
  const absl::Time now = world.clock.Now();
  std::erase_if(steps_, [&](const Step& step) { return step.ends <= now; });
  for (int i = 0; i < 7; ++i) {
    const NodeHost& node = *nodes_[Below(nodes_.size())];
    if (!node.up()) continue;
    Peer process(node.daemon().host(), node.daemon().program() == "slurmd" ? "slurmstepd" : "srun");
    process.LoadAnchors(node.disk().pem());
    Begin(std::move(process));
  }
  const LoginHost& login = logins_[Below(logins_.size())];
  if (login.up()) Begin(login.Command("srun"));
}

void Cluster::ReportAll() {
  for (ServiceHost& service : services_) {
    service.RefreshBundle();
    service.Report(sightings);
  }
  for (LoginHost& login : logins_) {
    if (!login.up()) continue;
    login.Refresh();
    login.Report(sightings);
  }
}

std::vector<const Peer*> Cluster::Servers() const {
  std::vector<const Peer*> servers;
  for (const ServiceHost& service : services_) servers.push_back(&service.process());
  for (const auto& node : nodes_) {
    if (node->up() && node->daemon().has_certificate()) servers.push_back(&node->daemon());
  }
  for (const Peer& stranger : strangers_) servers.push_back(&stranger);
  return servers;
}

std::vector<const Peer*> Cluster::Daemons() const {
  std::vector<const Peer*> daemons = Servers();
  for (const Step& step : steps_) daemons.push_back(&step.process);
  return daemons;
}

// slurmctld pings and is registered with; steps and commands speak to slurmctld, slurmdbd and nodes; slurmds forward to
// each other.
void Cluster::TalkAtRandom() {
  const std::vector<const Peer*> servers = Servers();
  for (const Step& step : steps_) {
    Talk(step.process, Below(2) == 0 ? slurmctld() : *servers[Below(servers.size())]);
  }
  for (const LoginHost& login : logins_) {
    if (login.up()) Talk(login.Command("sinfo"), services_[Below(services_.size())].process());
  }
  for (int i = 0; i < 25; ++i) {
    const Peer& one = *servers[Below(servers.size())];
    const Peer& other = *servers[i < 6 ? i % services_.size() : Below(servers.size())];
    Talk(one, other);
    Talk(other, one);
  }
}

void Cluster::TalkAll() {
  const std::vector<const Peer*> servers = Servers();
  const std::vector<const Peer*> clients = Daemons();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    for (const ServiceHost& service : services_) Talk(*clients[i], service.process());
    for (const std::size_t stride : {1, 2, 5, 11, 23}) Talk(*clients[i], *servers[(i + stride) % servers.size()]);
  }
  for (const LoginHost& login : logins_) {
    if (!login.up()) continue;
    for (const ServiceHost& service : services_) Talk(login.Command("sinfo"), service.process());
  }
}

std::vector<std::string> Cluster::TalkInEveryPair(int* failed) {
  std::vector<Peer> commands;
  for (const LoginHost& login : logins_) commands.push_back(login.Command("sinfo"));
  std::vector<const Peer*> clients = Daemons();
  for (const Peer& command : commands) clients.push_back(&command);
  std::vector<std::string> surprises;
  *failed = 0;
  for (const Peer* client : clients) {
    for (const Peer* server : Servers()) {
      const bool expected =
          client->ShouldAccept(*server) && (!client->has_certificate() || server->ShouldAccept(*client));
      const bool ok = Talk(*client, *server);
      *failed += ok ? 0 : 1;
      if (ok == expected) continue;
      surprises.push_back(absl::StrCat(client->program(), " on ", client->host(), ok ? " accepts " : " fails at ",
                                       server->program(), " on ", server->host()));
    }
  }
  return surprises;
}

bool Cluster::Reload(ServiceHost& service) {
  if (service.service() == "slurmctld") {
    Peer scontrol(service.process().host(), "scontrol");
    scontrol.LoadAnchors(service.disk().pem());
    if (!Talk(scontrol, service.process())) return false;
  }
  service.Load();
  return true;
}

ServiceHost& Cluster::service(const std::string& name) {
  const auto found =
      std::find_if(services_.begin(), services_.end(), [&](const auto& service) { return service.service() == name; });
  if (found == services_.end()) Must(absl::NotFoundError(name));
  return *found;
}

LoginHost& Cluster::login(const std::string& host) {
  const auto found =
      std::find_if(logins_.begin(), logins_.end(), [&](const auto& login) { return login.host() == host; });
  if (found == logins_.end()) Must(absl::NotFoundError(host));
  return *found;
}

NodeHost& Cluster::node(const std::string& name) {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) { return node->daemon().host() == name; });
  if (found == nodes_.end()) Must(absl::NotFoundError(name));
  return **found;
}

void Cluster::Probe() {
  const std::string id = ActiveId();
  const std::string root = Must(world.authorities->Active(store::Purpose::kSlurm))->anchor.pem();
  std::vector<store::ProbeRow> rows;
  for (const auto& node : nodes_) {
    const Peer& slurmd = node->daemon();
    // Who probes knows slurmd's port only.
    if (!node->up() || !slurmd.has_certificate() || slurmd.program() != "slurmd") continue;
    store::ProbeRow row;
    row.host = slurmd.host();
    row.program = slurmd.program();
    row.authority_id = id;
    row.trusted = slurmd.anchors_pem().find(root) != std::string::npos;
    row.served_serial = Must(x509::Certificate::ListFromPem(slurmd.chain_pem())).front().serial();
    rows.push_back(std::move(row));
  }
  Must(sightings.RecordProbes(id, rows, world.origin));
}

void Cluster::Follow(const std::vector<authority::Blocker>& blockers) {
  for (const authority::Blocker& blocker : blockers) {
    if (blocker.kind == authority::BlockerKind::kNodeCertificate) {
      if (!blocker.names.empty()) {
        Probe();
      } else if (strangers_.empty()) {
        for (const store::AuthorityRow& row :
             Must(world.Read([](const store::Tables& tables) { return tables.authorities().List(); }))) {
          if (!authority::IsImported(row)) continue;
          Must(sightings.Acknowledge(row.id, {authority::kUnlisted}, "all moved", world.origin).status());
        }
      }
      continue;
    }
    for (ServiceHost& service : services_) {
      if (NamesOf({blocker}).count(service.service()) == 0) continue;
      if (blocker.kind == authority::BlockerKind::kServiceCertificate) service.RenewCertificate();
      Reload(service);
    }
  }
}

std::vector<authority::Blocker> Cluster::Try(authority::Verb verb, const std::string& authority_id) {
  authority::Plan plan;
  const auto changed = rotation.Change({authority_id, verb, false, ""}, world.origin, &plan);
  if (changed.ok()) return {};
  if (base::ReasonOf(changed.status()) != base::kGateClosed || plan.blockers.empty()) Must(changed.status());
  return plan.blockers;
}

absl::Duration Cluster::WaitFor(authority::Verb verb, const std::string& authority_id, absl::Duration most) {
  const absl::Time begin = world.clock.Now();
  while (true) {
    const std::vector<authority::Blocker> blockers = Try(verb, authority_id);
    if (blockers.empty()) return world.clock.Now() - begin;
    if (world.clock.Now() - begin > most) Must(absl::DeadlineExceededError(blockers.front().cause));
    Follow(blockers);
    Tick();
  }
}

std::string Cluster::Prepare() { return Must(rotation.Prepare({}, world.origin)).authority_id; }

std::string Cluster::ActiveId() const { return Must(world.authorities->Active(store::Purpose::kSlurm))->id; }

std::set<std::string> NamesOf(const std::vector<authority::Blocker>& blockers) {
  std::set<std::string> names;
  for (const authority::Blocker& blocker : blockers) {
    if (blocker.names.empty()) continue;
    const bool services = blocker.kind == authority::BlockerKind::kServiceNotLoaded ||
                          blocker.kind == authority::BlockerKind::kServiceCertificate;
    if (services) {
      for (const absl::string_view name : absl::StrSplit(blocker.names, ',')) names.emplace(name);
    } else {
      for (std::string& name : Must(names::ExpandHostlist(blocker.names))) names.insert(std::move(name));
    }
  }
  return names;
}

}  // namespace signet::rotation
