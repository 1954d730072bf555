#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qemu-harness/console.hpp"
#include "qemu-harness/monitor.hpp"

namespace ros::qemu {

// What a disk is plugged into. kUsb is a stick or a disk in a USB case (usb-storage, on xHCI),
// kSdCard a card in a reader on PCI (sdhci).
enum class DriveInterface { kAhci, kVirtio, kNvme, kVirtioScsi, kUsb, kSdCard };

enum class Firmware {
  kBios,
  kUefi,        // OVMF, with no boot entry: it looks for \EFI\BOOT\BOOTX64.EFI on the drives
  kSecureUefi,  // the same with Secure Boot on and Microsoft's keys enrolled
  kOwnerUefi,   // the same with an owner's keys, those of tiny-owner-*, and no others
};

// What OVMF remembers when it has never run; a copy of it is for MachineOptions::variables.
std::filesystem::path FreshVariables(Firmware firmware);

// Who says which drive boots first.
enum class BootOrder { kDrives, kFirmware };

enum class DriveAccess { kReadWrite, kReadOnly };

struct Drive {
  std::filesystem::path file;  // raw
  DriveInterface interface = DriveInterface::kAhci;
  DriveAccess access = DriveAccess::kReadWrite;
  std::string serial = {};  // what the guest sees; empty: QEMU's own
  int sector_size = 512;    // logical; larger ones are for virtio and NVMe
  // Every write and flush is recorded here too (QEMU's blklogwrites), when not empty.
  std::filesystem::path write_log = {};
};

// A kernel that QEMU loads itself: a live system, without any disk.
struct DirectKernel {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string command_line;
};

struct MachineOptions {
  std::string name;  // of the log files; may name a folder: "live-system-answers.bios-grub/live"
  std::vector<Drive> drives;  // the firmware tries them in this order
  int memory_mib = 512;
  std::optional<DirectKernel> kernel = {};
  Firmware firmware = Firmware::kBios;
  // What UEFI remembers, in a file (see FreshVariables); forgotten with the machine when empty.
  std::filesystem::path variables = {};
  BootOrder boot_order = BootOrder::kDrives;
  // An i6300esb whose expiry resets the machine. It is always there, as a board's watchdog is.
  bool watchdog = true;
  // A virtio card in QEMU's own network: 10.0.2.15 by DHCP, the host's loopback is at 10.0.2.2.
  bool network = false;
};

struct GuestResult {
  int exit_code = 0;
  std::string output;  // stdout and stderr
};

// A PC in QEMU. Two serial ports: the first is the console (firmware, GRUB, kernel, the OS), the
// second carries a root shell for us, so that commands and their output never mix with the console.
//
// All waiting is on events and has a limit, multiplied by ROS_TEST_SLOW (default 1). What runs into
// its limit throws with the end of the console and the place of the whole log.
class Machine {
 public:
  using Seconds = std::chrono::seconds;

  // Starts QEMU. Returns at once; the guest boots.
  explicit Machine(MachineOptions options);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  Machine(Machine&&) = delete;
  Machine& operator=(Machine&&) = delete;
  // Kills QEMU when it still runs.
  ~Machine();

  // Waits for a line of the console that matches (see Console::Take); returns the groups.
  std::vector<std::string> WaitForConsole(const std::string& pattern, Seconds limit = Seconds(240));

  // Waits until an OS is up: our shell on the second port says hello, once for each boot. With a
  // version (of the test image): until that one is up, whatever boots come before it.
  void WaitForShell(const std::string& version = "[^.]+", Seconds limit = Seconds(400));

  // Runs a command line of the guest's shell. WaitForShell() comes first, after each boot.
  GuestResult Run(std::string_view command, Seconds limit = Seconds(300));

  // As above, and throws (with the output) when it fails. Returns the output.
  std::string MustRun(std::string_view command, Seconds limit = Seconds(300));

  // Starts a command and does not wait: for what reboots or dies under it.
  void Start(std::string_view command);

  // Runs a command that restarts the machine, and waits for the reset that it brings. Throws at
  // once when the command fails instead.
  void RestartBy(std::string_view command, Seconds limit = Seconds(600));

  // Waits until the guest has powered itself off. True to what its disks hold after that.
  void WaitForPowerOff(Seconds limit = Seconds(240));

  // Waits until `done()` or for `limit`, whichever is first; true for the former. The guest's ports
  // are read meanwhile.
  bool WaitUntil(const std::function<bool()>& done, std::chrono::milliseconds limit);

  // The reset button.
  void Reset();

  // The power cord: QEMU is killed (SIGKILL). Writes that the guest was told of are in the file.
  void Kill();

  [[nodiscard]] bool running() const { return pid_ > 0; }

  // Resets of the guest so far. QEMU may tell of one more than once (a kernel tries several ways to
  // restart a PC), so this only says whether there was another.
  [[nodiscard]] int resets() const { return monitor_->Count("RESET"); }

  // How often its watchdog has expired.
  [[nodiscard]] int watchdog_resets() const { return monitor_->Count("WATCHDOG"); }

  [[nodiscard]] Console& console() { return *console_; }

 private:
  void Launch(const std::vector<std::string>& argv, const std::vector<int>& fds);
  void Poll(std::chrono::milliseconds limit);
  void Reap(bool wait);
  void Require(const std::function<bool()>& done, Seconds limit, const std::string& what);
  [[noreturn]] void Fail(const std::string& what);

  MachineOptions options_;
  std::filesystem::path log_;
  std::unique_ptr<Console> console_;
  std::unique_ptr<Console> shell_;
  std::unique_ptr<Monitor> monitor_;
  pid_t pid_ = -1;
  int commands_ = 0;
};

// The command line for QEMU, without its own ports: what scripts/run-machine uses too.
std::vector<std::string> QemuArguments(const MachineOptions& options);

}  // namespace ros::qemu
