// Acks, reports and probes.
#ifndef SIGNET_SERVICES_STORE_SQLITE_SIGHTING_TABLE_H_
#define SIGNET_SERVICES_STORE_SQLITE_SIGHTING_TABLE_H_

#include <vector>

#include "services/store/sqlite/connection.h"
#include "services/store/tables.h"

namespace signet::store::sqlite {

class SqliteSightingTable final : public SightingTable {
 public:
  explicit SqliteSightingTable(Connection& connection) : connection_(connection) {}
  absl::StatusOr<std::vector<AckRow>> ListAcks(absl::string_view authority_id) const override;
  absl::StatusOr<bool> InsertAck(const AckRow& row) override;
  absl::StatusOr<std::vector<ReportRow>> ListReports() const override;
  absl::Status PutReport(const ReportRow& row) override;
  absl::StatusOr<int64_t> DeleteReports(absl::string_view host) override;
  absl::StatusOr<std::vector<ProbeRow>> ListProbes(absl::string_view authority_id) const override;
  absl::Status PutProbe(const ProbeRow& row) override;
  absl::Status DeleteProbes(absl::string_view host, absl::string_view program) override;

 private:
  Connection& connection_;
};

}  // namespace signet::store::sqlite

#endif  // SIGNET_SERVICES_STORE_SQLITE_SIGHTING_TABLE_H_
