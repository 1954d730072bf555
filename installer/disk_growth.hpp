#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "installer/machine.hpp"
#include "partitions/online_growth.hpp"
#include "partitions/table_growth.hpp"

namespace ros::installer {

// A disk that is larger than what is on it: an image file was copied to a larger disk, or a virtual
// disk was enlarged. Then ROS-STATE gets the rest of the disk, in three steps that each show on the
// disk whether they are done, so that a power cut at any moment is made up for at the next boot.

struct GrowthFacts {
  std::filesystem::path disk;
  partitions::TableGrowth table;
  Bytes kernel_length = 0;       // of ROS-STATE, as the kernel takes it
  Bytes block_size = 0;          // of the file system in it
  Bytes file_system = 0;         // its length
  Bytes file_system_in_new = 0;  // its length in the grown partition
};

// 1: backup of the GPT to the end of the disk, ROS-STATE to the rest (partitions/table_growth.hpp).
struct GrowTable {
  Bytes length = 0;
  Bytes new_length = 0;  // the same where only the backup is to be moved or mended
  bool operator==(const GrowTable&) const = default;
};

// 2: the kernel's idea of the partition.
struct TellKernel {
  Bytes offset = 0;
  Bytes length = 0;
  bool operator==(const TellKernel&) const = default;
};

// 3: the ext4, mounted.
struct GrowFileSystem {
  Bytes length = 0;
  Bytes new_length = 0;
  Bytes block_size = 0;
  bool operator==(const GrowFileSystem&) const = default;
};

using GrowthStep = std::variant<GrowTable, TellKernel, GrowFileSystem>;

struct GrowthPlan {
  std::filesystem::path disk;
  std::vector<GrowthStep> steps;  // none: all is as large as it can be

  bool operator==(const GrowthPlan&) const = default;
};

// How the work is done; tests bring their own.
struct GrowthMeans {
  const Clock& clock;
  partitions::DeviceOpener open = OpenBlockDevice;
  std::function<void(const std::filesystem::path& disk, int number, Bytes offset, Bytes length)>
      resize_partition = partitions::ResizeKernelPartition;
  std::function<void(const std::filesystem::path& directory, Bytes length, Bytes block_size)>
      grow_file_system = partitions::GrowMountedExt4;
};

// Reads the disk that this system runs from. Throws kRefused as InspectTableGrowth() does, and
// where ROS-STATE holds no ext4.
GrowthFacts InspectGrowth(const Machine& machine,
                          const partitions::DeviceOpener& open = OpenBlockDevice);

// What is to be done. Pure.
GrowthPlan PlanGrowth(const GrowthFacts& facts);

// A sentence for each step. Empty for a plan without any.
std::string DescribeGrowth(const GrowthPlan& plan);

// Does the steps, in their order, then writes it into the journal. The caller holds the machine's
// lock. Throws kFailed; what was done before that stays, and is right.
void ApplyGrowth(const GrowthPlan& plan, const Machine& machine, const GrowthMeans& means);

}  // namespace ros::installer
