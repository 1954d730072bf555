#include "installer/machine.hpp"

#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <charconv>
#include <csignal>

#include "base/error.hpp"
#include "bootloader/syslinux_install.hpp"
#include "bootloader/syslinux_store.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

using partitions::PartitionRole;

constexpr Bytes kSmallFileLimit = Bytes{64} << 10U;
constexpr const char* kGrubEnvironment = "/GRUB/GRUBENV";
constexpr const char* kGrubEnvironment2 = "/GRUB/GRUBENV2";

std::string ReadSmall(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? ReadFile(path, kSmallFileLimit) : std::string();
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Of the file system that a directory is on, as sysfs writes it: "8:5".
std::string DeviceNumberOf(const char* directory) {
  struct stat status {};

  if (::stat(directory, &status) != 0) {
    ThrowErrno(std::string("looking at ") + directory);
  }
  return std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev));
}

partitions::RosDisk FindRunningDisk() {
  try {
    return partitions::FindRosDisk(DeviceNumberOf(kStateDirectory));
  } catch (const Error& error) {
    throw NotFoundBy(::geteuid(), error);
  }
}

// False where there is no `reboot`, or no init that listens to it.
bool TellInit() {
  try {
    const auto told = RunProcess(
        {.argv = {"reboot"}, .timeout = std::chrono::minutes(1), .is_interruptible = false});
    return WasTold(told);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Error NotFoundBy(uid_t user, const Error& error) {
  constexpr uid_t kRoot = 0;
  return user == kRoot ? error
                       : Error(error.kind(),
                               "may not read the disks: run ros as root (" + error.message() + ")");
}

std::optional<health::BootArguments> RunningBootArguments() {
  return health::FindBootArguments(ReadFile("/proc/cmdline", kSmallFileLimit));
}

Machine OpenRunningMachine() {
  const auto arguments = RunningBootArguments();
  if (!arguments) {
    throw Error(ErrorKind::kRefused,
                "this system was not started from a slot of ros; run this on an installed machine "
                "(`ros status --disk DISK` shows any disk's slots)");
  }
  return {.disk = FindRunningDisk(), .state = kStateDirectory, .running = arguments, .root = "/"};
}

Machine OpenDisk(const std::filesystem::path& path) {
  return {.disk = partitions::OpenRosDisk(path)};
}

Machine OpenMachine(const std::optional<std::filesystem::path>& disk) {
  return disk ? OpenDisk(*disk) : OpenRunningMachine();
}

partitions::FatVolume OpenBootVolume(const Machine& machine, DeviceAccess access) {
  return partitions::FatVolume::Open(
      partitions::OpenPartition(machine.disk, PartitionRole::kBoot, access));
}

bootloader::LoaderKind LoaderOn(const partitions::FatVolume& boot) {
  if (boot.TryFind(bootloader::kSyslinuxLoaderPath)) {
    return bootloader::LoaderKind::kSyslinux;
  }
  const auto unified = std::string(partitions::SlotDirectory(SlotId::kA)) + "/" +
                       std::string(partitions::kUnifiedKernelFile);
  return boot.TryFind(unified) ? bootloader::LoaderKind::kGrubUki : bootloader::LoaderKind::kGrub;
}

std::unique_ptr<bootloader::BootStateStore> OpenBootState(const partitions::FatVolume& boot) {
  if (LoaderOn(boot) == bootloader::LoaderKind::kSyslinux) {
    return std::make_unique<bootloader::SyslinuxStore>(
        bootloader::FindSyslinuxPlaces([&](const std::string& path) {
          const auto file = boot.Find(path);
          return bootloader::FilePlace{.data = file.data, .length = file.length};
        }));
  }
  return std::make_unique<bootloader::GrubStore>(boot.Find(kGrubEnvironment).data,
                                                 boot.Find(kGrubEnvironment2).data);
}

FileLock LockMachine(WhenLocked when, const std::filesystem::path& runtime) {
  std::filesystem::create_directories(runtime);
  return FileLock(runtime / "lock", when);
}

namespace memory {

keys::TrustStore Trust(const std::filesystem::path& state) {
  return keys::TrustStore::LoadDirectory(state / "keys");
}

std::uint64_t EpochFloor(const std::filesystem::path& state) {
  const auto text = FirstLine(ReadSmall(state / "epoch"));
  std::uint64_t epoch = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (!text.empty() && (code != std::errc() || end != text.data() + text.size())) {
    throw Error(ErrorKind::kVerification,
                (state / "epoch").string() +
                    " is not a number, so no image can be judged; write "
                    "the epoch of the last good image into it");
  }
  return epoch;
}

void RaiseEpochFloor(const std::filesystem::path& state, std::uint64_t epoch) {
  if (epoch > EpochFloor(state)) {
    WriteFileAtomically(state / "epoch", AsBytes(FormatEpoch(epoch)));
  }
}

std::string FormatEpoch(std::uint64_t epoch) {
  return std::to_string(epoch) + "\n";
}

std::vector<std::string> KernelArguments(const std::filesystem::path& state) {
  return SplitArguments(ReadSmall(state / "args"));
}

std::string FormatKernelArguments(const std::vector<std::string>& arguments) {
  std::string text;
  for (const auto& argument : arguments) {
    text += argument + "\n";
  }
  return text;
}

std::string MachineKind(const std::filesystem::path& state) {
  return FirstLine(ReadSmall(state / "machine"));
}

}  // namespace memory

std::vector<std::string> SplitArguments(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<std::string> arguments;
  while (true) {
    const auto begin = line.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) {
      return arguments;
    }
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(kSpace), line.size());
    arguments.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool WasTold(const ProcessResult& told) {
  constexpr int kKilled = 128;
  return told.exit_code == 0 || told.exit_code == kKilled + SIGTERM ||
         told.exit_code == kKilled + SIGHUP;
}

void RebootMachine() {
  ::sync();
  if (!TellInit()) {
    ::reboot(RB_AUTOBOOT);  // Everything of ours is synced already.
  }
}

}  // namespace ros::installer
