// Tells systemd how the service is doing (sd_notify(3)).
#ifndef SIGNET_SERVICES_SERVER_NOTIFY_H_
#define SIGNET_SERVICES_SERVER_NOTIFY_H_

#include "absl/strings/string_view.h"

namespace signet::server {

// Sends `state`, such as "READY=1", to the socket in $NOTIFY_SOCKET; nothing where there is none. A lost message is no
// error.
void Notify(absl::string_view state);

}  // namespace signet::server

#endif  // SIGNET_SERVICES_SERVER_NOTIFY_H_
