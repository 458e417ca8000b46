#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/command.h"
#include "services/base/status_macros.h"
#include "signet/v1/cert_authority.grpc.pb.h"

namespace signet::cli {
namespace {

absl::Status Recover(Session& session, uint64_t at_least, bool force) {
  v1::RecoverBundleRequest request;
  request.set_at_least(at_least);
  request.set_dry_run(session.options().dry_run);
  request.set_force(force);
  SIGNET_ASSIGN_OR_RETURN(const v1::RecoverBundleResponse response,
                          session.Call(&v1::CertAuthority::Stub::RecoverBundle, request));
  const auto text = [&](bool) {
    if (session.options().dry_run) {
      return absl::StrCat("dry run: the trust bundle would be generation ", response.bundle_generation(), "\n");
    }
    if (!response.changed()) {
      return absl::StrCat("the trust bundle is generation ", response.bundle_generation(),
                          ", above all that was seen: nothing was changed\n");
    }
    return absl::StrCat("the trust bundle is generation ", response.bundle_generation(),
                        " now\n# Next: signetctl bundle write --dir /etc/slurm && scontrol reconfigure\n"
                        "# With signet-service-renew.timer stopped on every host until signetctl rotation status names "
                        "nobody\n");
  };
  return session.Print({.text = text, .message = &response, .names = {absl::StrCat(response.bundle_generation())}});
}

}  // namespace

Action DeclareBundleRecover(CLI::App& app) {
  auto at_least = std::make_shared<uint64_t>(0);
  auto force = std::make_shared<bool>(false);
  app.add_option("--at-least", *at_least, "the highest generation that a host is known to hold [that any reported]")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 62));
  app.add_flag("--force", *force, "although a host holds a bundle that is unknown here: import its roots first");
  return [at_least, force](Session& session) { return Recover(session, *at_least, *force); };
}

}  // namespace signet::cli
