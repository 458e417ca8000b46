#include "services/x509/certificate_template.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"
#include "services/x509/signature_algorithm.h"
#include "services/x509/text.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxSerial = 20;

absl::Status Invalid(absl::string_view field, absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                       absl::StrCat("certificate ", field, ": ", problem));
}

// RFC 3986: a scheme, and nothing outside of visible ASCII.
bool IsUri(absl::string_view uri) {
  const std::size_t colon = uri.find(':');
  return colon != absl::string_view::npos && colon > 0 && uri.size() <= 1024 &&
         std::all_of(uri.begin(), uri.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
}

absl::Status CheckTime(absl::string_view field, absl::Time time) {
  if (!IsDerTime(time)) return Invalid(field, "outside of the years 1950 to 9999");
  if (absl::FromUnixSeconds(absl::ToUnixSeconds(time)) != time) return Invalid(field, "not a whole second");
  return absl::OkStatus();
}

absl::Status CheckValidity(const CertificateTemplate& certificate) {
  SIGNET_RETURN_IF_ERROR(CheckTime("notBefore", certificate.not_before));
  SIGNET_RETURN_IF_ERROR(CheckTime("notAfter", certificate.not_after));
  if (certificate.not_after < certificate.not_before) return Invalid("notAfter", "before notBefore");
  return absl::OkStatus();
}

absl::Status CheckNames(const CertificateTemplate& certificate) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view issuer,
                          ReadDer(certificate.issuer_der, kDerSequence, "certificate issuer"));
  // RFC 5280 section 4.1.2.4.
  if (issuer.empty()) return Invalid("issuer", "empty");
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view subject,
                          ReadDer(certificate.subject_der, kDerSequence, "certificate subject"));
  if (subject.empty() && certificate.is_ca) return Invalid("subject", "empty in a CA certificate");
  if (subject.empty() && certificate.dns_names.empty() && certificate.uris.empty()) {
    return Invalid("subject", "empty, and so is subjectAltName");
  }
  for (const std::string& name : certificate.dns_names) {
    if (!IsDnsName(name)) return Invalid("subjectAltName", "not a DNS name");
  }
  for (const std::string& uri : certificate.uris) {
    if (!IsUri(uri)) return Invalid("subjectAltName", "not a URI");
  }
  return absl::OkStatus();
}

absl::Status CheckKeyUse(const CertificateTemplate& certificate) {
  // RFC 5280 section 4.2.1.9: keyCertSign and cA stand or fall together.
  if (certificate.certificate_signing != certificate.is_ca) {
    return Invalid("keyUsage", "keyCertSign goes with a CA, and only with a CA");
  }
  if (!certificate.certificate_signing && !certificate.digital_signature) return Invalid("keyUsage", "no use at all");
  if (certificate.subject_key_id.empty() || certificate.subject_key_id.size() > 64) {
    return Invalid("subjectKeyIdentifier", "must have 1 to 64 bytes");
  }
  if (certificate.authority_key_id.size() > 64) return Invalid("authorityKeyIdentifier", "more than 64 bytes");
  return absl::OkStatus();
}

// RFC 5280 section 4.2.1.3: bit 0 digitalSignature, bit 5 keyCertSign, bit 6 cRLSign; trailing zero bits are not
// written.
std::string WriteKeyUsage(const CertificateTemplate& certificate) {
  std::uint8_t bits = 0;
  if (certificate.digital_signature) bits |= 0x80;
  if (certificate.certificate_signing) bits |= 0x04 | 0x02;
  std::uint8_t unused = 0;
  while ((bits >> unused & 1) == 0) ++unused;
  const char contents[] = {static_cast<char>(unused), static_cast<char>(bits)};
  return WriteDer(kDerBitString, absl::string_view(contents, sizeof(contents)));
}

// In one order for every certificate.
std::string WriteExtensions(const CertificateTemplate& certificate) {
  const std::string ca_true = certificate.is_ca ? WriteDer(kDerBoolean, "\xff") : "";
  std::string out = WriteDerExtension("2.5.29.19", true, WriteDer(kDerSequence, ca_true));
  out += WriteDerExtension("2.5.29.15", true, WriteKeyUsage(certificate));
  std::string usages;
  if (certificate.server_auth) usages += WriteDerOid("1.3.6.1.5.5.7.3.1");
  if (certificate.client_auth) usages += WriteDerOid("1.3.6.1.5.5.7.3.2");
  if (!usages.empty()) out += WriteDerExtension("2.5.29.37", false, WriteDer(kDerSequence, usages));
  out += WriteDerExtension("2.5.29.14", false, WriteDer(kDerOctetString, certificate.subject_key_id));
  if (!certificate.authority_key_id.empty()) {
    out += WriteDerExtension("2.5.29.35", false,
                             WriteDer(kDerSequence, WriteDer(DerContext(0), certificate.authority_key_id)));
  }
  std::string names;
  for (const std::string& name : certificate.dns_names) names += WriteDer(DerContext(2), name);
  for (const std::string& uri : certificate.uris) names += WriteDer(DerContext(6), uri);
  if (!names.empty()) {
    // RFC 5280 section 4.2.1.6: critical when the subject is empty.
    const bool subject_empty = certificate.subject_der == WriteDer(kDerSequence, "");
    out += WriteDerExtension("2.5.29.17", subject_empty, WriteDer(kDerSequence, names));
  }
  return WriteDer(DerContextConstructed(3), WriteDer(kDerSequence, out));
}

}  // namespace

absl::StatusOr<std::string> EncodeTbs(const CertificateTemplate& certificate, SignatureAlgorithm algorithm) {
  const std::string serial = WriteDerInteger(certificate.serial);
  if (serial == WriteDerInteger("")) return Invalid("serial", "zero or unset");
  if (serial.size() > kMaxSerial + 2) return Invalid("serial", "more than 20 octets as a positive INTEGER");
  SIGNET_RETURN_IF_ERROR(CheckValidity(certificate));
  SIGNET_RETURN_IF_ERROR(CheckNames(certificate));
  SIGNET_RETURN_IF_ERROR(CheckKeyUse(certificate));
  SIGNET_RETURN_IF_ERROR(PublicKey::FromSpkiDer(certificate.spki_der).status());
  const std::string version = WriteDer(DerContextConstructed(0), WriteDerInteger("\x02"));
  const std::string validity =
      WriteDer(kDerSequence, absl::StrCat(WriteDerTime(certificate.not_before), WriteDerTime(certificate.not_after)));
  return WriteDer(kDerSequence,
                  absl::StrCat(version, serial, AlgorithmIdentifierDer(algorithm), certificate.issuer_der, validity,
                               certificate.subject_der, certificate.spki_der, WriteExtensions(certificate)));
}

std::string AssembleCertificate(absl::string_view tbs_der, SignatureAlgorithm algorithm, absl::string_view signature) {
  return WriteDer(kDerSequence, absl::StrCat(tbs_der, AlgorithmIdentifierDer(algorithm), WriteDerBits(signature)));
}

std::string KeyIdentifier(const PublicKey& key) {
  const auto contents = ReadDer(key.spki_der(), kDerSequence, "public key");
  DerReader reader(contents.ok() ? *contents : absl::string_view());
  absl::string_view octets;
  if (reader.Read(kDerSequence, "algorithm").ok()) {
    const auto bits = reader.Read(kDerBitString, "bits");
    if (bits.ok() && !bits->empty()) octets = bits->substr(1);
  }
  std::string digest(20, '\0');
  unsigned int size = 0;
  // A PublicKey has been parsed, so neither can happen; an identifier of nothing must not come out.
  if (octets.empty() || EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                                   EVP_sha1(), nullptr) != 1) {
    std::abort();
  }
  return digest;
}

}  // namespace signet::x509
