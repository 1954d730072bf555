#include "qemu-harness/grub_loader.hpp"

#include <regex>

#include "qemu-harness/boot_files.hpp"

namespace ros::qemu {

namespace {

constexpr Bytes kGrubSector = 512;

BootFile GrubFileOf(const DiskImage& disk, StateCopy copy) {
  return FindBootFile(disk, copy == StateCopy::kFirst ? "/GRUB/GRUBENV" : "/GRUB/GRUBENV2");
}

// A variable of an environment block; empty when it is not there.
std::string Variable(const std::string& block, const std::string& name) {
  std::smatch match;
  return std::regex_search(block, match, std::regex("\n" + name + "=([^\n]*)")) ? match[1].str()
                                                                                : "";
}

std::optional<StoredState> ReadGrubState(const DiskImage& disk, StateCopy copy) {
  const std::string block = ReadBootFile(disk, GrubFileOf(disk, copy));
  const std::string good = Variable(block, "ros_good");
  const std::string trial = Variable(block, "ros_trial");
  const std::string tries = Variable(block, "ros_tries");
  const std::string started = Variable(block, "ros_started");
  const std::string all = good + "," + trial + "," + tries + "," + started;
  if (tries.size() != 1 || Variable(block, "ros_check") != all) {
    return std::nullopt;
  }
  return StoredState{good, trial, tries.at(0) - '0', started == "1"};
}

void DamageGrubState(DiskImage& disk, StateCopy copy) {
  disk.Damage(GrubFileOf(disk, copy).extents.at(0).offset, kGrubSector);
}

}  // namespace

const BootLoader& Grub() {
  static const BootLoader kGrub = {
      .install_type = "",
      .entry = "GRUB.CFG",
      .started = "ros: slot ([ab]) *(ros\\.\\w+=\\w+)? *$",
      .checks_digests = true,
      .first_is_damaged = "ros: /grub/grubenv is damaged",
      .both_are_damaged = "ros: /grub/grubenv2 is damaged too",
      .read_state = ReadGrubState,
      .damage_state = DamageGrubState,
  };
  return kGrub;
}

}  // namespace ros::qemu
