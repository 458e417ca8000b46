// The lints of profile.h. They read the bytes with OpenSSL and share no code with the encoder, whose faults they are to
// find.
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <bit>
#include <ctime>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/keys/signer.h"
#include "services/policy/profile.h"

namespace signet::policy {
namespace {

constexpr char kServerAuthOid[] = "1.3.6.1.5.5.7.3.1";
constexpr char kClientAuthOid[] = "1.3.6.1.5.5.7.3.2";

absl::Status Broken(absl::string_view rule) {
  return base::Refusal(absl::StatusCode::kInternal, base::kInternal, absl::StrCat("certificate lint: ", rule));
}

absl::Status Require(bool holds, absl::string_view rule) { return holds ? absl::OkStatus() : Broken(rule); }

absl::string_view View(const ASN1_STRING* string) {
  if (string == nullptr) return "";
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// Whether there is exactly one extension of this kind, marked so.
bool HasExtension(const X509* certificate, int nid, bool critical) {
  const int at = X509_get_ext_by_NID(certificate, nid, -1);
  if (at < 0 || X509_get_ext_by_NID(certificate, nid, at) >= 0) return false;
  return (X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) != 0) == critical;
}

// RFC 5280 section 4.1.2.2, and 64 bits of entropy at least (CA/Browser Forum Baseline Requirements 7.1).
absl::Status LintSerial(const X509* certificate) {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(certificate);
  SIGNET_RETURN_IF_ERROR(Require((ASN1_STRING_type(serial) & V_ASN1_NEG) == 0, "the serial is negative"));
  const absl::string_view magnitude = View(serial);
  // OpenSSL keeps at least one byte, and no leading zero but that of zero itself.
  const int bits = static_cast<int>(magnitude.size()) * 8 - std::countl_zero(*ASN1_STRING_get0_data(serial));
  return Require(bits >= 64 && bits <= 159, absl::StrCat("the serial has ", bits, " bits, not 64 to 159"));
}

// RFC 5280 section 4.1.1.2: the algorithm stands in the certificate twice, the same.
// The one that keys::DefaultAlgorithm names, said anew. Our own authorities have P-256 or P-384 keys, imported ones
// any.
int SignatureNidOf(const x509::PublicKey& issuer_key) {
  switch (issuer_key.type()) {
    case x509::KeyType::kEcP256:
      return NID_ecdsa_with_SHA256;
    case x509::KeyType::kEcP384:
      return NID_ecdsa_with_SHA384;
    case x509::KeyType::kEcP521:
      return NID_ecdsa_with_SHA512;
    case x509::KeyType::kRsa:
      return NID_sha256WithRSAEncryption;
    default:
      return NID_undef;
  }
}

absl::Status LintSignatureAlgorithm(const X509* certificate, const x509::PublicKey& issuer_key) {
  const int expected = SignatureNidOf(issuer_key);
  const int inner = OBJ_obj2nid(X509_get0_tbs_sigalg(certificate)->algorithm);
  return Require(expected != NID_undef && X509_get_signature_nid(certificate) == expected && inner == expected,
                 "the signature algorithm is not the one of the issuer's key");
}

absl::Status LintExtensions(const X509* certificate, std::initializer_list<std::pair<int, bool>> allowed) {
  for (const auto& [nid, critical] : allowed) {
    SIGNET_RETURN_IF_ERROR(Require(HasExtension(certificate, nid, critical),
                                   absl::StrCat("extension ", OBJ_nid2sn(nid), " must be there once and ",
                                                critical ? "be critical" : "not be critical")));
  }
  return Require(X509_get_ext_count(certificate) == static_cast<int>(allowed.size()),
                 "there is an extension that no profile has");
}

absl::string_view NameDer(const X509_NAME* name) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  X509_NAME_get0_der(name, &bytes, &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

// A time that OpenSSL does not read is one that no certificate has.
absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  ASN1_TIME_to_tm(time, &fields);
  return absl::FromTM(fields, absl::UTCTimeZone());
}

// What one reader finds in a certificate.
struct Reading {
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  std::vector<std::string> usages;
  absl::string_view subject_der;
  absl::string_view issuer_der;
  absl::Time not_before;
  absl::Time not_after;
  absl::string_view subject_key_id;
  absl::string_view authority_key_id;

  friend bool operator==(const Reading&, const Reading&) = default;
};

// The subjectAltNames as OpenSSL reads them.
absl::Status ReadAltNames(const X509* certificate, Reading& reading) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {  // -1 of none
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_URI) {
      return Broken("the subjectAltName has a name that is neither a dNSName nor a URI");
    }
    (name->type == GEN_DNS ? reading.dns_names : reading.uris).emplace_back(View(name->d.ia5));
  }
  return absl::OkStatus();
}

std::vector<std::string> ReadUsages(const X509* certificate) {
  const std::unique_ptr<EXTENDED_KEY_USAGE, decltype(&EXTENDED_KEY_USAGE_free)> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)),
      &EXTENDED_KEY_USAGE_free);
  std::vector<std::string> read;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
    char text[80] = "";
    OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(usages.get(), i), 1);
    read.emplace_back(text);
  }
  return read;
}

// OpenSSL and x509/ read the same out of these bytes, so that the rules below may ask either.
absl::Status LintReadings(X509* bytes, const x509::Certificate& certificate) {
  if (bytes == nullptr || X509_get_version(bytes) != X509_VERSION_3) {
    return Broken("OpenSSL does not read it as X.509 version 3");
  }
  Reading openssl;
  SIGNET_RETURN_IF_ERROR(ReadAltNames(bytes, openssl));
  openssl.usages = ReadUsages(bytes);
  openssl.subject_der = NameDer(X509_get_subject_name(bytes));
  openssl.issuer_der = NameDer(X509_get_issuer_name(bytes));
  openssl.not_before = TimeOf(X509_get0_notBefore(bytes));
  openssl.not_after = TimeOf(X509_get0_notAfter(bytes));
  openssl.subject_key_id = View(X509_get0_subject_key_id(bytes));
  openssl.authority_key_id = View(X509_get0_authority_key_id(bytes));
  const Reading ours = {certificate.dns_names(),   certificate.uris(),           certificate.extended_key_usages(),
                        certificate.subject_der(), certificate.issuer_der(),     certificate.not_before(),
                        certificate.not_after(),   certificate.subject_key_id(), certificate.authority_key_id()};
  return Require(openssl == ours, "OpenSSL reads other names, times, uses or key identifiers in it");
}

// Exactly the names of the profile: a dNSName for Slurm's, a URI (and the listener's dNSNames) for Signet's own.
absl::Status LintNames(const Profile& profile, const X509* bytes, const x509::Certificate& certificate) {
  const std::string common_name = certificate.common_name();
  const std::vector<std::string>& dns_names = certificate.dns_names();
  const std::vector<std::string>& uris = certificate.uris();
  SIGNET_RETURN_IF_ERROR(Require(!common_name.empty() && X509_NAME_entry_count(X509_get_subject_name(bytes)) == 1,
                                 "the subject must be one common name"));
  if (profile.name == "control") {
    SIGNET_RETURN_IF_ERROR(Require(uris.size() == 1 && absl::StartsWith(uris[0], "signet://"),
                                   "a control certificate has exactly one signet:// URI"));
    return Require(dns_names.empty() || dns_names[0] == common_name, "the common name is not the first dNSName");
  }
  return Require(uris.empty() && dns_names.size() == 1 && dns_names[0] == common_name,
                 "the common name must be the one dNSName");
}

absl::Status LintConstraints(const X509* certificate, bool is_ca) {
  const std::unique_ptr<BASIC_CONSTRAINTS, decltype(&BASIC_CONSTRAINTS_free)> constraints(
      static_cast<BASIC_CONSTRAINTS*>(X509_get_ext_d2i(certificate, NID_basic_constraints, nullptr, nullptr)),
      &BASIC_CONSTRAINTS_free);
  SIGNET_RETURN_IF_ERROR(Require(constraints != nullptr && (constraints->ca != 0) == is_ca,
                                 is_ca ? "an authority must be a CA" : "a leaf must not be a CA"));
  // A pathlen of 0 on a root makes verifiers refuse the cross certificates that a rotation needs.
  return Require(constraints->pathlen == nullptr, "there is a pathlen constraint");
}

absl::Status LintLeafKey(const Profile& profile, const x509::Certificate& certificate,
                         const x509::Certificate& issuer) {
  const absl::Status key = CheckKey(profile, certificate.public_key());
  SIGNET_RETURN_IF_ERROR(Require(key.ok(), key.message()));
  SIGNET_RETURN_IF_ERROR(Require(!(certificate.public_key() == issuer.public_key()), "the key is the authority's own"));
  SIGNET_RETURN_IF_ERROR(Require(certificate.subject_key_id() == x509::KeyIdentifier(certificate.public_key()),
                                 "the subjectKeyIdentifier is not the key's"));
  return absl::OkStatus();
}

// RFC 5280 section 4.2.1.1. With issuer and serial in it, which are one certificate's, no cross certificate of the same
// issuer would do.
bool NamesIssuerAndSerial(X509* certificate) {
  return X509_get0_authority_issuer(certificate) != nullptr || X509_get0_authority_serial(certificate) != nullptr;
}

absl::Status LintAuthorityKeyId(X509* bytes, const x509::Certificate& certificate, const x509::Certificate& issuer) {
  SIGNET_RETURN_IF_ERROR(
      Require(!issuer.subject_key_id().empty() && certificate.authority_key_id() == issuer.subject_key_id(),
              "the authorityKeyIdentifier is not the issuer's subjectKeyIdentifier"));
  return Require(!NamesIssuerAndSerial(bytes), "the authorityKeyIdentifier names issuer and serial");
}

absl::Status LintWithin(const x509::Certificate& certificate, const x509::Certificate& issuer) {
  SIGNET_RETURN_IF_ERROR(Require(certificate.not_before() < certificate.not_after(), "it ends before it begins"));
  return Require(certificate.not_before() >= issuer.not_before() && certificate.not_after() <= issuer.not_after(),
                 "its validity is not within the issuer's");
}

absl::Status LintLeafValidity(const Profile& profile, const x509::Certificate& certificate,
                              const x509::Certificate& issuer) {
  SIGNET_RETURN_IF_ERROR(LintWithin(certificate, issuer));
  return Require(certificate.not_after() - certificate.not_before() <= profile.lifetime + kLeafBackdate,
                 "it lives longer than its profile allows");
}

}  // namespace

absl::Status LintLeaf(const Profile& profile, const x509::Certificate& certificate, const x509::Certificate& issuer) {
  const std::shared_ptr<X509> second_opinion = certificate.ParseWithOpenssl();
  X509* const bytes = second_opinion.get();
  SIGNET_RETURN_IF_ERROR(LintReadings(bytes, certificate));
  SIGNET_RETURN_IF_ERROR(LintSerial(bytes));
  SIGNET_RETURN_IF_ERROR(LintSignatureAlgorithm(bytes, issuer.public_key()));
  SIGNET_RETURN_IF_ERROR(
      Require(certificate.issuer_der() == issuer.subject_der(), "the issuer's name is not the authority's"));
  SIGNET_RETURN_IF_ERROR(LintExtensions(bytes, {{NID_basic_constraints, true},
                                                {NID_key_usage, true},
                                                {NID_ext_key_usage, false},
                                                {NID_subject_alt_name, false},
                                                {NID_subject_key_identifier, false},
                                                {NID_authority_key_identifier, false}}));
  SIGNET_RETURN_IF_ERROR(LintConstraints(bytes, false));
  SIGNET_RETURN_IF_ERROR(
      Require(X509_get_key_usage(bytes) == KU_DIGITAL_SIGNATURE, "the keyUsage must be digitalSignature alone"));
  const bool probe = profile.name == "probe";
  const std::vector<std::string> usages =
      probe ? std::vector<std::string>{kClientAuthOid} : std::vector<std::string>{kServerAuthOid, kClientAuthOid};
  SIGNET_RETURN_IF_ERROR(
      Require(certificate.extended_key_usages() == usages,
              absl::StrCat("the extendedKeyUsage must be ", probe ? "clientAuth alone" : "serverAuth and clientAuth")));
  SIGNET_RETURN_IF_ERROR(LintNames(profile, bytes, certificate));
  SIGNET_RETURN_IF_ERROR(LintLeafKey(profile, certificate, issuer));
  SIGNET_RETURN_IF_ERROR(LintAuthorityKeyId(bytes, certificate, issuer));
  return LintLeafValidity(profile, certificate, issuer);
}

absl::Status LintRoot(const x509::Certificate& certificate) {
  const std::shared_ptr<X509> second_opinion = certificate.ParseWithOpenssl();
  X509* const bytes = second_opinion.get();
  SIGNET_RETURN_IF_ERROR(LintReadings(bytes, certificate));
  SIGNET_RETURN_IF_ERROR(LintSerial(bytes));
  SIGNET_RETURN_IF_ERROR(LintSignatureAlgorithm(bytes, certificate.public_key()));
  SIGNET_RETURN_IF_ERROR(LintExtensions(
      bytes, {{NID_basic_constraints, true}, {NID_key_usage, true}, {NID_subject_key_identifier, false}}));
  SIGNET_RETURN_IF_ERROR(LintConstraints(bytes, true));
  SIGNET_RETURN_IF_ERROR(Require(X509_get_key_usage(bytes) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN),
                                 "the keyUsage must be keyCertSign and cRLSign"));
  SIGNET_RETURN_IF_ERROR(Require(certificate.subject_key_id() == x509::KeyIdentifier(certificate.public_key()),
                                 "the subjectKeyIdentifier is not the key's"));
  SIGNET_RETURN_IF_ERROR(Require(certificate.not_before() < certificate.not_after(), "it ends before it begins"));
  return Require(certificate.VerifySignedBy(certificate).ok(), "its own key did not sign it");
}

absl::Status LintCross(const x509::Certificate& cross, const x509::Certificate& issuer,
                       const x509::Certificate& subject) {
  const std::shared_ptr<X509> second_opinion = cross.ParseWithOpenssl();
  X509* const bytes = second_opinion.get();
  SIGNET_RETURN_IF_ERROR(LintReadings(bytes, cross));
  SIGNET_RETURN_IF_ERROR(LintSerial(bytes));
  SIGNET_RETURN_IF_ERROR(LintSignatureAlgorithm(bytes, issuer.public_key()));
  SIGNET_RETURN_IF_ERROR(
      Require(cross.issuer_der() == issuer.subject_der(), "the issuer's name is not the authority's"));
  SIGNET_RETURN_IF_ERROR(
      Require(cross.subject_der() == subject.subject_der() && cross.subject_der() != cross.issuer_der(),
              "the subject's name is not the other authority's"));
  SIGNET_RETURN_IF_ERROR(
      Require(cross.public_key() == subject.public_key() && !(cross.public_key() == issuer.public_key()),
              "the key is not the other authority's"));
  // No extendedKeyUsage: with serverAuth alone, clients would be refused.
  SIGNET_RETURN_IF_ERROR(LintExtensions(bytes, {{NID_basic_constraints, true},
                                                {NID_key_usage, true},
                                                {NID_subject_key_identifier, false},
                                                {NID_authority_key_identifier, false}}));
  SIGNET_RETURN_IF_ERROR(LintConstraints(bytes, true));
  SIGNET_RETURN_IF_ERROR(Require(X509_get_key_usage(bytes) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN),
                                 "the keyUsage must be keyCertSign and cRLSign"));
  // The one that the subject's leaves name, which a foreign root may have computed in its own way.
  const std::string& own = subject.subject_key_id();
  SIGNET_RETURN_IF_ERROR(
      Require(cross.subject_key_id() == (own.empty() ? x509::KeyIdentifier(subject.public_key()) : own),
              "the subjectKeyIdentifier is not the other authority's"));
  SIGNET_RETURN_IF_ERROR(LintAuthorityKeyId(bytes, cross, issuer));
  SIGNET_RETURN_IF_ERROR(LintWithin(cross, issuer));
  SIGNET_RETURN_IF_ERROR(Require(cross.not_before() >= subject.not_before() && cross.not_after() <= subject.not_after(),
                                 "its validity is not within the other authority's"));
  return Require(cross.VerifySignedBy(issuer).ok(), "the issuer's key did not sign it");
}

absl::Status CheckFollowsCross(const x509::Certificate& below) {
  const std::shared_ptr<X509> bytes = below.ParseWithOpenssl();
  if (bytes != nullptr && !NamesIssuerAndSerial(bytes.get())) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat(below.subject(),
                                    ": its authorityKeyIdentifier names issuer and serial, so that no "
                                    "cross certificate of its issuer verifies it"),
                       "have it signed again with authorityKeyIdentifier=keyid");
}

absl::Status CheckNamesIssuer(const x509::Certificate& below, const x509::Certificate& above) {
  const std::shared_ptr<X509> issued = below.ParseWithOpenssl();
  const std::shared_ptr<X509> issuer = above.ParseWithOpenssl();
  const int fault =
      issued == nullptr || issuer == nullptr ? X509_V_ERR_UNSPECIFIED : X509_check_issued(issuer.get(), issued.get());
  if (fault == X509_V_OK) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat(below.subject(), ": OpenSSL does not take the certificate of ", above.subject(),
                                    " for its issuer: ", X509_verify_cert_error_string(fault)),
                       "name the certificate that issued it, or have it signed again with "
                       "authorityKeyIdentifier=keyid");
}

}  // namespace signet::policy
