// Who may do what.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_kubernetes.h"

namespace signet::testing {

void FakeKubernetes::Grant(const Right& right) {
  const base::MutexLock lock(mutex_);
  rights_.push_back(right);
}

void FakeKubernetes::Enforce(const std::vector<Json>& manifests, const std::string& service_account) {
  {
    const base::MutexLock lock(mutex_);
    rights_ = RightsOf(manifests);
    used_.clear();
    const std::size_t slash = service_account.find('/');
    pods_.erase(absl::StrCat(own_pod_.name_space, "/", own_pod_.name));
    own_pod_.name_space = service_account.substr(0, slash);
    own_pod_.service_account = service_account.substr(slash + 1);
  }
  RotateOwnToken();
}

void FakeKubernetes::Revoke(const std::string& verb, const std::string& resource) {
  const base::MutexLock lock(mutex_);
  used_.clear();
  rights_.erase(std::remove_if(rights_.begin(), rights_.end(),
                               [&](const Right& right) { return right.verb == verb && right.resource == resource; }),
                rights_.end());
}

bool FakeKubernetes::May(const std::string& user, Right asked) {
  asked.service_account = user.substr(sizeof("system:serviceaccount:") - 1);
  std::replace(asked.service_account.begin(), asked.service_account.end(), ':', '/');
  const base::MutexLock lock(mutex_);
  bool may = false;
  for (std::size_t i = 0; i < rights_.size(); ++i) {
    if (!Covers(rights_[i], asked)) continue;
    used_.insert(i);
    may = true;
  }
  if (!may) denied_.push_back(ToText(asked));
  return may;
}

std::vector<std::string> FakeKubernetes::denied() {
  const base::MutexLock lock(mutex_);
  return denied_;
}

std::vector<std::string> FakeKubernetes::unused_rights() {
  const base::MutexLock lock(mutex_);
  const std::string own = absl::StrCat(own_pod_.name_space, "/", own_pod_.service_account);
  std::vector<std::string> unused;
  for (std::size_t i = 0; i < rights_.size(); ++i) {
    if (rights_[i].service_account == own && used_.count(i) == 0) unused.push_back(ToText(rights_[i]));
  }
  return unused;
}

}  // namespace signet::testing
