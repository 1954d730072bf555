#include "installer/kept_state.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "installer/channel_memory.hpp"
#include "installer/image_check.hpp"
#include "installer/machine.hpp"
#include "installer/trust_rules.hpp"
#include "partitions/state_reader.hpp"

namespace ros::installer {
namespace {

using partitions::DiskFacts;
using partitions::FoundPartition;
using partitions::PartitionRole;

[[noreturn]] void RefuseDisk(const DiskFacts& disk, const std::string& why) {
  throw Error(ErrorKind::kRefused,
              disk.path.string() + " " + why +
                  "; --keep-state is for a disk that ros was installed "
                  "to");
}

// Number and name have to agree, and there may be no others: the table is written anew.
std::vector<FoundPartition> OurPartitions(const DiskFacts& disk) {
  if (disk.table.type != partitions::TableType::kGpt) {
    RefuseDisk(disk, "has no GPT partition table");
  }
  std::vector<FoundPartition> ours;
  for (const auto role : partitions::kPartitionRoles) {
    const auto found = std::ranges::find_if(disk.table.partitions, [&](const auto& partition) {
      return partition.number == PartitionNumber(role) && partition.name == PartitionName(role);
    });
    if (found == disk.table.partitions.end()) {
      RefuseDisk(disk, "has no partition " + std::string(PartitionName(role)));
    }
    ours.push_back(*found);
  }
  if (disk.table.partitions.size() != ours.size()) {
    throw Error(ErrorKind::kRefused,
                disk.path.string() +
                    " has partitions beside those of ros, and the table is written "
                    "anew; move them to another disk and remove them first");
  }
  const auto& state = ours.back();
  if (std::ranges::any_of(ours, [&](const auto& part) { return part.offset > state.offset; })) {
    RefuseDisk(disk, "has partitions of ros behind its ROS-STATE");
  }
  return ours;
}

// Of a file that may be missing.
std::string TextOf(const std::map<std::string, std::string>& files, const std::string& name) {
  const auto found = files.find(name);
  return found == files.end() ? std::string() : found->second;
}

}  // namespace

KeptState InspectKeptState(const DiskFacts& disk) {
  if (const auto refusal = partitions::RefusalFor(disk)) {
    throw Error(*refusal);
  }
  const auto ours = OurPartitions(disk);
  const auto& state = ours.back();
  const auto read = partitions::ReadStateFiles(
      {disk.path, state.offset, state.length},
      "/ros",
      {"epoch", "args", "machine", "bad.json", kOwnRules, kChannelMemoryFile});
  // Read by who reads them on a running machine.
  const TempDirectory copy("ros-state");
  for (const auto& [name, text] : read.files) {
    WriteFileAtomically(copy.path() / name, AsBytes(text));
  }
  return InContext("/ros of ROS-STATE of " + disk.path.string(), [&] {
    return KeptState{.partition = {.role = PartitionRole::kState,
                                   .uuid = state.uuid,
                                   .offset = state.offset,
                                   .length = state.length},
                     .boot = ours.at(1).length,
                     .slot = std::min(ours.at(2).length, ours.at(3).length),
                     .epoch = memory::EpochFloor(copy.path()),
                     .kernel_arguments = memory::KernelArguments(copy.path()),
                     .machine_kind = memory::MachineKind(copy.path()),
                     .bad = health::ReadBadList(copy.path()),
                     .own_rules = ReadOwnRules(copy.path() / kOwnRules),
                     .channels = TextOf(read.files, kChannelMemoryFile),
                     .journal_pending = read.journal_pending};
  });
}

InstallRequest RequestKeeping(InstallRequest request, const KeptState& kept) {
  const auto refuse = [](const std::string& option, const std::string& instead) {
    throw Error(
        ErrorKind::kUsage,
        option + " and --keep-state do not go together: the machine keeps what it has; " + instead);
  };
  if (!request.kernel_arguments.empty()) {
    refuse("--append", "ros upgrade --append changes it later");
  }
  if (request.cloud_config) {
    refuse("--cloud-config", "ros config merge changes it later");
  }
  if (!request.machine_kind.empty() && request.machine_kind != kept.machine_kind) {
    refuse("--machine", "/ros/machine is where it is");
  }
  request.kernel_arguments = kept.kernel_arguments;
  request.machine_kind = kept.machine_kind;
  request.boot_size = request.boot_size.value_or(kept.boot);
  request.slot_size = request.slot_size.value_or(kept.slot);
  return request;
}

void CheckImageMayFollow(const images::VerifiedImage& image,
                         const KeptState& kept,
                         InstallRequest::ExistingData existing_data) {
  CheckImageSuits(image.config,
                  {.architecture = image.config.architecture,
                   .kind = kept.machine_kind,
                   .epoch_floor = kept.epoch});
  const auto digest = image.manifest.digest.ToString();
  const auto bad = std::ranges::find(kept.bad, digest, &health::BadImage::digest);
  if (bad != kept.bad.end() && existing_data == InstallRequest::ExistingData::kRefuse) {
    throw Error(ErrorKind::kRefused,
                "version " + bad->version + " was rolled back on this machine before (" +
                    bad->reason + "); to install it again use --force");
  }
}

std::string DescribeKept(const KeptState& kept) {
  return "ROS-STATE, " + FormatBytes(kept.partition.length) +
         ": /ros, /var, /home, /root, /opt, /srv, changes of /etc" +
         (kept.journal_pending
              ? "; it was not unmounted in good order, so what it had last is seen at the next boot"
              : "");
}

}  // namespace ros::installer
