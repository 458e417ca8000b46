#include "services/bundle/writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/file_system.h"
#include "services/files/file.h"
#include "services/files/lock.h"
#include "services/x509/certificate.h"
#include "services/x509/public_key.h"
#include "signet/v1/bundle.pb.h"

namespace signet::bundle {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string ObjectPath(const std::string& ca_cert_file) { return DirectoryOf(ca_cert_file) + "/signet-bundle"; }
std::string LockPath(const std::string& ca_cert_file) { return DirectoryOf(ca_cert_file) + "/.signet-bundle.lock"; }
std::string MemoryPath(const std::string& memory_dir) { return memory_dir + "/generation"; }

// A bundle that this host has seen.
struct Seen {
  uint64_t generation = 0;
  std::string sha256;  // raw, of the serialized Bundle
};

Seen OnDiskVerified(const Target& target) {
  const auto object = files::Read(ObjectPath(target.ca_cert_file), kMaxFileBytes);
  if (!object.ok()) return {};
  // An object that does not verify was damaged, or is of a key that is no longer pinned: it holds nothing back.
  const auto held = Verify(*object, target.pin, target.cluster);
  const auto sha256 = BundleSha256(*object);
  if (!held.ok() || !sha256.ok()) return {};
  return {held->generation, *sha256};
}

// "<pin> <generation> <sha256 of the bundle>", hex. The memory of a pin that somebody replaced on this host does not
// count: after a new beginning generations restart.
absl::StatusOr<Seen> Remembered(const Target& target) {
  if (target.memory_dir.empty()) return Seen{};
  const auto line = files::Read(MemoryPath(target.memory_dir), 1024);
  if (absl::IsNotFound(line.status())) return Seen{};
  SIGNET_RETURN_IF_ERROR(line.status());
  const std::vector<std::string> words = absl::StrSplit(absl::StripTrailingAsciiWhitespace(*line), ' ');
  Seen seen;
  if (words.size() != 3 || words[2].size() != 64 || !absl::SimpleAtoi(words[1], &seen.generation)) {
    // Default deny: nothing but damage makes such a file, and what it held back is unknown.
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat(MemoryPath(target.memory_dir),
                                      " is damaged: it must hold the highest bundle "
                                      "generation that this host has seen"),
                         absl::StrCat("rm ", MemoryPath(target.memory_dir),
                                      ", once `signetctl bundle show` agrees with ", target.ca_cert_file));
  }
  const std::string pin = absl::BytesToHexString(target.pin);
  if (words[0] != pin && target.first_pin_only) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                         absl::StrCat("bundle: pin ", pin,
                                      " is offered, but the first one that verified a bundle here "
                                      "was ",
                                      words[0]),
                         absl::StrCat("rm ", MemoryPath(target.memory_dir),
                                      ", once `signetctl status` on the server shows the new pin; or set bundle_pin"));
  }
  if (words[0] != pin) return Seen{};
  seen.sha256 = absl::HexStringToBytes(words[2]);
  return seen;
}

absl::Status Remember(const Target& target, const Seen& seen) {
  if (target.memory_dir.empty()) return absl::OkStatus();
  SIGNET_RETURN_IF_ERROR(files::MakeDirectories(target.memory_dir, 0755));
  return files::WriteAtomically(MemoryPath(target.memory_dir),
                                absl::StrCat(absl::BytesToHexString(target.pin), " ", seen.generation, " ",
                                             absl::BytesToHexString(seen.sha256), "\n"));
}

absl::Status CheckAgainst(const Seen& known, const Seen& offered, absl::string_view where) {
  if (offered.generation < known.generation) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kSequenceRegressed,
                         absl::StrCat("bundle: generation ", offered.generation, " is offered, but ", where,
                                      " has seen ", known.generation),
                         "signetctl bundle show   # does the server serve a restored, older bundle?");
  }
  if (offered.generation == known.generation && offered.sha256 != known.sha256) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kSequenceRegressed,
                         absl::StrCat("bundle: two different ones of generation ", offered.generation, "; ", where,
                                      " has seen the other"));
  }
  return absl::OkStatus();
}

// A file in which no anchor counts would cut this host off from every peer.
absl::Status CheckUsableNow(const Bundle& bundle, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const auto anchors, x509::Certificate::ListFromPem(bundle.ca_cert_pem));
  const bool usable = std::any_of(anchors.begin(), anchors.end(), [now](const x509::Certificate& anchor) {
    return now >= anchor.not_before() && now <= anchor.not_after();
  });
  if (usable) return absl::OkStatus();
  return base::Refusal(
      absl::StatusCode::kFailedPrecondition, base::kConfiguration,
      absl::StrCat("bundle: no certificate in it is valid now, ",
                   absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone()), " by this host's clock"),
      "date -u; chronyc tracking");
}

bool IsSymbolicLink(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored));
}

// As WriteAtomically leaves it, or stricter to the owner: everybody may read it, nobody else may change it.
bool IsGuarded(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0444) == 0444 &&
         (info.st_mode & 0133) == 0 && (info.st_uid == 0 || info.st_uid == geteuid());
}

bool IsInPlace(const Target& target, const Bundle& bundle, const Seen& held, const Seen& offered) {
  if (held.generation != offered.generation || held.sha256 != offered.sha256) return false;
  const auto content = files::Read(target.ca_cert_file, kMaxFileBytes);
  return content.ok() && *content == bundle.ca_cert_pem && IsGuarded(target.ca_cert_file);
}

}  // namespace

absl::StatusOr<WriteResult> Write(const Target& target, absl::string_view signed_bundle, absl::Time now) {
  SIGNET_ASSIGN_OR_RETURN(const Bundle bundle, Verify(signed_bundle, target.pin, target.cluster));
  SIGNET_ASSIGN_OR_RETURN(std::string sha256, BundleSha256(signed_bundle));
  SIGNET_RETURN_IF_ERROR(CheckUsableNow(bundle, now));
  const Seen offered{bundle.generation, std::move(sha256)};
  // A link (a ConfigMap, a configuration manager's tree) belongs to whoever made it.
  if (IsSymbolicLink(target.ca_cert_file)) return WriteResult::kManagedElsewhere;
  SIGNET_ASSIGN_OR_RETURN(const bool ours, IsOursToWrite(DirectoryOf(target.ca_cert_file)));
  if (!ours) return WriteResult::kManagedElsewhere;

  SIGNET_ASSIGN_OR_RETURN(const files::FileLock lock,
                          files::FileLock::Acquire(LockPath(target.ca_cert_file), target.lock_timeout));
  // What cannot be removed is public, and no reason to go without the new bundle.
  files::RemoveTemporaries(ObjectPath(target.ca_cert_file)).IgnoreError();
  files::RemoveTemporaries(target.ca_cert_file).IgnoreError();
  const Seen held = OnDiskVerified(target);
  SIGNET_ASSIGN_OR_RETURN(const Seen remembered, Remembered(target));
  SIGNET_RETURN_IF_ERROR(CheckAgainst(held, offered, "the file beside ca_cert_file"));
  SIGNET_RETURN_IF_ERROR(CheckAgainst(remembered, offered, "this host"));
  if (remembered.generation != offered.generation) SIGNET_RETURN_IF_ERROR(Remember(target, offered));
  if (IsInPlace(target, bundle, held, offered)) return WriteResult::kUnchanged;
  // A kill between the two leaves a pair that does not match: Observe() says generation 0, and the next call writes
  // both again.
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(ObjectPath(target.ca_cert_file), signed_bundle, {.mode = 0644}));
  SIGNET_RETURN_IF_ERROR(files::WriteAtomically(target.ca_cert_file, bundle.ca_cert_pem, {.mode = 0644}));
  return WriteResult::kWritten;
}

OnDisk Observe(const std::string& ca_cert_file) {
  OnDisk result;
  const auto content = files::Read(ca_cert_file, kMaxFileBytes);
  if (!content.ok()) return result;
  result.sha256 = x509::Sha256(*content);
  const auto object = files::Read(ObjectPath(ca_cert_file), kMaxFileBytes);
  v1::SignedBundle outer;
  v1::Bundle bundle;
  if (object.ok() && outer.ParseFromString(*object) && bundle.ParseFromString(outer.bundle()) &&
      bundle.ca_cert_pem() == *content) {
    result.generation = bundle.generation();
  }
  return result;
}

}  // namespace signet::bundle
