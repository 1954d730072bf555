#include "installer/disk_growth.hpp"

#include "base/error.hpp"
#include "health/journal.hpp"

namespace ros::installer {
namespace {

using partitions::PartitionRole;

constexpr Bytes kStartOfFileSystem = 2048;
const int kStateNumber = partitions::PartitionNumber(PartitionRole::kState);

struct GrowthStepText {
  std::string operator()(const GrowTable& step) const {
    const std::string backup =
        "the backup of the partition table is written to the end of the disk";
    return step.length == step.new_length
               ? backup
               : backup + ", ROS-STATE grows from " + FormatBytes(step.length) + " to " +
                     FormatBytes(step.new_length);
  }

  std::string operator()(const TellKernel& step) const {
    return "the kernel is told that ROS-STATE has " + FormatBytes(step.length);
  }

  std::string operator()(const GrowFileSystem& step) const {
    return "the file system of ROS-STATE grows from " + FormatBytes(step.length) + " to " +
           FormatBytes(step.new_length) + " while it is in use";
  }
};

class Growing {
 public:
  Growing(const GrowthPlan& plan, const Machine& machine, const GrowthMeans& means)
      : plan_(plan), machine_(machine), means_(means) {}

  void operator()(const GrowTable& /*step*/) const {
    partitions::GrowPartitionTable(*means_.open(plan_.disk, DeviceAccess::kWrite), kStateNumber);
  }

  void operator()(const TellKernel& step) const {
    means_.resize_partition(plan_.disk, kStateNumber, step.offset, step.length);
  }

  void operator()(const GrowFileSystem& step) const {
    means_.grow_file_system(machine_.state, step.new_length, step.block_size);
  }

 private:
  const GrowthPlan& plan_;
  const Machine& machine_;
  const GrowthMeans& means_;
};

}  // namespace

GrowthFacts InspectGrowth(const Machine& machine, const partitions::DeviceOpener& open) {
  const auto& state = machine.disk.Get(PartitionRole::kState);
  const auto disk = open(machine.disk.path, DeviceAccess::kRead);
  GrowthFacts facts{.disk = machine.disk.path,
                    .table = partitions::InspectTableGrowth(*disk, kStateNumber),
                    .kernel_length = state.length};
  std::vector<std::byte> start(kStartOfFileSystem);
  open(state.path, DeviceAccess::kRead)->Read(state.offset, start);
  const auto ext4 = InContext("ROS-STATE of " + facts.disk.string(), [&] {
    return partitions::InspectExt4Growth(start, facts.table.new_length);
  });
  facts.block_size = ext4.block_size;
  facts.file_system = ext4.length;
  facts.file_system_in_new = ext4.new_length;
  return facts;
}

GrowthPlan PlanGrowth(const GrowthFacts& facts) {
  GrowthPlan plan{.disk = facts.disk};
  if (facts.table.Needed()) {
    plan.steps.emplace_back(GrowTable{facts.table.length, facts.table.new_length});
  }
  if (facts.kernel_length < facts.table.new_length) {
    plan.steps.emplace_back(TellKernel{facts.table.offset, facts.table.new_length});
  }
  if (facts.file_system < facts.file_system_in_new) {
    plan.steps.emplace_back(
        GrowFileSystem{facts.file_system, facts.file_system_in_new, facts.block_size});
  }
  return plan;
}

std::string DescribeGrowth(const GrowthPlan& plan) {
  std::string text;
  for (const auto& step : plan.steps) {
    text += (text.empty() ? "" : "; ") + std::visit(GrowthStepText(), step);
  }
  return text;
}

void ApplyGrowth(const GrowthPlan& plan, const Machine& machine, const GrowthMeans& means) {
  if (plan.steps.empty()) {
    return;
  }
  const Growing growing(plan, machine, means);
  for (const auto& step : plan.steps) {
    std::visit(growing, step);
  }
  health::Journal(machine.state, means.clock)
      .Append({.slot = machine.running.value().slot,
               .reason =
                   plan.disk.string() + " is larger than what was on it: " + DescribeGrowth(plan)});
}

}  // namespace ros::installer
