#include "services/policy/profile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/policy/rsa_key.h"
#include "services/x509/name.h"

namespace signet::policy {
namespace {

constexpr absl::Duration kLeastLifetime = absl::Hours(1);
constexpr absl::Duration kMostLifetime = absl::Hours(24 * 825);
constexpr char kProbeName[] = "probe";
constexpr absl::Duration kProbeLifetime = absl::Minutes(10);
constexpr absl::Duration kLeastRootLifetime = absl::Hours(24);
constexpr absl::Duration kMostRootLifetime = absl::Hours(24 * 365 * 30);
constexpr std::size_t kSerialBytes = 20;

absl::Status KeyRefused(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kKeyRefused, message);
}

absl::Status NameRefused(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kInvalidArgument, base::kNameRefused, message);
}

std::string Date(absl::Time time) { return absl::FormatTime(time, absl::UTCTimeZone()); }

absl::Status CrossRefused(absl::string_view message) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("cross certificate: ", message), "signetctl authority list");
}

absl::Time WholeSeconds(absl::Time time) { return absl::FromUnixSeconds(absl::ToUnixSeconds(time)); }

// 159 bits, 158 of them random: positive, never shorter than RFC 5280 section 4.1.2.2 allows and the same length in
// every listing.
absl::StatusOr<std::string> PositiveSerial(absl::string_view random_serial) {
  if (random_serial.size() != kSerialBytes) {
    return base::Refusal(absl::StatusCode::kInternal, base::kInternal, "a serial is made of 20 random bytes");
  }
  std::string serial(random_serial);
  serial[0] = static_cast<char>((static_cast<unsigned char>(serial[0]) & 0x7f) | 0x40);
  return serial;
}

// What the subject's own leaves name, however it was computed.
std::string CrossKeyIdentifier(const x509::Certificate& subject) {
  return subject.subject_key_id().empty() ? x509::KeyIdentifier(subject.public_key()) : subject.subject_key_id();
}

}  // namespace

Profile NodeProfile(absl::Duration lifetime) { return {"node", lifetime, false}; }
Profile ServiceProfile(absl::Duration lifetime) { return {"service", lifetime, true}; }
Profile ControlProfile(absl::Duration lifetime) { return {"control", lifetime, false}; }

Profile ProbeProfile() { return {kProbeName, kProbeLifetime, false}; }

absl::Status CheckProfile(const Profile& profile) {
  // No configuration names a probe's lifetime, so that nothing but ProbeProfile's own passes.
  if (profile.name == kProbeName && profile.lifetime == kProbeLifetime) return absl::OkStatus();
  if (profile.name != kProbeName && profile.lifetime >= kLeastLifetime && profile.lifetime <= kMostLifetime)
    return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("the lifetime of profile ", profile.name, " is ",
                                    absl::FormatDuration(profile.lifetime), "; allowed are 1 hour to 825 days"),
                       absl::StrCat("set profiles.", profile.name, ".lifetime in signetd.yaml"));
}

absl::Status CheckKey(const Profile& profile, const x509::PublicKey& key) {
  switch (key.type()) {
    case x509::KeyType::kEcP256:
    case x509::KeyType::kEcP384:
      return absl::OkStatus();
    case x509::KeyType::kRsa:
      if (profile.allow_rsa) return CheckRsaKey(key.rsa_modulus(), key.rsa_exponent());
      return KeyRefused(absl::StrCat("RSA keys are not allowed for profile ", profile.name, "; use P-256 or P-384"));
    case x509::KeyType::kEd25519:
      return KeyRefused("Ed25519 keys are refused: Slurm's TLS library crashes on them; use P-256 or P-384");
    default:
      return KeyRefused(
          absl::StrCat("this kind of key is not allowed for profile ", profile.name, "; use P-256 or P-384"));
  }
}

absl::Status CheckRequest(const Profile& profile, const x509::CertificateRequest& request, absl::string_view name) {
  if (name.empty() || request.common_name() != name) {
    return NameRefused(absl::StrCat("the CSR's CN is not \"", name, "\""));
  }
  for (const std::string& dns_name : request.dns_names()) {
    if (dns_name != name)
      return NameRefused(absl::StrCat("the CSR's subjectAltName has a name other than \"", name, "\""));
  }
  return CheckKey(profile, request.public_key());
}

absl::StatusOr<x509::CertificateTemplate> LeafTemplate(const Profile& profile, const LeafNames& names,
                                                       const x509::PublicKey& key, const x509::Certificate& issuer,
                                                       absl::string_view random_serial, absl::Time now) {
  SIGNET_RETURN_IF_ERROR(CheckProfile(profile));
  SIGNET_RETURN_IF_ERROR(CheckKey(profile, key));
  if (key == issuer.public_key()) return KeyRefused("the key is the authority's own; make a new key");
  if (names.common_name.empty()) return NameRefused("a certificate needs a common name");
  const absl::Time start = WholeSeconds(now);
  if (issuer.not_after() - start < kLeastLifetime || issuer.not_before() > start) {
    return base::Refusal(
        absl::StatusCode::kFailedPrecondition, base::kConfiguration,
        absl::StrCat("the authority is valid from ", absl::FormatTime(issuer.not_before(), absl::UTCTimeZone()), " to ",
                     absl::FormatTime(issuer.not_after(), absl::UTCTimeZone()),
                     ", which leaves less than an hour for a certificate"),
        "signetctl authority list");
  }
  x509::CertificateTemplate leaf;
  SIGNET_ASSIGN_OR_RETURN(leaf.serial, PositiveSerial(random_serial));
  leaf.issuer_der = issuer.subject_der();
  leaf.subject_der = x509::CommonNameDer(names.common_name);
  // A leaf that outlived its issuer would fail on every node at one moment, without a renewal having failed before.
  leaf.not_before = std::max(start - kLeafBackdate, issuer.not_before());
  leaf.not_after = std::min(start + profile.lifetime, issuer.not_after());
  leaf.spki_der = key.spki_der();
  leaf.dns_names = names.dns_names;
  leaf.uris = names.uris;
  leaf.digital_signature = true;
  // Both: slurmd and slurmctld are server and client of each other. Who may only probe must pass as no daemon.
  leaf.server_auth = profile.name != kProbeName;
  leaf.client_auth = true;
  leaf.subject_key_id = x509::KeyIdentifier(key);
  leaf.authority_key_id = issuer.subject_key_id();
  return leaf;
}

absl::StatusOr<x509::CertificateTemplate> RootTemplate(absl::string_view subject, absl::Duration lifetime,
                                                       const x509::PublicKey& key, absl::string_view random_serial,
                                                       absl::Time now) {
  if (lifetime < kLeastRootLifetime || lifetime > kMostRootLifetime) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("the lifetime of an authority is ", absl::FormatDuration(lifetime),
                                      "; allowed are 1 day to 30 years"),
                         "set authority.lifetime in signetd.yaml");
  }
  if (key.type() != x509::KeyType::kEcP256 && key.type() != x509::KeyType::kEcP384) {
    return KeyRefused("an authority's key is P-256 or P-384");
  }
  x509::CertificateTemplate root;
  SIGNET_ASSIGN_OR_RETURN(root.subject_der, x509::NameDerFromText(subject));
  SIGNET_ASSIGN_OR_RETURN(root.serial, PositiveSerial(random_serial));
  root.issuer_der = root.subject_der;
  root.not_before = WholeSeconds(now) - kAuthorityBackdate;
  root.not_after = WholeSeconds(now) + lifetime;
  root.spki_der = key.spki_der();
  root.is_ca = true;
  root.certificate_signing = true;
  root.subject_key_id = x509::KeyIdentifier(key);
  return root;
}

absl::StatusOr<x509::CertificateTemplate> CrossTemplate(const x509::Certificate& issuer,
                                                        const x509::Certificate& subject, absl::Duration lifetime,
                                                        absl::string_view random_serial, absl::Time now) {
  // With one name for both, a verifier takes the one for the other (RFC 5280 section 3.2: it would be self-issued).
  if (issuer.subject_der() == subject.subject_der()) {
    return CrossRefused(absl::StrCat("both authorities are called ", issuer.subject()));
  }
  if (issuer.public_key() == subject.public_key()) return CrossRefused("both authorities have one key");
  if (lifetime <= absl::ZeroDuration()) return CrossRefused("it would have no lifetime");
  const absl::Time start = WholeSeconds(now);
  const absl::Time end = WholeSeconds(start + lifetime);
  for (const x509::Certificate* one : {&issuer, &subject}) {
    if (one->not_before() <= start && one->not_after() >= end) continue;
    return CrossRefused(absl::StrCat("it would be needed from ", Date(start), " to ", Date(end), ", and ",
                                     one->subject(), " is valid from ", Date(one->not_before()), " to ",
                                     Date(one->not_after())));
  }
  x509::CertificateTemplate cross;
  SIGNET_ASSIGN_OR_RETURN(cross.serial, PositiveSerial(random_serial));
  cross.issuer_der = issuer.subject_der();
  cross.subject_der = subject.subject_der();
  cross.not_before = std::max({start - kAuthorityBackdate, issuer.not_before(), subject.not_before()});
  cross.not_after = end;
  cross.spki_der = subject.public_key().spki_der();
  cross.is_ca = true;
  cross.certificate_signing = true;
  cross.subject_key_id = CrossKeyIdentifier(subject);
  cross.authority_key_id = issuer.subject_key_id();
  return cross;
}

}  // namespace signet::policy
