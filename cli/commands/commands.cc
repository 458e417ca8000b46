#include "cli/commands/command.h"
#include "services/yaml/strict_reader.h"

namespace signet::cli {

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      {"", "status", "how the cluster is, and how long it lives without signetd", "signetctl status", DeclareStatus},
      {"token", "create", "make tokens for nodes; the keys stay here, the server gets the public halves",
       "signetctl token create 'n[001-128]' --out-dir /root/tokens", DeclareTokenCreate},
      {"token", "import", "take over the tokens of Slurm's documented scripts",
       "signetctl token import /etc/slurm/certmgr/node_token_list --dry-run", DeclareTokenImport},
      {"token", "list", "tokens that can still enrol a node", "signetctl token list --node n001 --all",
       DeclareTokenList},
      {"token", "revoke", "make tokens useless, by id or by node", "signetctl token revoke --node 'n[001-004]' --yes",
       DeclareTokenRevoke},
      {"node", "list", "every node that has enrolled", "signetctl node list -o wide", DeclareNodeList},
      {"node", "show", "all that is known about one node", "signetctl node show n001", DeclareNodeShow},
      {"cert", "list", "certificates, newest first", "signetctl cert list --subject n001", DeclareCertList},
      {"cert", "show", "one certificate by its serial", "signetctl cert show 4f1c… --pem", DeclareCertShow},
      {"authority", "list", "the authorities and their states", "signetctl authority list", DeclareAuthorityList},
      {"service", "issue", "key, certificate and bundle for slurmctld, slurmdbd or slurmrestd",
       "signetctl service issue slurmctld --owner slurm", DeclareServiceIssue},
      {"client", "issue", "key and certificate for one who calls signetd over TCP",
       "signetctl client issue head2 --role controller --out-dir /root/head2", DeclareClientIssue},
      {"bundle", "show", "the trust bundle that signetd serves", "signetctl bundle show", DeclareBundleShow},
      {"bundle", "write", "write ca_cert.pem and signet-bundle", "signetctl bundle write --dir /etc/slurm",
       DeclareBundleWrite},
      {"bundle", "verify", "what in a CA file would crash Slurm, or whether a signed bundle holds",
       "signetctl bundle verify /etc/slurm/ca_cert.pem", DeclareBundleVerify},
      {"slurm-conf", "print", "the lines for slurm.conf or slurmdbd.conf",
       "signetctl slurm-conf print >> /etc/slurm/slurm.conf", DeclareSlurmConfPrint},
      {"audit", "tail", "the newest audit records", "signetctl audit tail -n 50 --follow", DeclareAuditTail},
      {"audit", "verify", "walk the whole audit chain on the server", "signetctl audit verify", DeclareAuditVerify},
      {"completion", "bash", "print the completion script", "source <(signetctl completion bash)",
       DeclareCompletionBash},
  };
  return commands;
}

void AddDuration(CLI::App& app, const std::string& name, absl::Duration* target, const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [name, target](const std::string& text) {
           const absl::Status parsed = yaml::ParseDuration(text, target);
           if (!parsed.ok()) throw CLI::ValidationError(name, std::string(parsed.message()));
           if (*target <= absl::ZeroDuration()) throw CLI::ValidationError(name, "must be more than zero");
         },
         help)
      ->type_name("DURATION");
}

}  // namespace signet::cli
