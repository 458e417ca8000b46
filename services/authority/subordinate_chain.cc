#include "services/authority/subordinate_chain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/authority/ca_certificate.h"
#include "services/authority/cross.h"
#include "services/authority/gate_words.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/policy/profile.h"
#include "services/x509/certificate_fields.h"
#include "services/x509/certificate_template.h"

namespace signet::authority {
namespace {

constexpr char kField[] = "chain_pem";
constexpr char kOrder[] =
    "cat SUBORDINATE.pem INTERMEDIATE.pem ROOT.pem > FILE.pem: each signed by the next, the self-signed root last";
constexpr std::size_t kMostIdentifierBytes = 64;

absl::Status Refused(const x509::Certificate& one, absl::string_view what, absl::string_view next = "") {
  return CaRefused(kField, absl::StrCat(one.subject(), ": ", what), next);
}

// What a cross certificate will have that stands in the place of `above`: the key identifier that is there, or one that
// is computed (see policy::CrossTemplate).
std::string IdentifierOf(const x509::Certificate& above) {
  return above.subject_key_id().empty() ? x509::KeyIdentifier(above.public_key()) : above.subject_key_id();
}

absl::Status CheckLink(const x509::Certificate& below, const x509::Certificate& above) {
  if (const absl::Status signed_by = below.VerifySignedBy(above); !signed_by.ok()) {
    return Refused(below,
                   absl::StrCat("the next certificate of the file, ", above.subject(),
                                ", did not sign it, or not by an algorithm that s2n takes: ", signed_by.message()),
                   kOrder);
  }
  // RFC 5280 section 4.2.1.1: OpenSSL takes no issuer whose identifier is another.
  if (!below.authority_key_id().empty() && below.authority_key_id() != IdentifierOf(above)) {
    return Refused(below,
                   absl::StrCat("its authorityKeyIdentifier is not the subjectKeyIdentifier of ", above.subject()),
                   "have it signed again with authorityKeyIdentifier=keyid");
  }
  // A renewed certificate of the same key has another serial than the one that is named.
  if (const absl::Status named = policy::CheckNamesIssuer(below, above); !named.ok()) {
    return CaRefused(kField, named.message(), base::NextOf(named));
  }
  // A leaf ends with the authority that signed it, and must not outlive what stands above that.
  if (below.not_after() > above.not_after()) {
    return Refused(below,
                   absl::StrCat("it ends at ", TimeText(below.not_after()), ", after ", above.subject(),
                                ", which signed it and ends at ", TimeText(above.not_after())),
                   "have it signed again with an end that its issuer reaches");
  }
  return absl::OkStatus();
}

// RFC 5280 section 4.2.1.9: the authorities that follow in a chain to a leaf.
absl::Status CheckPathLengths(const std::vector<x509::Certificate>& chain) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const auto most = chain[i].fields().path_length;
    if (!most.has_value() || *most >= static_cast<int64_t>(i)) continue;
    return Refused(chain[i], absl::StrCat("it has pathlen ", *most, ", and there are ", i, " authorities below it"),
                   "have it signed again with a pathlen that allows them, or with none");
  }
  return absl::OkStatus();
}

absl::Status CheckNamesDiffer(const std::vector<x509::Certificate>& chain) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    for (std::size_t j = i + 1; j < chain.size(); ++j) {
      if (chain[i].subject_der() != chain[j].subject_der() && !(chain[i].public_key() == chain[j].public_key())) {
        continue;
      }
      return Refused(chain[i],
                     "two certificates of the chain have one name or one key: verifiers could not tell them "
                     "apart");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<x509::Certificate>> ReadChain(absl::string_view chain_pem) {
  auto chain = x509::Certificate::ListFromPem(chain_pem);
  if (!chain.ok()) return CaRefused(kField, chain.status().message(), kOrder);
  if (chain->size() < 2) return CaRefused(kField, "holds one certificate only; its root must come with it", kOrder);
  if (chain->size() - 1 > kMostAbove) {
    return CaRefused(kField, absl::StrCat("holds ", chain->size(), " certificates; verifiers take ", kMostAbove,
                                          " above a leaf, and the root"));
  }
  for (const x509::Certificate& one : *chain) {
    const bool last = &one == &chain->back();
    if (one.self_signed() == last) continue;
    return Refused(
        one, last ? "it is the last one, and no self-signed root" : "it is self-signed, and not the last one", kOrder);
  }
  return *std::move(chain);
}

absl::Status CheckChain(const std::vector<x509::Certificate>& chain, absl::Time until, absl::Time now) {
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const x509::Certificate& one = chain[i];
    SIGNET_RETURN_IF_ERROR(CheckCaCertificate(absl::StrCat(kField, ": ", one.subject()), one, now));
    SIGNET_RETURN_IF_ERROR(CheckLink(one, i + 1 < chain.size() ? chain[i + 1] : one));
    if (one.not_after() >= until) continue;
    return Refused(one,
                   absl::StrCat("it ends at ", TimeText(one.not_after()), "; it is needed until ", TimeText(until),
                                " at least, for the hold and two leaf lifetimes"),
                   "have it signed again for longer");
  }
  SIGNET_RETURN_IF_ERROR(CheckNamesDiffer(chain));
  SIGNET_RETURN_IF_ERROR(CheckPathLengths(chain));
  const std::size_t identifier = chain.front().subject_key_id().size();
  if (identifier == 0 || identifier > kMostIdentifierBytes) {
    return Refused(chain.front(), "it has no subjectKeyIdentifier of 1 to 64 bytes, which its leaves have to name",
                   "have it signed again with subjectKeyIdentifier=hash");
  }
  return policy::CheckFollowsCross(chain[chain.size() - 2]);
}

}  // namespace signet::authority
