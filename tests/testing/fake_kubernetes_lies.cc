#include "tests/testing/fake_kubernetes.h"

namespace signet::testing {
namespace {

using Json = nlohmann::json;

constexpr char kPodName[] = "authentication.kubernetes.io/pod-name";
constexpr char kPodUid[] = "authentication.kubernetes.io/pod-uid";

Json& Extra(Json& review) { return review["status"]["user"]["extra"]; }

void AddReviewLies(std::vector<Lie>* lies) {
  const auto add = [lies](const char* name, std::function<void(Json&)> change) {
    lies->push_back({name, false, std::move(change)});
  };
  add("not authenticated, and a user all the same", [](Json& o) { o["status"]["authenticated"] = false; });
  add("authenticated is absent", [](Json& o) { o["status"].erase("authenticated"); });
  add("authenticated is a text", [](Json& o) { o["status"]["authenticated"] = "true"; });
  add("authenticated is a number", [](Json& o) { o["status"]["authenticated"] = 1; });
  add("audiences are ignored", [](Json& o) { o["status"].erase("audiences"); });
  add("audiences are empty", [](Json& o) { o["status"]["audiences"] = Json::array(); });
  add("audiences are somebody else's", [](Json& o) { o["status"]["audiences"] = {"vault"}; });
  add("audiences are a text", [](Json& o) { o["status"]["audiences"] = "signet"; });
  add("no user", [](Json& o) { o["status"].erase("user"); });
  add("another user", [](Json& o) { o["status"]["user"]["username"] = "system:serviceaccount:slurm:slurm-login"; });
  add("another namespace's user",
      [](Json& o) { o["status"]["user"]["username"] = "system:serviceaccount:other:slurm-worker"; });
  add("no extra", [](Json& o) { o["status"]["user"].erase("extra"); });
  add("no pod name", [](Json& o) { Extra(o).erase(kPodName); });
  add("another pod name", [](Json& o) { Extra(o)[kPodName] = {"slurm-worker-1"}; });
  add("two pod names", [](Json& o) { Extra(o)[kPodName] = {"slurm-worker-0", "slurm-worker-1"}; });
  add("the pod name as a text", [](Json& o) { Extra(o)[kPodName] = "slurm-worker-0"; });
  add("no pod uid", [](Json& o) { Extra(o).erase(kPodUid); });
  add("another pod uid", [](Json& o) { Extra(o)[kPodUid] = Json::array({NewUuid()}); });
  add("an empty list of pod uids", [](Json& o) { Extra(o)[kPodUid] = Json::array(); });
  add("no status", [](Json& o) { o.erase("status"); });
  add("a list as status", [](Json& o) { o["status"] = Json::array({true}); });
  add("another kind of object", [](Json& o) { o["kind"] = "SubjectAccessReview"; });
  add("a list of answers", [](Json& o) { o = Json::array({o}); });
  add("nothing", [](Json& o) { o = nullptr; });
}

void AddPodLies(std::vector<Lie>* lies) {
  const auto add = [lies](const char* name, std::function<void(Json&)> change) {
    lies->push_back({name, true, std::move(change)});
  };
  add("a pod of another uid", [](Json& o) { o["metadata"]["uid"] = NewUuid(); });
  add("a pod without uid", [](Json& o) { o["metadata"].erase("uid"); });
  add("another pod", [](Json& o) { o["metadata"]["name"] = "slurm-worker-1"; });
  add("a pod of another namespace", [](Json& o) { o["metadata"]["namespace"] = "other"; });
  add("a pod of another service account", [](Json& o) { o["spec"]["serviceAccountName"] = "slurm-login"; });
  add("a pod without service account", [](Json& o) { o["spec"].erase("serviceAccountName"); });
  add("a pod without phase", [](Json& o) { o.erase("status"); });
  add("a pod without creation", [](Json& o) { o["metadata"].erase("creationTimestamp"); });
  add("a hostname of service slurmctld", [](Json& o) { o["spec"]["hostname"] = "slurmctld"; });
  add("hostNetwork without a node", [](Json& o) {
    o["spec"]["hostNetwork"] = true;
    o["spec"].erase("nodeName");
  });
  add("hostNetwork as a text", [](Json& o) { o["spec"]["hostNetwork"] = "true"; });
  add("an owner that does not control", [](Json& o) { o["metadata"]["ownerReferences"][0]["controller"] = false; });
  add("a list of pods", [](Json& o) { o = {{"kind", "PodList"}, {"items", {o}}}; });
  add("a text as metadata", [](Json& o) { o["metadata"] = "slurm-worker-0"; });
}

}  // namespace

std::vector<Lie> EveryLie() {
  std::vector<Lie> lies;
  AddReviewLies(&lies);
  AddPodLies(&lies);
  return lies;
}

}  // namespace signet::testing
