// The real custody, counting the signatures its keys make.
#ifndef SIGNET_TESTS_TESTING_COUNTING_CUSTODY_H_
#define SIGNET_TESTS_TESTING_COUNTING_CUSTODY_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "services/base/status_macros.h"
#include "services/keys/custody.h"

namespace signet::testing {

class CountingCustody final : public keys::Custody {
 public:
  explicit CountingCustody(std::unique_ptr<keys::Custody> real) : real_(std::move(real)) {}

  int signatures() const { return *count_; }
  // Every signature is over other bytes, as from a broken HSM.
  void SignWrongly(bool wrongly) { *wrongly_ = wrongly; }

  absl::StatusOr<keys::CustodyKey> Create(absl::string_view label) override { return real_->Create(label); }
  absl::StatusOr<keys::CustodyKey> Adopt(absl::string_view label, const keys::PrivateKey& key) override {
    return real_->Adopt(label, key);
  }
  absl::StatusOr<std::shared_ptr<const keys::Signer>> Open(absl::string_view label,
                                                           const keys::CustodyKey& key) override {
    SIGNET_ASSIGN_OR_RETURN(auto signer, real_->Open(label, key));
    return std::make_shared<const CountingSigner>(std::move(signer), count_, wrongly_);
  }

 private:
  class CountingSigner final : public keys::Signer {
   public:
    CountingSigner(std::shared_ptr<const keys::Signer> real, std::shared_ptr<std::atomic<int>> count,
                   std::shared_ptr<std::atomic<bool>> wrongly)
        : real_(std::move(real)), count_(std::move(count)), wrongly_(std::move(wrongly)) {}
    const x509::PublicKey& public_key() const override { return real_->public_key(); }
    absl::StatusOr<std::string> Sign(x509::SignatureAlgorithm algorithm, absl::string_view message) const override {
      ++*count_;
      if (*wrongly_) return real_->Sign(algorithm, std::string(message) + "!");
      return real_->Sign(algorithm, message);
    }

   private:
    std::shared_ptr<const keys::Signer> real_;
    std::shared_ptr<std::atomic<int>> count_;
    std::shared_ptr<std::atomic<bool>> wrongly_;
  };
  std::unique_ptr<keys::Custody> real_;
  std::shared_ptr<std::atomic<int>> count_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<std::atomic<bool>> wrongly_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace signet::testing

#endif  // SIGNET_TESTS_TESTING_COUNTING_CUSTODY_H_
