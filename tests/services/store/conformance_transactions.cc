// Store's own promises: all or nothing, alone, durable, visible.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/services/store/conformance.h"

namespace signet::store {
namespace {

absl::Status Insert(Tables& tables, const std::string& serial) {
  return tables.certificates().Insert(Certificate(serial));
}

void RunThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

// Keeps the writer busy until released, so that what comes behind it waits.
class Obstacle {
 public:
  explicit Obstacle(Store& store)
      : thread_([this, &store] {
          EXPECT_EQ(store.Write([this](Tables&) {
            running_ = true;
            while (!released_) std::this_thread::yield();
            return absl::OkStatus();
          }),
                    absl::OkStatus());
        }) {
    while (!running_) std::this_thread::yield();
  }
  ~Obstacle() {
    released_ = true;
    thread_.join();
  }
  void Release() { released_ = true; }

 private:
  std::atomic<bool> running_ = false;
  std::atomic<bool> released_ = false;
  std::thread thread_;
};

TEST_P(StoreConformance, WriteReturnsTheErrorAsItIsAndUndoesEverything) {
  absl::Status refusal = absl::PermissionDeniedError("no");
  refusal.SetPayload("url", absl::Cord("payload"));
  EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
              EXPECT_EQ(Insert(tables, "1"), absl::OkStatus());
              EXPECT_EQ(tables.nodes().Put(Node("n1")), absl::OkStatus());
              EXPECT_EQ(tables.audit().Append({1, "record"}), absl::OkStatus());
              return refusal;
            }),
            refusal);
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.certificates().Find("1"); }).status()));
  EXPECT_TRUE(
      absl::IsNotFound(Read([](const Tables& tables) { return tables.nodes().Find("n1", "slurmd"); }).status()));
  EXPECT_TRUE(absl::IsNotFound(Read([](const Tables& tables) { return tables.audit().Last(); }).status()));
}

TEST_P(StoreConformance, WriteGoesOnAfterADuplicateItsWorkForgave) {
  ASSERT_EQ(Write([](Tables& tables) { return Insert(tables, "1"); }), absl::OkStatus());
  EXPECT_EQ(Write([](Tables& tables) -> absl::Status {
              EXPECT_TRUE(absl::IsAlreadyExists(Insert(tables, "1")));
              return Insert(tables, "2");
            }),
            absl::OkStatus());
  EXPECT_EQ(CountCertificates(), 2);
}

TEST_P(StoreConformance, WorkSeesItsOwnWritesAndNobodyElseBeforeTheCommit) {
  EXPECT_EQ(Write([&](Tables& tables) -> absl::Status {
              EXPECT_EQ(Insert(tables, "1"), absl::OkStatus());
              EXPECT_EQ(tables.certificates().Find("1")->serial, "1");
              EXPECT_TRUE(absl::IsNotFound(
                  Read([](const Tables& others) { return others.certificates().Find("1"); }).status()));
              return absl::OkStatus();
            }),
            absl::OkStatus());
  EXPECT_EQ(Read([](const Tables& tables) { return tables.certificates().Find("1"); })->serial, "1");
}

TEST_P(StoreConformance, ReadKeepsItsSnapshot) {
  EXPECT_EQ(store().Read([&](const Tables& tables) -> absl::Status {
    EXPECT_TRUE(absl::IsNotFound(tables.certificates().Find("1").status()));
    std::thread writer([&] { EXPECT_EQ(Write([](Tables& other) { return Insert(other, "1"); }), absl::OkStatus()); });
    writer.join();
    EXPECT_TRUE(absl::IsNotFound(tables.certificates().Find("1").status()));
    return absl::OkStatus();
  }),
            absl::OkStatus());
  EXPECT_EQ(CountCertificates(), 1);
}

TEST_P(StoreConformance, ReadReturnsTheErrorAsItIs) {
  EXPECT_EQ(store().Read([](const Tables&) { return absl::DataLossError("odd"); }), absl::DataLossError("odd"));
}

TEST_P(StoreConformance, WritesOfManyThreadsAllLastAndAreSeenAtOnce) {
  RunThreads(16, [&](int thread) {
    for (int i = 0; i < 40; ++i) {
      const std::string serial = absl::StrCat(thread, "-", i);
      ASSERT_EQ(Write([&](Tables& tables) { return Insert(tables, serial); }), absl::OkStatus());
      ASSERT_EQ(Read([&](const Tables& tables) { return tables.certificates().Find(serial); }).status(),
                absl::OkStatus());
    }
  });
  EXPECT_EQ(CountCertificates(), 640);
  Reopen();
  EXPECT_EQ(CountCertificates(), 640);
}

TEST_P(StoreConformance, WritesThatFailDoNotTouchThoseThatShareTheirCommit) {
  RunThreads(16, [&](int thread) {
    for (int i = 0; i < 20; ++i) {
      const absl::Status status = Write([&](Tables& tables) -> absl::Status {
        EXPECT_EQ(Insert(tables, absl::StrCat(thread, "-", i)), absl::OkStatus());
        return thread % 2 == 0 ? absl::OkStatus() : absl::CancelledError("odd");
      });
      ASSERT_EQ(status.ok(), thread % 2 == 0);
    }
  });
  EXPECT_EQ(CountCertificates(), 160);
}

TEST_P(StoreConformance, OnlyOneOfManyWritesWinsACompareAndSet) {
  ASSERT_EQ(Write([](Tables& tables) { return tables.authorities().Insert(Authority("a1")); }), absl::OkStatus());
  std::atomic<int> winners = 0;
  RunThreads(32, [&](int) {
    const absl::Status status = Write([&](Tables& tables) { return tables.authorities().Update(Authority("a1")); });
    if (status.ok()) ++winners;
    EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
  });
  EXPECT_EQ(winners, 1);
}

// One single-use token, a thousand enrolments with as many keys.
TEST_P(StoreConformance, OnlyOneOfAThousandKeysUsesUpAToken) {
  TokenRow token = Token("t1");
  token.uses = 0;
  ASSERT_EQ(Write([&](Tables& tables) { return tables.tokens().Insert(token); }), absl::OkStatus());
  std::atomic<int> winners = 0;
  RunThreads(25, [&](int thread) {
    for (int i = 0; i < 40; ++i) {
      const std::string key = absl::StrCat("k", thread, "-", i);
      const absl::Status status = Write([&](Tables& tables) -> absl::Status {
        SIGNET_ASSIGN_OR_RETURN(TokenRow row, tables.tokens().Find("t1"));
        if (row.uses > 0) return absl::PermissionDeniedError("used");
        row.uses += 1;
        row.used_by_key_id = key;
        SIGNET_RETURN_IF_ERROR(tables.tokens().Update(row));
        return tables.nodes().InsertIdentity(Identity(key));
      });
      if (status.ok()) ++winners;
    }
  });
  EXPECT_EQ(winners, 1);
  const TokenRow row = *Read([](const Tables& tables) { return tables.tokens().Find("t1"); });
  EXPECT_EQ(row.uses, 1);
  EXPECT_EQ(
      *Read([](const Tables& tables) { return tables.nodes().CountIdentities("n1", "slurmd", absl::InfinitePast()); }),
      1);
}

TEST_P(StoreConformance, WritesBeyondTheQueueAreShedAndTheOthersLast) {
  std::atomic<int> stored = 0;
  std::atomic<int> shed = 0;
  {
    Obstacle obstacle(store());
    std::thread release([&] {
      // One place is the obstacle's; the rest of the queue is filled before anything moves.
      while (shed < 20) std::this_thread::yield();
      obstacle.Release();
    });
    RunThreads(kMaxWaiting - 1 + 20, [&](int thread) {
      const absl::Status status = Write([&](Tables& tables) { return Insert(tables, absl::StrCat(thread)); });
      if (status.ok()) {
        ++stored;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
        EXPECT_EQ(base::ReasonOf(status), base::kOverloaded);
        ++shed;
      }
    });
    release.join();
  }
  EXPECT_EQ(shed, 20);
  EXPECT_EQ(stored, kMaxWaiting - 1);
  EXPECT_EQ(CountCertificates(), kMaxWaiting - 1);
}

TEST_P(StoreConformance, WriteLaterIsDoneBeforeTheStoreIsGone) {
  {
    Obstacle obstacle(store());
    for (int i = 0; i < 200; ++i) {
      store().WriteLater([i](Tables& tables) { return Insert(tables, absl::StrCat(i)); });
    }
    EXPECT_EQ(CountCertificates(), 0);
  }
  Reopen();
  EXPECT_EQ(CountCertificates(), 200);
}

TEST_P(StoreConformance, WriteLaterIsSeenByAWriteThatComesAfterIt) {
  store().WriteLater([](Tables& tables) { return Insert(tables, "1"); });
  EXPECT_EQ(Write([](Tables& tables) { return tables.certificates().SetIssued("1", "der"); }), absl::OkStatus());
}

TEST_P(StoreConformance, WriteLaterThatFailsFailsNobodyElse) {
  std::atomic<int> stored = 0;
  {
    Obstacle obstacle(store());
    std::vector<std::thread> threads;
    for (int i = 0; i < 10; ++i) {
      store().WriteLater([i](Tables& tables) -> absl::Status {
        EXPECT_EQ(Insert(tables, absl::StrCat("later", i)), absl::OkStatus());
        return absl::InternalError("no");
      });
      threads.emplace_back(
          [&, i] { stored += Write([&](Tables& tables) { return Insert(tables, absl::StrCat(i)); }).ok() ? 1 : 0; });
    }
    obstacle.Release();
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(stored, 10);
  EXPECT_EQ(CountCertificates(), 10);
}

TEST_P(StoreConformance, ReadsOfManyThreadsGoOnWhileAWriteIsUnderWay) {
  Obstacle obstacle(store());
  std::atomic<int> reads = 0;
  RunThreads(16, [&](int) {
    for (int i = 0; i < 20; ++i) reads += store().Read([](const Tables&) { return absl::OkStatus(); }).ok() ? 1 : 0;
  });
  EXPECT_EQ(reads, 320);
}

}  // namespace
}  // namespace signet::store
