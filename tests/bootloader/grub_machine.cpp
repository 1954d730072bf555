#include "grub_machine.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <sstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "bootloader/core_image.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/grub_environment.hpp"
#include "keys/digest.hpp"
#include "partitions/boot_file_system.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/layout_plan.hpp"
#include "partitions/partition_table.hpp"

namespace ros::bootloader::test {
namespace {

using ros::literals::operator""_KiB;
using ros::literals::operator""_MiB;

constexpr Bytes kDiskSize = 64_MiB;
constexpr Bytes kBootSize = 40_MiB;
constexpr Bytes kBiosSize = 1_MiB;
constexpr Bytes kUnifiedPlace = 4_MiB;
constexpr const char* kSeed = "7f1a3d42-0c58-4b1e-9a55-2d6c1f0e8b11";
// The stub kernel's end: where it keeps the name that it prints.
constexpr std::string_view kTagPlace = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";
// Far more than a boot takes: the machine that runs the test may be busy.
constexpr std::chrono::seconds kBootTimeout{180};
// What the stub writes to isa-debug-exit, as QEMU's exit code.
constexpr int kStubExit = 0x10 * 2 + 1;

std::string ReadStubKernel() {
  return ReadFile(ROS_STUB_KERNEL, 1_MiB);
}

std::string HexDigest(const std::string& content) {
  return keys::Sha256Of(AsBytes(content)).Hex();
}

SlotEntry EntryOf(SlotId slot) {
  return {.slot = slot,
          .verity_root_hash = std::string(64, '4'),
          .verity_salt = std::string(64, '5'),
          .verity_data_blocks = 1000,
          .watchdog_seconds = 180,
          .image_arguments = {"console=ttyS0,115200n8", "quiet"},
          .machine_arguments = {"glob=*", "list=[a,b]"}};
}

std::vector<partitions::BootFile> BootFiles(const GrubParts& parts) {
  const auto environment = FormatGrubEnvironment({.good = SlotId::kA});
  std::vector<partitions::BootFile> files = {
      {.path = "/GRUB/GRUBENV", .max_size = kGrubEnvironmentSize, .content = environment},
      {.path = "/GRUB/GRUBENV2", .max_size = kGrubEnvironmentSize, .content = environment},
      {.path = kEfiImagePath, .max_size = kEfiImagePlace, .content = parts.efi_image}};
  if (!parts.owner_signed) {
    files.push_back(
        {.path = "/GRUB/GRUB.CFG", .max_size = 64_KiB, .content = Impatient(MainGrubConfig())});
  }
  for (const auto slot : {SlotId::kA, SlotId::kB}) {
    const auto more = parts.owner_signed
                          ? partitions::SlotFiles(slot,
                                                  {.kernel = kUnifiedPlace, .initrd = 4_KiB},
                                                  {partitions::kSumsFile},
                                                  partitions::KernelPlaces::kUnifiedKernel)
                          : partitions::SlotFiles(slot, {.kernel = 1_MiB, .initrd = 1_MiB});
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

std::string UpperCase(std::string name) {
  std::ranges::transform(
      name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    lines.push_back(line);
  }
  return lines;
}

// The stub's lines: STUB KERNEL, name, command line, initrd, STUB END.
void TakeKernelLines(const std::vector<std::string>& lines, BootResult& result) {
  const auto begin = std::ranges::find(lines, "STUB KERNEL");
  if (lines.end() - begin < 5 || *(begin + 4) != "STUB END") {
    return;
  }
  result.kernel = *(begin + 1);
  std::istringstream arguments(*(begin + 2));
  for (std::string argument; arguments >> argument;) {
    result.arguments.push_back(argument);
  }
  result.initrd = *(begin + 3);
}

// The node of the block layer that a disk's writes pass, above `below`.
std::string WriteNode(WriteFate fate, const std::string& below) {
  switch (fate) {
    case WriteFate::kDone:
      return "driver=raw,file=" + below;
    case WriteFate::kRecorded:
      return "driver=blklogwrites,log=log,log-super-update-interval=1,file=" + below;
    case WriteFate::kFailing:
      return "driver=blkdebug,image=" + below +
             ",inject-error.0.event=none,inject-error.0.iotype=write";
  }
  throw Error(ErrorKind::kFailed, "unknown fate of writes");
}

std::vector<std::string> QemuCommand(const Machine& machine, const std::filesystem::path& scratch) {
  std::vector<std::string> argv = {"qemu-system-x86_64",
                                   "-machine",
                                   "pc,accel=tcg",
                                   "-m",
                                   "128",
                                   "-nodefaults",
                                   "-no-reboot",
                                   "-device",
                                   "ich9-ahci,id=ahci",
                                   "-vga",
                                   "std",
                                   "-display",
                                   "none",
                                   "-device",
                                   "isa-debug-exit,iobase=0xf4,iosize=0x04"};
  const auto add = [&argv](const std::string& option, const std::string& value) {
    argv.push_back(option);
    argv.push_back(value);
  };
  add("-serial",
      machine.serial_port == SerialPort::kThere ? "file:" + (scratch / "serial.log").string()
                                                : "none");
  if (machine.firmware == Firmware::kUefi) {
    const std::string flash = "if=pflash,format=raw,file=/usr/share/OVMF/";
    add("-drive", flash + "OVMF_CODE_4M.fd,readonly=on");
    add("-drive", flash + "OVMF_VARS_4M.fd,snapshot=on");
  }
  if (machine.writes == WriteFate::kRecorded) {
    add("-blockdev", "driver=file,node-name=log,filename=" + (scratch / "writes.log").string());
  }
  for (std::size_t i = 0; i < machine.disks.size(); ++i) {
    const auto disk = "disk" + std::to_string(i);
    const bool is_booted = i == machine.boot_from;
    std::ostringstream file;
    file << "driver=file,node-name=file-" << disk << ",filename=" << machine.disks[i].string();
    std::ostringstream node;
    node << WriteNode(is_booted ? machine.writes : WriteFate::kDone, "file-" + disk)
         << ",node-name=" << disk;
    std::ostringstream drive;
    drive << "ide-hd,drive=" << disk << ",bus=ahci." << i
          << ",werror=report,bootindex=" << (is_booted ? 0 : i + 1);
    add("-blockdev", file.str());
    add("-blockdev", node.str());
    add("-device", drive.str());
  }
  return argv;
}

// Linux, Documentation/admin-guide/device-mapper/log-writes.rst: a super block, then entries of a
// sector, each followed by its data.
std::vector<DiskWrite> ReadWriteLog(const std::filesystem::path& path) {
  constexpr std::uint64_t kDiscard = 1U << 2U;
  const auto text = ReadFile(path, 64_MiB);
  const auto log = AsBytes(text);
  if (log.empty()) {
    return {};
  }
  const auto entries = LoadLe64(log, 16);
  const Bytes sector_size = LoadLe32(log, 24);
  std::vector<DiskWrite> writes;
  Bytes place = sector_size;
  for (std::uint64_t i = 0; i < entries; ++i) {
    const DiskWrite write{.sector = LoadLe64(log, place), .count = LoadLe64(log, place + 8)};
    const bool has_data = (LoadLe64(log, place + 16) & kDiscard) == 0;
    place += sector_size + (has_data ? write.count * sector_size : 0);
    if (write.count > 0) {
      writes.push_back(write);
    }
  }
  return writes;
}

}  // namespace

SlotFiles WholeSlot(SlotId slot, const std::string& name) {
  auto kernel = ReadStubKernel();
  auto tag = name;
  tag.resize(kTagPlace.size(), '\0');
  kernel.replace(kernel.find(kTagPlace), kTagPlace.size(), tag);
  SlotFiles files{{"kernel", kernel},
                  {"initrd", "initrd of " + name + "\n"},
                  {"grub.cfg", SlotGrubConfig(EntryOf(slot))}};
  MakeSumsFit(files);
  return files;
}

SlotFiles WholeUnifiedSlot(SlotId slot, const std::string& name) {
  const TempDirectory scratch("ros-unified-stub");
  const auto config = scratch.path() / "config";
  const auto program = scratch.path() / "program";
  // The first line takes what a terminal is sent when it is switched on. The last one is what the
  // stub kernel does to end QEMU.
  CreateFileDurably(config,
                    AsBytes("serial --unit=0 --speed=115200\n"
                            "terminal_output serial\n"
                            "echo \necho 'STUB KERNEL'\necho '" +
                            name + "'\necho 'ros.slot=" + std::string(Name(slot)) +
                            "'\necho 'initrd of " + name + "'\necho 'STUB END'\noutb 0xf4 0x10\n"));
  RunTool({.argv = {"grub-mkimage",
                    "--format=x86_64-efi",
                    "--prefix=/nowhere",
                    "--config=" + config.string(),
                    "--output=" + program.string(),
                    "serial",
                    "terminal",
                    "echo",
                    "iorw"}});
  const auto content = ReadFile(program, kUnifiedPlace);
  return {{"linux.efi", content}, {"sums", UnifiedKernelSums(HexDigest(content))}};
}

std::string Impatient(std::string script, const std::string& wait, const std::string& instead) {
  const auto place = script.find(wait);
  if (place == std::string::npos) {
    throw Error(ErrorKind::kFailed, "the script has no " + wait);
  }
  return script.replace(place, wait.size(), instead);
}

void MakeSumsFit(SlotFiles& files) {
  files["sums"] = SlotSums({.kernel = HexDigest(files.at("kernel")),
                            .initrd = HexDigest(files.at("initrd")),
                            .grub_config = HexDigest(files.at("grub.cfg"))});
}

GrubDisk::GrubDisk(const std::filesystem::path& path,
                   const GrubParts& parts,
                   const std::string& mark)
    : path_(path) {
  CreateFileDurably(path, {});
  std::filesystem::resize_file(path, kDiskSize);
  const auto disk = OpenBlockDevice(path, DeviceAccess::kWrite);
  const auto layout = partitions::PlanLayout({.name = path.string(), .size = kDiskSize},
                                             {.root_bytes = 1_MiB,
                                              .slot = 1_MiB,
                                              .boot = kBootSize,
                                              .state_minimum = 1_MiB,
                                              .seed = partitions::UuidFromSeed(kSeed, mark)});
  const auto region = [&](partitions::PartitionRole role) {
    const auto& place = layout.Get(role);
    return Region(disk, place.offset, place.length);
  };
  boot_ = layout.Get(partitions::PartitionRole::kBoot).offset;
  bios_ = layout.Get(partitions::PartitionRole::kBios).offset;
  partitions::WritePartitionTable(*disk, layout);
  const auto boot = region(partitions::PartitionRole::kBoot);
  partitions::MakeBootFileSystem(boot,
                                 partitions::PlanBootFileSystem({.partition_offset = boot.offset(),
                                                                 .partition_length = boot.length(),
                                                                 .files = BootFiles(parts)}));
  if (parts.owner_signed) {
    return;  // UEFI alone; the slots are put by whoever makes them
  }
  const auto bios = region(partitions::PartitionRole::kBios);
  WriteCoreImage(bios, CoreHalf::kFirst, PlaceCoreImage(bios, CoreHalf::kFirst, parts), "");
  WriteBootCode(bios, CoreHalf::kFirst, parts);
  PutSlot(SlotId::kA, WholeSlot(SlotId::kA, mark + " a"));
  PutSlot(SlotId::kB, WholeSlot(SlotId::kB, mark + " b"));
}

GrubDisk::GrubDisk(const std::filesystem::path& path, const GrubDisk& other)
    : path_(path), boot_(other.boot_), bios_(other.bios_) {
  RunTool({.argv = {"cp", "--sparse=always", other.path_.string(), path.string()}});
}

Region GrubDisk::BiosPartition() const {
  return {OpenBlockDevice(path_, DeviceAccess::kWrite), bios_, kBiosSize};
}

void GrubDisk::Put(const std::string& path, const std::string& content) const {
  auto volume = partitions::FatVolume::Open(BootPartition());
  const auto split = path.rfind('/');
  volume.Find(path).data.Write(0, AsBytes(content));
  volume.SetLengths(path.substr(0, split), {{UpperCase(path.substr(split + 1)), content.size()}});
}

void GrubDisk::Remove(const std::string& path) const {
  RunTool({.argv = {"mdel", "-i", path_.string() + "@@" + std::to_string(boot_), "::" + path}});
}

void GrubDisk::PutSlot(SlotId slot, const SlotFiles& files) const {
  for (const auto& [name, content] : files) {
    Put("/" + std::string(Name(slot)) + "/" + name, content);
  }
}

partitions::PartitionTable GrubDisk::Table() const {
  return partitions::ReadPartitionTable(*OpenBlockDevice(path_, DeviceAccess::kRead));
}

Region GrubDisk::BootPartition() const {
  return {OpenBlockDevice(path_, DeviceAccess::kWrite), boot_, kBootSize};
}

Region GrubDisk::Grubenv() const {
  return partitions::FatVolume::Open(BootPartition()).Find("/grub/grubenv").data;
}

Region GrubDisk::Grubenv2() const {
  return partitions::FatVolume::Open(BootPartition()).Find("/grub/grubenv2").data;
}

std::optional<std::string> BootResult::Argument(const std::string& name) const {
  for (const auto& argument : arguments) {
    if (argument.starts_with(name + "=")) {
      return argument.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

Firmware GivenFirmware() {
  const char* given = std::getenv("ROS_BOOT_SETUP");
  const std::string setup = given == nullptr ? "bios-grub" : given;
  if (setup == "bios-grub") {
    return Firmware::kBios;
  }
  if (setup == "uefi-grub") {
    return Firmware::kUefi;
  }
  throw Error(ErrorKind::kUsage, "ROS_BOOT_SETUP=" + setup + ": there is no GRUB on that");
}

BootResult Boot(const Machine& machine) {
  const TempDirectory scratch("ros-grub-boot");
  const auto serial = scratch.path() / "serial.log";
  const auto writes = scratch.path() / "writes.log";
  CreateFileDurably(serial, {});
  CreateFileDurably(writes, {});
  ProcessResult result;
  try {
    result = RunProcess({.argv = QemuCommand(machine, scratch.path()), .timeout = kBootTimeout});
  } catch (const Error& error) {
    throw Error(error.kind(), error.message() + "\n" + ReadFile(serial, 16_MiB));
  }
  BootResult boot{.started_kernel = result.exit_code == kStubExit, .log = ReadFile(serial, 16_MiB)};
  TakeKernelLines(Lines(boot.log), boot);
  // 0: GRUB restarted the machine.
  if (result.exit_code != kStubExit && result.exit_code != 0) {
    throw Error(ErrorKind::kFailed, "QEMU failed: " + result.err);
  }
  const bool expects_log = machine.serial_port == SerialPort::kThere && boot.started_kernel;
  if (expects_log && boot.kernel.empty()) {
    throw Error(ErrorKind::kFailed, "the serial log is cut short:\n" + boot.log);
  }
  if (machine.writes == WriteFate::kRecorded) {
    boot.writes = ReadWriteLog(writes);
  }
  return boot;
}

}  // namespace ros::bootloader::test
