#include "partitions/system_facts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_KiB;
using literals::operator""_MiB;

constexpr Bytes kSysfsUnit = 512;
constexpr Bytes kLongestAttribute = 64_KiB;
constexpr Bytes kLongestMountList = 16_MiB;
// Devices stacked on each other deeper than this are a loop.
constexpr int kDeepest = 16;

// The attribute without blanks at its ends; empty where there is none.
std::string Attribute(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return "";
  }
  const auto text = ReadFile(path, kLongestAttribute);
  const auto begin = text.find_first_not_of(" \t\n");
  const auto end = text.find_last_not_of(" \t\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

Bytes Number(const std::filesystem::path& path, Bytes missing) {
  const auto text = Attribute(path);
  Bytes value = missing;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// For people, whatever tree the facts are read from.
std::string Node(const std::filesystem::path& device) {
  return SystemPaths().NodeOf(device.filename().string()).string();
}

// mountinfo writes blanks and the like as \040.
std::string Unescape(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 4], code, 8).ptr == &text[i + 4]) {
      result.push_back(static_cast<char>(code));
      i += 3;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

std::vector<std::string> Words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  return words;
}

bool HasOption(const std::string& options, std::string_view wanted) {
  std::istringstream stream(options);
  for (std::string option; std::getline(stream, option, ',');) {
    if (option == wanted) {
      return true;
    }
  }
  return false;
}

// The disk itself (first) and its partitions, as directories of sysfs.
std::vector<std::filesystem::path> WithPartitions(const std::filesystem::path& disk) {
  std::vector<std::filesystem::path> all = {disk};
  for (const auto& name : ListDirectory(disk)) {
    if (std::filesystem::exists(disk / name / "partition")) {
      all.push_back(disk / name);
    }
  }
  return all;
}

std::filesystem::path ByNumber(const SystemPaths& system, const std::string& number) {
  std::error_code code;
  const auto path = std::filesystem::canonical(system.sys / "dev/block" / number, code);
  return code ? std::filesystem::path() : path;
}

// All devices below one of them: an LVM volume's disks, a dm-verity device's partition. Adds
// canonical directories of sysfs, the disk of each partition included.
void AddDevicesBelow(const std::filesystem::path& device,
                     std::set<std::filesystem::path>& all,
                     int depth) {
  if (device.empty() || depth > kDeepest || !all.insert(device).second) {
    return;
  }
  if (std::filesystem::exists(device / "partition")) {
    AddDevicesBelow(device.parent_path(), all, depth + 1);
  }
  for (const auto& name : ListDirectory(device / "slaves")) {
    std::error_code code;
    AddDevicesBelow(std::filesystem::canonical(device / "slaves" / name, code), all, depth + 1);
  }
}

void AddMountReasons(const std::filesystem::path& device,
                     const std::vector<MountedDevice>& mounts,
                     std::vector<std::string>& reasons) {
  const auto number = Attribute(device / "dev");
  const auto node = Node(device);
  for (const auto& mount : mounts) {
    if (mount.device_number == number || mount.source == node) {
      reasons.push_back(node + " is mounted at " + mount.mount_point);
    }
  }
}

void AddSwapReasons(const std::filesystem::path& device,
                    const SystemPaths& system,
                    std::vector<std::string>& reasons) {
  std::istringstream swaps(Attribute(system.proc / "swaps"));
  for (std::string line; std::getline(swaps, line);) {
    const auto words = Words(line);
    if (!words.empty() && Unescape(words[0]) == Node(device)) {
      reasons.push_back(Node(device) + " is used as swap");
    }
  }
}

void AddHolderReasons(const std::filesystem::path& device, std::vector<std::string>& reasons) {
  for (const auto& holder : ListDirectory(device / "holders")) {
    const auto name = Attribute(device / "holders" / holder / "dm" / "name");
    reasons.push_back(Node(device) + " is held by /dev/" + holder +
                      (name.empty() ? "" : " (" + name + ")"));
  }
}

std::string TransportOf(const std::filesystem::path& device) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTransports = {
      {{"/usb", "usb"},
       {"/nvme", "nvme"},
       {"/virtio", "virtio"},
       {"/ata", "ata"},
       {"/mmc", "mmc"},
       {"/host", "scsi"}}};
  for (const auto& [part, name] : kTransports) {
    if (device.string().find(part) != std::string::npos) {
      return std::string(name);
    }
  }
  return "";
}

// SCSI keeps it in page 0x80 of its vital product data, behind a header of four bytes.
std::string SerialOf(const std::filesystem::path& device) {
  for (const auto* place : {"serial", "device/serial"}) {
    if (auto serial = Attribute(device / place); !serial.empty()) {
      return serial;
    }
  }
  const auto page = Attribute(device / "device/vpd_pg80");
  const auto begin = page.size() > 4 ? page.find_first_not_of(' ', 4) : std::string::npos;
  return begin == std::string::npos ? "" : page.substr(begin);
}

// MMC calls it otherwise.
std::string ModelOf(const std::filesystem::path& device) {
  const auto model = Attribute(device / "device/model");
  return model.empty() ? Attribute(device / "device/name") : model;
}

// "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", which udev makes; the first where there are several.
std::string LinkByPath(const std::string& name, const SystemPaths& system) {
  const auto directory = system.dev / "disk/by-path";
  for (const auto& link : ListDirectory(directory)) {
    std::error_code code;
    if (std::filesystem::canonical(directory / link, code) == system.NodeOf(name) && !code) {
      return (std::filesystem::path("/dev/disk/by-path") / link).string();
    }
  }
  return "";
}

// "0000:00:1f.2/ata1/0:0:0:0": from the last PCI device on, without what says nothing.
std::string PlaceInSysfs(const std::filesystem::path& disk, const SystemPaths& system) {
  std::error_code code;
  const auto devices = std::filesystem::canonical(system.sys / "devices", code);
  std::string place;
  for (const auto& part : disk.parent_path().lexically_relative(devices)) {
    const auto name = part.string();
    const bool pci_device = name.size() > 3 && name.find(':') == 4 && name[name.size() - 2] == '.';
    if (pci_device) {
      place.clear();
    }
    if (name != "block" && !name.starts_with("host") && !name.starts_with("target")) {
      place += (place.empty() ? "" : "/") + name;
    }
  }
  return place;
}

std::string LocationOf(const std::filesystem::path& disk, const SystemPaths& system) {
  const auto link = LinkByPath(disk.filename().string(), system);
  return link.empty() ? PlaceInSysfs(disk, system) : link;
}

std::vector<std::string> ReasonsAgainst(const std::filesystem::path& disk,
                                        const SystemPaths& system) {
  std::vector<std::string> reasons;
  const auto mounts = ListMounts(system);
  std::set<std::filesystem::path> below_root;
  for (const auto& mount : mounts) {
    if (mount.mount_point == "/") {
      AddDevicesBelow(ByNumber(system, mount.device_number), below_root, 0);
    }
  }
  if (below_root.contains(disk)) {
    reasons.push_back("this system runs from it");
  }
  for (const auto& device : WithPartitions(disk)) {
    AddMountReasons(device, mounts, reasons);
    AddSwapReasons(device, system, reasons);
    AddHolderReasons(device, reasons);
  }
  return reasons;
}

}  // namespace

std::vector<MountedDevice> ListMounts(const SystemPaths& system) {
  std::istringstream list(ReadFile(system.proc / "self/mountinfo", kLongestMountList));
  std::vector<MountedDevice> mounts;
  for (std::string line; std::getline(list, line);) {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    const auto words = Words(line);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 3) {
      continue;
    }
    const bool options = words.end() - dash > 3;
    mounts.push_back({.device_number = words[2],
                      .source = Unescape(dash[2]),
                      .mount_point = Unescape(words[4]),
                      .writable = options && HasOption(dash[3], "rw")});
  }
  return mounts;
}

void AddSystemFacts(DiskFacts& facts, const std::string& device_number, const SystemPaths& system) {
  const auto device = ByNumber(system, device_number);
  if (device.empty()) {
    throw Error(ErrorKind::kFailed,
                "the kernel tells nothing about " + facts.path.string() + " (no " +
                    (system.sys / "dev/block" / device_number).string() + ")");
  }
  const bool partition = std::filesystem::exists(device / "partition");
  const auto disk = partition ? device.parent_path() : device;
  facts.kind = partition ? TargetKind::kPartition : TargetKind::kWholeDisk;
  facts.parent = partition ? Node(disk) : "";
  facts.size = Number(device / "size", 0) * kSysfsUnit;
  facts.read_only = Number(device / "ro", 0) != 0;
  facts.removable = Number(disk / "removable", 0) != 0;
  facts.sector_size =
      static_cast<std::uint32_t>(Number(disk / "queue/logical_block_size", kSysfsUnit));
  facts.physical_sector_size =
      static_cast<std::uint32_t>(Number(disk / "queue/physical_block_size", facts.sector_size));
  facts.model = ModelOf(disk);
  facts.serial = SerialOf(disk);
  facts.transport = TransportOf(disk);
  facts.node = Node(device);
  facts.location = LocationOf(disk, system);
  facts.in_use = ReasonsAgainst(disk, system);
}

std::vector<std::string> UsersOfFile(const std::filesystem::path& file, const SystemPaths& system) {
  std::vector<std::string> reasons;
  for (const auto& name : ListDirectory(system.sys / "block")) {
    if (Attribute(system.sys / "block" / name / "loop/backing_file") == file.string()) {
      reasons.push_back(file.string() + " is attached to /dev/" + name);
    }
  }
  return reasons;
}

}  // namespace ros::partitions
