#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "qemu-harness/disk_image.hpp"
#include "qemu-harness/machine.hpp"

namespace ros::qemu {

// What a boot loader's files say boots next (docs/boot-state.md).
struct StoredState {
  std::string good;            // "a" or "b"
  std::string trial = "none";  // "a", "b" or "none"
  int tries_left = 0;
  bool started = false;

  bool operator==(const StoredState&) const = default;
};

std::ostream& operator<<(std::ostream& out, const StoredState& state);

enum class StateCopy { kFirst, kSecond };

// What scenarios have to know of a boot loader. All of it is seen from outside: what it keeps is
// read and damaged with the harness's own readers, what it does is read from the console.
struct BootLoader {
  std::string install_type;  // of `ros install -t`; empty: what it takes by itself
  std::string entry;         // the entry in a slot's folder, as BootFile::path has it: "GRUB.CFG"
  std::string started;       // pattern of the console line "I start this slot"; group 1: which
  bool checks_digests = false;   // before it starts a kernel
  std::string first_is_damaged;  // what it says when the first copy of its state is damaged
  std::string both_are_damaged;  // what it says when the second one is, too
  // The state that a copy holds; nothing when it is damaged.
  std::optional<StoredState> (*read_state)(const DiskImage& disk, StateCopy copy);
  // Spoils what one write of a copy may spoil: a sector.
  void (*damage_state)(DiskImage& disk, StateCopy copy);
};

// A machine's firmware and the boot loader of its disk: one column of the table of scenarios.
struct BootSetup {
  std::string_view name;  // "bios-grub"
  Firmware firmware = Firmware::kBios;
  const BootLoader* loader = nullptr;
};

// Every setup there is; qemu-harness/CMakeLists.txt lists the same names.
const std::vector<BootSetup>& BootSetups();

// The one that this process runs on, which ctest names in ROS_BOOT_SETUP; bios-grub when nobody
// does. Throws kUsage for a name that is none.
const BootSetup& Setup();

// What boots next, as the first copy says; throws when that is damaged.
StoredState StateOnDisk(const DiskImage& disk);

// The slots that the boot loader has started since the machine was switched on, as it said on the
// console: "abba". A slot that does not load counts too.
std::string SlotsStarted(Machine& machine);

}  // namespace ros::qemu
