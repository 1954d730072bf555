#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/block_device.hpp"
#include "base/file.hpp"
#include "bootloader/boot_state.hpp"
#include "bootloader/grub_install.hpp"
#include "partitions/disk_facts.hpp"

namespace ros::bootloader::test {

// The files of a slot's folder, by their names in small letters.
using SlotFiles = std::map<std::string, std::string>;

// What a slot that boots has: a kernel that prints what it was given (stub_kernel.S), an initrd,
// the entry and the sums that fit them. `name` is printed by the kernel.
SlotFiles WholeSlot(SlotId slot, const std::string& name);

// The same of a slot with a unified kernel: a program for UEFI that prints the same lines. Firmware
// tells it nothing, so the line of its arguments has ros.slot= alone.
SlotFiles WholeUnifiedSlot(SlotId slot, const std::string& name);

// A script, or a program that has one inside, that does not wait for a person as long: a test has
// none.
std::string Impatient(std::string script,
                      const std::string& wait = "set timeout=30",
                      const std::string& instead = "set timeout=1");

// The sums made again, so that damage done to the other files is not noticed by them.
void MakeSumsFit(SlotFiles& files);

// A disk image as `ros install` lays it out, with GRUB for both firmwares and two whole slots; slot
// a is good. The partitions for roots and state are empty.
class GrubDisk {
 public:
  // `mark` goes into the names of the slots' kernels, to tell disks apart; all UUIDs follow from
  // it.
  GrubDisk(const std::filesystem::path& path, const GrubParts& parts, const std::string& mark);
  // A copy of `other` at `path`.
  GrubDisk(const std::filesystem::path& path, const GrubDisk& other);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Gives one file of the boot partition, "/a/kernel", another content, as an upgrade does: the
  // file keeps its place and its clusters.
  void Put(const std::string& path, const std::string& content) const;
  // Takes a file out of its folder. It cannot be Put again.
  void Remove(const std::string& path) const;
  void PutSlot(SlotId slot, const SlotFiles& files) const;

  // The partition table as libblkid reads it.
  [[nodiscard]] partitions::PartitionTable Table() const;

  // The environment blocks, where they lie on the disk.
  [[nodiscard]] Region Grubenv() const;
  [[nodiscard]] Region Grubenv2() const;
  // The core images' partition, as a range of the whole disk.
  [[nodiscard]] Region BiosPartition() const;

 private:
  [[nodiscard]] Region BootPartition() const;

  std::filesystem::path path_;
  Bytes boot_ = 0;  // where the boot partition starts
  Bytes bios_ = 0;  // and that of the core images
};

// A write that the guest made, in sectors of 512 bytes.
struct DiskWrite {
  std::uint64_t sector = 0;
  std::uint64_t count = 0;

  bool operator==(const DiskWrite&) const = default;
};

// What one start of the machine came to.
struct BootResult {
  bool started_kernel = false;         // known without a serial port too, the rest is not
  std::string kernel;                  // the name that WholeSlot was given
  std::vector<std::string> arguments;  // its command line
  std::string initrd;                  // the first line of its initrd
  std::string log;                     // the serial console, for messages
  std::vector<DiskWrite> writes;       // to the disk that was booted, when they were recorded

  // The value of NAME=VALUE on the command line.
  [[nodiscard]] std::optional<std::string> Argument(const std::string& name) const;
};

enum class WriteFate {
  kDone,
  kRecorded,  // done, and told in BootResult::writes
  kFailing,   // the disk answers with an I/O error
};

enum class SerialPort { kThere, kNone };

enum class Firmware { kBios, kUefi };

// What ROS_BOOT_SETUP says: "uefi-grub" is UEFI; "bios-grub", or nothing, BIOS. Throws kUsage for
// another.
Firmware GivenFirmware();

struct Machine {
  // Disks in the order of their controller's ports.
  std::vector<std::filesystem::path> disks;
  // The one that the firmware starts.
  std::size_t boot_from = 0;
  WriteFate writes = WriteFate::kDone;
  SerialPort serial_port = SerialPort::kThere;
  // UEFI is OVMF, whose variables are forgotten afterwards.
  Firmware firmware = GivenFirmware();
};

// Starts QEMU (software emulation) and waits until a kernel has printed its lines, or until GRUB
// has given up and restarts the machine. Throws kFailed with the console's log when neither happens
// in time.
BootResult Boot(const Machine& machine);

}  // namespace ros::bootloader::test
