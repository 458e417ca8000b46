// A row that may be missing.
#ifndef SIGNET_SERVICES_ENROLLMENT_OPTIONAL_ROW_H_
#define SIGNET_SERVICES_ENROLLMENT_OPTIONAL_ROW_H_

#include <optional>
#include <utility>

#include "absl/status/statusor.h"

namespace signet::enrollment {

// NOT_FOUND becomes nullopt; any other error stays one: a store that cannot answer admits nobody.
template <typename Row>
absl::StatusOr<std::optional<Row>> OptionalRow(absl::StatusOr<Row> row) {
  if (row.ok()) return std::optional<Row>(*std::move(row));
  if (absl::IsNotFound(row.status())) return std::optional<Row>();
  return row.status();
}

}  // namespace signet::enrollment

#endif  // SIGNET_SERVICES_ENROLLMENT_OPTIONAL_ROW_H_
