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
      {"token", "list", "tokens that can still enrol a node, or those of another state",
       "signetctl token list --nodes 'n[001-128]' --state used", DeclareTokenList},
      {"token", "show", "one token, and which identity keys it admitted when",
       "signetctl token show 00112233445566778899aabbccddeeff", DeclareTokenShow},
      {"token", "revoke", "make tokens useless, by id, by node or by label",
       "signetctl token revoke --nodes 'n[001-004]' --yes", DeclareTokenRevoke},
      {"node", "list", "every node that has enrolled", "signetctl node list --state expired -o wide", DeclareNodeList},
      {"node", "show", "all that is known about one node", "signetctl node show n001", DeclareNodeShow},
      {"node", "explain", "why a node gets a certificate or does not, and what to type", "signetctl node explain n001",
       DeclareNodeExplain},
      {"node", "approve", "admit one identity key for a node without a token, once",
       "signetctl node approve n001 --key 00112233445566778899aabbccddeeff", DeclareNodeApprove},
      {"node", "block", "give nodes nothing more: their identity keys end, their tokens are revoked",
       "signetctl node block 'n[017-020]' --reason 'stolen'", DeclareNodeBlock},
      {"node", "unblock", "lift blocks; what they ended stays ended", "signetctl node unblock 'n[017-020]'",
       DeclareNodeUnblock},
      {"node", "forget", "take nodes out of the ledger: keys end, tokens are revoked",
       "signetctl node forget 'n[017-020]' --dry-run", DeclareNodeForget},
      {"cert", "list", "certificates, newest first", "signetctl cert list --subject n001", DeclareCertList},
      {"cert", "show", "one certificate by its serial", "signetctl cert show 4f1c… --pem", DeclareCertShow},
      {"cert", "revoke", "end trust in certificates before they expire, and what could renew them",
       "signetctl cert revoke --node n017 --reason key-compromise --comment 'disk stolen' --dry-run",
       DeclareCertRevoke},
      {"crl", "show", "an authority's certificate revocation list", "signetctl crl show", DeclareCrlShow},
      {"crl", "write", "write the revocation list to a file, at once or not at all",
       "signetctl crl write /var/www/pki/slurm.crl", DeclareCrlWrite},
      {"authority", "list", "the authorities and their states", "signetctl authority list", DeclareAuthorityList},
      {"authority", "create", "ask a root elsewhere for a subordinate authority: a key here, a request in a file",
       "signetctl authority create --subordinate --subject 'CN=Slurm issuing CA,O=Example' --out FILE.csr",
       DeclareAuthorityCreate},
      {"authority", "import", "take in a foreign root, with its key or without, or what an offline root signed",
       "signetctl authority import /etc/slurm/certmgr/slurm_ca.pem --dry-run", DeclareAuthorityImport},
      {"authority", "show", "one authority, and how far it is in its life", "signetctl authority show 1a2b3c4d",
       DeclareAuthorityShow},
      {"authority", "prepare", "make the next authority: its root joins the trust bundle, it signs nothing yet",
       "signetctl authority prepare --dry-run", DeclareAuthorityPrepare},
      {"authority", "activate", "let a prepared authority sign, once everybody has loaded its root",
       "signetctl authority activate 1a2b3c4d --dry-run", DeclareAuthorityActivate},
      {"authority", "rollback", "let the former authority sign again", "signetctl authority rollback 1a2b3c4d",
       DeclareAuthorityRollback},
      {"authority", "withdraw", "take a prepared authority, or a request for one, away again",
       "signetctl authority withdraw 1a2b3c4d", DeclareAuthorityWithdraw},
      {"authority", "revoke", "take a retired authority's root out of the trust bundle, once nobody needs it",
       "signetctl authority revoke 1a2b3c4d --dry-run", DeclareAuthorityRevoke},
      {"authority", "destroy", "wipe a revoked authority's key", "signetctl authority destroy 1a2b3c4d",
       DeclareAuthorityDestroy},
      {"authority", "emergency", "an authority's key is stolen: out with it, and a new one in its place",
       "signetctl authority emergency 1a2b3c4d --reason 'backup tape stolen' --dry-run", DeclareAuthorityEmergency},
      {"rotation", "status", "where the rotation stands, what blocks its next step, and what to type",
       "signetctl rotation status --wait", DeclareRotationStatus},
      {"rotation", "probe", "ask every slurmd, by TLS, whether it has loaded the root",
       "signetctl rotation probe 'n[001-128]' --authority 1a2b3c4d", DeclareRotationProbe},
      {"rotation", "ack", "hosts that Signet cannot see have loaded the root: on your word",
       "signetctl rotation ack 'login[01-04]' --reason 'restarted sackd on all four'", DeclareRotationAck},
      {"service", "issue", "key, certificate and bundle for slurmctld, slurmdbd or slurmrestd",
       "signetctl service issue slurmctld --owner slurm", DeclareServiceIssue},
      {"service", "renew", "by timer on the service's host: renew what is due, reload, report",
       "signetctl service renew --restart-command 'systemctl restart {service}'", DeclareServiceRenew},
      {"client", "issue", "key and certificate for one who calls signetd over TCP",
       "signetctl client issue head2 --role controller --out-dir /root/head2", DeclareClientIssue},
      {"client", "renew", "a new key and certificate for the one with which signetctl calls over TCP",
       "SIGNET_TLS_DIR=/etc/signet signetctl --server head:6843 client renew", DeclareClientRenew},
      {"client", "list", "control certificates that have not ended, and the nodes of provisioners",
       "signetctl client list", DeclareClientList},
      {"bundle", "show", "the trust bundle that signetd serves", "signetctl bundle show", DeclareBundleShow},
      {"bundle", "write", "write ca_cert.pem and signet-bundle", "signetctl bundle write --dir /etc/slurm",
       DeclareBundleWrite},
      {"bundle", "verify", "what in a CA file would crash Slurm, or whether a signed bundle holds",
       "signetctl bundle verify /etc/slurm/ca_cert.pem", DeclareBundleVerify},
      {"bundle", "recover", "after an older backup was restored: go on above every generation that a host has seen",
       "signetctl bundle recover --dry-run", DeclareBundleRecover},
      {"slurm-conf", "print", "the lines for slurm.conf or slurmdbd.conf",
       "signetctl slurm-conf print >> /etc/slurm/slurm.conf", DeclareSlurmConfPrint},
      {"migrate", "lab", "move a cluster from the documented scripts to Signet, node by node",
       "signetctl migrate lab /etc/slurm/certmgr --dry-run", DeclareMigrateLab},
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
