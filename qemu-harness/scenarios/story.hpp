#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "qemu-harness/boot_setup.hpp"
#include "qemu-harness/disk_image.hpp"
#include "qemu-harness/machine.hpp"

namespace ros::qemu {

// What runs, as the kernel command line and /etc/ros-release tell (not `ros status`, which is what
// scenarios check).
struct RunningOs {
  std::string slot;     // "a" or "b"
  std::string version;  // of the test image
  bool trial = false;

  bool operator==(const RunningOs&) const = default;
};

std::ostream& operator<<(std::ostream& out, const RunningOs& os);

RunningOs WhoRuns(Machine& machine);

// What a command of `ros` answers when it is given --json. Throws when it fails.
Json Ask(Machine& machine, std::string_view command);

// Whether one of the lines below the sentence of `ros why` has this text.
bool WhyTells(Machine& machine, std::string_view text);

// Changes the entry of a slot ("/A") that its boot loader reads, with a text of the same length,
// and the sums by which the loader would notice.
void ReplaceInEntry(DiskImage& disk,
                    const std::string& slot,
                    std::string_view from,
                    std::string_view to);

// What ros-init's check of the slot by the keys in its initrd came to, as `ros status` tells.
std::string BootCheck(Machine& machine);

// Checks (as Catch2 does) that `ros status` tells of a machine that was just installed: slot a is
// good, runs and has all its files, slot b is empty.
void CheckFreshStatus(Machine& machine);

// The entries of the running machine's journal that are of this event (health/README.md), oldest
// first.
std::vector<Json> JournalEntries(Machine& machine, std::string_view event);

// "trial-that-hangs.uefi-grub": the running scenario on the setup of this process, one cell of the
// table. The folder of its serial logs.
std::string Cell();

// A machine of Setup()'s firmware with this disk (AHCI) and, when not null, a disk of files beside
// it. `name` tells its log from those of the other machines of the scenario.
MachineOptions MachineWith(const std::string& name, const DiskImage& disk, const DiskImage* files);

// One disk, booted again and again: the frame of most scenarios.
class Story {
 public:
  // A machine with tiny version 1 that has never booted, and these images (names as in
  // os/images.conf) on a disk beside it.
  Story(std::string name, const std::vector<std::string>& images);
  Story(std::string name, const std::vector<std::string>& images, const DiskImage& original);

  // What the machine starts with from the next Boot() on, in place of Setup()'s firmware.
  void UseFirmware(Firmware firmware) { firmware_ = firmware; }

  // How its disk is attached from the next Boot() on.
  void UseDrive(DriveInterface interface, int sector_size = 512) {
    interface_ = interface;
    sector_size_ = sector_size;
  }

  // Gives it a network from the next Boot() on.
  void UseNetwork() { network_ = true; }

  // Switches the machine on and waits for its shell. The former machine is off or gets killed.
  Machine& Boot();

  // Boots, upgrades to the image and restarts: the next boot is the trial's. `arguments` go to
  // `ros upgrade`.
  Machine& BootIntoTrial(std::string_view image, std::string_view arguments = "");

  // Upgrades the running machine, without a restart. Throws when that fails.
  void Upgrade(std::string_view image, std::string_view arguments = "");

  // Powers the machine off in good order.
  void PowerOff();

  // Pulls the cord and puts a fresh copy of the installed disk in.
  void Reinstall();

  // Waits until configuration and gate of the running boot have ended.
  void WaitForServices();

  [[nodiscard]] DiskImage& disk() { return disk_; }

  [[nodiscard]] Machine& machine() { return *machine_; }

 private:
  std::string name_;
  DiskImage disk_;
  DiskImage files_;
  Firmware firmware_ = Setup().firmware;
  DriveInterface interface_ = DriveInterface::kAhci;
  int sector_size_ = 512;
  bool network_ = false;
  std::unique_ptr<Machine> machine_;
  int boots_ = 0;
};

// Where an image is in the guest.
std::string InGuest(std::string_view image);

}  // namespace ros::qemu
