#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "bootloader/loader_kind.hpp"
#include "installer/machine.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/ros_disk.hpp"

namespace ros::installer {

// STATE/first-boot: an installation to an image file leaves it. Any number of disks may be copies
// of that file, with the same UUIDs. Whoever makes copies of an installed disk may put it there
// too.
inline constexpr const char* kFirstBootMark = "first-boot";

// Whether an installation to such a target leaves the mark. A disk is one of its own already.
bool LeavesFirstBootMark(partitions::TargetKind target);

// What this installation is called, for what is done once in it (config/apply.hpp): the UUID of its
// state partition, as the kernel was told (`ros.state=`), and after a change of it by
// FinishFirstBoot what it was called before. `state` is the state directory.
std::string InstanceName(const std::filesystem::path& state, std::string_view state_partition);

struct FirstBootMeans {
  std::string seed;  // a UUID; the new ones follow from it
  const Clock& clock;
  partitions::DeviceOpener open = OpenBlockDevice;
  // What starts the disk. The entries of syslinux name the UUIDs, so that such a copy keeps them.
  bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub;
};

// Does nothing where the mark is not there; removes it from a disk of syslinux, and says so in the
// journal. Else gives the disk that this system runs from, and its
// five partitions, UUIDs of their own, keeps its InstanceName, writes that into the journal, and
// removes the mark. The
// kernel knows of it at the next boot, when GRUB tells it. A power cut at any moment leaves a disk
// that boots the same slot as before; as long as the mark is there, the next boot does all of it
// again. The caller holds the machine's lock. Throws as partitions::ChangePartitionTable.
void FinishFirstBoot(const Machine& machine, const FirstBootMeans& means);

}  // namespace ros::installer
