#include "partitions/layout_plan.hpp"

#include <sys/random.h>
#include <uuid.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_MiB;
using literals::operator""_GiB;

// Partitions start at multiples of this, which suits any disk's erase blocks and RAID stripes; the
// first holds MBR and primary GPT, the last the backup GPT.
constexpr Bytes kSmallestSlot = 1_GiB;
constexpr Bytes kSmallestState = 16_MiB;
constexpr Bytes kLargestBoot = 16_GiB;
constexpr std::uint32_t kLargestSector = 4096;

struct Sizes {
  Bytes bios = 0;
  Bytes boot = 0;
  Bytes slot = 0;
  Bytes state = 0;  // at least

  [[nodiscard]] Bytes Total() const {
    const auto slots = CheckedMul(2, slot, "the size of the slots");
    const auto with_state = CheckedAdd(slots, state, "the layout");
    return CheckedAdd(with_state, bios + boot + 2 * kPartitionAlignment, "the layout");
  }
};

std::string Format(const uuid_t& uuid) {
  std::array<char, UUID_STR_LEN> text{};
  uuid_unparse_lower(uuid, text.data());
  return text.data();
}

Bytes ChooseSlotSize(const LayoutRequest& request) {
  if (!request.slot) {
    const auto twice = CheckedMul(2, request.root_bytes, "the image");
    return std::max(kSmallestSlot, RoundUp(twice, kPartitionAlignment));
  }
  const auto slot = RoundUp(*request.slot, kPartitionAlignment);
  if (slot < request.root_bytes || slot == 0) {
    throw Error(ErrorKind::kDoesNotFit,
                "a slot of " + FormatBytes(slot) + " does not hold the root file system with its " +
                    "hash tree, which needs " + FormatBytes(request.root_bytes) +
                    "; ask for larger slots (--slot-size)");
  }
  return slot;
}

Sizes ChooseSizes(const LayoutRequest& request) {
  Sizes sizes{
      .bios = RoundUp(std::max(request.bios, Bytes{1}), kPartitionAlignment),
      .boot = RoundUp(request.boot, kPartitionAlignment),
      .slot = ChooseSlotSize(request),
      .state = RoundUp(std::max(request.state_minimum, kSmallestState), kPartitionAlignment)};
  if (sizes.boot == 0 || sizes.boot > kLargestBoot || sizes.bios > kLargestBoot) {
    throw Error(ErrorKind::kUsage,
                "a boot partition has between 1 MiB and " + FormatBytes(kLargestBoot) + ", not " +
                    FormatBytes(std::max(sizes.boot, sizes.bios)));
  }
  return sizes;
}

void CheckFits(const Geometry& geometry, const Sizes& sizes) {
  const auto total = sizes.Total();
  if (total > RoundDown(geometry.size, kPartitionAlignment)) {
    throw Error(ErrorKind::kDoesNotFit,
                "the layout needs " + FormatBytes(total) + " (" + FormatBytes(sizes.bios) + " + " +
                    FormatBytes(sizes.boot) + " + 2 x " + FormatBytes(sizes.slot) + " + at least " +
                    FormatBytes(sizes.state) + " + 2 MiB for the tables), " + geometry.name +
                    " has " + FormatBytes(geometry.size) + "; smaller: --slot-size, --boot-size");
  }
}

void CheckGeometry(const Geometry& geometry) {
  const auto sector = geometry.sector_size;
  if (sector < 512 || sector > kLargestSector || (sector & (sector - 1)) != 0) {
    throw Error(ErrorKind::kDoesNotFit,
                geometry.name + " has sectors of " + std::to_string(sector) +
                    " bytes; 512 to 4096 are supported");
  }
}

// All partitions but ROS-STATE.
LayoutPlan PlanFront(const Geometry& geometry, const Sizes& sizes, const LayoutRequest& request) {
  LayoutPlan plan{.disk_size = geometry.size,
                  .sector_size = geometry.sector_size,
                  .disk_uuid = UuidFromSeed(request.seed, "disk"),
                  .legacy_boot = request.legacy_boot};
  Bytes offset = kPartitionAlignment;
  const auto add = [&](PartitionRole role, Bytes length) {
    plan.partitions.push_back({.role = role,
                               .uuid = UuidFromSeed(request.seed, PartitionName(role)),
                               .offset = offset,
                               .length = length});
    offset += length;
  };
  add(PartitionRole::kBios, sizes.bios);
  add(PartitionRole::kBoot, sizes.boot);
  add(PartitionRole::kSlotA, sizes.slot);
  add(PartitionRole::kSlotB, sizes.slot);
  return plan;
}

}  // namespace

const PlannedPartition& LayoutPlan::Get(PartitionRole role) const {
  return partitions.at(static_cast<std::size_t>(PartitionNumber(role) - 1));
}

std::string RandomSeed() {
  // libuuid does not wait for the kernel's random numbers and falls back to the time of day and the
  // like, which machines that were started together share. This waits, once after a power-on.
  std::byte unused{};
  if (::getrandom(&unused, sizeof unused, 0) < 0) {
    ThrowErrno("getting random numbers from the kernel");
  }
  uuid_t seed;
  uuid_generate_random(seed);
  return Format(seed);
}

std::string UuidFromSeed(const std::string& seed, std::string_view name) {
  uuid_t name_space;
  if (uuid_parse(seed.c_str(), name_space) != 0) {
    throw Error(ErrorKind::kUsage, "'" + seed + "' is not a UUID");
  }
  uuid_t uuid;
  uuid_generate_sha1(uuid, name_space, name.data(), name.size());
  return Format(uuid);
}

LayoutPlan PlanLayout(const Geometry& geometry, const LayoutRequest& request) {
  CheckGeometry(geometry);
  const auto sizes = ChooseSizes(request);
  CheckFits(geometry, sizes);
  auto plan = PlanFront(geometry, sizes, request);
  const auto offset = plan.partitions.back().offset + plan.partitions.back().length;
  plan.partitions.push_back(
      {.role = PartitionRole::kState,
       .uuid = UuidFromSeed(request.seed, PartitionName(PartitionRole::kState)),
       .offset = offset,
       .length = RoundDown(geometry.size, kPartitionAlignment) - kPartitionAlignment - offset});
  return plan;
}

LayoutPlan PlanLayoutBefore(const PlannedPartition& state,
                            const Geometry& geometry,
                            const LayoutRequest& request) {
  CheckGeometry(geometry);
  auto sizes = ChooseSizes(request);
  sizes.state = 0;
  const auto total = sizes.Total() - kPartitionAlignment;  // the last MiB is behind the state
  if (total > state.offset) {
    throw Error(ErrorKind::kDoesNotFit,
                "the layout needs " + FormatBytes(total) + " (" + FormatBytes(sizes.bios) + " + " +
                    FormatBytes(sizes.boot) + " + 2 x " + FormatBytes(sizes.slot) +
                    " + 1 MiB for the table), and " + geometry.name + " has " +
                    FormatBytes(state.offset) +
                    " before its ROS-STATE, which is to stay; smaller: --slot-size, --boot-size");
  }
  auto plan = PlanFront(geometry, sizes, request);
  plan.partitions.push_back(state);
  return plan;
}

}  // namespace ros::partitions
