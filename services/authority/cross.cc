#include "services/authority/cross.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/policy/profile.h"
#include "services/x509/certificate_fields.h"
#include "services/x509/certificate_template.h"

namespace signet::authority {
namespace {

absl::Status Refused(absl::string_view message, absl::string_view next = "signetctl authority list") {
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat("cross certificate: ", message), next);
}

bool Has(const std::vector<x509::Certificate>& list, const x509::Certificate& certificate) {
  return std::any_of(list.begin(), list.end(), [&](const auto& one) { return one.der() == certificate.der(); });
}

// One step up: a cross certificate, and who signed it.
struct Voucher {
  x509::Certificate cross;
  const Authority* issuer;
};

const Authority* FindTrusted(const std::vector<Authority>& authorities, absl::string_view id) {
  for (const Authority& authority : authorities) {
    if (authority.id == id &&
        (authority.state == store::AuthorityState::kActive || authority.state == store::AuthorityState::kRetired)) {
      return &authority;
    }
  }
  return nullptr;
}

// The newest that vouches for `anchor`. By its key and not by the row's subject: two subordinates of one root share it.
std::optional<Voucher> FindVoucher(const x509::Certificate& anchor, const std::vector<Authority>& authorities,
                                   const std::vector<store::CrossRow>& crosses, absl::Time now) {
  for (auto row = crosses.rbegin(); row != crosses.rend(); ++row) {
    const Authority* issuer = FindTrusted(authorities, row->issuer_id);
    if (issuer == nullptr || now >= row->not_after) continue;
    auto cross = x509::Certificate::FromDer(row->certificate_der);
    if (!cross.ok() || !(cross->public_key() == anchor.public_key())) continue;
    // OpenSSL looks no further once it has taken one that bears the right name.
    if (cross->subject_der() != anchor.subject_der() || !cross->VerifySignedBy(issuer->certificate).ok()) continue;
    return Voucher{*std::move(cross), issuer};
  }
  return std::nullopt;
}

}  // namespace

absl::Duration CrossLifetime(absl::Duration hold, absl::Duration longest_leaf) { return hold + 2 * longest_leaf; }

absl::Duration CrossLifetimeWithin(const Authority& issuer, const Authority& subject, absl::Duration lifetime,
                                   absl::Time now) {
  return std::min({lifetime, issuer.certificate.not_after() - now, subject.anchor.not_after() - now});
}

// RFC 5280 section 4.2.1.9: the path length counts the CA certificates that follow, without the leaf.
absl::Status CheckMayVouch(const Authority& issuer, std::size_t intermediates) {
  std::vector<x509::Certificate> path = issuer.intermediates;
  path.push_back(issuer.anchor);
  auto below = static_cast<int64_t>(1 + intermediates);
  for (const x509::Certificate& one : path) {
    if (const auto most = one.fields().path_length; most.has_value() && *most < below) {
      return Refused(absl::StrCat(one.subject(), " has pathlen ", *most, ", and there would be ", below,
                                  " authorities below it: verifiers would refuse the chain"));
    }
    ++below;
  }
  const std::size_t above = intermediates + 1 + issuer.intermediates.size();
  if (above <= kMostAbove) return absl::OkStatus();
  return Refused(absl::StrCat("a leaf would carry ", above, " certificates, and verifiers take ", kMostAbove));
}

const Authority* FindVoucherOf(const x509::Certificate& anchor, const std::vector<Authority>& others,
                               const std::vector<store::CrossRow>& crosses, absl::Time now) {
  const std::optional<Voucher> voucher = FindVoucher(anchor, others, crosses, now);
  return voucher.has_value() ? voucher->issuer : nullptr;
}

bool NeedsCross(const Authority& former, const Authority& next) {
  return !(former.anchor.public_key() == next.anchor.public_key());
}

absl::StatusOr<store::CrossRow> MakeCross(const Authority& issuer, const Authority& subject, absl::Duration lifetime,
                                          absl::string_view random_serial, absl::Time now) {
  if (issuer.signer == nullptr) return Refused(absl::StrCat("the key of authority ", issuer.id, " is not here"));
  if (!NeedsCross(issuer, subject)) {
    return Refused(absl::StrCat("none is needed: both authorities hang below ", issuer.anchor.subject()));
  }
  SIGNET_RETURN_IF_ERROR(CheckMayVouch(issuer, subject.intermediates.size()));
  if (!subject.intermediates.empty()) {
    SIGNET_RETURN_IF_ERROR(policy::CheckFollowsCross(subject.intermediates.back()));
  }
  SIGNET_ASSIGN_OR_RETURN(const x509::CertificateTemplate made,
                          policy::CrossTemplate(issuer.certificate, subject.anchor, lifetime, random_serial, now));
  const x509::SignatureAlgorithm algorithm = keys::DefaultAlgorithm(issuer.certificate.public_key());
  SIGNET_ASSIGN_OR_RETURN(const std::string tbs, x509::EncodeTbs(made, algorithm));
  SIGNET_ASSIGN_OR_RETURN(const std::string signature, issuer.signer->Sign(algorithm, tbs));
  SIGNET_ASSIGN_OR_RETURN(const x509::Certificate cross,
                          x509::Certificate::FromDer(x509::AssembleCertificate(tbs, algorithm, signature)));
  SIGNET_RETURN_IF_ERROR(policy::LintCross(cross, issuer.certificate, subject.anchor));
  store::CrossRow row;
  row.serial = cross.serial();
  row.issuer_id = issuer.id;
  row.subject_id = subject.id;
  row.certificate_der = cross.der();
  row.not_after = cross.not_after();
  row.created_at = now;
  return row;
}

std::vector<x509::Certificate> ChainAbove(const Authority& authority, const std::vector<Authority>& others,
                                          const std::vector<store::CrossRow>& crosses, absl::Time now) {
  std::vector<x509::Certificate> chain;
  std::vector<x509::Certificate> anchors;
  const Authority* below = &authority;
  while (true) {
    anchors.push_back(below->anchor);
    for (const x509::Certificate& intermediate : below->intermediates) {
      if (!intermediate.self_signed() && !Has(chain, intermediate)) chain.push_back(intermediate);
    }
    const std::optional<Voucher> voucher = FindVoucher(below->anchor, others, crosses, now);
    if (!voucher.has_value() || Has(anchors, voucher->issuer->anchor)) break;
    chain.push_back(voucher->cross);
    below = voucher->issuer;
  }
  if (chain.size() > kMostAbove) chain.erase(chain.begin() + kMostAbove, chain.end());
  return chain;
}

}  // namespace signet::authority
