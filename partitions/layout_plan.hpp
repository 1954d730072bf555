#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "partitions/partition_role.hpp"

namespace ros::partitions {

// Where partitions begin, and what their lengths are multiples of.
inline constexpr Bytes kPartitionAlignment = Bytes{1} << 20U;

struct Geometry {
  std::string name;  // for messages: the path
  Bytes size = 0;
  std::uint32_t sector_size = 512;
};

// What the user asked for; sizes are rounded up to whole MiB.
struct LayoutRequest {
  Bytes root_bytes = 0;          // image and hash tree, as images::BytesNeeded tells
  std::optional<Bytes> slot;     // size of each slot; else twice root_bytes, at least 1 GiB
  Bytes bios = Bytes{1} << 20U;  // at least 1 MiB
  Bytes boot = Bytes{512} << 20U;
  Bytes state_minimum = Bytes{256} << 20U;  // the state gets all that is left
  // The boot partition is one that a BIOS's boot code (gptmbr.bin) starts.
  bool legacy_boot = false;
  std::string seed;  // a UUID; all UUIDs of the plan follow from it (RFC 4122, version 5)
};

struct PlannedPartition {
  PartitionRole role = PartitionRole::kBios;
  std::string uuid;
  Bytes offset = 0;
  Bytes length = 0;

  bool operator==(const PlannedPartition&) const = default;
};

struct LayoutPlan {
  Bytes disk_size = 0;
  std::uint32_t sector_size = 512;
  std::string disk_uuid;
  bool legacy_boot = false;                  // as in the request
  std::vector<PlannedPartition> partitions;  // kPartitionRoles, in this order

  [[nodiscard]] const PlannedPartition& Get(PartitionRole role) const;

  bool operator==(const LayoutPlan&) const = default;
};

// A seed for a real installation.
std::string RandomSeed();

// A UUID (lower case) that follows from `seed` and `name` alone. `seed` must be a UUID (kUsage).
std::string UuidFromSeed(const std::string& seed, std::string_view name);

// Where everything goes. Pure: same input, same plan. Partitions start and end at whole MiB.
// Throws kDoesNotFit with the numbers when the disk is too small or the slot does not hold the
// root, kUsage for sizes that make no sense.
LayoutPlan PlanLayout(const Geometry& geometry, const LayoutRequest& request);

// The same in front of a ROS-STATE that stays where it is, with its UUID; all else of the disk is
// planned anew. Throws kDoesNotFit with the numbers when boot partition and slots do not fit there.
LayoutPlan PlanLayoutBefore(const PlannedPartition& state,
                            const Geometry& geometry,
                            const LayoutRequest& request);

}  // namespace ros::partitions
