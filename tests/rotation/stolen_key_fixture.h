// A cluster in the middle of a rotation, whose CA key is stolen, and the runbook as docs/rotation.md has it.
#ifndef SIGNET_TESTS_ROTATION_STOLEN_KEY_FIXTURE_H_
#define SIGNET_TESTS_ROTATION_STOLEN_KEY_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/bundle/ca_file.h"
#include "signet/v1/bundle.pb.h"
#include "tests/rotation/cluster.h"
#include "tests/rotation/runbook.h"
#include "tests/rotation/thief.h"

namespace signet::rotation {

class StolenKeyTest : public ::testing::Test {
 protected:
  // A rotation to the second authority is done but for the end of the hold.
  StolenKeyTest() : first_(cluster_.ActiveId()), second_(cluster_.Prepare()) {
    cluster_.WaitFor(authority::Verb::kActivate, second_, absl::Hours(24 * 30));
    cluster_.Run(absl::Hours(48));
    for (ServiceHost& service : cluster_.services()) {
      service.RenewCertificate();
      EXPECT_TRUE(cluster_.Reload(service));
    }
    bundle_before_ = NewestBundle();
    anchors_before_ = cluster_.node("n001").disk().pem();
  }

  std::shared_ptr<const authority::Authority> Find(const std::string& id) {
    return testing::Must(cluster_.world.authorities->Find(id));
  }
  Thief ThiefOf(const std::string& id) {
    return Thief(Find(id)->certificate, Find(id)->signer, cluster_.world.clock.Now());
  }
  std::string NewestBundle() {
    return testing::Must(cluster_.world.Read([](const store::Tables& tables) { return tables.bundles().Newest(); }))
        .signed_bundle;
  }
  std::vector<x509::Certificate> Crosses() {
    std::vector<x509::Certificate> crosses;
    for (const store::CrossRow& row : testing::Must(
             cluster_.world.Read([](const store::Tables& tables) { return tables.authorities().ListCrosses(); }))) {
      crosses.push_back(testing::Must(x509::Certificate::FromDer(row.certificate_der)));
    }
    return crosses;
  }
  // `signetctl authority emergency`.
  authority::Replacement Replace(const std::string& id) {
    const std::string subject = Find(id)->certificate.subject();
    EXPECT_FALSE(cluster_.rotation.ReplaceStolen({id, "CN=Another", "stolen", false}, cluster_.world.origin).ok());
    return testing::Must(
        cluster_.rotation.ReplaceStolen({id, subject, "its backup was stolen", false}, cluster_.world.origin));
  }

  // Executes the runbook, line by line; a line that stands there and is not known here, or the other way round, fails.
  // `after`: told of each, once it was done.
  void FollowRunbook(const std::function<void(const RunbookStep&)>& after = [](const RunbookStep&) {}) {
    std::map<std::string, std::function<void()>> known = RunbookCommands();
    for (const RunbookStep& step : ReadRunbook()) {
      const auto found = known.find(step.where + ": " + step.command);
      if (found == known.end()) {
        ADD_FAILURE() << step.where << ": nobody knows what comes of: " << step.command;
        continue;
      }
      found->second();
      known.erase(found);
      after(step);
    }
    for (const auto& [line, action] : known) ADD_FAILURE() << "the runbook does not say: " << line;
    cluster_.Tick();  // the nodes enrol
    cluster_.TalkAll();
    for (const Failure& failure : cluster_.failures()) ADD_FAILURE() << failure.error;
    EXPECT_THAT(cluster_.refusals(), ::testing::IsEmpty()) << "identity keys stay valid";
  }

  // Every process that is there, whatever it can show.
  std::vector<Peer> Everybody() {
    std::vector<Peer> all;
    for (const Peer* one : cluster_.Daemons()) {
      if (one->program() == "slurmstepd" || one->program() == "srun") all.push_back(*one);
    }
    for (const ServiceHost& service : cluster_.services()) all.push_back(service.process());
    for (const auto& node : cluster_.nodes()) all.push_back(node->daemon());
    for (const LoginHost& login : cluster_.logins()) all.push_back(login.Command("sinfo"));
    return all;
  }
  // How many take `thief` for a daemon.
  int Believers(const Peer& thief) {
    int count = 0;
    const absl::Time now = cluster_.world.clock.Now();
    for (const Peer& one : Everybody()) count += Handshake(one, thief, now).client_refused ? 0 : 1;
    return count;
  }

  // What signetd's list of authorities trusts, and what the newest bundle holds: the same.
  std::vector<std::string> AnchorsNow() {
    std::vector<std::string> subjects, in_bundle;
    for (const x509::Certificate& anchor : cluster_.world.authorities->Anchors(store::Purpose::kSlurm))
      subjects.push_back(anchor.subject());
    DiskBundle disk;
    disk.Refresh(cluster_.world);
    for (const x509::Certificate& anchor : testing::Must(x509::Certificate::ListFromPem(disk.pem())))
      in_bundle.push_back(anchor.subject());
    EXPECT_EQ(subjects, in_bundle);
    return subjects;
  }

  Cluster cluster_{12};
  const std::string first_;
  const std::string second_;
  std::string bundle_before_;
  std::string anchors_before_;

 private:
  std::map<std::string, std::function<void()>> RunbookCommands() {
    std::map<std::string, std::function<void()>> known;
    known["head node: signetctl bundle write --dir /etc/slurm"] = [this] {
      cluster_.service("slurmctld").RefreshBundle();
    };
    for (const std::string name : {"slurmdbd", "slurmctld", "slurmrestd"}) {
      const std::string where = name + (name == "slurmctld" ? "'s hosts: " : "'s host: ");
      known[where + "systemctl stop " + name] = [this, name] { cluster_.service(name).Stop(); };
      known[where + "signetctl service renew " + name + " --now"] = [this, name] {
        // While slurmctld runs it would be told by `scontrol reconfigure`, which fails here.
        EXPECT_FALSE(cluster_.service(name).up()) << name;
        cluster_.service(name).RefreshBundle();
        cluster_.service(name).RenewCertificate();
      };
      known[where + "systemctl start " + name] = [this, name] { cluster_.service(name).Load(); };
    }
    known["every other host: signet-slurm refresh"] = [this] {
      for (const auto& node : cluster_.nodes()) node->Refresh();
      for (LoginHost& login : cluster_.logins()) login.Refresh();
    };
    for (const std::string program : {"slurmd", "sackd"}) {
      known["nodes, login hosts: systemctl restart " + program] = [this, program] {
        for (const auto& node : cluster_.nodes()) {
          if (node->daemon().program() != program) continue;
          node->Stop();
          node->Start();
        }
      };
    }
    known["jobs that run: scancel JOB"] = [this] { cluster_.EndSteps(); };
    known["watch: signetctl service renew"] = [this] {
      for (const ServiceHost& service : cluster_.services()) service.Report(cluster_.sightings);
    };
    known["watch: signetctl rotation status"] = [this] { EXPECT_TRUE(cluster_.rotation.Stand().ok()); };
    known["watch: signetctl node list"] = [this] {
      for (const auto& node : cluster_.nodes()) EXPECT_TRUE(node->up());
    };
    return known;
  }
};

// The active authority's key was stolen, and the runbook followed.
class AfterTheRunbookTest : public StolenKeyTest {
 protected:
  AfterTheRunbookTest() : thief_(ThiefOf(second_)) {
    captured_ = cluster_.node("n002").adapter().Ask();
    EXPECT_TRUE(cluster_.world.node_certificates->Sign(captured_->csr_pem, cluster_.world.origin).ok());
    old_leaf_ = Forgery{"the certificate of a node, from before", cluster_.node("n001").daemon().chain_pem(),
                        cluster_.node("n001").tls_key()};
    replacement_ = Replace(second_);
    active_ = Find(replacement_.active_id);
    FollowRunbook();
  }

  Thief thief_;
  std::optional<testing::NodeRequest> captured_;  // answered before the theft was known
  std::optional<Forgery> old_leaf_;               // genuine, and stolen too
  authority::Replacement replacement_;
  std::shared_ptr<const authority::Authority> active_;
};

}  // namespace signet::rotation

#endif  // SIGNET_TESTS_ROTATION_STOLEN_KEY_FIXTURE_H_
