// A Kubernetes API server as far as Signet talks to it: TokenReview, GET pod, GET and PATCH of ConfigMaps and Secrets
// over real TLS, with real tokens, a real judgement of them, and role-based access; and every way in which it can be of
// no use.
#ifndef SIGNET_TESTS_TESTING_FAKE_KUBERNETES_H_
#define SIGNET_TESTS_TESTING_FAKE_KUBERNETES_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/base/mutex.h"
#include "tests/testing/manifests.h"
#include "tests/testing/service_account_issuer.h"
#include "tests/testing/temp_dir.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace signet::testing {

// A pod as a NodeSet of Slinky's operator makes it.
struct FakePod {
  std::string name_space = "slurm";
  std::string name = "slurm-worker-0";
  std::string uid = NewUuid();
  std::string service_account = "slurm-worker";
  std::string hostname = "worker-0";
  std::string node = "kind-1.example";
  bool host_network = false;
  std::string phase = "Running";
  bool being_deleted = false;
  std::string owner_kind = "NodeSet";
  std::string owner_api_version = "slinky.slurm.net/v1beta1";
  std::map<std::string, std::string> labels = {};
  absl::Time created_at = absl::FromUnixSeconds(1767225600);
};

// What the server is up to.
enum class Mode {
  kNormal,
  kSlow,             // answers rightly, each time after `delay`
  kSilent,           // reads the request and never answers
  kInternalError,    // 500
  kTooManyRequests,  // 429
  kGarbage,          // 200 and no JSON
  kCut,              // 200 and the first half of the right answer
  kRedirect,         // 307 to itself, which would answer rightly
  kHuge,             // the right answer behind 2 MiB of spaces
};

// A wrong answer with a name: what it changes in a right one.
struct Lie {
  std::string name;
  bool about_the_pod = false;  // else: in the TokenReview
  std::function<void(nlohmann::json& object)> change;
};
// Every lie known, each of which a client must refuse.
std::vector<Lie> EveryLie();

// metav1.Status, as every error of an API server is.
nlohmann::json StatusObject(int code, const std::string& reason, const std::string& message);

// Listens on a port of its own from construction to destruction. Thread-safe.
class FakeKubernetes {
 public:
  // `clock` must outlive this. `host`: the name in the server's certificate.
  explicit FakeKubernetes(const base::Clock& clock, const std::string& host = "localhost");
  ~FakeKubernetes();

  // What signetd is configured with. The token is of service account signet/signetd, which has what docs/kubernetes.md
  // asks for.
  std::string url() const;
  std::string ca_file() const { return dir_.File("ca.crt"); }
  std::string token_file() const { return dir_.File("token"); }

  void Put(const FakePod& pod);
  void Delete(const FakePod& pod);
  // What the kubelet writes into the pod's projected volume.
  std::string TokenOf(const FakePod& pod, const TokenWish& wish = {}) const;
  const ServiceAccountIssuer& issuer() const { return issuer_; }

  void SetMode(Mode mode, absl::Duration delay = absl::ZeroDuration());
  // From now on answers are changed like this; nullptr: the truth again.
  void SetLie(const Lie* lie);
  // Connections are refused; accepted by nobody; served again, on the same port.
  void Down();
  void BlackHole();
  void Up();
  // A new token for signetd in the file, and the old one dead.
  void RotateOwnToken();
  void Grant(const Right& right);
  void Revoke(const std::string& verb, const std::string& resource);
  // From now on exactly what these manifests give, to signetd as `service_account`, "namespace/name".
  void Enforce(const std::vector<nlohmann::json>& manifests, const std::string& service_account);
  // What was asked for and forbidden.
  std::vector<std::string> denied();
  // What signetd may do and never did.
  std::vector<std::string> unused_rights();

  // A ConfigMap or Secret as `kubectl apply` takes it, in the place of what was there.
  void PutObject(const nlohmann::json& manifest);
  void DeleteObject(const std::string& kind, const std::string& name_space, const std::string& name);
  // As it is now; null when there is none.
  nlohmann::json Object(const std::string& kind, const std::string& name_space, const std::string& name);
  // Its value under `key` of data (of a Secret, decoded) or binaryData (decoded); empty when there is none.
  std::string Value(const std::string& kind, const std::string& name_space, const std::string& name,
                    const std::string& key);
  // Asked before each patch is applied, with its body: 0 goes on, anything else is the answer's HTTP status.
  void OnPatch(std::function<int(const nlohmann::json& patch)> judge);
  int patches() const { return patches_; }
  // "METHOD /path" of each request so far.
  std::vector<std::string> requests();

  int token_reviews() const { return token_reviews_; }
  int pod_reads() const { return pod_reads_; }
  // Connections that requests came by, and the most requests that were under way at once.
  int connections();
  int most_at_once();

 private:
  using Json = nlohmann::json;
  void Listen();
  void Stop();
  // False when the request is answered already.
  bool Enter(const httplib::Request& request, httplib::Response& response);
  // `asked` without its service account: `user` is "system:serviceaccount:<namespace>:<name>".
  bool May(const std::string& user, Right asked);
  bool ServesObjects(const httplib::Request& request, httplib::Response& response, const std::string& verb);
  void GetObject(const httplib::Request& request, httplib::Response& response);
  void PatchObject(const httplib::Request& request, httplib::Response& response);
  void ReviewToken(const httplib::Request& request, httplib::Response& response);
  void GetPod(const httplib::Request& request, httplib::Response& response);
  void Answer(httplib::Response& response, int status, Json object, bool about_the_pod);
  // The user of a token for one of `audiences`; null when it is no good.
  Json UserOf(const std::string& token, const std::vector<std::string>& audiences, std::vector<std::string>* matching);

  const base::Clock& clock_;
  TempDir dir_;
  const ServiceAccountIssuer& issuer_;
  int port_ = 0;
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  int hole_ = -1;
  std::atomic<int> token_reviews_ = 0;
  std::atomic<int> pod_reads_ = 0;
  std::atomic<int> patches_ = 0;

  base::Mutex mutex_;
  base::CondVar changed_;
  Mode mode_ ABSL_GUARDED_BY(mutex_) = Mode::kNormal;
  absl::Duration delay_ ABSL_GUARDED_BY(mutex_);
  std::function<void(Json&)> review_lie_ ABSL_GUARDED_BY(mutex_);
  std::function<void(Json&)> pod_lie_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, FakePod> pods_ ABSL_GUARDED_BY(mutex_);  // by namespace/name
  std::vector<Right> rights_ ABSL_GUARDED_BY(mutex_);
  std::set<std::size_t> used_ ABSL_GUARDED_BY(mutex_);  // of rights_
  std::vector<std::string> denied_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Json> objects_ ABSL_GUARDED_BY(mutex_);  // by path
  int64_t resource_version_ ABSL_GUARDED_BY(mutex_) = 4711;
  std::function<int(const Json&)> on_patch_ ABSL_GUARDED_BY(mutex_);
  FakePod own_pod_ ABSL_GUARDED_BY(mutex_);
  std::set<int> ports_seen_ ABSL_GUARDED_BY(mutex_);
  int at_once_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_at_once_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_FAKE_KUBERNETES_H_
