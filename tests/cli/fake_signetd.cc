#include "tests/cli/fake_signetd.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/bundle/ca_file.h"
#include "services/bundle/signed_bundle.h"
#include "services/x509/certificate_request.h"
#include "services/x509/certificate_template.h"
#include "services/x509/name.h"

namespace signet::cli {
namespace {

keys::PrivateKey NewKey() { return keys::PrivateKey::Generate(x509::KeyType::kEcP256).value(); }

std::string SignTemplate(const x509::CertificateTemplate& fields, const keys::PrivateKey& key) {
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(key.public_key());
  const std::string tbs = x509::EncodeTbs(fields, algorithm).value();
  return x509::AssembleCertificate(tbs, algorithm, key.Sign(algorithm, tbs).value());
}

v1::Authority Describe(const x509::Certificate& certificate, v1::AuthorityState state) {
  v1::Authority authority;
  authority.set_id(certificate.public_key().key_id());
  authority.set_purpose(v1::AUTHORITY_PURPOSE_SLURM);
  authority.set_state(state);
  authority.set_subject(certificate.subject());
  authority.mutable_not_after()->set_seconds(absl::ToUnixSeconds(certificate.not_after()));
  authority.mutable_activated_at()->set_seconds(absl::ToUnixSeconds(certificate.not_before()));
  authority.set_has_key(state == v1::AUTHORITY_STATE_ACTIVE);
  authority.set_certificate_pem(certificate.pem());
  return authority;
}

}  // namespace

FakeSignetd::FakeSignetd(const std::string& socket_path, absl::Time now)
    : now_(now),
      authority_(MakeIssuer("CN=Slurm CA,O=Example", now)),
      stranger_(MakeIssuer("CN=slurm_ca,O=Lab", now)),
      bundle_key_(NewKey()) {
  status.set_cluster("alpha");
  status.set_version("0.1.0");
  status.set_bundle_generation(1);
  status.set_bundle_pin(absl::BytesToHexString(pin()));
  rotation.set_step(v1::ROTATION_STEP_IDLE);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket_path, grpc::InsecureServerCredentials());
  builder.RegisterService(static_cast<v1::CertAuthority::Service*>(this));
  builder.RegisterService(static_cast<v1::NodeEnrollment::Service*>(this));
  server_ = builder.BuildAndStart();
}

void FakeSignetd::Stop() {
  for (std::unique_ptr<grpc::Server>* server : {&server_, &tls_server_}) {
    if (*server != nullptr) (*server)->Shutdown();
    server->reset();
  }
}

std::string FakeSignetd::ListenTls() {
  x509::CertificateTemplate fields;
  fields.serial = "\x44";
  fields.issuer_der = authority_.root.subject_der();
  fields.subject_der = x509::CommonNameDer("127.0.0.1");
  fields.not_before = now_ - absl::Hours(1);
  fields.not_after = now_ + absl::Hours(24);
  const keys::PrivateKey key = NewKey();
  fields.spki_der = key.public_key().spki_der();
  fields.dns_names = {"127.0.0.1"};  // a host may know no name of its own
  fields.digital_signature = fields.server_auth = fields.client_auth = true;
  fields.subject_key_id = x509::KeyIdentifier(key.public_key());
  fields.authority_key_id = authority_.root.subject_key_id();
  const x509::Certificate leaf = x509::Certificate::FromDer(SignTemplate(fields, authority_.key)).value();
  const base::SecretBytes key_pem = key.ToPem().value();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = authority_.root.pem();
  options.pem_key_cert_pairs.push_back(
      {std::string(key_pem.ExposeSecret().data(), key_pem.ExposeSecret().size()), leaf.pem()});
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
  builder.RegisterService(static_cast<v1::CertAuthority::Service*>(this));
  builder.RegisterService(static_cast<v1::NodeEnrollment::Service*>(this));
  tls_server_ = builder.BuildAndStart();
  return absl::StrCat("127.0.0.1:", port);
}

v1::Authority FakeSignetd::Active() const { return Describe(authority_.root, v1::AUTHORITY_STATE_ACTIVE); }

FakeSignetd::Issuer FakeSignetd::MakeIssuer(const std::string& name, absl::Time now) {
  keys::PrivateKey key = NewKey();
  x509::CertificateTemplate fields;
  fields.serial = "\x01";
  fields.issuer_der = fields.subject_der = x509::NameDerFromText(name).value();
  fields.not_before = now - absl::Hours(24);
  fields.not_after = now + absl::Hours(24 * 3650);
  fields.spki_der = key.public_key().spki_der();
  fields.is_ca = fields.certificate_signing = true;
  fields.subject_key_id = x509::KeyIdentifier(key.public_key());
  x509::Certificate root = x509::Certificate::FromDer(SignTemplate(fields, key)).value();
  return {std::move(key), std::move(root)};
}

std::string FakeSignetd::pin() const { return bundle_key_.public_key().spki_sha256(); }

std::vector<x509::Certificate> FakeSignetd::Trusted() const {
  std::vector<x509::Certificate> trusted = {authority_.root};
  trusted.insert(trusted.end(), anchors.begin(), anchors.end());
  return trusted;
}

std::string FakeSignetd::LeafOfStranger(const std::string& name) {
  x509::CertificateTemplate fields;
  fields.serial = "\x33";
  fields.issuer_der = stranger_.root.subject_der();
  fields.subject_der = x509::CommonNameDer(name);
  fields.not_before = now_ - absl::Hours(1);
  fields.not_after = now_ + absl::Hours(24 * 30);
  const keys::PrivateKey key = NewKey();
  fields.spki_der = key.public_key().spki_der();
  fields.dns_names = {name};
  fields.digital_signature = fields.server_auth = fields.client_auth = true;
  fields.subject_key_id = x509::KeyIdentifier(key.public_key());
  fields.authority_key_id = stranger_.root.subject_key_id();
  return x509::Certificate::FromDer(SignTemplate(fields, stranger_.key)).value().pem();
}

v1::SignedBundle FakeSignetd::SignedBundle() const {
  const bundle::Bundle content{.cluster = status.cluster(),
                               .generation = status.bundle_generation(),
                               .previous_sha256 = status.bundle_generation() == 1 ? "" : std::string(32, 'x'),
                               .ca_cert_pem = bundle::RenderCaFile(Trusted()).value(),
                               .created_at = now_,
                               .next_bundle_key = ""};
  v1::SignedBundle result;
  result.ParseFromString(bundle::Sign(content, bundle_key_).value());
  return result;
}

std::string FakeSignetd::Leaf(const std::string& csr_pem, const std::string& uri, std::string* serial) {
  const x509::CertificateRequest csr = x509::CertificateRequest::FromPem(csr_pem).value();
  const std::string name = answer_for_another_name.empty() ? csr.common_name() : answer_for_another_name;
  const keys::PrivateKey other = NewKey();
  const x509::PublicKey& key = answer_for_another_key ? other.public_key() : csr.public_key();
  const Issuer& issuer = sign_by_stranger ? stranger_ : authority_;
  x509::CertificateTemplate fields;
  fields.serial = absl::StrCat("\x22", std::string(1, static_cast<char>(certificates_.size() + 1)));
  fields.issuer_der = issuer.root.subject_der();
  fields.subject_der = x509::CommonNameDer(name);
  fields.not_before = now_ - leaf_age;
  fields.not_after = fields.not_before + absl::Hours(24 * 90);
  fields.spki_der = key.spki_der();
  if (uri.empty()) {
    fields.dns_names = {name};
  } else {
    fields.uris = {uri};
  }
  fields.digital_signature = fields.server_auth = fields.client_auth = true;
  fields.subject_key_id = x509::KeyIdentifier(key);
  fields.authority_key_id = issuer.root.subject_key_id();
  const x509::Certificate leaf = x509::Certificate::FromDer(SignTemplate(fields, issuer.key)).value();
  *serial = leaf.serial();
  v1::CertificateRecord& record = certificates_.emplace_back();
  record.set_serial(leaf.serial());
  record.set_subject(name);
  record.set_profile(uri.empty() ? v1::PROFILE_SERVICE : v1::PROFILE_CONTROL);
  record.set_daemon(uri.empty() ? name : client.role() == v1::ROLE_PROVISIONER ? "provisioner" : "controller");
  record.set_state(v1::CERTIFICATE_STATE_ISSUED);
  record.mutable_not_after()->set_seconds(absl::ToUnixSeconds(leaf.not_after()));
  record.set_pem(leaf.pem());
  return leaf.pem();
}

grpc::Status FakeSignetd::Refuse(grpc::StatusCode code, const std::string& reason, const std::string& message,
                                 const std::string& next) {
  google::rpc::ErrorInfo info;
  info.set_domain("signet");
  info.set_reason(reason);
  (*info.mutable_metadata())["next"] = next;
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return {code, message, details.SerializeAsString()};
}

grpc::Status FakeSignetd::GetTrustBundle(grpc::ServerContext*, const v1::GetTrustBundleRequest*,
                                         v1::GetTrustBundleResponse* response) {
  const base::MutexLock lock(mutex);
  *response->mutable_signed_bundle() = SignedBundle();
  return refusal;
}

grpc::Status FakeSignetd::IssueServiceCertificate(grpc::ServerContext*,
                                                  const v1::IssueServiceCertificateRequest* request,
                                                  v1::IssueServiceCertificateResponse* response) {
  const base::MutexLock lock(mutex);
  ++services_issued;
  response->set_certificate_chain_pem(Leaf(request->csr_pem(), "", response->mutable_serial()));
  *response->mutable_signed_bundle() = SignedBundle();
  return refusal;
}

grpc::Status FakeSignetd::IssueClientCertificate(grpc::ServerContext*, const v1::IssueClientCertificateRequest* request,
                                                 v1::IssueClientCertificateResponse* response) {
  const base::MutexLock lock(mutex);
  client = *request;
  std::string role = v1::Role_Name(request->role()).substr(5);
  std::transform(role.begin(), role.end(), role.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  const std::string uri = absl::StrCat("signet://alpha/", role, "/", request->name());
  response->set_certificate_chain_pem(Leaf(request->csr_pem(), uri, response->mutable_serial()));
  response->set_control_ca_pem(authority_.root.pem());
  return refusal;
}

grpc::Status FakeSignetd::ListCertificates(grpc::ServerContext*, const v1::ListCertificatesRequest* request,
                                           v1::ListCertificatesResponse* response) {
  const base::MutexLock lock(mutex);
  for (const v1::CertificateRecord& record : certificates_) {
    if (request->subject().empty() || record.subject() == request->subject()) *response->add_certificates() = record;
  }
  return refusal;
}

grpc::Status FakeSignetd::GetCertificate(grpc::ServerContext*, const v1::GetCertificateRequest* request,
                                         v1::GetCertificateResponse* response) {
  const base::MutexLock lock(mutex);
  for (const v1::CertificateRecord& record : certificates_) {
    if (record.serial() == request->serial()) *response->mutable_certificate() = record;
  }
  if (!response->has_certificate()) {
    return Refuse(grpc::StatusCode::NOT_FOUND, "NOT_FOUND", "no certificate has this serial", "signetctl cert list");
  }
  return refusal;
}

grpc::Status FakeSignetd::ListAuthorities(grpc::ServerContext*, const v1::ListAuthoritiesRequest*,
                                          v1::ListAuthoritiesResponse* response) {
  const base::MutexLock lock(mutex);
  *response->add_authorities() = Active();
  for (const x509::Certificate& anchor : anchors) {
    *response->add_authorities() = Describe(anchor, v1::AUTHORITY_STATE_RETIRED);
  }
  for (const v1::AuthorityRequest& request : requests) *response->add_requests() = request;
  return refusal;
}

grpc::Status FakeSignetd::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                    v1::GetStatusResponse* response) {
  const base::MutexLock lock(mutex);
  *response = status;
  return refusal;
}

grpc::Status FakeSignetd::ListAuditRecords(grpc::ServerContext*, const v1::ListAuditRecordsRequest* request,
                                           v1::ListAuditRecordsResponse* response) {
  const base::MutexLock lock(mutex);
  if (audit_calls_until_away-- == 0) return {grpc::StatusCode::UNAVAILABLE, "going away"};
  const int all = records.records_size();
  for (int i = request->newest() ? std::max(0, all - request->page_size()) : 0; i < all; ++i) {
    if (records.records(i).sequence() > request->after_sequence()) *response->add_records() = records.records(i);
  }
  return refusal;
}

grpc::Status FakeSignetd::VerifyAudit(grpc::ServerContext*, const v1::VerifyAuditRequest*,
                                      v1::VerifyAuditResponse* response) {
  const base::MutexLock lock(mutex);
  *response = verdict;
  return refusal;
}

grpc::Status FakeSignetd::ListProvisioners(grpc::ServerContext*, const v1::ListProvisionersRequest*,
                                           v1::ListProvisionersResponse* response) {
  const base::MutexLock lock(mutex);
  *response = provisioners;
  return refusal;
}

grpc::Status FakeSignetd::ImportAuthority(grpc::ServerContext*, const v1::ImportAuthorityRequest* request,
                                          v1::ImportAuthorityResponse* response) {
  const base::MutexLock lock(mutex);
  imports.push_back(*request);
  if (!refusal.ok()) return refusal;
  const std::string& pem = request->chain_pem().empty() ? request->certificate_pem() : request->chain_pem();
  const x509::Certificate certificate = x509::Certificate::ListFromPem(pem).value().front();
  if (!certificate.is_ca()) return Refuse(grpc::StatusCode::INVALID_ARGUMENT, "MALFORMED", "it is not a CA", "");
  *response->mutable_authority() =
      Describe(certificate, request->chain_pem().empty() ? v1::AUTHORITY_STATE_RETIRED : v1::AUTHORITY_STATE_PREPARED);
  if (!request->chain_pem().empty() || !request->key_pem().empty()) {
    response->mutable_plan()->add_steps("the step that is taken");
  }
  if (!request->dry_run()) {
    response->set_changed(anchors.empty() || anchors.back().der() != certificate.der());
    anchors.push_back(certificate);
    status.set_bundle_generation(status.bundle_generation() + 1);
  }
  response->set_bundle_generation(status.bundle_generation());
  return grpc::Status::OK;
}

grpc::Status FakeSignetd::CreateSubordinate(grpc::ServerContext*, const v1::CreateSubordinateRequest* request,
                                            v1::CreateSubordinateResponse* response) {
  const base::MutexLock lock(mutex);
  if (!refusal.ok()) return refusal;
  response->mutable_plan()->add_steps("make a key");
  for (const v1::AuthorityRequest& made : requests) {
    if (made.subject() != request->subject()) continue;
    *response->mutable_request() = made;
    return grpc::Status::OK;
  }
  if (request->dry_run()) return grpc::Status::OK;
  v1::AuthorityRequest made;
  made.set_id("00112233445566778899aabbccddeeff");
  made.set_subject(request->subject());
  made.set_csr_pem("-----BEGIN CERTIFICATE REQUEST-----\n" + request->subject() + "\n");
  requests.push_back(made);
  *response->mutable_request() = made;
  response->set_changed(true);
  return grpc::Status::OK;
}

}  // namespace signet::cli
