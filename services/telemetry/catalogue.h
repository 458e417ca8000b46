// Every metric that signetd shows: what docs/metrics.md is made of, and what the registry takes its names, help texts
// and labels from.
#ifndef SIGNET_SERVICES_TELEMETRY_CATALOGUE_H_
#define SIGNET_SERVICES_TELEMETRY_CATALOGUE_H_

#include <array>

namespace signet::telemetry {

enum class MetricType { kCounter = 1, kGauge = 2, kHistogram = 3 };

// A label. Its values are a closed list; where no list can be written down, `open` says what they are, and telemetry
// bounds their number.
struct Label {
  const char* name = nullptr;    // null: there is no such label
  const char* values = nullptr;  // "a,b,c"; null: see `open`
  const char* open = nullptr;
};

// A metric with its labels.
struct Family {
  const char* name;
  MetricType type;
  const char* unit;  // what one is
  const char* help;  // a sentence; "; " parts what it is from when it is absent
  std::array<Label, 3> labels = {};
};

// More values than these of one open label become "other".
inline constexpr int kMostOpenValues = 64;

// services/base/reason.h
#define SIGNET_REASONS                                                                                             \
  "MALFORMED,CSR_REFUSED,KEY_REFUSED,NAME_REFUSED,ACCESS_DENIED,EVIDENCE_MISSING,EVIDENCE_INVALID,"                \
  "EVIDENCE_EXPIRED,EVIDENCE_FROM_FUTURE,WRONG_CLUSTER,WRONG_NODE,WRONG_DAEMON,TOKEN_UNKNOWN,TOKEN_USED,"          \
  "TOKEN_EXPIRED,TOKEN_REVOKED,TOKEN_SUPERSEDED,TOKEN_WEAK,IDENTITY_UNKNOWN,IDENTITY_SUPERSEDED,NODE_BLOCKED,"     \
  "SEQUENCE_REGRESSED,WEAKER_EVIDENCE,TOO_MANY_NEW_KEYS,TOO_MANY_REQUESTS,IDENTITY_ENDED,POD_HAS_KEY,POD_REFUSED," \
  "NOT_YOUR_NODE,NOT_FOUND,ALREADY_EXISTS,GATE_CLOSED,OVERLOADED,DEADLINE_TOO_SHORT,KUBERNETES_UNAVAILABLE,"       \
  "STORE_UNAVAILABLE,CONFIGURATION,INTERNAL"
// Those of load, or of a part of signetd that is away or broken: no fault of who asked.
#define SIGNET_FAULT_REASONS \
  "OVERLOADED,DEADLINE_TOO_SHORT,KUBERNETES_UNAVAILABLE,STORE_UNAVAILABLE,CONFIGURATION,INTERNAL"

inline constexpr Label kMethodLabel = {"method", nullptr,
                                       "a method of the gRPC services: CertAuthority.SignCertificate"};

namespace metric {

// Calls.
inline constexpr Family kRpcs = {
    "signet_rpc_total",
    MetricType::kCounter,
    "calls",
    "Answered calls.",
    {kMethodLabel,
     {"code",
      "OK,CANCELLED,UNKNOWN,INVALID_ARGUMENT,DEADLINE_EXCEEDED,NOT_FOUND,ALREADY_EXISTS,PERMISSION_DENIED,"
      "RESOURCE_EXHAUSTED,FAILED_PRECONDITION,ABORTED,OUT_OF_RANGE,UNIMPLEMENTED,INTERNAL,UNAVAILABLE,DATA_LOSS,"
      "UNAUTHENTICATED"}}};
inline constexpr Family kRpcSeconds = {
    "signet_rpc_seconds",
    MetricType::kHistogram,
    "seconds",
    "Time to answer a call. An adapter gives each of several servers 1.2 s and gives up after 3.8 s; Slurm kills its "
    "scripts after 5 s.",
    {kMethodLabel}};
inline constexpr Family kRefusals = {"signet_refusals_total",
                                     MetricType::kCounter,
                                     "calls",
                                     "Calls refused, whoever is to blame, and reports ignored beside a call.",
                                     {Label{"reason", SIGNET_REASONS}}};
inline constexpr Family kShed = {
    "signet_shed_total",
    MetricType::kCounter,
    "calls",
    "Calls that were not worked on, or not to their end, because of load or of a part that was away. Part of "
    "signet_refusals_total.",
    {Label{"reason", "TOO_MANY_REQUESTS,TOO_MANY_NEW_KEYS," SIGNET_FAULT_REASONS}}};
inline constexpr Family kTlsFailures = {
    "signet_tls_failures_total", MetricType::kCounter, "connections",
    "TLS handshakes with listen.grpc that failed: no certificate that Signet made, an expired one, or no TLS at all."};

// Certificates.
inline constexpr Family kCertificates = {
    "signet_certificates_total",
    MetricType::kCounter,
    "requests",
    "Requests for certificates: issued; repeated, the answer of before again; refused, for a reason that lies in the "
    "request; failed, for one that lies in signetd.",
    {Label{"profile", "node,service,control,probe"},
     {"result", "issued,repeated,refused,failed"},
     {"reason", "none," SIGNET_REASONS}}};

// Tokens.
inline constexpr Family kTokens = {
    "signet_tokens",
    MetricType::kGauge,
    "tokens",
    "Tokens by kind and state: live; expiring, live for less than a day more; spent, a single-use or lab token that "
    "admitted its node; expired; revoked.",
    {Label{"kind", "single-use,boot,reusable,lab"}, {"state", "live,expiring,spent,expired,revoked"}}};

// Nodes.
inline constexpr Family kNodes = {
    "signet_nodes",
    MetricType::kGauge,
    "nodes",
    "Daemons of nodes in the ledger: certified, with an unexpired certificate; uncertified, whose certificate ended; "
    "neither counts a blocked node. blocked: names that are blocked, in the ledger or not.",
    {Label{"state", "certified,uncertified,blocked"}}};
inline constexpr Family kNodesByEvidence = {"signet_nodes_by_evidence",
                                            MetricType::kGauge,
                                            "nodes",
                                            "Certified daemons by what admitted their identity key.",
                                            {Label{"evidence", "single-use,boot,reusable,lab,kubernetes,approval"}}};
inline constexpr Family kNodesByBundle = {
    "signet_nodes_by_bundle",
    MetricType::kGauge,
    "nodes",
    "Certified daemons by the trust bundle that they have loaded: the newest generation, one behind it, one ahead of "
    "it (a bundle that this server did not make), or not known.",
    {Label{"bundle", "current,behind,ahead,unknown"}}};
inline constexpr Family kNodesByAdapter = {
    "signet_nodes_by_adapter",
    MetricType::kGauge,
    "nodes",
    "Certified daemons by the version of signet-slurm that spoke for them last.",
    {Label{"version", nullptr, "the 16 commonest versions; all the rest is other"}}};
inline constexpr Family kFirstNodeLost = {
    "signet_first_node_lost_seconds", MetricType::kGauge, "seconds",
    "If signetd stopped now, the first node would be lost in this time: the least that any certified daemon's "
    "certificate has left; absent while no daemon is certified."};

// Authorities, services, rotation.
inline constexpr Family kAuthorityExpires = {"signet_authority_expires_seconds",
                                             MetricType::kGauge,
                                             "seconds",
                                             "Until the certificate of an authority ends.",
                                             {Label{"authority", nullptr, "the first 8 digits of its id"},
                                              {"purpose", "slurm,control"},
                                              {"state", "prepared,active,retired"}}};
inline constexpr Family kPrepareWindow = {
    "signet_prepare_window_seconds", MetricType::kGauge, "seconds",
    "Until it is too late to prepare a successor of the active authority without an outage: its certificate has to "
    "outlive a cross certificate for the hold and two leaf lifetimes. Negative: too late."};
inline constexpr Family kServiceExpires = {
    "signet_service_expires_seconds",
    MetricType::kGauge,
    "seconds",
    "Until the newest certificate of a service ends; signetd: of its own listener; absent for a service without one.",
    {Label{"service", "slurmctld,slurmdbd,slurmrestd,signetd"}}};
inline constexpr Family kRotationStep = {
    "signet_rotation_step",
    MetricType::kGauge,
    "0 or 1",
    "1 for where the rotation stands: idle; spreading, a new root is not loaded everywhere or waits to be activated; "
    "holding, a former one is kept until nobody needs it.",
    {Label{"step", "idle,spreading,holding"}}};
inline constexpr Family kRotationStepAge = {"signet_rotation_step_age_seconds", MetricType::kGauge, "seconds",
                                            "Since this step of the rotation began."};
inline constexpr Family kRotationBlockers = {
    "signet_rotation_blockers",
    MetricType::kGauge,
    "names",
    "What keeps the next step of the rotation closed: how many nodes, services or hosts, by what is missing of them; "
    "the hold counts as one.",
    {Label{"kind", "node_not_loaded,service_not_loaded,host_not_loaded,node_certificate,service_certificate,hold"}}};
inline constexpr Family kBundleGeneration = {"signet_bundle_generation", MetricType::kGauge, "generation",
                                             "The newest trust bundle of this server."};
inline constexpr Family kBundleGenerationSeen = {
    "signet_bundle_generation_seen", MetricType::kGauge, "generation",
    "The highest generation that any host reported. Above signet_bundle_generation: this server was restored from an "
    "older backup, or a host lies."};

// Health.
inline constexpr Family kSignerOk = {
    "signet_signer_ok",
    MetricType::kGauge,
    "0 or 1",
    "1 when this key signed a test message and its public key verified the signature, each time metrics are collected; "
    "slurm and control are the active authorities' keys.",
    {Label{"key", "slurm,control,bundle,audit"}}};
inline constexpr Family kSignerSeconds = {"signet_signer_seconds",
                                          MetricType::kGauge,
                                          "seconds",
                                          "Time of the last such test.",
                                          {Label{"key", "slurm,control,bundle,audit"}}};
inline constexpr Family kStoreOk = {"signet_store_ok", MetricType::kGauge, "0 or 1",
                                    "1 when the store answered the last read of the collector."};
inline constexpr Family kStoreWriteOk = {"signet_store_write_ok", MetricType::kGauge, "0 or 1",
                                         "1 when the last write reached the disk; absent before the first."};
inline constexpr Family kStoreWrites = {
    "signet_store_writes_total",
    MetricType::kCounter,
    "writes",
    "Writes into the store: ok, on the disk; failed, nothing was stored; shed, too many waited. Those that a rule "
    "undid are not counted.",
    {Label{"result", "ok,failed,shed"}}};
inline constexpr Family kStoreWriteSeconds = {"signet_store_write_seconds", MetricType::kHistogram, "seconds",
                                              "Time until a write was on the disk."};
inline constexpr Family kStoreFree = {"signet_store_free_bytes", MetricType::kGauge, "bytes",
                                      "Free space that signetd may use where data_dir is."};
inline constexpr Family kStoreSize = {"signet_store_size_bytes", MetricType::kGauge, "bytes",
                                      "Size of the database and its log of changes."};
inline constexpr Family kAuditUnwritable = {
    "signet_audit_unwritable_total", MetricType::kCounter, "records",
    "Audit records of refusals that could not be written. What is issued is never without its record: it fails "
    "instead."};
inline constexpr Family kAuditUnsealed = {
    "signet_audit_unsealed_records", MetricType::kGauge, "records",
    "Audit records after the newest signed checkpoint, which is made every 256 records and at each clean end."};
inline constexpr Family kAuditCheckpointAge = {
    "signet_audit_checkpoint_age_seconds", MetricType::kGauge, "seconds",
    "Since the newest signed checkpoint of the audit log; absent before the first."};

// Kubernetes.
inline constexpr Family kPublished = {
    "signet_publish_total",
    MetricType::kCounter,
    "attempts",
    "Attempts to keep objects of Kubernetes as they should be: ok, patched; unchanged; conflict, somebody else patched "
    "it meanwhile; refused, a right is missing; missing, there is no such object; unreachable; failed.",
    {Label{"kind", "bundle,service"}, {"result", "ok,unchanged,conflict,refused,missing,unreachable,failed"}}};
inline constexpr Family kPublishAge = {
    "signet_publish_age_seconds",
    MetricType::kGauge,
    "seconds",
    "Since an object of this kind was last seen as it should be; before the first time, since the first attempt; "
    "absent where nothing is published.",
    {Label{"kind", "bundle,service"}}};

// The process, and these metrics.
inline constexpr Family kBuild = {"signet_build_info",
                                  MetricType::kGauge,
                                  "1",
                                  "The running version.",
                                  {Label{"version", nullptr, "signetd --version"}}};
inline constexpr Family kProcessStart = {"signet_process_start_time_seconds", MetricType::kGauge, "Unix time",
                                         "When signetd started."};
inline constexpr Family kOpenFiles = {"signet_process_open_fds", MetricType::kGauge, "descriptors",
                                      "Open file descriptors, connections among them."};
inline constexpr Family kMostFiles = {"signet_process_max_fds", MetricType::kGauge, "descriptors",
                                      "How many may be open: at the limit signetd ends, to be started again."};
inline constexpr Family kCollections = {
    "signet_collections_total",
    MetricType::kCounter,
    "collections",
    "Times that the numbers that only the store knows were collected: ok; failed, those of before are shown still.",
    {Label{"result", "ok,failed"}}};
inline constexpr Family kCollectAge = {
    "signet_collect_age_seconds", MetricType::kGauge, "seconds",
    "Since the last collection that was ok; absent before the first. A scrape never waits for the store: what it "
    "shows of it is as old as this. Times until an end are reckoned when they are scraped."};
inline constexpr Family kCollectSeconds = {"signet_collect_seconds", MetricType::kGauge, "seconds",
                                           "How long the last collection took. The next waits a hundred times as long, "
                                           "at least 15 s and at most 5 min."};

}  // namespace metric

// All of the above, in the order of docs/metrics.md.
inline constexpr const Family* kCatalogue[] = {
    &metric::kFirstNodeLost,
    &metric::kNodes,
    &metric::kNodesByEvidence,
    &metric::kNodesByBundle,
    &metric::kNodesByAdapter,
    &metric::kCertificates,
    &metric::kTokens,
    &metric::kRpcs,
    &metric::kRpcSeconds,
    &metric::kRefusals,
    &metric::kShed,
    &metric::kTlsFailures,
    &metric::kAuthorityExpires,
    &metric::kPrepareWindow,
    &metric::kServiceExpires,
    &metric::kRotationStep,
    &metric::kRotationStepAge,
    &metric::kRotationBlockers,
    &metric::kBundleGeneration,
    &metric::kBundleGenerationSeen,
    &metric::kPublished,
    &metric::kPublishAge,
    &metric::kSignerOk,
    &metric::kSignerSeconds,
    &metric::kStoreOk,
    &metric::kStoreWriteOk,
    &metric::kStoreWrites,
    &metric::kStoreWriteSeconds,
    &metric::kStoreFree,
    &metric::kStoreSize,
    &metric::kAuditUnwritable,
    &metric::kAuditUnsealed,
    &metric::kAuditCheckpointAge,
    &metric::kBuild,
    &metric::kProcessStart,
    &metric::kOpenFiles,
    &metric::kMostFiles,
    &metric::kCollections,
    &metric::kCollectAge,
    &metric::kCollectSeconds,
};

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_CATALOGUE_H_
