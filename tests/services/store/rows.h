// Rows with every field set, so that a column that is lost or swapped shows.
#ifndef SIGNET_TESTS_SERVICES_STORE_ROWS_H_
#define SIGNET_TESTS_SERVICES_STORE_ROWS_H_

#include <string>

#include "services/store/rows.h"

namespace signet::store {

inline absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(1'800'000'000 + seconds); }

inline AuthorityRow Authority(const std::string& id) {
  AuthorityRow row;
  row.id = id;
  row.purpose = Purpose::kControl;
  row.state = AuthorityState::kRetired;
  row.certificate_der = std::string("certificate\0of ", 15) + id;
  row.custody = "sealed";
  row.handle = std::string("\0handle\xff", 8);
  row.spki_der = "spki of " + id;
  row.generation = 5;
  row.created_at = At(1) + absl::Milliseconds(7);
  row.activated_at = At(15);
  row.retired_at = At(16) + absl::Milliseconds(1);
  row.revoked_at = At(17);
  row.stolen_at = At(21);
  row.intermediates_pem = "intermediates of " + id;
  row.anchor_der = std::string("anchor\0\xff", 8);
  return row;
}

inline CrossRow Cross(const std::string& serial) {
  return {serial, "a1", "a2", std::string("cross\0\xff", 7), At(18), At(19) + absl::Milliseconds(1)};
}

inline AckRow Ack(const std::string& authority_id, const std::string& host) {
  return {authority_id, host, "reason of " + host, "tls:signet://alpha/admin/jane", At(20)};
}

inline ReportRow Report(const std::string& host, const std::string& program) {
  ReportRow row;
  row.host = host;
  row.program = program;
  row.disk_generation = ~uint64_t{0};
  row.disk_sha256 = std::string(32, '\x04');
  row.loaded_generation = 8;
  row.loaded_sha256 = std::string(32, '\x05');
  row.served_serial = "52";
  row.adapter_version = "1.3";
  row.reported_by = "socket:controller";
  row.reported_at = At(21) + absl::Milliseconds(1);
  return row;
}

inline ProbeRow Probe(const std::string& authority_id, const std::string& host, const std::string& program) {
  return {host, program, authority_id, true, "53", At(22)};
}

inline CertificateRow Certificate(const std::string& serial) {
  CertificateRow row;
  row.serial = serial;
  row.authority_id = "a0";
  row.profile = Profile::kService;
  row.subject = "subject of " + serial;
  row.daemon = "slurmdbd";
  row.tbs_der = std::string("tbs\0\xff", 5);
  row.tbs_sha256 = std::string(32, '\x80');
  row.spki_sha256 = "spki of " + serial;
  row.identity_key_id = "key of " + serial;
  row.seq = 1;
  row.not_before = At(2) + absl::Milliseconds(1);
  row.not_after = At(3) + absl::Milliseconds(2);
  row.recorded_at = At(4) + absl::Milliseconds(3);
  return row;
}

inline NodeRow Node(const std::string& name, const std::string& daemon = "slurmd") {
  NodeRow row;
  row.name = name;
  row.daemon = daemon;
  row.key_id = "key of " + name;
  row.seq = ~uint64_t{0};
  row.boot_id = "boot";
  row.previous_boot_id = "boot before";
  row.machine_id_sha256 = std::string(32, '\x01');
  row.clone_suspected_at = At(5);
  row.serial = "51";
  row.not_after = At(100);
  row.disk_generation = 3;
  row.disk_sha256 = std::string(32, '\x02');
  row.loaded_generation = 2;
  row.loaded_sha256 = std::string(32, '\x03');
  row.adapter_version = "1.2";
  row.enrolled_at = At(6);
  row.last_request_at = At(7);
  return row;
}

inline IdentityRow Identity(const std::string& key_id, const std::string& node = "n1") {
  IdentityRow row;
  row.key_id = key_id;
  row.node = node;
  row.daemon = "slurmd";
  row.spki_der = "spki of " + key_id;
  row.evidence = 3;
  row.token_id = "t1";
  row.pod_uid = "pod of " + key_id;
  row.admitted_at = At(8);
  return row;
}

inline TokenRow Token(const std::string& id, const std::string& node = "n1") {
  TokenRow row;
  row.id = id;
  row.node = node;
  row.daemon = "slurmd";
  row.kind = 2;
  row.spki_der = "spki of " + id;
  row.created_at = At(9);
  row.expires_at = At(1000);
  row.created_by = "tls:signet://alpha/admin/jane";
  row.uses = 4;
  row.last_used_at = At(10);
  row.used_by_key_id = "k1";
  row.label = "label of " + id;
  return row;
}

inline BlockRow Block(const std::string& node) { return {node, "reason of " + node, "socket:admin", At(11)}; }

inline ApprovalRow Approval(const std::string& key_id, const std::string& node = "n1") {
  return {key_id, node, "sackd", "tls:signet://alpha/admin/jane", At(12), At(13) + absl::Milliseconds(1)};
}

inline RefusalRow Refusal(const std::string& node, int64_t number, bool proven) {
  RefusalRow row;
  row.node = node;
  row.at = At(14 + number);
  row.action = "certificate.sign";
  row.reason = "TOKEN_USED";
  row.message = "message " + std::to_string(number);
  row.next = "signetctl token create " + node;
  row.actor = "socket:controller";
  row.request_id = "0123456789abcdef";
  row.key_id = "k1";
  row.proven = proven;
  return row;
}

}  // namespace signet::store

#endif  // SIGNET_TESTS_SERVICES_STORE_ROWS_H_
