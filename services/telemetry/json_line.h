// One log line as JSON.
#ifndef SIGNET_SERVICES_TELEMETRY_JSON_LINE_H_
#define SIGNET_SERVICES_TELEMETRY_JSON_LINE_H_

#include <cstddef>
#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/telemetry/logger.h"

namespace signet::telemetry {

// A field's value is cut here, so that a request cannot fill the journal.
inline constexpr std::size_t kMaxFieldBytes = 1024;

// {"time","level","event",…fields} in the order given, without a line end. Pure ASCII whatever the values hold: control
// characters and everything beyond ASCII are escaped, bytes that are not UTF-8 become U+FFFD (RFC 8259 sections 7
// and 8.1), so that a value can neither start a line nor speak to a terminal.
std::string JsonLine(absl::Time time, Level level, absl::string_view event, std::initializer_list<Field> fields);

}  // namespace signet::telemetry

#endif  // SIGNET_SERVICES_TELEMETRY_JSON_LINE_H_
