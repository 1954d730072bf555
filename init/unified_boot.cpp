#include "init/unified_boot.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "bootloader/grub_environment.hpp"
#include "health/boot_arguments.hpp"
#include "init/console.hpp"
#include "init/partition_wait.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/partition_role.hpp"

namespace ros::init {
namespace {

using partitions::PartitionNode;
using partitions::PartitionRole;

// systemd's Boot Loader Interface (systemd.io/BOOT_LOADER_INTERFACE).
constexpr std::string_view kLoaderVendor = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr const char* kEfivars = "/sys/firmware/efi/efivars";
constexpr const char* kGrubEnvironmentPath = "/GRUB/GRUBENV";
// Within so much time all disks of a machine have appeared, as a rule.
constexpr std::chrono::seconds kUntilAllAreThere{5};

// An ASCII text as the firmware keeps it: UTF-16, ended by a zero.
std::string AsciiOf(const std::string& wide) {
  std::string text;
  for (std::size_t i = 0; i + 1 < wide.size() && (wide[i] != '\0' || wide[i + 1] != '\0'); i += 2) {
    const bool printable = wide[i + 1] == '\0' && wide[i] >= ' ' && wide[i] <= '~';
    text += printable ? wide[i] : '?';
  }
  return text;
}

std::string ReadText(const bootloader::EfiVariables& variables, std::string_view name) {
  const auto variable = variables.Read(name, kLoaderVendor);
  return variable ? AsciiOf(variable->data) : std::string();
}

// "\b/linux.efi", with strokes of either kind and any number of them, behind whatever a firmware
// puts in front of it.
std::optional<SlotId> SlotOfPath(std::string path) {
  std::ranges::transform(path, path.begin(), [](char c) {
    return c == '\\' ? '/' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::string_view directory =
      std::string_view(path).substr(0, std::min(path.rfind('/'), path.size()));
  const auto end = directory.find_last_not_of('/');
  if (path.find('/') == std::string::npos || end == std::string_view::npos) {
    return std::nullopt;
  }
  const auto before = directory.rfind('/', end);
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  return ParseSlot(directory.substr(begin, end + 1 - begin));
}

// Mounted for as long as this lives: the OS mounts it as it likes.
class MountedEfivars {
 public:
  MountedEfivars() {
    if (::mount("efivarfs", kEfivars, "efivarfs", MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr) != 0 &&
        errno != EBUSY) {
      ThrowErrno("mounting the firmware's variables (efivarfs)");
    }
  }

  MountedEfivars(const MountedEfivars&) = delete;
  MountedEfivars& operator=(const MountedEfivars&) = delete;
  MountedEfivars(MountedEfivars&&) = delete;
  MountedEfivars& operator=(MountedEfivars&&) = delete;

  ~MountedEfivars() { ::umount2(kEfivars, MNT_DETACH); }
};

std::optional<PartitionNode> OnDisk(const std::vector<PartitionNode>& nodes,
                                    const std::string& disk,
                                    PartitionRole role) {
  const auto found = std::ranges::find_if(nodes, [&](const PartitionNode& node) {
    return node.disk == disk && node.number == PartitionNumber(role) &&
           node.name == PartitionName(role);
  });
  return found == nodes.end() ? std::nullopt : std::optional(*found);
}

// GRUB's environment block. One that cannot be read costs what it says, not the boot.
std::string ReadEnvironment(const PartitionNode& boot) {
  try {
    return partitions::FatVolume::Open(Region(OpenBlockDevice(boot.node, DeviceAccess::kRead)))
        .ReadContent(kGrubEnvironmentPath, bootloader::kGrubEnvironmentSize);
  } catch (const Error& error) {
    Complain("reading what GRUB has noted: " + error.message() + ", ignoring");
    return {};
  }
}

StartedFrom AskFirmware() {
  // Built in, or loaded already, where this does not find it.
  static_cast<void>(InsertModule("efivarfs.ko", Probing::kSync));
  try {
    const MountedEfivars mounted;
    return ReadStartedFrom(bootloader::EfiVariables(kEfivars));
  } catch (const Error& error) {
    Complain(error.message() + ", looking for the root whose hash is signed");
    return {};
  }
}

// By what the firmware was told; where that is no disk of ours, by the hash of the root.
DiskNodes FindDisk(const StartedFrom& from,
                   std::chrono::seconds wait,
                   ModuleLoader& modules,
                   DeviceEvents& events,
                   const RootMatcher& matches) {
  std::optional<DiskNodes> disk;
  const auto chosen = [&](const std::vector<PartitionNode>& nodes) {
    disk = ChooseDisk(nodes, from.boot_partition);
    return disk.has_value();
  };
  const auto never = [](const std::vector<PartitionNode>& /*nodes*/) { return false; };
  const auto any = [](const std::vector<PartitionNode>& nodes) {
    return !FindDisks(nodes).empty();
  };
  auto seen = from.boot_partition.empty() ? WaitForDisks(never, kUntilAllAreThere, modules, events)
                                          : WaitForDisks(chosen, wait, modules, events);
  if (disk) {
    return *disk;
  }
  if (!any(seen)) {
    seen = WaitForDisks(any, wait, modules, events);
  }
  if (!any(seen)) {
    throw Error(ErrorKind::kFailed,
                "no disk of this machine's appeared within " + std::to_string(wait.count()) +
                    " s; " + DescribeDisks(seen));
  }
  return ChooseDiskByRoot(FindDisks(seen), matches);
}

}  // namespace

StartedFrom ReadStartedFrom(const bootloader::EfiVariables& variables) {
  return {.boot_partition = ReadText(variables, "LoaderDevicePartUUID"),
          .slot = SlotOfPath(ReadText(variables, "LoaderImageIdentifier"))};
}

std::vector<DiskNodes> FindDisks(const std::vector<PartitionNode>& nodes) {
  std::vector<DiskNodes> disks;
  for (const auto& node : nodes) {
    if (node.number != PartitionNumber(PartitionRole::kBoot) ||
        node.name != PartitionName(PartitionRole::kBoot)) {
      continue;
    }
    const auto a = OnDisk(nodes, node.disk, partitions::RoleOf(SlotId::kA));
    const auto b = OnDisk(nodes, node.disk, partitions::RoleOf(SlotId::kB));
    const auto state = OnDisk(nodes, node.disk, PartitionRole::kState);
    if (a && b && state) {
      disks.push_back({.boot = node, .root_a = *a, .root_b = *b, .state = *state});
    }
  }
  return disks;
}

std::optional<DiskNodes> ChooseDisk(const std::vector<PartitionNode>& nodes,
                                    const std::string& boot_partition) {
  const auto boot = partitions::FindPartition(nodes, boot_partition);
  if (!boot) {
    return std::nullopt;
  }
  const auto disks = FindDisks(nodes);
  const auto found = std::ranges::find_if(
      disks, [&](const DiskNodes& disk) { return disk.boot.node == boot->node; });
  return found == disks.end() ? std::nullopt : std::optional(*found);
}

DiskNodes ChooseDiskByRoot(const std::vector<DiskNodes>& disks, const RootMatcher& matches) {
  std::optional<DiskNodes> found;
  for (const auto& disk : disks) {
    if (!matches(disk.root_a) && !matches(disk.root_b)) {
      continue;
    }
    if (found) {
      throw Error(ErrorKind::kRefused,
                  "the firmware does not tell which disk this kernel is from, and the root of " +
                      found->boot.disk + " and that of " + disk.boot.disk +
                      " both have the signed hash: take one of them out");
    }
    found = disk;
  }
  if (!found) {
    throw Error(ErrorKind::kFailed,
                "the firmware does not tell which disk this kernel is from, and no root has the "
                "signed hash");
  }
  return *found;
}

SlotId DecideSlot(std::optional<SlotId> told,
                  std::optional<SlotId> noted,
                  const std::function<bool(SlotId)>& matches) {
  if (told && (!noted || told == noted)) {
    return *told;
  }
  const bool a = matches(SlotId::kA);
  const bool b = matches(SlotId::kB);
  if (a != b) {
    return a ? SlotId::kA : SlotId::kB;
  }
  const auto slot = noted ? noted : told;
  if (!slot) {
    throw Error(ErrorKind::kFailed,
                a ? "both slots have the root whose hash is signed, and neither firmware nor GRUB "
                    "tells which one was started"
                  : "no slot has the root whose hash is signed");
  }
  return *slot;
}

std::string WholeCommandLine(std::string_view signed_line,
                             SlotId slot,
                             const DiskNodes& disk,
                             const std::string& told) {
  return "ros.slot=" + std::string(Name(slot)) + " ros.boot=" + disk.boot.uuid +
         " ros.root=" + disk.root(slot).uuid + " ros.state=" + disk.state.uuid + " " + told +
         (told.empty() ? "" : " ") + std::string(signed_line);
}

std::string FindCommandLine(std::string_view signed_line,
                            ModuleLoader& modules,
                            DeviceEvents& events,
                            const RootMatcher& matches) {
  const auto from = AskFirmware();
  const auto wait = health::ParseSignedArguments(signed_line).wait;
  const auto disk = FindDisk(from, wait, modules, events, matches);
  const auto environment = ReadEnvironment(disk.boot);
  const auto note = bootloader::ParseBootNote(AsBytes(environment));
  const auto noted = note ? std::optional(note->slot) : std::nullopt;
  const auto slot =
      DecideSlot(from.slot, noted, [&](SlotId which) { return matches(disk.root(which)); });
  return WholeCommandLine(
      signed_line, slot, disk, bootloader::ArgumentOfBoot(AsBytes(environment), slot));
}

void ShowCommandLine(const std::string& line) {
  constexpr const char* kCopy = "/cmdline";
  constexpr const char* kShown = "/proc/cmdline";
  WriteFileAtomically(kCopy, AsBytes(line.ends_with('\n') ? line : line + "\n"));
  if (::mount(kCopy, kShown, nullptr, MS_BIND, nullptr) != 0) {
    ThrowErrno(std::string("mounting over ") + kShown);
  }
  // The mount keeps it.
  ::unlink(kCopy);
}

}  // namespace ros::init
