// What every backend promises. A backend's test program instantiates it with a factory:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, ::testing::Values(MakeSqliteStore));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, TokenListing, ::testing::Values(MakeSqliteStore));
#ifndef SIGNET_TESTS_SERVICES_STORE_CONFORMANCE_H_
#define SIGNET_TESTS_SERVICES_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "services/store/store.h"
#include "tests/services/store/rows.h"

namespace signet::store {

// A fresh store that lasts as long as this, and the limits it was opened with.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual Store& store() = 0;
  // Closes the store, which runs what was accepted, and opens it again.
  virtual void Reopen() = 0;
};
using MakeStoreUnderTest = std::function<std::unique_ptr<StoreUnderTest>(int max_waiting)>;

class StoreConformance : public ::testing::TestWithParam<MakeStoreUnderTest> {
 protected:
  static constexpr int kMaxWaiting = 64;

  Store& store() { return under_test_->store(); }
  void Reopen() { under_test_->Reopen(); }
  absl::Status Write(absl::FunctionRef<absl::Status(Tables&)> work) { return store().Write(work); }
  // The result of a read; its error when it fails.
  template <typename Function>
  auto Read(Function function) -> decltype(function(std::declval<const Tables&>())) {
    decltype(function(std::declval<const Tables&>())) result = absl::UnknownError("not run");
    const absl::Status status = store().Read([&](const Tables& tables) {
      result = function(tables);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return result;
  }
  // How many certificates there are.
  int64_t CountCertificates() {
    int64_t count = 0;
    CertificateQuery query{"", "", 1000};
    do {
      const auto page = Read([&](const Tables& tables) { return tables.certificates().List(query); });
      count += static_cast<int64_t>(page->rows.size());
      query.after_token = page->next_token;
    } while (!query.after_token.empty());
    return count;
  }

 private:
  std::unique_ptr<StoreUnderTest> under_test_ = GetParam()(kMaxWaiting);
};

inline void ExpectDuplicate(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_EQ(base::ReasonOf(status), base::kAlreadyExists);
}

// A store with a token of each fate.
class TokenListing : public StoreConformance {
 protected:
  void SetUp() override {
    TokenRow revoked = Token("revoked");
    revoked.revoked = true;
    TokenRow expired = Token("expired");
    expired.expires_at = At(50);
    TokenRow spent = Token("spent");
    spent.kind = 1;
    spent.uses = 1;
    TokenRow fresh = Token("fresh");
    fresh.kind = 1;
    fresh.uses = 0;
    TokenRow newest = Token("newest");
    newest.created_at = At(40);
    for (const TokenRow& row : {revoked, expired, spent, fresh, newest, Token("other", "n10"), Token("last", "n2")}) {
      ASSERT_EQ(Write([&](Tables& tables) { return tables.tokens().Insert(row); }), absl::OkStatus());
    }
  }
  static TokenQuery Query(const std::string& node, int limit = 100) {
    TokenQuery query;
    query.node = node;
    query.now = At(50);
    query.limit = limit;
    return query;
  }
  // The ids of each page.
  std::vector<std::string> Ids(TokenQuery query) {
    std::vector<std::string> pages;
    do {
      const auto page = Read([&](const Tables& tables) { return tables.tokens().List(query); });
      EXPECT_TRUE(page.ok()) << page.status();
      std::string text;
      for (const TokenRow& row : page->rows) absl::StrAppend(&text, row.id, " ");
      pages.push_back(text);
      query.after_token = page->next_token;
    } while (!query.after_token.empty());
    return pages;
  }
};

}  // namespace signet::store

#endif  // SIGNET_TESTS_SERVICES_STORE_CONFORMANCE_H_
