#include "services/server/publisher.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/bundle/signed_bundle.h"
#include "services/x509/public_key.h"

namespace signet::server {
namespace {

constexpr std::chrono::seconds kRequestTime{3};
constexpr std::chrono::seconds kTick{1};
// Doubling from the shortest pause has passed the longest by then.
constexpr int kMostDoublings = 10;
constexpr std::size_t kHashDigits = 64;

kubernetes::Deadline RequestDeadline() { return std::chrono::steady_clock::now() + kRequestTime; }

kubernetes::ObjectName NameOf(kubernetes::ObjectKind kind, const std::string& text) {
  const std::size_t slash = text.find('/');
  return {kind, text.substr(0, slash), text.substr(slash + 1)};
}

absl::Duration PauseAfter(int failures) {
  absl::Duration pause = kShortestPause;
  for (int i = 1; i < std::min(failures, kMostDoublings); ++i) pause = std::min(pause * 2, kLongestPause);
  return pause;
}

const char* ResultOf(const absl::StatusOr<std::string>& published) {
  if (published.ok()) return published->empty() ? "unchanged" : "ok";
  switch (published.status().code()) {
    case absl::StatusCode::kAborted:
      return "conflict";
    case absl::StatusCode::kPermissionDenied:
      return "refused";
    case absl::StatusCode::kNotFound:
      return "missing";
    default:
      return base::ReasonOf(published.status()) == base::kKubernetesUnavailable ? "unreachable" : "failed";
  }
}

std::string PendingOf(const kubernetes::Object& object) {
  const auto found = object.annotations.find(kPendingKey);
  return found == object.annotations.end() ? "" : found->second;
}

// As kPendingKey has it; empty for what is no key.
std::string HashOfKey(const base::SecretBytes& key_pem) {
  const absl::StatusOr<keys::PrivateKey> key = keys::PrivateKey::FromPem(key_pem);
  return key.ok() ? absl::BytesToHexString(key->public_key().spki_sha256()) : "";
}

}  // namespace

Publisher::Publisher(std::string cluster, const KubernetesSection& section, const Parts& parts)
    : cluster_(std::move(cluster)), parts_(parts), objects_({section.api, section.ca_file, section.token_file}) {
  for (const std::string& name : section.publish.bundle_config_maps) {
    places_.push_back({.object = NameOf(kubernetes::ObjectKind::kConfigMap, name), .service = ""});
  }
  for (const auto& [name, service] : section.publish.service_secrets) {
    places_.push_back({.object = NameOf(kubernetes::ObjectKind::kSecret, name), .service = service});
  }
}

Publisher::~Publisher() { Stop(); }

void Publisher::Start() {
  thread_ = std::thread([this] {
    for (;;) {
      Tick();
      const base::MutexLock lock(mutex_);
      if (!stopping_) stop_.WaitFor(mutex_, kTick);
      if (stopping_) return;
    }
  });
}

void Publisher::Stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Publisher::Tick() {
  const absl::StatusOr<Wanted> wanted = Look();
  // The daemon's own look at the store says that it does not answer.
  if (!wanted.ok()) return;
  const bool news = wanted->mark != mark_;
  mark_ = wanted->mark;
  for (Place& place : places_) {
    {
      const base::MutexLock lock(mutex_);
      if (stopping_) return;
    }
    const absl::Time now = parts_.clock.Now();
    // A clock that was set back must not put this off for as long.
    place.next_at = std::min(place.next_at, now + kLongestPause);
    if (news || now >= place.next_at) Visit(place, *wanted);
  }
}

absl::StatusOr<Publisher::Wanted> Publisher::Look() const {
  Wanted wanted;
  SIGNET_RETURN_IF_ERROR(parts_.store.Read([&wanted](const store::Tables& tables) -> absl::Status {
    const absl::StatusOr<store::BundleRow> newest = tables.bundles().Newest();
    if (!newest.ok()) return newest.status();
    const absl::StatusOr<store::KeyRow> key = tables.authorities().FindKey("bundle");
    if (!key.ok()) return key.status();
    wanted.generation = newest->generation;
    wanted.bundle = newest->signed_bundle;
    wanted.bundle_pin = x509::Sha256(key->spki_der);
    return absl::OkStatus();
  }));
  SIGNET_ASSIGN_OR_RETURN(const std::shared_ptr<const authority::Authority> active,
                          parts_.authorities.Active(store::Purpose::kSlurm));
  for (const x509::Certificate& anchor : parts_.authorities.Anchors(store::Purpose::kControl)) {
    wanted.control_ca_pem += anchor.pem();
  }
  wanted.mark = absl::StrCat(wanted.generation, " ", active->id, wanted.control_ca_pem);
  for (const x509::Certificate& above : active->chain_above) wanted.mark += above.pem();
  return wanted;
}

void Publisher::Visit(Place& place, const Wanted& wanted) {
  const absl::StatusOr<std::string> published =
      place.service.empty() ? PublishBundle(place, wanted) : PublishService(place);
  parts_.metrics.CountPublish(place.service.empty() ? "bundle" : "service", ResultOf(published));
  const std::string object = kubernetes::ToText(place.object);
  if (published.ok()) {
    place.failures = 0;
    place.next_at = parts_.clock.Now() + kLookEvery;
    if (!published->empty()) parts_.logger.Info("published", {{"object", object}, {"message", *published}});
    return;
  }
  ++place.failures;
  const absl::Duration pause = PauseAfter(place.failures);
  place.next_at = parts_.clock.Now() + pause;
  parts_.logger.Error("publish.failed", {{"object", object},
                                         {"message", std::string(published.status().message())},
                                         {"next", base::NextOf(published.status())},
                                         {"again_in", absl::FormatDuration(pause)}});
}

absl::StatusOr<std::string> Publisher::PublishBundle(const Place& place, const Wanted& wanted) {
  SIGNET_ASSIGN_OR_RETURN(const kubernetes::Object object, objects_.Get(place.object, RequestDeadline()));
  const std::string pin = absl::BytesToHexString(wanted.bundle_pin);
  if (object.Value(kBundleKey) == wanted.bundle && object.Value(kControlCaKey) == wanted.control_ca_pem &&
      object.Value(kBundlePinKey) == pin) {
    return "";
  }
  const auto held = bundle::Verify(object.Value(kBundleKey), wanted.bundle_pin, cluster_);
  // Hosts that have seen it would refuse the older one, and only new pods would take it.
  if (held.ok() && held->generation > wanted.generation) {
    return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kSequenceRegressed,
                         absl::StrCat("it holds generation ", held->generation, " of the bundle, and this server ",
                                      wanted.generation, ": was an older backup restored?"),
                         "signetctl bundle recover");
  }
  kubernetes::Change change{.version = object.version};
  change.text = {{kControlCaKey, wanted.control_ca_pem}, {kBundlePinKey, pin}};
  change.bytes.emplace(kBundleKey, base::SecretBytes(wanted.bundle));
  SIGNET_RETURN_IF_ERROR(objects_.Patch(place.object, change, RequestDeadline()).status());
  return absl::StrCat("generation ", wanted.generation, " of the trust bundle");
}

absl::StatusOr<std::string> Publisher::PublishService(Place& place) {
  SIGNET_ASSIGN_OR_RETURN(kubernetes::Object object, objects_.Get(place.object, RequestDeadline()));
  issuance::Pair found{std::string(object.Value(kCertificateKey)), base::SecretBytes(object.Value(kPrivateKeyKey))};
  SIGNET_ASSIGN_OR_RETURN(issuance::Finding finding, parts_.kept.Examine(place.service, found));
  const std::string pending = PendingOf(object);
  const bool tried = place.attempt.has_value() && place.attempt->pending == pending;
  // What a server that was killed, or another one, began. A key that is in the object was handed over.
  if (!pending.empty() && !tried && pending != HashOfKey(found.key_pem)) {
    SIGNET_RETURN_IF_ERROR(Abandon(place, pending, issuance::Word::kPlaces));
  }
  // Somebody took the word back.
  if (place.attempt.has_value() && !tried) SIGNET_RETURN_IF_ERROR(GiveUp(place));
  switch (finding.due) {
    case issuance::Due::kCertificate:
      return PublishNewPair(place, object, finding.why);
    case issuance::Due::kChain:
      found.chain_pem = std::move(finding.chain_pem);
      break;
    case issuance::Due::kNothing:
      if (pending.empty()) return "";
      finding.why = "a key that was never written was still announced";
  }
  // What is there is good: a pair in hand that is another one is not needed any more.
  if (place.attempt.has_value() && pending != HashOfKey(found.key_pem)) SIGNET_RETURN_IF_ERROR(GiveUp(place));
  SIGNET_RETURN_IF_ERROR(Write(place, object, found));
  place.attempt.reset();
  return absl::StrCat("the same certificate of ", place.service, ": ", finding.why);
}

absl::StatusOr<std::string> Publisher::PublishNewPair(Place& place, kubernetes::Object& object,
                                                      const std::string& why) {
  if (place.attempt.has_value()) {
    // It was issued when the object could not be written: a rotation may have come between.
    SIGNET_ASSIGN_OR_RETURN(const issuance::Finding finding, parts_.kept.Examine(place.service, place.attempt->pair));
    if (finding.due == issuance::Due::kChain) place.attempt->pair.chain_pem = finding.chain_pem;
    if (finding.due == issuance::Due::kCertificate) {
      const issuance::Word word = place.attempt->may_be_written ? issuance::Word::kPlaces : issuance::Word::kOwn;
      SIGNET_RETURN_IF_ERROR(Abandon(place, place.attempt->pending, word));
      place.attempt.reset();
    }
  }
  if (!place.attempt.has_value()) {
    SIGNET_RETURN_IF_ERROR(CheckNotInVain(place, why));
    SIGNET_RETURN_IF_ERROR(Prepare(place, object));
  }
  if (const absl::Status written = Write(place, object, place.attempt->pair); !written.ok()) {
    place.attempt->may_be_written |= absl::IsUnavailable(written);
    return written;
  }
  place.attempt.reset();
  return absl::StrCat("a new certificate of ", place.service, ": ", why);
}

absl::Status Publisher::Prepare(Place& place, kubernetes::Object& object) {
  SIGNET_ASSIGN_OR_RETURN(const keys::PrivateKey key, keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const std::string pending = absl::BytesToHexString(key.public_key().spki_sha256());
  SIGNET_ASSIGN_OR_RETURN(
      object.version, objects_.Patch(place.object, {.version = object.version, .annotations = {{kPendingKey, pending}}},
                                     RequestDeadline()));
  SIGNET_ASSIGN_OR_RETURN(issuance::Pair pair, parts_.kept.Issue(place.service, key, NewOrigin()));
  place.attempt = Attempt{.pending = pending, .pair = std::move(pair)};
  place.issued_at.push_back(parts_.clock.Now());
  return absl::OkStatus();
}

absl::Status Publisher::CheckNotInVain(Place& place, const std::string& why) const {
  const absl::Time now = parts_.clock.Now();
  std::vector<absl::Time>& issued = place.issued_at;
  // A clock that was set back makes none count.
  const auto counts = [now](absl::Time at) { return at <= now && now - at < absl::Hours(1); };
  issued.erase(std::remove_if(issued.begin(), issued.end(), std::not_fn(counts)), issued.end());
  if (issued.size() < kMostPairsAnHour) return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kFailedPrecondition, base::kConfiguration,
                       absl::StrCat(issued.size(), " certificates of ", place.service,
                                    " were issued for it within an hour, and again one is due: ", why),
                       absl::StrCat("kubectl -n ", place.object.name_space, " get secret ", place.object.name,
                                    " -o yaml --show-managed-fields   # who else writes it?"));
}

absl::Status Publisher::GiveUp(Place& place) {
  // What certainly never was in the object is nobody's.
  if (!place.attempt->may_be_written) {
    SIGNET_RETURN_IF_ERROR(Abandon(place, place.attempt->pending, issuance::Word::kOwn));
  }
  place.attempt.reset();
  return absl::OkStatus();
}

absl::Status Publisher::Abandon(const Place& place, const std::string& pending, issuance::Word word) {
  const bool hash = pending.size() == kHashDigits && pending.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!hash) return absl::OkStatus();
  SIGNET_ASSIGN_OR_RETURN(const std::string serial,
                          parts_.kept.Abandon(place.service, absl::HexStringToBytes(pending), word, NewOrigin()));
  if (!serial.empty()) {
    parts_.logger.Warning("publish.abandoned",
                          {{"object", kubernetes::ToText(place.object)},
                           {"serial", serial},
                           {"message", "revoked: a certificate that was issued and never came into the object"}});
  }
  return absl::OkStatus();
}

absl::Status Publisher::Write(const Place& place, const kubernetes::Object& object, const issuance::Pair& pair) {
  kubernetes::Change change{.version = object.version, .annotations = {{kPendingKey, std::nullopt}}};
  change.bytes.emplace(kCertificateKey, base::SecretBytes(pair.chain_pem));
  change.bytes.emplace(kPrivateKeyKey, base::SecretBytes(pair.key_pem.ExposeSecret()));
  return objects_.Patch(place.object, change, RequestDeadline()).status();
}

audit::Origin Publisher::NewOrigin() const { return {"signetd", absl::BytesToHexString(parts_.random.Bytes(8))}; }

}  // namespace signet::server
