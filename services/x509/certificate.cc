#include "services/x509/certificate.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <ctime>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "services/x509/openssl.h"
#include "services/x509/pem.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr std::size_t kMaxPemBytes = 1024 * 1024;

absl::Status Malformed(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("certificate: ", problem));
}

absl::string_view View(const ASN1_STRING* string) {
  if (string == nullptr) return "";
  return absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
                           static_cast<std::size_t>(ASN1_STRING_length(string)));
}

std::string NameDer(const X509_NAME* name) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(name, &bytes, &size) != 1) return "";
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  // Checked while parsing.
  if (ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTM(fields, absl::UTCTimeZone());
}

// RFC 5280 section 4.2: no extension twice.
bool HasDuplicateExtension(const X509* certificate) {
  std::set<std::string> seen;
  for (int i = 0; i < X509_get_ext_count(certificate); ++i) {
    const ASN1_OBJECT* oid = X509_EXTENSION_get_object(X509_get_ext(certificate, i));
    if (!seen.emplace(reinterpret_cast<const char*>(OBJ_get0_data(oid)), OBJ_length(oid)).second) return true;
  }
  return false;
}

// The subjectAltNames of one kind.
std::vector<std::string> AltNames(const X509* certificate, int kind) {
  const OpensslErrorScope errors;
  const OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> found;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == kind) found.emplace_back(View(name->d.ia5));
  }
  return found;
}

absl::StatusOr<PublicKey> ReadPublicKey(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
  if (size <= 0) return Malformed("no public key");
  const std::string spki(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return PublicKey::FromSpkiDer(spki);
}

}  // namespace

absl::StatusOr<Certificate> Certificate::FromDer(absl::string_view der) {
  const OpensslErrorScope errors;
  if (der.size() > kMaxBytes) return Malformed(absl::StrCat(der.size(), " bytes, the limit is ", kMaxBytes));
  SIGNET_RETURN_IF_ERROR(ReadDer(der, kDerSequence, "certificate").status());
  const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
  OpensslPtr<X509, X509_free> parsed(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (parsed == nullptr || cursor != reinterpret_cast<const unsigned char*>(der.data() + der.size())) {
    return Malformed("not the DER of a certificate");
  }
  // Parses and caches the extensions, so that the object is only read from here on.
  if ((X509_get_extension_flags(parsed.get()) & EXFLAG_INVALID) != 0 || HasDuplicateExtension(parsed.get())) {
    return Malformed("an extension that is broken or there twice");
  }
  std::tm fields{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(parsed.get()), &fields) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(parsed.get()), &fields) != 1) {
    return Malformed("a validity that is no time");
  }
  SIGNET_ASSIGN_OR_RETURN(PublicKey key, ReadPublicKey(parsed.get()));
  Certificate certificate(std::move(key));
  certificate.x509_ = std::shared_ptr<X509>(parsed.release(), X509_free);
  certificate.der_ = std::string(der);
  return certificate;
}

absl::StatusOr<Certificate> Certificate::FromPem(absl::string_view pem) {
  SIGNET_ASSIGN_OR_RETURN(const std::string der, ParseSinglePem(pem, kCertificateLabel, {.bytes = 2 * kMaxBytes}));
  return FromDer(der);
}

absl::StatusOr<std::vector<Certificate>> Certificate::ListFromPem(absl::string_view pem, std::size_t limit) {
  SIGNET_ASSIGN_OR_RETURN(const std::vector<PemBlock> blocks, ParsePem(pem, {.bytes = kMaxPemBytes, .blocks = limit}));
  if (blocks.empty()) return Malformed("no CERTIFICATE block");
  std::vector<Certificate> certificates;
  for (const PemBlock& block : blocks) {
    if (block.label != kCertificateLabel)
      return Malformed(absl::StrCat("a ", block.label, " block among certificates"));
    SIGNET_ASSIGN_OR_RETURN(Certificate certificate, FromDer(block.der));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

std::string Certificate::pem() const { return EncodePem(kCertificateLabel, der_); }

std::string Certificate::tbs_der() const {
  const auto contents = ReadDer(der_, kDerSequence, "certificate");
  if (!contents.ok()) return "";
  const auto tbs = DerReader(*contents).ReadAny("tbsCertificate");
  return tbs.ok() ? std::string(tbs->whole) : "";
}

std::string Certificate::serial() const {
  absl::string_view bytes = View(X509_get0_serialNumber(x509_.get()));
  while (bytes.size() > 1 && bytes.front() == '\0') bytes.remove_prefix(1);
  return absl::BytesToHexString(bytes);
}

std::string Certificate::subject() const { return NameTextFromDer(subject_der()); }
std::string Certificate::issuer() const { return NameTextFromDer(issuer_der()); }
std::string Certificate::subject_der() const { return NameDer(X509_get_subject_name(x509_.get())); }
std::string Certificate::issuer_der() const { return NameDer(X509_get_issuer_name(x509_.get())); }

std::string Certificate::common_name() const {
  const OpensslErrorScope errors;
  X509_NAME* name = X509_get_subject_name(x509_.get());
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, index) >= 0) return "";
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return "";
  std::string common_name(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return common_name;
}

absl::Time Certificate::not_before() const { return TimeOf(X509_get0_notBefore(x509_.get())); }
absl::Time Certificate::not_after() const { return TimeOf(X509_get0_notAfter(x509_.get())); }

std::vector<std::string> Certificate::dns_names() const { return AltNames(x509_.get(), GEN_DNS); }
std::vector<std::string> Certificate::uris() const { return AltNames(x509_.get(), GEN_URI); }

std::string Certificate::subject_key_id() const { return std::string(View(X509_get0_subject_key_id(x509_.get()))); }
std::string Certificate::authority_key_id() const { return std::string(View(X509_get0_authority_key_id(x509_.get()))); }

bool Certificate::is_ca() const { return (X509_get_extension_flags(x509_.get()) & EXFLAG_CA) != 0; }

bool Certificate::allows_digital_signature() const {
  return (X509_get_key_usage(x509_.get()) & KU_DIGITAL_SIGNATURE) != 0;
}

bool Certificate::allows_certificate_signing() const {
  return is_ca() && (X509_get_key_usage(x509_.get()) & KU_KEY_CERT_SIGN) != 0;
}

std::vector<std::string> Certificate::extended_key_usages() const {
  const OpensslErrorScope errors;
  const OpensslPtr<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x509_.get(), NID_ext_key_usage, nullptr, nullptr)));
  std::vector<std::string> oids;
  for (int i = 0; usages != nullptr && i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    const ASN1_OBJECT* oid = sk_ASN1_OBJECT_value(usages.get(), i);
    oids.push_back(OidText(absl::string_view(reinterpret_cast<const char*>(OBJ_get0_data(oid)), OBJ_length(oid))));
  }
  return oids;
}

bool Certificate::self_signed() const { return VerifySignedBy(*this).ok(); }

absl::Status Certificate::VerifySignedBy(const Certificate& issuer) const {
  const OpensslErrorScope errors;
  const auto refused = [this](absl::string_view problem) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("certificate ", subject(), ": ", problem));
  };
  if (issuer_der() != issuer.subject_der()) {
    return refused(absl::StrCat("its issuer is ", this->issuer(), ", not ", issuer.subject()));
  }
  if (X509_verify(x509_.get(), issuer.public_key_.evp()) != 1) {
    return refused(absl::StrCat("not signed by the key of ", issuer.subject()));
  }
  return absl::OkStatus();
}

}  // namespace signet::x509
