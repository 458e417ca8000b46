#include "services/kubernetes/https_client.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "curl/curl.h"
#include "services/base/reason.h"
#include "services/base/secret_bytes.h"
#include "services/base/status_macros.h"
#include "services/files/file.h"
#include "services/kubernetes/token.h"

namespace signet::kubernetes {
namespace {

constexpr char kGateway[] = "check kubernetes.api, ca_file and the network policy";

long MillisecondsLeft(Deadline deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
}

// libcurl's memory of the process; a static of a function is made once, by one thread.
void StartCurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(started);
}

std::size_t Append(char* bytes, std::size_t size, std::size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  // Anything but `count` ends the transfer.
  if (text.size() + size * count > kMaxAnswerBytes) return 0;
  text.append(bytes, size * count);
  return count;
}

absl::StatusOr<base::SecretBytes> OwnToken(const std::string& path) {
  // Through the symbolic links of a projected volume; who may read it is the pod's matter.
  absl::StatusOr<std::string> text = files::Read(path, kMaxTokenBytes);
  if (!text.ok()) {
    return ApiUnavailable(absl::StrCat("signetd's own service account token: ", text.status().message()),
                          "set kubernetes.token_file in signetd.yaml");
  }
  base::SecretBytes held = base::SecretBytes::Take(*text);
  const absl::string_view token = absl::StripAsciiWhitespace(held.ExposeSecret());
  // A line end inside would begin another header.
  if (token.empty() || !std::all_of(token.begin(), token.end(), absl::ascii_isgraph)) {
    return ApiUnavailable(absl::StrCat(path, " holds no token"), "set kubernetes.token_file in signetd.yaml");
  }
  return base::SecretBytes(token);
}

}  // namespace

absl::Status ApiUnavailable(absl::string_view message, absl::string_view next) {
  return base::Refusal(absl::StatusCode::kUnavailable, base::kKubernetesUnavailable, message, next);
}

struct HttpsClient::Handle {
  Handle() : curl(curl_easy_init()) {}
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  CURL* curl;
};

class HttpsClient::Lease {
 public:
  Lease(HttpsClient& client, std::unique_ptr<Handle> handle) : client_(client), handle_(std::move(handle)) {}
  ~Lease() { client_.GiveBack(std::move(handle_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  CURL* curl() const { return handle_->curl; }

 private:
  HttpsClient& client_;
  std::unique_ptr<Handle> handle_;
};

HttpsClient::HttpsClient(Endpoint endpoint) : endpoint_(std::move(endpoint)) { StartCurl(); }
HttpsClient::~HttpsClient() = default;

absl::StatusOr<std::unique_ptr<HttpsClient::Handle>> HttpsClient::Take(Deadline deadline) {
  const base::MutexLock lock(mutex_);
  while (busy_ >= kMostRequests) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return ApiUnavailable("too many questions wait for the Kubernetes API");
    returned_.WaitFor(mutex_, left);
  }
  std::unique_ptr<Handle> handle;
  if (idle_.empty()) {
    handle = std::make_unique<Handle>();
    if (handle->curl == nullptr) return ApiUnavailable("no memory for a request to the Kubernetes API");
  } else {
    handle = std::move(idle_.back());
    idle_.pop_back();
  }
  ++busy_;
  return handle;
}

void HttpsClient::GiveBack(std::unique_ptr<Handle> handle) {
  // Forgets the request and keeps the connection.
  curl_easy_reset(handle->curl);
  const base::MutexLock lock(mutex_);
  --busy_;
  idle_.push_back(std::move(handle));
  returned_.NotifyOne();
}

absl::StatusOr<HttpAnswer> HttpsClient::Send(const std::string& path, const std::string& json_body, Deadline deadline) {
  return Ask(json_body.empty() ? Method::kGet : Method::kPost, path, json_body, deadline);
}

absl::StatusOr<HttpAnswer> HttpsClient::Patch(const std::string& path, absl::string_view merge_patch,
                                              Deadline deadline) {
  return Ask(Method::kPatch, path, merge_patch, deadline);
}

absl::StatusOr<HttpAnswer> HttpsClient::Ask(Method method, const std::string& path, absl::string_view body,
                                            Deadline deadline) {
  SIGNET_ASSIGN_OR_RETURN(const base::SecretBytes token, OwnToken(endpoint_.token_file));
  SIGNET_ASSIGN_OR_RETURN(std::unique_ptr<Handle> handle, Take(deadline));
  const Lease lease(*this, std::move(handle));
  const long left = MillisecondsLeft(deadline);
  if (left <= 0) return ApiUnavailable("no time was left to ask the Kubernetes API");

  HttpAnswer answer;
  // It may hold a key: a string that grows would leave copies of it on the heap.
  answer.body.reserve(kMaxAnswerBytes);
  CURL* curl = lease.curl();
  bool set = true;
  // A setting that this libcurl does not know must not be one that is missing.
  const auto with = [curl, &set](CURLoption option, auto value) {
    set = set && curl_easy_setopt(curl, option, value) == CURLE_OK;
  };
  with(CURLOPT_URL, absl::StrCat(endpoint_.url, path).c_str());
  with(CURLOPT_PROTOCOLS_STR, "https");
  with(CURLOPT_PATH_AS_IS, 1L);
  with(CURLOPT_FOLLOWLOCATION, 0L);
  with(CURLOPT_PROXY, "");
  with(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  with(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  with(CURLOPT_SSL_VERIFYPEER, 1L);
  with(CURLOPT_SSL_VERIFYHOST, 2L);
  with(CURLOPT_CAINFO, endpoint_.ca_file.c_str());
  // Debian's libcurl believes /etc/ssl/certs, too, unless it is told not to.
  with(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  // A resumed session would skip the judgement by a ca_file that changed.
  with(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  with(CURLOPT_MAXLIFETIME_CONN, 300L);
  with(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  with(CURLOPT_NOSIGNAL, 1L);
  with(CURLOPT_TIMEOUT_MS, left);
  // Or the end would wait for a name server that does not answer.
  with(CURLOPT_QUICK_EXIT, 1L);
  with(CURLOPT_WRITEFUNCTION, &Append);
  with(CURLOPT_WRITEDATA, static_cast<void*>(&answer.body));
  with(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
  std::string bearer(token.ExposeSecret());
  with(CURLOPT_XOAUTH2_BEARER, bearer.c_str());
  base::WipeString(bearer);
  curl_slist* headers = curl_slist_append(nullptr, "Accept: application/json");
  const absl::Cleanup free_headers = [&headers] { curl_slist_free_all(headers); };
  if (method != Method::kGet) {
    headers = curl_slist_append(headers, method == Method::kPost ? "Content-Type: application/json"
                                                                 : "Content-Type: application/merge-patch+json");
    with(CURLOPT_POST, 1L);
    if (method == Method::kPatch) with(CURLOPT_CUSTOMREQUEST, "PATCH");
    with(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    with(CURLOPT_POSTFIELDS, body.data());
  }
  with(CURLOPT_HTTPHEADER, headers);
  if (!set) return ApiUnavailable("libcurl refuses a setting", "install a libcurl with OpenSSL, 7.87 or newer");

  const CURLcode result = curl_easy_perform(curl);
  if (result != CURLE_OK) base::WipeString(answer.body);
  if (result == CURLE_WRITE_ERROR) {
    return ApiUnavailable(absl::StrCat("the Kubernetes API's answer is larger than ", kMaxAnswerBytes, " bytes"));
  }
  if (result == CURLE_OPERATION_TIMEDOUT) return ApiUnavailable("the Kubernetes API did not answer in time");
  if (result != CURLE_OK) {
    return ApiUnavailable(absl::StrCat("the Kubernetes API at ", endpoint_.url, ": ", curl_easy_strerror(result)),
                          kGateway);
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace signet::kubernetes
