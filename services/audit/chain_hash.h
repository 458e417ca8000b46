// The links of the chain.
#ifndef SIGNET_SERVICES_AUDIT_CHAIN_HASH_H_
#define SIGNET_SERVICES_AUDIT_CHAIN_HASH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace signet::audit {

// SHA-256 of the record's length as 8 bytes big endian and its bytes as stored: what the next record and a checkpoint
// hold. 32 raw bytes.
std::string ChainHash(absl::string_view record_bytes);

}  // namespace signet::audit

#endif  // SIGNET_SERVICES_AUDIT_CHAIN_HASH_H_
