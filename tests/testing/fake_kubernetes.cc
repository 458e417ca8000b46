#include "tests/testing/fake_kubernetes.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/files/file.h"
#include "tests/testing/test_root.h"

namespace signet::testing {
namespace {

using Json = nlohmann::json;

constexpr char kReviewPath[] = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr char kObjectPath[] = R"(/api/v1/namespaces/([^/]+)/(configmaps|secrets)/([^/]+))";

std::string Rfc3339(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

Json PodObject(const FakePod& pod) {
  Json metadata = {{"name", pod.name},
                   {"namespace", pod.name_space},
                   {"uid", pod.uid},
                   {"resourceVersion", "4711"},
                   {"creationTimestamp", Rfc3339(pod.created_at)},
                   {"labels", pod.labels}};
  if (!pod.owner_kind.empty()) {
    metadata["ownerReferences"] = Json::array({{{"apiVersion", pod.owner_api_version},
                                                {"kind", pod.owner_kind},
                                                {"name", "slurm-worker"},
                                                {"uid", NewUuid()},
                                                {"controller", true},
                                                {"blockOwnerDeletion", true}}});
  }
  if (pod.being_deleted) metadata["deletionTimestamp"] = Rfc3339(pod.created_at + absl::Hours(1));
  Json spec = {{"containers", Json::array({{{"name", "slurmd"}, {"image", "slurmd:25.11"}}})},
               {"nodeName", pod.node},
               {"serviceAccountName", pod.service_account},
               {"serviceAccount", pod.service_account},
               {"automountServiceAccountToken", false}};
  // Both are left out when they are empty or false.
  if (!pod.hostname.empty()) spec["hostname"] = pod.hostname;
  if (pod.host_network) spec["hostNetwork"] = true;
  return {{"kind", "Pod"},
          {"apiVersion", "v1"},
          {"metadata", metadata},
          {"spec", spec},
          {"status", {{"phase", pod.phase}, {"hostIP", "10.0.0.7"}, {"podIP", "10.244.1.7"}}}};
}

Bound BoundTo(const FakePod& pod) {
  return {pod.name_space,
          pod.service_account,
          "0c0b9c5a-0000-4000-a000-000000000001",
          pod.name,
          pod.uid,
          pod.node,
          "0c0b9c5a-0000-4000-a000-000000000002"};
}

std::string KeyOf(const FakePod& pod) { return absl::StrCat(pod.name_space, "/", pod.name); }

// A server certificate for `host` and the authority it chains to, as files.
void WriteTls(const TempDir& dir, const std::string& host) {
  const absl::Time now = absl::Now();
  base::SystemRandom random;
  const TestRoot root = MakeTestRoot(now);
  const keys::PrivateKey key = Must(keys::PrivateKey::Generate(x509::KeyType::kEcP256));
  const auto leaf = Must(policy::LeafTemplate(policy::ControlProfile(), {host, {host}, {}}, key.public_key(),
                                              root.certificate, random.Bytes(20), now));
  Must(files::WriteAtomically(dir.File("ca.crt"), root.certificate.pem()));
  Must(files::WriteAtomically(dir.File("tls.crt"), SignTemplate(leaf, root.key).pem()));
  Must(files::WriteAtomically(dir.File("tls.key"), Must(key.ToPem()).ExposeSecret()));
}

}  // namespace

// metav1.Status, as every error of an API server is.
Json StatusObject(int code, const std::string& reason, const std::string& message) {
  return {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
          {"status", "Failure"}, {"message", message}, {"reason", reason},
          {"code", code}};
}

FakeKubernetes::FakeKubernetes(const base::Clock& clock, const std::string& host)
    : clock_(clock), issuer_(ServiceAccountIssuer::Shared()) {
  WriteTls(dir_, host);
  {
    const base::MutexLock lock(mutex_);
    own_pod_.name_space = "signet";
    own_pod_.name = "signetd-0";
    own_pod_.service_account = "signetd";
  }
  RotateOwnToken();
  Grant({"signet/signetd", "create", "authentication.k8s.io", "tokenreviews", ""});
  Grant({"signet/signetd", "get", "", "pods", "slurm"});
  Listen();
}

FakeKubernetes::~FakeKubernetes() { Stop(); }

std::string FakeKubernetes::url() const { return absl::StrCat("https://localhost:", port_); }

void FakeKubernetes::Listen() {
  const std::string certificate = dir_.File("tls.crt");
  const std::string key = dir_.File("tls.key");
  server_ = std::make_unique<httplib::SSLServer>(certificate.c_str(), key.c_str());
  server_->new_task_queue = [] { return new httplib::ThreadPool(64); };
  server_->set_keep_alive_timeout(1);
  server_->set_keep_alive_max_count(10'000);
  server_->Post(kReviewPath, [this](const httplib::Request& request, httplib::Response& response) {
    if (Enter(request, response)) ReviewToken(request, response);
  });
  server_->Get(R"(/api/v1/namespaces/([^/]+)/pods/([^/]+))",
               [this](const httplib::Request& request, httplib::Response& response) {
                 if (Enter(request, response)) GetPod(request, response);
               });
  server_->Get(kObjectPath, [this](const httplib::Request& request, httplib::Response& response) {
    if (Enter(request, response)) GetObject(request, response);
  });
  server_->Patch(kObjectPath, [this](const httplib::Request& request, httplib::Response& response) {
    if (Enter(request, response)) PatchObject(request, response);
  });
  server_->set_pre_routing_handler([this](const httplib::Request& request, httplib::Response&) {
    const base::MutexLock lock(mutex_);
    requests_.push_back(absl::StrCat(request.method, " ", request.path));
    return httplib::Server::HandlerResponse::Unhandled;
  });
  if (port_ == 0) {
    port_ = server_->bind_to_any_port("127.0.0.1");
  } else if (!server_->bind_to_port("127.0.0.1", port_)) {
    Must(absl::InternalError("the fake API server's port was taken"));
  }
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

void FakeKubernetes::Stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (server_ != nullptr) server_->stop();
  if (thread_.joinable()) thread_.join();
  server_.reset();
  if (hole_ >= 0) close(hole_);
  hole_ = -1;
  const base::MutexLock lock(mutex_);
  stopping_ = false;
}

void FakeKubernetes::Down() { Stop(); }

void FakeKubernetes::BlackHole() {
  Stop();
  hole_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(hole_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool listening =
      bind(hole_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 && listen(hole_, 64) == 0;
  if (!listening) Must(absl::InternalError("the fake API server's port was taken"));
}

void FakeKubernetes::Up() {
  Stop();
  Listen();
}

void FakeKubernetes::Put(const FakePod& pod) {
  const base::MutexLock lock(mutex_);
  pods_[KeyOf(pod)] = pod;
}

void FakeKubernetes::Delete(const FakePod& pod) {
  const base::MutexLock lock(mutex_);
  pods_.erase(KeyOf(pod));
}

std::string FakeKubernetes::TokenOf(const FakePod& pod, const TokenWish& wish) const {
  return issuer_.Make(BoundTo(pod), wish, clock_.Now());
}

void FakeKubernetes::SetMode(Mode mode, absl::Duration delay) {
  {
    const base::MutexLock lock(mutex_);
    mode_ = mode;
    delay_ = delay;
  }
  changed_.NotifyAll();
}

void FakeKubernetes::SetLie(const Lie* lie) {
  const base::MutexLock lock(mutex_);
  review_lie_ = lie != nullptr && !lie->about_the_pod ? lie->change : nullptr;
  pod_lie_ = lie != nullptr && lie->about_the_pod ? lie->change : nullptr;
}

void FakeKubernetes::RotateOwnToken() {
  const base::MutexLock lock(mutex_);
  pods_.erase(KeyOf(own_pod_));
  own_pod_.uid = NewUuid();
  pods_[KeyOf(own_pod_)] = own_pod_;
  TokenWish wish;
  wish.audiences = {kIssuer};
  wish.lifetime = absl::Hours(24 * 3650);
  Must(files::WriteAtomically(token_file(), TokenOf(own_pod_, wish)));
}

std::vector<std::string> FakeKubernetes::requests() {
  const base::MutexLock lock(mutex_);
  return requests_;
}

int FakeKubernetes::connections() {
  const base::MutexLock lock(mutex_);
  return static_cast<int>(ports_seen_.size());
}

int FakeKubernetes::most_at_once() {
  const base::MutexLock lock(mutex_);
  return most_at_once_;
}

bool FakeKubernetes::Enter(const httplib::Request& request, httplib::Response& response) {
  const base::MutexLock lock(mutex_);
  ports_seen_.insert(request.remote_port);
  most_at_once_ = std::max(most_at_once_, ++at_once_);
  if (mode_ == Mode::kSlow) {
    const auto until = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(delay_);
    while (!stopping_ && std::chrono::steady_clock::now() < until) {
      changed_.WaitFor(mutex_, until - std::chrono::steady_clock::now());
    }
  }
  while (!stopping_ && mode_ == Mode::kSilent) changed_.Wait(mutex_);
  --at_once_;
  if (mode_ == Mode::kInternalError || mode_ == Mode::kTooManyRequests) {
    response.status = mode_ == Mode::kInternalError ? 500 : 429;
    response.set_content(StatusObject(response.status, "InternalError", "etcdserver: request timed out").dump(),
                         "application/json");
    return false;
  }
  if (mode_ == Mode::kRedirect && request.get_param_value("again").empty()) {
    response.status = 307;
    response.set_header("Location", absl::StrCat(url(), request.path, "?again=1"));
    return false;
  }
  return true;
}

Json FakeKubernetes::UserOf(const std::string& token, const std::vector<std::string>& audiences,
                            std::vector<std::string>* matching) {
  const std::optional<Json> claims = issuer_.Verify(token, clock_.Now());
  if (!claims.has_value()) return nullptr;
  for (const Json& audience : claims->value("aud", Json::array())) {
    const bool wanted = std::any_of(audiences.begin(), audiences.end(), [&audience](const std::string& one) {
      return audience.is_string() && audience.get<std::string>() == one;
    });
    if (wanted) matching->push_back(audience);
  }
  if (matching->empty()) return nullptr;
  const Json& bound = claims->at("kubernetes.io");
  const std::string name_space = bound.at("namespace");
  const std::string uid = bound.at("pod").at("uid");
  const std::string pod_name = bound.at("pod").at("name");
  {
    const base::MutexLock lock(mutex_);
    const auto pod = pods_.find(absl::StrCat(name_space, "/", pod_name));
    if (pod == pods_.end() || pod->second.uid != uid) return nullptr;
  }
  const auto one = [](const Json& value) { return Json::array({value}); };
  return {{"username", claims->at("sub")},
          {"uid", bound.at("serviceaccount").at("uid")},
          {"groups", {"system:serviceaccounts", "system:serviceaccounts:" + name_space, "system:authenticated"}},
          {"extra",
           {{"authentication.kubernetes.io/credential-id", one("JTI=" + claims->value("jti", ""))},
            {"authentication.kubernetes.io/node-name", one(bound.at("node").at("name"))},
            {"authentication.kubernetes.io/node-uid", one(bound.at("node").at("uid"))},
            {"authentication.kubernetes.io/pod-name", one(pod_name)},
            {"authentication.kubernetes.io/pod-uid", one(bound.at("pod").at("uid"))}}}};
}

void FakeKubernetes::Answer(httplib::Response& response, int status, Json object, bool about_the_pod) {
  const base::MutexLock lock(mutex_);
  if (const auto& lie = about_the_pod ? pod_lie_ : review_lie_; lie != nullptr && status < 300) lie(object);
  std::string body = object.dump();
  if (mode_ == Mode::kGarbage) body = "<html>it works</html>";
  if (mode_ == Mode::kCut) body.resize(body.size() / 2);
  if (mode_ == Mode::kHuge) body.insert(0, std::string(std::size_t{2} << 20, ' '));
  response.status = status;
  response.set_content(body, "application/json");
}

void FakeKubernetes::ReviewToken(const httplib::Request& request, httplib::Response& response) {
  ++token_reviews_;
  std::vector<std::string> matching;
  const std::string bearer(absl::StripPrefix(request.get_header_value("Authorization"), "Bearer "));
  const Json caller = UserOf(bearer, {kIssuer}, &matching);
  if (caller.is_null()) return Answer(response, 401, StatusObject(401, "Unauthorized", "Unauthorized"), false);
  if (!May(caller.at("username"), {"", "create", "authentication.k8s.io", "tokenreviews", ""})) {
    return Answer(response, 403, StatusObject(403, "Forbidden", "tokenreviews.authentication.k8s.io is forbidden"),
                  false);
  }
  const Json review = Json::parse(request.body, nullptr, false);
  if (!review.is_object() || review.value("kind", "") != "TokenReview" || !review.contains("spec")) {
    return Answer(response, 400, StatusObject(400, "BadRequest", "the object provided is unrecognized"), false);
  }
  std::vector<std::string> audiences = review.at("spec").value("audiences", std::vector<std::string>());
  // Without audiences the API server means itself.
  if (audiences.empty()) audiences = {kIssuer};
  matching.clear();
  const Json user = UserOf(review.at("spec").value("token", ""), audiences, &matching);
  Json status = {{"user", Json::object()}, {"error", "[invalid bearer token, service account token is not valid]"}};
  if (!user.is_null()) status = {{"authenticated", true}, {"user", user}, {"audiences", matching}};
  Answer(response, 201,
         {{"kind", "TokenReview"},
          {"apiVersion", "authentication.k8s.io/v1"},
          {"metadata", {{"creationTimestamp", nullptr}}},
          {"spec", review.at("spec")},
          {"status", status}},
         false);
}

void FakeKubernetes::GetPod(const httplib::Request& request, httplib::Response& response) {
  ++pod_reads_;
  std::vector<std::string> matching;
  const std::string bearer(absl::StripPrefix(request.get_header_value("Authorization"), "Bearer "));
  const Json caller = UserOf(bearer, {kIssuer}, &matching);
  if (caller.is_null()) return Answer(response, 401, StatusObject(401, "Unauthorized", "Unauthorized"), true);
  const std::string name_space = request.matches[1];
  const std::string name = request.matches[2];
  if (!May(caller.at("username"), {"", "get", "", "pods", name_space, name})) {
    return Answer(response, 403, StatusObject(403, "Forbidden", "pods \"" + name + "\" is forbidden"), true);
  }
  Json object;
  {
    const base::MutexLock lock(mutex_);
    const auto pod = pods_.find(absl::StrCat(name_space, "/", name));
    if (pod != pods_.end()) object = PodObject(pod->second);
  }
  if (object.is_null()) {
    return Answer(response, 404, StatusObject(404, "NotFound", "pods \"" + name + "\" not found"), true);
  }
  Answer(response, 200, object, true);
}

}  // namespace signet::testing
