#include "services/store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/services/store/rows.h"
#include "tests/services/store/temporary_directory.h"

namespace signet::store::sqlite {
namespace {

TEST(SqliteStore, OpensTwice) {
  TemporaryDirectory directory;
  const auto logger = telemetry::MakeStderrLogger(telemetry::Level::kInfo);
  for (int time = 0; time < 2; ++time) {
    auto store = Open({.path = directory.File("db")}, *logger);
    ASSERT_TRUE(store.ok()) << store.status();
    if (time == 0) {
      EXPECT_EQ((*store)->Write([](Tables& tables) { return tables.certificates().Insert(Certificate("1")); }),
                absl::OkStatus());
    }
    EXPECT_EQ((*store)->Read([](const Tables& tables) { return tables.certificates().Find("1").status(); }),
              absl::OkStatus());
  }
}

}  // namespace
}  // namespace signet::store::sqlite
