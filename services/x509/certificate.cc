#include "services/x509/certificate.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate_fields.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "services/x509/openssl.h"
#include "services/x509/pem.h"
#include "services/x509/signature_algorithm.h"
#include "services/x509/text.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr std::size_t kMaxPemBytes = 1024 * 1024;
constexpr char kCommonNameOid[] = "2.5.4.3";

absl::Status Malformed(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed, absl::StrCat("certificate: ", problem));
}

// Empty when there is none, more than one, or one that is no UTF-8 or PrintableString.
std::string OneCommonName(absl::string_view name_der) {
  std::string found;
  const auto rdns = ReadDer(name_der, kDerSequence, "name");
  if (!rdns.ok()) return "";
  for (DerReader names(*rdns); !names.done();) {
    const auto rdn = names.Read(kDerSet, "name");
    if (!rdn.ok()) return "";
    for (DerReader attributes(*rdn); !attributes.done();) {
      const auto attribute = attributes.Read(kDerSequence, "name");
      if (!attribute.ok()) return "";
      DerReader parts(*attribute);
      const auto oid = parts.Read(kDerOid, "name");
      const auto value = parts.ReadAny("name");
      if (!oid.ok() || !value.ok()) return "";
      if (OidText(*oid) != kCommonNameOid) continue;
      const bool text =
          (value->tag == kDerUtf8String || value->tag == kDerPrintableString) && CountUtf8(value->contents).has_value();
      if (!found.empty() || !text || value->contents.empty()) return "";
      found = std::string(value->contents);
    }
  }
  return found;
}

}  // namespace

absl::StatusOr<Certificate> Certificate::FromDer(absl::string_view der) {
  if (der.size() > kMaxBytes) return Malformed(absl::StrCat(der.size(), " bytes, the limit is ", kMaxBytes));
  SIGNET_ASSIGN_OR_RETURN(CertificateFields fields, ReadCertificateFields(der));
  SIGNET_ASSIGN_OR_RETURN(PublicKey key, PublicKey::FromSpkiDer(fields.spki_der));
  return Certificate(std::move(key), std::string(der), std::make_shared<const CertificateFields>(std::move(fields)));
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

const std::string& Certificate::tbs_der() const { return fields_->tbs_der; }

std::string Certificate::serial() const {
  absl::string_view bytes = fields_->serial;
  while (bytes.size() > 1 && bytes.front() == '\0') bytes.remove_prefix(1);
  return absl::BytesToHexString(bytes);
}

std::string Certificate::subject() const { return NameTextFromDer(subject_der()); }
std::string Certificate::issuer() const { return NameTextFromDer(issuer_der()); }
const std::string& Certificate::subject_der() const { return fields_->subject_der; }
const std::string& Certificate::issuer_der() const { return fields_->issuer_der; }
std::string Certificate::common_name() const { return OneCommonName(fields_->subject_der); }
absl::Time Certificate::not_before() const { return fields_->not_before; }
absl::Time Certificate::not_after() const { return fields_->not_after; }
const std::vector<std::string>& Certificate::dns_names() const { return fields_->dns_names; }
const std::vector<std::string>& Certificate::uris() const { return fields_->uris; }
const std::string& Certificate::subject_key_id() const { return fields_->subject_key_id; }
const std::string& Certificate::authority_key_id() const { return fields_->authority_key_id; }
bool Certificate::is_ca() const { return fields_->is_ca; }

bool Certificate::allows_digital_signature() const {
  return (fields_->key_usage.value_or(0xff) & kDigitalSignatureBit) != 0;
}

bool Certificate::allows_certificate_signing() const {
  return is_ca() && (fields_->key_usage.value_or(0xff) & kKeyCertSignBit) != 0;
}
bool Certificate::allows_list_signing() const {
  return is_ca() && (fields_->key_usage.value_or(0xff) & kCrlSignBit) != 0;
}

const std::vector<std::string>& Certificate::extended_key_usages() const { return fields_->extended_key_usages; }

bool Certificate::self_signed() const { return VerifySignedBy(*this).ok(); }

absl::Status Certificate::VerifySignedBy(const Certificate& issuer) const {
  const auto refused = [this](absl::string_view problem) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("certificate ", subject(), ": ", problem));
  };
  if (issuer_der() != issuer.subject_der()) {
    return refused(absl::StrCat("its issuer is ", this->issuer(), ", not ", issuer.subject()));
  }
  const auto algorithm = SignatureAlgorithmFromDer(fields_->signature_algorithm_der);
  if (!algorithm.ok()) return refused(algorithm.status().message());
  if (!issuer.public_key_.Verify(*algorithm, fields_->tbs_der, fields_->signature).ok()) {
    return refused(absl::StrCat("not signed by the key of ", issuer.subject()));
  }
  return absl::OkStatus();
}

std::shared_ptr<x509_st> Certificate::ParseWithOpenssl() const {
  const OpensslErrorScope errors;
  const auto* cursor = reinterpret_cast<const unsigned char*>(der_.data());
  OpensslPtr<X509, X509_free> parsed(d2i_X509(nullptr, &cursor, static_cast<long>(der_.size())));
  if (parsed == nullptr || cursor != reinterpret_cast<const unsigned char*>(der_.data() + der_.size())) return nullptr;
  // Parses and caches the extensions, so that the object is only read from here on.
  if ((X509_get_extension_flags(parsed.get()) & EXFLAG_INVALID) != 0) return nullptr;
  return {parsed.release(), X509_free};
}

}  // namespace signet::x509
