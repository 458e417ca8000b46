// Keeps objects in Kubernetes as they should be: the trust bundle in ConfigMaps, services' certificates in Secrets.
#ifndef SIGNET_SERVICES_SERVER_PUBLISHER_H_
#define SIGNET_SERVICES_SERVER_PUBLISHER_H_

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/authority/authorities.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "services/base/random.h"
#include "services/issuance/kept_certificates.h"
#include "services/kubernetes/objects.h"
#include "services/server/config.h"
#include "services/store/store.h"
#include "services/telemetry/logger.h"
#include "services/telemetry/metrics.h"

namespace signet::server {

// Keys of the objects.
inline constexpr char kBundleKey[] = "bundle";  // the serialized SignedBundle
inline constexpr char kControlCaKey[] = "control_ca.pem";
inline constexpr char kBundlePinKey[] = "bundle_pin";  // 64 hex digits
inline constexpr char kCertificateKey[] = "tls.crt";   // leaf first
inline constexpr char kPrivateKeyKey[] = "tls.key";
// The annotation of a Secret that says which key is next: SHA-256 of its SPKI, hex. See KeptCertificates.
inline constexpr char kPendingKey[] = "signet/pending-key";

// How often each object is looked at; at once after the bundle, the active authority or its chain changed.
inline constexpr absl::Duration kLookEvery = absl::Seconds(60);
// The pause after a failure, doubled with each further one.
inline constexpr absl::Duration kShortestPause = absl::Seconds(5);
inline constexpr absl::Duration kLongestPause = absl::Minutes(5);

// Who empties a Secret again and again gets no more certificates than these: each is a record, and a key that a
// rotation's gates count.
inline constexpr std::size_t kMostPairsAnHour = 3;

// Only moves bytes: what is due is KeptCertificates' matter. An object's failure holds up no other one, and nothing of
// signetd waits for this. References must outlive it.
class Publisher {
 public:
  struct Parts {
    store::Store& store;
    const authority::Authorities& authorities;
    issuance::KeptCertificates& kept;
    base::Clock& clock;
    base::Random& random;
    telemetry::Logger& logger;
    telemetry::Metrics& metrics;
  };
  Publisher(std::string cluster, const KubernetesSection& section, const Parts& parts);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Looks at every object that is due. Of one thread.
  void Tick();
  // Ticks every second, in a thread of its own, until Stop().
  void Start();
  // Returns when the request under way has ended, in seconds.
  void Stop();

 private:
  // A pair that was issued and is not known to be in its Secret.
  struct Attempt {
    std::string pending;  // kPendingKey's value
    issuance::Pair pair;
    bool may_be_written = false;  // a patch with it went unanswered
  };
  struct Place {
    kubernetes::ObjectName object;
    std::string service;  // empty: a bundle's
    int failures = 0;
    absl::Time next_at = absl::InfinitePast();
    std::optional<Attempt> attempt = std::nullopt;
    std::vector<absl::Time> issued_at = {};  // by this process, within the last hour or earlier
  };
  // What belongs into the ConfigMaps, and what makes the Secrets due.
  struct Wanted {
    uint64_t generation = 0;
    std::string bundle;
    std::string control_ca_pem;
    std::string bundle_pin;  // raw
    std::string mark;        // changes with anything that is published
  };

  absl::StatusOr<Wanted> Look() const;
  void Visit(Place& place, const Wanted& wanted);
  // What was changed, for a person; empty when all was as it should be.
  absl::StatusOr<std::string> PublishBundle(const Place& place, const Wanted& wanted);
  absl::StatusOr<std::string> PublishService(Place& place);
  absl::StatusOr<std::string> PublishNewPair(Place& place, kubernetes::Object& object, const std::string& why);
  // Says which key is next and issues for it; `object.version` becomes that of the word.
  absl::Status Prepare(Place& place, kubernetes::Object& object);
  // FAILED_PRECONDITION while kMostPairsAnHour were issued for it and did not stay there.
  absl::Status CheckNotInVain(Place& place, const std::string& why) const;
  // Forgets the attempt, and ends its certificate unless that may be in the object.
  absl::Status GiveUp(Place& place);
  // Ends the certificate that `pending` stands for, if there is one.
  absl::Status Abandon(const Place& place, const std::string& pending, issuance::Word word);
  absl::Status Write(const Place& place, const kubernetes::Object& object, const issuance::Pair& pair);
  audit::Origin NewOrigin() const;

  const std::string cluster_;
  const Parts parts_;
  kubernetes::Objects objects_;
  std::vector<Place> places_;
  std::string mark_;
  std::thread thread_;
  base::Mutex mutex_;
  base::CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_PUBLISHER_H_
