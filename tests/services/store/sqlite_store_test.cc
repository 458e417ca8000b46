#include "services/store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "services/base/reason.h"
#include "services/base/status_macros.h"
#include "tests/services/store/conformance.h"
#include "tests/services/store/rows.h"
#include "tests/services/store/temporary_directory.h"

namespace signet::store::sqlite {
namespace {

using ::testing::HasSubstr;

class SqliteUnderTest final : public StoreUnderTest {
 public:
  explicit SqliteUnderTest(int max_waiting) : max_waiting_(max_waiting) { Reopen(); }
  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    auto opened = Open({.path = directory_.File("db"), .max_waiting = max_waiting_}, *logger_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

 private:
  const int max_waiting_;
  TemporaryDirectory directory_;
  const std::unique_ptr<telemetry::Logger> logger_ = telemetry::MakeNullLogger();
  std::unique_ptr<Store> store_;
};

const MakeStoreUnderTest kMake = [](int max_waiting) { return std::make_unique<SqliteUnderTest>(max_waiting); };
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, ::testing::Values(kMake));
INSTANTIATE_TEST_SUITE_P(Sqlite, TokenListing, ::testing::Values(kMake));
INSTANTIATE_TEST_SUITE_P(Sqlite, NodeCounting, ::testing::Values(kMake));
INSTANTIATE_TEST_SUITE_P(Sqlite, CertificateEnds, ::testing::Values(kMake));

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> OpenStore() { return Open({.path = path_}, *logger_); }
  void Raw(const std::string& sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }
  // A store of some hundred pages, closed.
  void Fill() {
    auto store = OpenStore();
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_EQ((*store)->Write([](Tables& tables) -> absl::Status {
      for (int i = 0; i < 1000; ++i) {
        SIGNET_RETURN_IF_ERROR(tables.certificates().Insert(Certificate(absl::StrCat(i))));
      }
      return absl::OkStatus();
    }),
              absl::OkStatus());
  }
  void Overwrite(off_t offset, const std::string& bytes) {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(::pwrite(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }
  void ExpectUnusable() {
    const absl::Status status = OpenStore().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_EQ(base::ReasonOf(status), base::kStoreUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
    EXPECT_THAT(base::NextOf(status), HasSubstr("restore a backup"));
  }
  mode_t Mode(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("signet.db");
  const std::unique_ptr<telemetry::Logger> logger_ = telemetry::MakeNullLogger();
};

TEST_F(SqliteStoreTest, KeepsItsFilesFromOthersWhateverTheUmask) {
  for (const mode_t mask : {0, 0777}) {
    std::filesystem::remove(path_);
    const mode_t old = ::umask(mask);
    {
      const auto store = OpenStore();
      ASSERT_TRUE(store.ok()) << store.status();
      ASSERT_EQ((*store)->Write([](Tables& tables) { return tables.nodes().Put(Node("n1")); }), absl::OkStatus());
      EXPECT_EQ(Mode(path_), 0600u);
      EXPECT_EQ(Mode(path_ + "-wal"), 0600u);
      EXPECT_EQ(Mode(path_ + "-shm"), 0600u);
    }
    ::umask(old);
  }
}

TEST_F(SqliteStoreTest, NarrowsTheModeOfAFileThatIsThere) {
  Fill();
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  ASSERT_TRUE(OpenStore().ok());
  EXPECT_EQ(Mode(path_), 0600u);
}

TEST_F(SqliteStoreTest, LeavesOneFileBehind) {
  Fill();
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    EXPECT_EQ(entry.path(), path_);
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST_F(SqliteStoreTest, OverwritesAKeyThatIsDestroyed) {
  const std::string key = "the sealed key of an authority that is destroyed";
  const auto holds = [&] {
    std::ifstream file(path_, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return bytes.find(key) != std::string::npos;
  };
  AuthorityRow row = Authority("a1");
  row.handle = key;
  ASSERT_EQ(OpenStore().value()->Write([&](Tables& tables) { return tables.authorities().Insert(row); }),
            absl::OkStatus());
  ASSERT_TRUE(holds());
  row.handle.clear();
  ASSERT_EQ(OpenStore().value()->Write([&](Tables& tables) { return tables.authorities().Update(row); }),
            absl::OkStatus());
  EXPECT_FALSE(holds());
}

TEST_F(SqliteStoreTest, ScrubbedItHoldsNoDestroyedKeyInAnyFileWhileItIsOpen) {
  const std::string key = "the sealed key of an authority that is destroyed";
  const auto holds = [&] {
    bool found = false;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      found = found || bytes.find(key) != std::string::npos;
    }
    return found;
  };
  const auto store = OpenStore().value();
  AuthorityRow row = Authority("a1");
  row.handle = key;
  ASSERT_EQ(store->Write([&](Tables& tables) { return tables.authorities().Insert(row); }), absl::OkStatus());
  ASSERT_TRUE(holds());
  ASSERT_EQ(store->Scrub(), absl::OkStatus());
  EXPECT_TRUE(holds()) << "what is there stays";
  row.handle.clear();
  ASSERT_EQ(store->Write([&](Tables& tables) { return tables.authorities().Update(row); }), absl::OkStatus());
  ASSERT_TRUE(holds());
  // Who reads an older snapshot keeps what is in it.
  ASSERT_EQ(store->Read([&](const Tables& tables) -> absl::Status {
    EXPECT_TRUE(tables.authorities().List().ok());
    const absl::Status busy = store->Scrub();
    EXPECT_EQ(base::ReasonOf(busy), base::kStoreUnavailable) << busy;
    return absl::OkStatus();
  }),
            absl::OkStatus());
  ASSERT_EQ(store->Scrub(), absl::OkStatus());
  EXPECT_FALSE(holds());
  EXPECT_EQ(store->Write([](Tables& tables) { return tables.nodes().Put(Node("n1")); }), absl::OkStatus());
}

TEST_F(SqliteStoreTest, RefusesASymbolicLinkADirectoryAndAMissingDirectory) {
  ASSERT_EQ(::symlink(directory_.File("elsewhere").c_str(), path_.c_str()), 0);
  EXPECT_EQ(OpenStore().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(std::filesystem::exists(directory_.File("elsewhere")));
  EXPECT_EQ(Open({.path = directory_.path()}, *logger_).status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string nowhere = directory_.File("no/such/db");
  EXPECT_THAT(std::string(Open({.path = nowhere}, *logger_).status().message()), HasSubstr(nowhere));
}

TEST_F(SqliteStoreTest, RefusesANewerSchema) {
  Fill();
  Raw("PRAGMA user_version = 1000");
  const absl::Status status = OpenStore().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema 1000 is newer"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(SqliteStoreTest, RefusesTheDatabaseOfAnotherProgramAndLeavesItAlone) {
  Raw("CREATE TABLE theirs (a); PRAGMA application_id = 7");
  std::ifstream before_file(path_);
  const std::string before{std::istreambuf_iterator<char>(before_file), {}};
  const absl::Status status = OpenStore().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another program"));
  std::ifstream after_file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(after_file), {}), before);
}

TEST_F(SqliteStoreTest, NamesATruncatedFile) {
  Fill();
  const auto size = std::filesystem::file_size(path_);
  for (const auto left : {size / 2, size - 4096, uintmax_t{5000}, uintmax_t{50}}) {
    std::filesystem::resize_file(path_, left);
    ExpectUnusable();
  }
}

TEST_F(SqliteStoreTest, NamesAFileThatIsNoDatabase) {
  Fill();
  Overwrite(0, std::string(4096, 'x'));
  ExpectUnusable();
}

TEST_F(SqliteStoreTest, NamesAFileWithARuinedPage) {
  Fill();
  Overwrite(static_cast<off_t>(std::filesystem::file_size(path_) / 4096 / 2 * 4096), std::string(4096, '\xA5'));
  ExpectUnusable();
}

TEST_F(SqliteStoreTest, FindsEveryRowByAnIndex) {
  Fill();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &raw), SQLITE_OK);
  for (const char* sql :
       {"SELECT * FROM certificates WHERE serial = ?1",
        "SELECT * FROM certificates WHERE identity_key_id = ?1 AND identity_key_id <> '' AND seq = ?2 AND spki_sha256 "
        "= "
        "?3 ORDER BY id DESC LIMIT 1",
        "SELECT * FROM certificates WHERE spki_sha256 = ?1 ORDER BY id DESC LIMIT 1",
        "SELECT * FROM certificates WHERE subject = ?1 AND profile = ?2 ORDER BY id DESC LIMIT 1",
        "SELECT * FROM certificates WHERE id < ?1 AND subject = ?3 ORDER BY id DESC LIMIT ?2",
        "SELECT * FROM certificates WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        "UPDATE identities SET superseded_at = ?3, ended_by = ?4 WHERE node = ?1 AND (?2 = '' OR daemon = ?2) AND "
        "superseded_at = "
        "9223372036854775807",
        "SELECT count(*) FROM identities WHERE node = ?1 AND daemon = ?2 AND admitted_at >= ?3",
        "SELECT * FROM identities WHERE pod_uid = ?1 AND pod_uid <> '' ORDER BY admitted_at DESC LIMIT 1",
        "SELECT * FROM identities WHERE token_id = ?1 AND token_id <> '' ORDER BY admitted_at LIMIT ?2",
        "UPDATE tokens SET revoked = 1 WHERE label = ?2 AND label <> ''",
        "SELECT * FROM blocks WHERE node = ?1",
        "SELECT * FROM approvals WHERE key_id = ?1",
        "SELECT * FROM approvals WHERE node = ?1 ORDER BY approved_at DESC",
        "SELECT * FROM refusals WHERE node = ?1 AND proven = ?2 ORDER BY id DESC LIMIT ?3",
        "SELECT * FROM certificates WHERE authority_id = ?1 AND state <> 3 AND not_after >= ?2 AND serial > ?3 ORDER "
        "BY serial LIMIT ?4",
        "SELECT count(*) FROM certificates WHERE authority_id = ?1 AND state <> 3 AND not_after >= ?2",
        "UPDATE certificates SET state = 3 WHERE serial = ?1 AND state <> 3",
        "UPDATE certificates SET state = 3 WHERE authority_id = ?1 AND state <> 3 AND not_after >= ?2",
        "UPDATE certificates SET state = 3 WHERE subject = ?1 AND profile IN (1, 2) AND state <> 3 AND not_after >= ?2",
        "SELECT * FROM certificates WHERE authority_id = ?1 AND state = 3 AND not_after >= ?2 AND serial > ?3 ORDER BY "
        "serial LIMIT ?4",
        "SELECT * FROM acks WHERE authority_id = ?1 ORDER BY host",
        "SELECT * FROM probes WHERE authority_id = ?1 ORDER BY host, program"}) {
    sqlite3_stmt* plan = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(raw, absl::StrCat("EXPLAIN QUERY PLAN ", sql).c_str(), -1, &plan, nullptr), SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
      const std::string step = reinterpret_cast<const char*>(sqlite3_column_text(plan, 3));
      EXPECT_THAT(step, ::testing::StartsWith("SEARCH")) << sql;
    }
    sqlite3_finalize(plan);
  }
  sqlite3_close(raw);
}

}  // namespace
}  // namespace signet::store::sqlite
