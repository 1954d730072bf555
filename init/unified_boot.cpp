#include "init/unified_boot.hpp"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
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
// A signed line cannot hold ros.wait=, so this is what it has by itself.
constexpr std::chrono::seconds kPatience{30};

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
  if (!variable) {
    throw Error(ErrorKind::kFailed,
                "the firmware has no variable " + std::string(name) +
                    ", which the stub of a unified kernel sets");
  }
  return AsciiOf(variable->data);
}

// "\b/linux.efi", with strokes of either kind and any number of them.
std::optional<SlotId> SlotOfPath(std::string path) {
  std::ranges::transform(path, path.begin(), [](char c) {
    return c == '\\' ? '/' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const auto begin = path.find_first_not_of('/');
  if (begin == std::string::npos) {
    return std::nullopt;
  }
  const auto end = path.find('/', begin);
  return end == std::string::npos ? std::nullopt : ParseSlot(path.substr(begin, end - begin));
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

// A note that cannot be read costs what it says, not the boot.
std::optional<bootloader::BootNote> ReadNote(const PartitionNode& boot) {
  try {
    const auto volume =
        partitions::FatVolume::Open(Region(OpenBlockDevice(boot.node, DeviceAccess::kRead)));
    const auto block = volume.ReadContent(kGrubEnvironmentPath, bootloader::kGrubEnvironmentSize);
    return bootloader::ParseBootNote(AsBytes(block));
  } catch (const Error& error) {
    Complain("reading what GRUB has noted: " + error.message() + ", ignoring");
    return std::nullopt;
  }
}

}  // namespace

StartedFrom ReadStartedFrom(const bootloader::EfiVariables& variables) {
  constexpr std::string_view kPath = "LoaderImageIdentifier";
  const auto path = ReadText(variables, kPath);
  const auto slot = SlotOfPath(path);
  if (!slot) {
    throw Error(
        ErrorKind::kFailed,
        "the firmware's variable " + std::string(kPath) + " is " + path + ", which is in no slot");
  }
  return {.boot_partition = ReadText(variables, "LoaderDevicePartUUID"), .slot = *slot};
}

std::optional<SlotPartitions> ChooseDisk(const std::vector<PartitionNode>& nodes,
                                         const StartedFrom& from) {
  const auto boot = partitions::FindPartition(nodes, from.boot_partition);
  if (!boot) {
    return std::nullopt;
  }
  const auto root = OnDisk(nodes, boot->disk, partitions::RoleOf(from.slot));
  const auto state = OnDisk(nodes, boot->disk, PartitionRole::kState);
  if (!root || !state) {
    return std::nullopt;
  }
  return SlotPartitions{.boot = *boot, .root = *root, .state = *state};
}

std::string WholeCommandLine(std::string_view signed_line,
                             const StartedFrom& from,
                             const SlotPartitions& disk,
                             const std::optional<bootloader::BootNote>& note) {
  std::string line = "ros.slot=" + std::string(Name(from.slot)) + " ros.boot=" + disk.boot.uuid +
                     " ros.root=" + disk.root.uuid + " ros.state=" + disk.state.uuid + " ";
  if (note && note->slot == from.slot && !note->argument.empty()) {
    line += note->argument + " ";
  }
  return line + std::string(signed_line);
}

std::string FindCommandLine(std::string_view signed_line,
                            ModuleLoader& modules,
                            DeviceEvents& events) {
  // Built in, or loaded already, where this does not find it.
  static_cast<void>(InsertModule("efivarfs.ko", Probing::kSync));
  const auto from = [] {
    const MountedEfivars mounted;
    return ReadStartedFrom(bootloader::EfiVariables(kEfivars));
  }();
  std::optional<SlotPartitions> disk;
  const auto found = [&](const std::vector<PartitionNode>& nodes) {
    disk = ChooseDisk(nodes, from);
    return disk.has_value();
  };
  if (const auto seen = WaitForDisks(found, kPatience, modules, events); !disk) {
    throw Error(ErrorKind::kFailed,
                "the disk with the boot partition (PARTUUID " + from.boot_partition +
                    ") did not appear within " + std::to_string(kPatience.count()) + " s; " +
                    DescribeDisks(seen));
  }
  return WholeCommandLine(signed_line, from, *disk, ReadNote(disk->boot));
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
