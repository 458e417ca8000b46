#include "services/x509/certificate_request.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/der.h"
#include "services/x509/name.h"
#include "services/x509/pem.h"
#include "services/x509/signature_algorithm.h"
#include "services/x509/text.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name
constexpr std::size_t kMaxDnsNames = 16;
constexpr char kCommonNameOid[] = "2.5.4.3";
constexpr char kExtensionRequestOid[] = "1.2.840.113549.1.9.14";  // RFC 2985 section 5.4.2
constexpr char kSubjectAltNameOid[] = "2.5.29.17";

absl::Status Refused(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kCsrRefused, absl::StrCat("CSR: ", message));
}

absl::StatusOr<std::string> ReadCommonName(absl::string_view name) {
  static constexpr char kWhat[] = "CSR subject";
  static constexpr char kOneOnly[] = "the subject must be exactly one common name";
  DerReader rdns(name);
  if (rdns.done()) return Refused(absl::StrCat(kOneOnly, ", and it is empty"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view rdn, rdns.Read(kDerSet, kWhat));
  if (!rdns.done()) return Refused(absl::StrCat(kOneOnly, ", and there is more"));
  DerReader attributes(rdn);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view attribute, attributes.Read(kDerSequence, kWhat));
  if (!attributes.done()) return Refused(absl::StrCat(kOneOnly, ", and there is more"));
  DerReader parts(attribute);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, parts.Read(kDerOid, kWhat));
  SIGNET_ASSIGN_OR_RETURN(const DerElement value, parts.ReadAny(kWhat));
  SIGNET_RETURN_IF_ERROR(parts.Finish(kWhat));
  if (OidText(oid) != kCommonNameOid) return Refused(absl::StrCat(kOneOnly, ", and it is attribute ", OidText(oid)));
  if (value.tag != kDerUtf8String && value.tag != kDerPrintableString) {
    return Refused("the common name must be a PrintableString or a UTF8String");
  }
  const auto characters = CountUtf8(value.contents);
  if (!characters.has_value()) return Refused("the common name is not UTF-8, or holds NUL or a control character");
  if (*characters < 1 || *characters > kMaxCommonName) {
    return Refused(
        absl::StrCat("the common name has ", *characters, " characters, the limit is 1 to ", kMaxCommonName));
  }
  if (value.tag == kDerPrintableString && !IsPrintableString(value.contents)) {
    return Refused("the common name holds a character that a PrintableString cannot");
  }
  return std::string(value.contents);
}

// RFC 5280 section 4.2.1.6, dNSName only.
absl::StatusOr<std::vector<std::string>> ReadDnsNames(absl::string_view subject_alt_name) {
  static constexpr char kWhat[] = "CSR subjectAltName";
  static constexpr std::uint8_t kDnsName = DerContext(2);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view names, ReadDer(subject_alt_name, kDerSequence, kWhat));
  if (names.empty()) return Refused("subjectAltName holds no name");
  std::vector<std::string> dns_names;
  for (DerReader reader(names); !reader.done();) {
    SIGNET_ASSIGN_OR_RETURN(const DerElement name, reader.ReadAny(kWhat));
    if (name.tag != kDnsName) return Refused("subjectAltName may hold DNS names only");
    if (!IsDnsName(name.contents)) return Refused("subjectAltName holds a DNS name that no Slurm host has");
    if (dns_names.size() == kMaxDnsNames) return Refused(absl::StrCat("more than ", kMaxDnsNames, " DNS names"));
    dns_names.emplace_back(name.contents);
  }
  return dns_names;
}

// Exactly one extension, and that one a subjectAltName: whatever else a CSR wishes for is decided by the profile.
absl::StatusOr<std::vector<std::string>> ReadExtensionRequest(absl::string_view extensions_der) {
  static constexpr char kWhat[] = "CSR extensionRequest";
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view extensions, ReadDer(extensions_der, kDerSequence, kWhat));
  DerReader reader(extensions);
  if (reader.done()) return Refused("an empty extensionRequest");
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view extension, reader.Read(kDerSequence, kWhat));
  DerReader parts(extension);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, parts.Read(kDerOid, kWhat));
  if (OidText(oid) != kSubjectAltNameOid) {
    return Refused(absl::StrCat("asks for extension ", OidText(oid), "; only subjectAltName may be requested"));
  }
  if (parts.Is(kDerBoolean)) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view critical, parts.Read(kDerBoolean, kWhat));
    // X.690 section 11.1 and 11.5: TRUE is 0xff, and the default FALSE is not written.
    if (critical != "\xff") return Refused("extensionRequest: a BOOLEAN that is not DER");
  }
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view value, parts.Read(kDerOctetString, kWhat));
  SIGNET_RETURN_IF_ERROR(parts.Finish(kWhat));
  if (!reader.done()) return Refused("asks for more than one extension; only one subjectAltName may be requested");
  return ReadDnsNames(value);
}

// The fields of a CertificationRequest (RFC 2986 section 4.2) that its reader judges one by one.
struct Parts {
  absl::string_view info;        // whole, as signed
  absl::string_view subject;     // contents
  absl::string_view spki;        // whole
  absl::string_view attributes;  // contents
  absl::string_view algorithm;   // whole
  absl::string_view signature;   // octets
};

absl::StatusOr<Parts> Split(absl::string_view der) {
  Parts parts;
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view request, ReadDer(der, kDerSequence, "CSR"));
  DerReader outer(request);
  SIGNET_ASSIGN_OR_RETURN(const DerElement info, outer.ReadAny("CSR info"));
  SIGNET_ASSIGN_OR_RETURN(const DerElement algorithm, outer.ReadAny("CSR signature algorithm"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view signature, outer.Read(kDerBitString, "CSR signature"));
  SIGNET_RETURN_IF_ERROR(outer.Finish("CSR"));
  parts.info = info.whole;
  parts.algorithm = algorithm.whole;
  SIGNET_ASSIGN_OR_RETURN(parts.signature, BitStringOctets(signature, "CSR signature"));
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view fields, ReadDer(info.whole, kDerSequence, "CSR info"));
  DerReader inner(fields);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view version, inner.Read(kDerInteger, "CSR version"));
  if (version != absl::string_view("\0", 1)) return Refused("a version other than 0, the only one there is");
  SIGNET_ASSIGN_OR_RETURN(parts.subject, inner.Read(kDerSequence, "CSR subject"));
  SIGNET_ASSIGN_OR_RETURN(const DerElement spki, inner.ReadAny("CSR public key"));
  parts.spki = spki.whole;
  SIGNET_ASSIGN_OR_RETURN(parts.attributes, inner.Read(DerContextConstructed(0), "CSR attributes"));
  SIGNET_RETURN_IF_ERROR(inner.Finish("CSR info"));
  return parts;
}

absl::Status CheckSignature(const Parts& parts, const PublicKey& key) {
  if (key.type() == KeyType::kEd25519 || key.type() == KeyType::kRsaPss) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused,
                         absl::StrCat("CSR: ", key.type() == KeyType::kEd25519 ? "an Ed25519" : "an RSA-PSS",
                                      " key, which not every TLS policy of Slurm's accepts"),
                         "make the key with: openssl ecparam -name prime256v1 -genkey");
  }
  SIGNET_ASSIGN_OR_RETURN(const SignatureAlgorithm algorithm, SignatureAlgorithmFromDer(parts.algorithm));
  if (!Agrees(algorithm, key.type())) {
    return Refused(
        absl::StrCat("signature algorithm ", SignatureAlgorithmText(algorithm), " does not go with the key"));
  }
  if (!key.Verify(algorithm, parts.info, parts.signature).ok()) {
    return Refused("its own signature does not hold: not made by its key over these bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateRequest> CertificateRequest::FromPem(absl::string_view pem) {
  SIGNET_ASSIGN_OR_RETURN(const std::string der, ParseSinglePem(pem, kCertificateRequestLabel, {.bytes = kMaxBytes}));
  return FromDer(der);
}

absl::StatusOr<CertificateRequest> CertificateRequest::FromDer(absl::string_view der) {
  if (der.size() > kMaxBytes) {
    return base::Refusal(absl::StatusCode::kInvalidArgument, base::kMalformed,
                         absl::StrCat("CSR: ", der.size(), " bytes, the limit is ", kMaxBytes));
  }
  SIGNET_ASSIGN_OR_RETURN(const Parts parts, Split(der));
  SIGNET_ASSIGN_OR_RETURN(std::string common_name, ReadCommonName(parts.subject));
  SIGNET_ASSIGN_OR_RETURN(PublicKey key, PublicKey::FromSpkiDer(parts.spki));
  CertificateRequest request(std::move(key));
  request.common_name_ = std::move(common_name);
  bool extensions_seen = false;
  for (DerReader attributes(parts.attributes); !attributes.done();) {
    static constexpr char kWhat[] = "CSR attribute";
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view attribute, attributes.Read(kDerSequence, kWhat));
    DerReader fields(attribute);
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, fields.Read(kDerOid, kWhat));
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view values, fields.Read(kDerSet, kWhat));
    SIGNET_RETURN_IF_ERROR(fields.Finish(kWhat));
    const std::string type = OidText(oid);
    if (type == kStatementOid) {
      if (request.statement_.has_value()) return Refused("the statement attribute is there twice");
      SIGNET_ASSIGN_OR_RETURN(const absl::string_view statement, ReadDer(values, kDerOctetString, "CSR statement"));
      if (statement.empty()) return Refused("the statement attribute is empty");
      request.statement_ = std::string(statement);
    } else if (type == kExtensionRequestOid) {
      if (extensions_seen) return Refused("the extensionRequest attribute is there twice");
      extensions_seen = true;
      SIGNET_ASSIGN_OR_RETURN(request.dns_names_, ReadExtensionRequest(values));
    } else {
      return Refused(absl::StrCat("attribute ", type, " is neither the statement nor extensionRequest"));
    }
  }
  // Last, because it is what costs.
  SIGNET_RETURN_IF_ERROR(CheckSignature(parts, request.public_key_));
  return request;
}

namespace {

std::string WriteRequestInfo(absl::string_view subject_der, const PublicKey& key, absl::string_view attributes) {
  return WriteDer(kDerSequence, absl::StrCat(WriteDerInteger(""), subject_der, key.spki_der(),
                                             WriteDer(DerContextConstructed(0), attributes)));
}

std::string WriteAttribute(absl::string_view oid, absl::string_view value) {
  return WriteDer(kDerSequence, absl::StrCat(WriteDerOid(oid), WriteDer(kDerSet, value)));
}

}  // namespace

std::string EncodeRequestInfo(absl::string_view common_name, const PublicKey& key, absl::string_view statement) {
  const std::string attributes =
      statement.empty() ? "" : WriteAttribute(kStatementOid, WriteDer(kDerOctetString, statement));
  return WriteRequestInfo(CommonNameDer(common_name), key, attributes);
}

std::string EncodeAuthorityRequestInfo(absl::string_view subject_der, const PublicKey& key) {
  // RFC 5280 section 4.2.1.3: bits 5 and 6, keyCertSign and cRLSign; one bit of the octet is unused.
  static constexpr absl::string_view kKeyUsage("\x01\x06", 2);
  const std::string constraints =
      WriteDerExtension("2.5.29.19", true, WriteDer(kDerSequence, WriteDer(kDerBoolean, "\xff")));
  const std::string usage = WriteDerExtension("2.5.29.15", true, WriteDer(kDerBitString, kKeyUsage));
  return WriteRequestInfo(
      subject_der, key, WriteAttribute(kExtensionRequestOid, WriteDer(kDerSequence, absl::StrCat(constraints, usage))));
}

std::string AssembleRequest(absl::string_view info_der, SignatureAlgorithm algorithm, absl::string_view signature) {
  return WriteDer(kDerSequence, absl::StrCat(info_der, AlgorithmIdentifierDer(algorithm), WriteDerBits(signature)));
}

}  // namespace signet::x509
