// VerifyChain: what certificate.h promises about chains.
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/x509/certificate.h"
#include "services/x509/certificate_fields.h"
#include "services/x509/tls_use.h"

namespace signet::x509 {
namespace {

constexpr std::size_t kMaxIntermediates = 7;  // s2n's own limit
// Crafted certificates that all bear one name make paths without number.
constexpr int kMaxSignatures = 64;
constexpr char kTimeFormat[] = "%Y-%m-%d %H:%M:%S UTC";

absl::Status Refused(absl::string_view problem) {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("certificate chain: ", problem));
}

std::string TimeText(absl::Time time) { return absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone()); }

// What every certificate of a path must be, whatever its place.
absl::Status CheckAnywhere(const Certificate& certificate, absl::Time now, TlsUse use = TlsUse::kBoth) {
  const auto refused = [&certificate](absl::string_view problem) {
    return Refused(absl::StrCat(certificate.subject(), problem));
  };
  if (now < certificate.not_before()) {
    return refused(absl::StrCat(" is not yet valid until ", TimeText(certificate.not_before())));
  }
  if (now > certificate.not_after()) {
    return refused(absl::StrCat(" expired on ", TimeText(certificate.not_after())));
  }
  if (const absl::Status fit = CheckTlsUse(certificate, use); !fit.ok()) return Refused(fit.message());
  return absl::OkStatus();
}

// RFC 5280 section 6.1.4: what an issuer must be, with `below` CA certificates between it and the leaf.
absl::Status CheckIssuer(const Certificate& issuer, std::size_t below, absl::Time now) {
  SIGNET_RETURN_IF_ERROR(CheckAnywhere(issuer, now));
  if (!issuer.allows_certificate_signing()) {
    return Refused(absl::StrCat(issuer.subject(), " is no authority (basicConstraints, keyCertSign)"));
  }
  const auto& most = issuer.fields().path_length;
  if (most.has_value() && static_cast<int64_t>(below) > *most) {
    return Refused(absl::StrCat(issuer.subject(), " allows ", *most, " authorities below it, and there are ", below));
  }
  return absl::OkStatus();
}

// By name, and by key identifier where both have one, as OpenSSL and s2n compare them.
bool MayHaveIssued(const Certificate& issuer, const Certificate& certificate) {
  if (certificate.issuer_der() != issuer.subject_der()) return false;
  return certificate.authority_key_id().empty() || issuer.subject_key_id().empty() ||
         certificate.authority_key_id() == issuer.subject_key_id();
}

// Looks for a path upwards, depth first, and keeps the most telling reason why there is none.
class PathSearch {
 public:
  PathSearch(const std::vector<Certificate>& intermediates, const std::vector<Certificate>& anchors, absl::Time now)
      : intermediates_(intermediates), anchors_(anchors), now_(now), used_(intermediates.size(), false) {}

  absl::Status From(const Certificate& leaf) {
    reason_ = Refused(absl::StrCat("no anchor for issuer ", leaf.issuer()));
    return Climb(leaf, 0) ? absl::OkStatus() : reason_;
  }

 private:
  // True when `certificate`, which stands above the leaf and `below` CA certificates, leads to an anchor.
  bool Climb(const Certificate& certificate, std::size_t below) {
    for (const Certificate& anchor : anchors_) {
      // A leaf in the bundle is no anchor.
      if (anchor.is_ca() && MayHaveIssued(anchor, certificate) && Holds(anchor, certificate, below)) return true;
    }
    if (below == kMaxIntermediates) return false;
    for (std::size_t i = 0; i < intermediates_.size(); ++i) {
      const Certificate& issuer = intermediates_[i];
      if (used_[i] || !MayHaveIssued(issuer, certificate) || !Holds(issuer, certificate, below)) continue;
      used_[i] = true;
      // A way that leads on tells more than the certificate it began with; a fault found on it more than its end.
      if (!found_fault_) reason_ = Refused(absl::StrCat("no anchor for issuer ", issuer.issuer()));
      if (Climb(issuer, below + 1)) return true;
      used_[i] = false;
    }
    return false;
  }

  bool Holds(const Certificate& issuer, const Certificate& certificate, std::size_t below) {
    absl::Status status = CheckIssuer(issuer, below, now_);
    if (status.ok()) {
      if (++signatures_ > kMaxSignatures) {
        status = Refused("too many certificates bear one name");
      } else {
        status = certificate.VerifySignedBy(issuer);
      }
    }
    if (status.ok()) return true;
    reason_ = std::move(status);
    found_fault_ = true;
    return false;
  }

  const std::vector<Certificate>& intermediates_;
  const std::vector<Certificate>& anchors_;
  const absl::Time now_;
  std::vector<bool> used_;
  int signatures_ = 0;
  bool found_fault_ = false;
  absl::Status reason_;
};

absl::Status Verify(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                    const std::vector<Certificate>& anchors, absl::Time now, TlsUse use) {
  SIGNET_RETURN_IF_ERROR(CheckAnywhere(leaf, now, use));
  SIGNET_RETURN_IF_ERROR(PathSearch(intermediates, anchors, now).From(leaf));
  // TLS 1.3 and ECDHE sign with the leaf's key.
  if (leaf.allows_digital_signature()) return absl::OkStatus();
  return Refused(absl::StrCat(leaf.subject(), ": its purpose (keyUsage) is not to sign handshakes"));
}

}  // namespace

absl::Status VerifyChain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                         const std::vector<Certificate>& anchors, absl::Time now) {
  return Verify(leaf, intermediates, anchors, now, TlsUse::kBoth);
}

absl::Status VerifyClientChain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                               const std::vector<Certificate>& anchors, absl::Time now) {
  return Verify(leaf, intermediates, anchors, now, TlsUse::kClient);
}

}  // namespace signet::x509
