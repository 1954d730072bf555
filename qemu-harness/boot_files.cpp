#include "qemu-harness/boot_files.hpp"

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/error.hpp"

namespace ros::qemu {

namespace {

constexpr std::uint32_t kChainEnd = 0x0ffffff8;
constexpr std::size_t kEntrySize = 32;
constexpr std::uint8_t kAttributeVolume = 0x08;
constexpr std::uint8_t kAttributeDirectory = 0x10;

struct Volume {
  const DiskImage* disk = nullptr;
  Bytes data = 0;  // where cluster 2 is, in the disk
  Bytes cluster_size = 0;
  std::vector<std::uint32_t> table;
  bool tables_agree = false;
  std::uint32_t root = 0;
};

std::vector<std::uint32_t> Numbers(const std::string& table) {
  std::vector<std::uint32_t> numbers;
  for (std::size_t at = 0; at + 4 <= table.size(); at += 4) {
    numbers.push_back(LoadLe32(AsBytes(table), at) & 0x0fffffffU);
  }
  return numbers;
}

Volume OpenVolume(const DiskImage& disk) {
  const Partition partition = disk.FindPartition("ROS-BOOT");
  const std::string sector = disk.Read(partition.offset, 512);
  const ByteSpan fields = AsBytes(sector);
  const Bytes sector_size = LoadLe16(fields, 11);
  const Bytes reserved = LoadLe16(fields, 14) * sector_size;
  const Bytes table_size = LoadLe32(fields, 36) * sector_size;
  const auto tables = std::to_integer<Bytes>(fields[16]);
  const auto sectors_per_cluster = std::to_integer<Bytes>(fields[13]);

  Volume volume;
  volume.disk = &disk;
  volume.cluster_size = sectors_per_cluster * sector_size;
  volume.data = partition.offset + reserved + tables * table_size;
  volume.root = LoadLe32(fields, 44);
  const std::string first = disk.Read(partition.offset + reserved, table_size);
  volume.tables_agree =
      first == disk.Read(partition.offset + reserved + (tables - 1) * table_size, table_size);
  volume.table = Numbers(first);
  return volume;
}

std::vector<std::uint32_t> Chain(const Volume& volume, std::uint32_t first) {
  std::vector<std::uint32_t> chain;
  for (std::uint32_t at = first; at >= 2 && at < kChainEnd; at = volume.table.at(at)) {
    chain.push_back(at);
    if (chain.size() > volume.table.size()) {
      throw Error(ErrorKind::kFailed, "a cluster chain of the boot partition goes in a circle");
    }
  }
  return chain;
}

std::vector<Extent> Extents(const Volume& volume, std::uint32_t first) {
  std::vector<Extent> extents;
  for (const std::uint32_t cluster : Chain(volume, first)) {
    const Bytes offset = volume.data + (cluster - 2) * volume.cluster_size;
    if (!extents.empty() && extents.back().offset + extents.back().length == offset) {
      extents.back().length += volume.cluster_size;
    } else {
      extents.push_back({offset, volume.cluster_size});
    }
  }
  return extents;
}

// "KERNEL     " to "KERNEL", "GRUB    CFG" to "GRUB.CFG".
std::string ShortName(std::string_view field) {
  const auto trimmed = [](std::string_view part) {
    return part.substr(0, part.find_last_not_of(' ') + 1);
  };
  std::string name(trimmed(field.substr(0, 8)));
  const std::string_view extension = trimmed(field.substr(8, 3));
  return extension.empty() ? name : name.append(".").append(extension);
}

void Walk(const Volume& volume,
          const std::string& path,
          std::uint32_t first,
          std::vector<BootFile>& files) {
  for (const Extent& extent : Extents(volume, first)) {
    const std::string data = volume.disk->Read(extent.offset, extent.length);
    for (std::size_t at = 0; at < data.size(); at += kEntrySize) {
      const ByteSpan entry = AsBytes(data).subspan(at, kEntrySize);
      const auto lead = std::to_integer<std::uint8_t>(entry[0]);
      const auto attributes = std::to_integer<std::uint8_t>(entry[11]);
      if (lead == 0) {
        return;
      }
      // Deleted, "." and "..", and labels with long names' parts.
      if (lead == 0xe5 || lead == '.' || (attributes & kAttributeVolume) != 0) {
        continue;
      }
      const std::uint32_t cluster =
          (std::uint32_t{LoadLe16(entry, 20)} << 16U) | LoadLe16(entry, 26);
      const std::string name = path + "/" + ShortName(AsText(entry.first(11)));
      if ((attributes & kAttributeDirectory) != 0) {
        Walk(volume, name, cluster, files);
      } else {
        files.push_back(
            {name, LoadLe32(entry, 28), extent.offset + at + 28, Extents(volume, cluster)});
      }
    }
  }
}

std::vector<BootFile> FilesOf(const Volume& volume) {
  std::vector<BootFile> files;
  Walk(volume, "", volume.root, files);
  return files;
}

}  // namespace

std::vector<BootFile> ListBootFiles(const DiskImage& disk) {
  return FilesOf(OpenVolume(disk));
}

BootFile FindBootFile(const DiskImage& disk, std::string_view path) {
  const std::vector<BootFile> files = ListBootFiles(disk);
  const auto found = std::find_if(
      files.begin(), files.end(), [&](const BootFile& file) { return file.path == path; });
  if (found == files.end()) {
    throw Error(ErrorKind::kFailed, "no " + std::string(path) + " on the boot partition");
  }
  return *found;
}

std::string ReadBootFile(const DiskImage& disk, const BootFile& file) {
  std::string content;
  for (const Extent& extent : file.extents) {
    const Bytes left = file.size - content.size();
    content += disk.Read(extent.offset, std::min(left, extent.length));
  }
  return content;
}

std::string CheckBootPartition(const DiskImage& disk) {
  const Volume volume = OpenVolume(disk);
  if (!volume.tables_agree) {
    return "the two copies of the allocation table differ";
  }
  std::set<Bytes> seen;
  for (const BootFile& file : FilesOf(volume)) {
    Bytes room = 0;
    for (const Extent& extent : file.extents) {
      room += extent.length;
      for (Bytes at = 0; at < extent.length; at += volume.cluster_size) {
        if (!seen.insert(extent.offset + at).second) {
          return "a cluster of " + file.path + " belongs to another file too";
        }
      }
    }
    if (file.size > room) {
      return file.path + " is longer than its clusters";
    }
  }
  return "";
}

}  // namespace ros::qemu
