#include "services/x509/subject_hint.h"

#include <utility>

#include "absl/status/statusor.h"
#include "services/base/status_macros.h"
#include "services/names/node_name.h"
#include "services/x509/der.h"
#include "services/x509/pem.h"

namespace signet::x509 {
namespace {

constexpr char kWhat[] = "CSR subject";
constexpr char kCommonNameOid[] = "2.5.4.3";
constexpr int kMostRdns = 16;

// The contents of the subject's Name (RFC 2986 section 4.1).
absl::StatusOr<absl::string_view> ReadSubject(absl::string_view der) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view request, ReadDer(der, kDerSequence, kWhat));
  DerReader outer(request);
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view info, outer.Read(kDerSequence, kWhat));
  DerReader inner(info);
  SIGNET_RETURN_IF_ERROR(inner.Read(kDerInteger, kWhat).status());
  return inner.Read(kDerSequence, kWhat);
}

absl::StatusOr<std::string> ReadLastCommonName(absl::string_view der) {
  SIGNET_ASSIGN_OR_RETURN(const absl::string_view subject, ReadSubject(der));
  std::string last;
  DerReader rdns(subject);
  for (int i = 0; i < kMostRdns && !rdns.done(); ++i) {
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view rdn, rdns.Read(kDerSet, kWhat));
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view attribute, DerReader(rdn).Read(kDerSequence, kWhat));
    DerReader parts(attribute);
    SIGNET_ASSIGN_OR_RETURN(const absl::string_view oid, parts.Read(kDerOid, kWhat));
    SIGNET_ASSIGN_OR_RETURN(const DerElement value, parts.ReadAny(kWhat));
    if (OidText(oid) == kCommonNameOid) last = std::string(value.contents);
  }
  return last;
}

}  // namespace

std::string SubjectHint(absl::string_view csr_pem) {
  const auto der = ParseSinglePem(csr_pem, kCertificateRequestLabel);
  if (!der.ok()) return "";
  auto name = ReadLastCommonName(*der);
  if (!name.ok() || !names::CheckNodeName(*name).ok()) return "";
  return *std::move(name);
}

}  // namespace signet::x509
