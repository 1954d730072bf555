#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "bootloader/boot_state_store.hpp"
#include "bootloader/loader_kind.hpp"
#include "health/boot_arguments.hpp"
#include "keys/trust_store.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/ros_disk.hpp"

namespace ros::installer {

// Where a running machine keeps what `ros` must remember.
inline constexpr const char* kStateDirectory = "/ros";
inline constexpr const char* kRuntimeDirectory = "/run/ros";

// A disk that `ros` was installed to, and the memory that goes with it.
struct Machine {
  partitions::RosDisk disk;
  // The state directory; empty for a disk that this system does not run from.
  std::filesystem::path state;
  // How this system was booted; none for a disk that it does not run from.
  std::optional<health::BootArguments> running;
  // Where the running system's files are: "/", empty for a disk that it does not run from.
  std::filesystem::path root;
};

// How this system was booted; none when it was not from a slot of ours.
std::optional<health::BootArguments> RunningBootArguments();

// `error`, which the search for the running disk has ended with, as `user` is to be told: disks
// that may not be read are passed over in the search, and an ordinary user may read none.
Error NotFoundBy(uid_t user, const Error& error);

// The machine we run on. Throws kRefused with a sentence for people where it is none of ours.
Machine OpenRunningMachine();

// A disk image or another disk. Its state partition is not looked at.
Machine OpenDisk(const std::filesystem::path& path);

// The machine we run on, or the disk that is named.
Machine OpenMachine(const std::optional<std::filesystem::path>& disk);

// The boot partition's files. kWrite throws kRefused while it is mounted read-write.
partitions::FatVolume OpenBootVolume(const Machine& machine, DeviceAccess access);

// The boot loader that an open boot partition belongs to.
bootloader::LoaderKind LoaderOn(const partitions::FatVolume& boot);

// The store of its boot state.
std::unique_ptr<bootloader::BootStateStore> OpenBootState(const partitions::FatVolume& boot);

// One `ros` at a time writes: held until destruction.
FileLock LockMachine(WhenLocked when = WhenLocked::kThrow,
                     const std::filesystem::path& runtime = kRuntimeDirectory);

// What a machine keeps in its state directory beside journal and bad list. Each reading function
// gives the default where the file is missing, and throws naming the file where it makes no sense.
namespace memory {

// STATE/keys: the keys whose images are taken.
keys::TrustStore Trust(const std::filesystem::path& state);

// STATE/epoch: the highest epoch that was committed; images below it are refused.
std::uint64_t EpochFloor(const std::filesystem::path& state);
// Durable. Never lowers it.
void RaiseEpochFloor(const std::filesystem::path& state, std::uint64_t epoch);

std::string FormatEpoch(std::uint64_t epoch);

// STATE/args: kernel arguments of this machine (`ros install --append`), one a line.
std::vector<std::string> KernelArguments(const std::filesystem::path& state);
std::string FormatKernelArguments(const std::vector<std::string>& arguments);

// STATE/machine: what kind of machine this is, for an image's `compatible`; empty for any.
std::string MachineKind(const std::filesystem::path& state);

}  // namespace memory

// "console=ttyS0 quiet" as a list.
std::vector<std::string> SplitArguments(std::string_view line);

// Whether init does what this program has told it: the end that it asked for may reach it before it
// is done.
bool WasTold(const ProcessResult& told);

// Reboots: by the system's own `reboot`, and by the kernel where there is none. Returns when the
// reboot has been asked for.
void RebootMachine();

}  // namespace ros::installer
