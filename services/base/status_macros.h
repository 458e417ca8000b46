// The happy path stays on the left margin.
#ifndef SIGNET_SERVICES_BASE_STATUS_MACROS_H_
#define SIGNET_SERVICES_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expression`, an absl::Status, is not OK.
#define SIGNET_RETURN_IF_ERROR(expression)                                \
  do {                                                                    \
    if (absl::Status signet_status = (expression); !signet_status.ok()) { \
      return signet_status;                                               \
    }                                                                     \
  } while (false)

#define SIGNET_CONCAT_INNER(a, b) a##b
#define SIGNET_CONCAT(a, b) SIGNET_CONCAT_INNER(a, b)

// SIGNET_ASSIGN_OR_RETURN(auto value, Compute()): declares or assigns, or returns the error.
#define SIGNET_ASSIGN_OR_RETURN(target, expression) \
  SIGNET_ASSIGN_OR_RETURN_IN(SIGNET_CONCAT(signet_result_, __LINE__), target, expression)
#define SIGNET_ASSIGN_OR_RETURN_IN(result, target, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) return result.status();                    \
  target = std::move(result).value()

#endif  // SIGNET_SERVICES_BASE_STATUS_MACROS_H_
