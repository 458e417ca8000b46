// The file in which slurmd keeps its certificate between starts: <SlurmdSpoolDir>/certmgr_state.
//
//   big endian: uint16 protocol version, uint64 Unix seconds of the last renewal, then twice a uint32 length and as
//   many bytes, the last of them a NUL: the certificate's PEM, the private key's PEM
#ifndef SIGNET_ADAPTERS_SLURM_CERTMGR_STATE_H_
#define SIGNET_ADAPTERS_SLURM_CERTMGR_STATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/secret_bytes.h"

namespace signet::slurm {

// What Slurm packed.
struct CertmgrState {
  absl::Time renewed_at;
  std::string certificate_pem;
  base::SecretBytes key_pem;
};

// INVALID_ARGUMENT for everything but exactly one state as Slurm 25.05, 25.11 or 26.05 packs it: another version, a
// length that does not fit, a string without its NUL or with one inside, a time beyond the year 9999, bytes behind the
// end. The message quotes nothing of the file.
absl::StatusOr<CertmgrState> ParseCertmgrState(const base::SecretBytes& file);

}  // namespace signet::slurm

#endif  // SIGNET_ADAPTERS_SLURM_CERTMGR_STATE_H_
