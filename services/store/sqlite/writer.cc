#include "services/store/sqlite/writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/reason.h"
#include "services/base/status_macros.h"

namespace signet::store::sqlite {

Writer::Writer(std::unique_ptr<Connection> connection, int max_waiting, int max_group, telemetry::Logger& logger)
    : connection_(std::move(connection)),
      tables_(*connection_),
      max_waiting_(max_waiting),
      max_group_(std::max(max_group, 1)),
      logger_(logger),
      thread_([this] { Loop(); }) {}

Writer::~Writer() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    arrived_.NotifyAll();
  }
  thread_.join();
}

absl::Status Writer::Write(absl::FunctionRef<absl::Status(Tables&)> work) {
  Item item;
  item.work = work;
  return Await(item);
}

absl::Status Writer::Scrub() {
  Item item;
  return Await(item);
}

absl::Status Writer::Await(Item& item) {
  base::MutexLock lock(mutex_);
  if (awaited_ >= max_waiting_) {
    return base::Refusal(absl::StatusCode::kResourceExhausted, base::kOverloaded,
                         absl::StrCat("store: ", max_waiting_, " writes wait already"), "try again in a few seconds");
  }
  ++awaited_;
  queue_.push_back(&item);
  arrived_.NotifyOne();
  while (!item.done) item.changed.Wait(mutex_);
  return item.status;
}

void Writer::WriteLater(std::function<absl::Status(Tables&)> work) {
  auto item = std::make_unique<Item>();
  item->work = std::move(work);
  item->awaited = false;
  base::MutexLock lock(mutex_);
  queue_.push_back(item.release());
  arrived_.NotifyOne();
}

void Writer::Loop() {
  std::vector<Item*> group;
  while (true) {
    {
      base::MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) arrived_.Wait(mutex_);
      if (queue_.empty()) return;
      const auto end = queue_.begin() + NextGroup();
      group.assign(queue_.begin(), end);
      queue_.erase(queue_.begin(), end);
    }
    RunGroup(group);
    base::MutexLock lock(mutex_);
    for (Item* item : group) {
      if (item->awaited) {
        --awaited_;
        // From here on the item may be gone as soon as the mutex is free.
        item->done = true;
        item->changed.NotifyOne();
      } else {
        delete item;
      }
    }
  }
}

std::ptrdiff_t Writer::NextGroup() const {
  if (queue_.front()->work == nullptr) return 1;
  const auto most = queue_.begin() + std::min<std::ptrdiff_t>(queue_.size(), max_group_);
  return std::find_if(queue_.begin(), most, [](const Item* item) { return item->work == nullptr; }) - queue_.begin();
}

absl::Status Writer::EmptyLog() {
  // Pages of the log stay in its file until they are written over, after a checkpoint too, unless it is truncated.
  // Waits for readers of older snapshots as long as the connection's busy timeout.
  SIGNET_ASSIGN_OR_RETURN(const std::string busy, connection_->Value("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (busy == "0") return absl::OkStatus();
  return base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                       "store: the log of changes could not be emptied while another process or call reads it",
                       "try again in a few seconds");
}

void Writer::RunGroup(const std::vector<Item*>& group) {
  if (group.front()->work == nullptr) {
    group.front()->status = EmptyLog();
    return;
  }
  absl::Status status = RunTransaction(group);
  std::vector<Item*> awaited;
  std::copy_if(group.begin(), group.end(), std::back_inserter(awaited), [](const Item* item) { return item->awaited; });
  // What nobody waits for must not fail the others: without it they get another chance.
  if (!status.ok() && awaited.size() < group.size()) {
    for (Item* item : group) item->status = status;
    if (!awaited.empty()) status = RunTransaction(awaited);
  }
  if (!status.ok()) {
    logger_.Error("store.commit_failed", {{"message", std::string(status.message())}});
    for (Item* item : awaited) item->status = status;
  }
  for (const Item* item : group) {
    if (!item->awaited && !item->status.ok()) {
      logger_.Warning("store.later_failed", {{"message", std::string(item->status.message())}});
    }
  }
}

absl::Status Writer::RunTransaction(const std::vector<Item*>& group) {
  connection_->ResetBroken();
  absl::Status status = connection_->Execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  for (Item* item : group) {
    RunInSavepoint(*item);
    // After a full disk, a failed read or the like SQLite may have undone all of the transaction, whatever the work
    // made of the error.
    if (connection_->broken() || !connection_->in_transaction()) {
      status = base::Refusal(absl::StatusCode::kUnavailable, base::kStoreUnavailable,
                             absl::StrCat("store: the transaction was lost: ", item->status.message()));
      break;
    }
  }
  if (status.ok()) status = connection_->Execute("COMMIT");
  if (!status.ok() && connection_->in_transaction()) connection_->Execute("ROLLBACK").IgnoreError();
  return status;
}

void Writer::RunInSavepoint(Item& item) {
  item.status = connection_->Execute("SAVEPOINT work");
  if (!item.status.ok()) return;
  item.status = item.work(tables_);
  // A failure here shows in broken().
  if (!item.status.ok()) connection_->Execute("ROLLBACK TO work").IgnoreError();
  connection_->Execute("RELEASE work").IgnoreError();
}

}  // namespace signet::store::sqlite
