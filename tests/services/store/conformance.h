// What every backend promises. A backend's test program instantiates it with a factory:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, ::testing::Values(MakeSqliteStore));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, TokenListing, ::testing::Values(MakeSqliteStore));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, NodeCounting, ::testing::Values(MakeSqliteStore));
//   INSTANTIATE_TEST_SUITE_P(Sqlite, CertificateEnds, ::testing::Values(MakeSqliteStore));
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

// Enrolled nodes, each with its live key.
class NodeCounting : public StoreConformance {
 protected:
  void Enrol(const std::string& name, int evidence, uint64_t loaded, const std::string& adapter) {
    IdentityRow identity = Identity("key of " + name, name);
    identity.evidence = evidence;
    NodeRow node = Node(name);
    node.loaded_generation = loaded;
    node.adapter_version = adapter;
    ASSERT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_RETURN_IF_ERROR(tables.nodes().InsertIdentity(identity));
                return tables.nodes().Put(node);
              }),
              absl::OkStatus());
  }
  NodeTallies Count(absl::Time now, uint64_t generation, int versions) {
    return *Read([&](const Tables& tables) { return tables.nodes().CountKinds(now, generation, versions); });
  }
};

inline CertificateRow Leaf(const std::string& serial, const std::string& subject, absl::Time not_after,
                           const std::string& authority_id = "a1", Profile profile = Profile::kNode) {
  CertificateRow row = Certificate(serial);
  row.subject = subject;
  row.not_after = not_after;
  row.authority_id = authority_id;
  row.profile = profile;
  return row;
}

// Certificates of two authorities: alive, ended, and of every profile.
class CertificateEnds : public StoreConformance {
 protected:
  void SetUp() override {
    for (const CertificateRow& row :
         {Leaf("55", "n1", At(100)), Leaf("51", "n1", At(200)), Leaf("53", "n2", At(100)), Leaf("52", "n1", At(49)),
          Leaf("54", "n1", At(100), "a2"), Leaf("56", "n1", At(100), "a1", Profile::kService),
          Leaf("57", "n1", At(100), "a1", Profile::kControl), Leaf("58", "n1", At(100), "a1", Profile::kProbe)}) {
      ASSERT_EQ(Write([&](Tables& tables) { return tables.certificates().Insert(row); }), absl::OkStatus());
    }
  }
  static std::vector<std::string> Serials(const absl::StatusOr<std::vector<CertificateRow>>& rows) {
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<std::string> serials;
    for (const CertificateRow& row : *rows) serials.push_back(row.serial);
    return serials;
  }
  std::vector<std::string> Live(const std::string& authority_id, absl::Time now, const std::string& after = "",
                                int limit = 100) {
    return Serials(
        Read([&](const Tables& tables) { return tables.certificates().ListLive(authority_id, now, after, limit); }));
  }
  std::vector<std::string> Revoked(const std::string& authority_id, absl::Time now, const std::string& after = "",
                                   int limit = 100) {
    return Serials(
        Read([&](const Tables& tables) { return tables.certificates().ListRevoked(authority_id, now, after, limit); }));
  }
  int64_t CountLive(const std::string& authority_id, absl::Time now) {
    return *Read([&](const Tables& tables) { return tables.certificates().CountLive(authority_id, now); });
  }
  int64_t Revocations(const std::string& authority_id) {
    return *Read([&](const Tables& tables) { return tables.certificates().CountRevocations(authority_id); });
  }
  // What a call that revokes answers.
  template <typename Function>
  auto Changed(Function function) -> typename decltype(function(std::declval<CertificateTable&>()))::value_type {
    typename decltype(function(std::declval<CertificateTable&>()))::value_type result{};
    EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
                SIGNET_ASSIGN_OR_RETURN(result, function(tables.certificates()));
                return absl::OkStatus();
              }),
              absl::OkStatus());
    return result;
  }
  bool Revoke(const std::string& serial, absl::Time when = At(50),
              RevocationReason reason = RevocationReason::kUnspecified) {
    return Changed([&](CertificateTable& table) { return table.Revoke(serial, when, reason); });
  }
  CertificateRow Find(const std::string& serial) {
    return *Read([&](const Tables& tables) { return tables.certificates().Find(serial); });
  }
};

}  // namespace signet::store

#endif  // SIGNET_TESTS_SERVICES_STORE_CONFORMANCE_H_
