// Distinguished names: read from RFC 4514 text, written as DER.
#ifndef SIGNET_SERVICES_X509_NAME_H_
#define SIGNET_SERVICES_X509_NAME_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace signet::x509 {

// The DER of a Name from text such as "CN=Slurm CA,O=Example". In the order written (first RDN first). Attributes CN,
// O, OU, C, L, ST, DC; UTF8String (C: PrintableString of 2 letters; DC: IA5String); a backslash escapes. Error:
// INVALID_ARGUMENT naming the part.
absl::StatusOr<std::string> NameDerFromText(absl::string_view text);

// The DER of a Name with a single common name.
std::string CommonNameDer(absl::string_view common_name);

// RFC 4514 text, for people, in the order of the DER: what NameDerFromText read. "(malformed name)" when the bytes are
// no Name.
std::string NameTextFromDer(absl::string_view name_der);

}  // namespace signet::x509

#endif  // SIGNET_SERVICES_X509_NAME_H_
