#include "partitions/boot_file_system.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/error.hpp"
#include "base/process.hpp"
#include "partitions/boot_layout.hpp"
#include "partitions/fat_format.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/scratch_file.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_KiB;
using literals::operator""_MiB;

// Files start and end at multiples of this: the largest sector there is, so that no write to one
// file touches a sector of another.
constexpr Bytes kBlock = 4_KiB;
constexpr std::uint32_t kLargestCluster = 4096;
// More clusters than the specification asks for: some readers were off by a few (fatgen103, 3.5).
constexpr std::uint32_t kSafeClusters = fat::kFewestClusters + 100;
constexpr Bytes kReservedSectors = 32;
constexpr std::size_t kMostFiles = 100;
// What aligning costs at most, beside the files: one block a directory and some for the tables.
constexpr Bytes kSlack = 128_KiB;

constexpr std::size_t kDeepestDirectory = 2;

struct SplitPath {
  std::string directory;  // "", "/A" or "/EFI/BOOT"
  std::string name;
};

// "/EFI" and "/EFI/BOOT" of "/EFI/BOOT"; nothing of "", the root.
std::vector<std::string> WithParents(const std::string& directory) {
  std::vector<std::string> all;
  for (auto end = directory.find('/', 1); !directory.empty(); end = directory.find('/', end + 1)) {
    all.push_back(directory.substr(0, end));
    if (end == std::string::npos) {
      break;
    }
  }
  return all;
}

std::string ParentOf(const std::string& directory) {
  return directory.substr(0, directory.rfind('/'));
}

std::string LastName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

SplitPath Split(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto fail = [&] {
    return Error(ErrorKind::kUsage,
                 "'" + path +
                     "' cannot be a file of the boot partition: names are 8.3 in upper "
                     "case, in the root or at most two directories below it");
  };
  if (path.empty() || path.front() != '/') {
    throw fail();
  }
  SplitPath split{.directory = path.substr(0, slash), .name = path.substr(slash + 1)};
  const auto is_name = [](const std::string& name) {
    return !name.starts_with('.') && fat::PackName(name).has_value();
  };
  const auto directories = WithParents(split.directory);
  const bool fine = is_name(split.name) && directories.size() <= kDeepestDirectory &&
                    std::ranges::all_of(directories, [&](const std::string& directory) {
                      return is_name(LastName(directory));
                    });
  if (!fine) {
    throw fail();
  }
  return split;
}

void CheckFiles(const std::vector<BootFile>& files, std::uint32_t sector_size) {
  std::map<std::string, std::size_t> entries = {{"", 1}};  // /LAYOUT.ROS
  std::map<std::string, bool> seen = {{std::string(kLayoutPath), true}};
  for (const auto& file : files) {
    const auto split = Split(file.path);
    for (const auto& directory : WithParents(split.directory)) {
      if (!entries.contains(directory)) {
        entries[directory] = 2;  // . and ..
        ++entries[ParentOf(directory)];
      }
    }
    ++entries[split.directory];
    if (!seen.emplace(file.path, true).second) {
      throw Error(ErrorKind::kUsage, file.path + " is there twice");
    }
    if (file.max_size == 0 || file.content.size() > file.max_size) {
      throw Error(ErrorKind::kDoesNotFit,
                  file.path + " has " + FormatBytes(file.content.size()) + ", its place holds " +
                      FormatBytes(file.max_size));
    }
  }
  for (const auto& [directory, count] : entries) {
    if (count > sector_size / fat::kDirectoryEntrySize || files.size() > kMostFiles) {
      throw Error(ErrorKind::kUsage, "too many files in " + directory + "/ for one sector");
    }
  }
}

// How many clusters a file system with clusters of this size would have; mkfs.fat may come out a
// few lower.
Bytes EstimateClusters(const BootFileSystemRequest& request, std::uint32_t cluster_size) {
  const Bytes reserved = kReservedSectors * request.sector_size;
  const Bytes cost = cluster_size + 8U;  // itself and an entry in each table
  return request.partition_length < reserved ? 0 : (request.partition_length - reserved) / cost;
}

std::uint32_t ChooseClusterSize(const BootFileSystemRequest& request) {
  for (auto size = kLargestCluster; size >= request.sector_size; size /= 2) {
    if (EstimateClusters(request, size) >= kSafeClusters) {
      return size;
    }
  }
  const Bytes needed =
      Bytes{kSafeClusters} * (request.sector_size + 8U) + kReservedSectors * request.sector_size;
  throw Error(ErrorKind::kDoesNotFit,
              "a boot partition of " + FormatBytes(request.partition_length) +
                  " is too small for FAT32, which needs " + FormatBytes(RoundUp(needed, 1_MiB)) +
                  " on this disk (--boot-size)");
}

// Each file that is to have two places, followed by its spare one.
std::vector<BootFile> WithSpares(const std::vector<BootFile>& files) {
  std::vector<BootFile> all;
  for (const auto& file : files) {
    all.push_back(file);
    if (file.places == FilePlaces::kTwo) {
      all.push_back({.path = SparePath(file.path), .max_size = file.max_size});
    }
  }
  return all;
}

Bytes LayoutFileSize(const std::vector<BootFile>& files) {
  Bytes size = 64;
  for (const auto& file : files) {
    size += file.path.size() + 24;  // two numbers of up to ten digits
  }
  return RoundUp(size, kBlock);
}

void CheckSpace(const BootFileSystemRequest& request, std::uint32_t cluster_size) {
  Bytes needed = LayoutFileSize(request.files) + kSlack;
  for (const auto& file : request.files) {
    needed = CheckedAdd(needed, RoundUp(file.max_size, kBlock), "the boot partition");
  }
  const Bytes usable = EstimateClusters(request, cluster_size) * cluster_size;
  if (needed > usable) {
    throw Error(ErrorKind::kDoesNotFit,
                "the files of both slots need " + FormatBytes(needed) + ", a boot partition of " +
                    FormatBytes(request.partition_length) + " holds " + FormatBytes(usable) +
                    " (--boot-size)");
  }
}

std::string ToHexNumber(std::uint32_t number) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), number, 16).ptr;
  return {digits.begin(), end};
}

void RunMkfs(const ScratchFile& scratch, const BootFileSystemPlan& plan) {
  RunTool({.argv = {"mkfs.fat",
                    "-F",
                    "32",
                    "-f",
                    "2",
                    "-R",
                    std::to_string(kReservedSectors),
                    "-S",
                    std::to_string(plan.sector_size),
                    "-s",
                    std::to_string(plan.sectors_per_cluster()),
                    "-h",
                    std::to_string(plan.hidden / plan.sector_size),
                    "-i",
                    ToHexNumber(plan.volume_id),
                    "--invariant",
                    scratch.path()}});
}

// The allocation table of a file system that was just made. Gives out clusters in order, and is of
// no use for a file system that has been lived in.
class FreshTable {
 public:
  explicit FreshTable(const fat::Geometry& geometry)
      : geometry_(geometry),
        entries_(geometry.clusters + fat::kFirstCluster),
        next_(geometry.root_cluster + 1) {
    // Section 4: the media byte, and the "clean" and "no errors" bits set.
    entries_[0] = 0x0ffffff8;
    entries_[1] = fat::kEndOfChain;
    entries_[geometry.root_cluster] = fat::kEndOfChain;
  }

  // A chain in one piece, from a multiple of kBlock to one.
  PlacedFile Take(std::string path, Bytes size) {
    while (geometry_.OffsetOf(next_) % kBlock != 0) {
      ++next_;
    }
    const auto count = RoundUp(size, kBlock) / geometry_.cluster_size;
    if (count > entries_.size() - std::min<std::size_t>(next_, entries_.size())) {
      throw Error(ErrorKind::kDoesNotFit, path + " does not fit the boot partition (--boot-size)");
    }
    PlacedFile placed{.path = std::move(path),
                      .first_cluster = next_,
                      .clusters = static_cast<std::uint32_t>(count)};
    for (; next_ + 1 < placed.first_cluster + placed.clusters; ++next_) {
      entries_[next_] = next_ + 1;
    }
    entries_[next_++] = fat::kEndOfChain;
    return placed;
  }

  [[nodiscard]] std::vector<std::byte> Serialise() const {
    std::vector<std::byte> bytes(geometry_.table_size);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      StoreLe32(bytes, i * 4, entries_[i]);
    }
    return bytes;
  }

  [[nodiscard]] std::uint32_t CountFree() const {
    return static_cast<std::uint32_t>(
        std::count(entries_.begin() + fat::kFirstCluster, entries_.end(), fat::kFree));
  }

  [[nodiscard]] std::uint32_t next() const { return next_; }

 private:
  fat::Geometry geometry_;
  std::vector<std::uint32_t> entries_;
  std::uint32_t next_;
};

// A directory of one cluster while it is filled.
class Directory {
 public:
  Directory(const fat::Geometry& geometry, std::uint32_t cluster)
      : cluster_(cluster), bytes_(RoundUp(geometry.cluster_size, kBlock)) {
    if (cluster == geometry.root_cluster) {
      bytes_.resize(geometry.cluster_size);
    }
  }

  void Add(const fat::DirectoryEntry& entry) {
    fat::StoreEntry(std::span(bytes_).subspan(used_, fat::kDirectoryEntrySize), entry);
    used_ += fat::kDirectoryEntrySize;
  }

  [[nodiscard]] std::uint32_t cluster() const { return cluster_; }

  [[nodiscard]] ByteSpan bytes() const { return bytes_; }

 private:
  std::uint32_t cluster_;
  std::vector<std::byte> bytes_;
  std::size_t used_ = 0;
};

// Places everything and writes it.
class Maker {
 public:
  Maker(const Region& partition, const fat::Geometry& geometry)
      : partition_(partition), geometry_(geometry), table_(geometry) {
    directories_.emplace("", Directory(geometry, geometry.root_cluster));
  }

  void AddDirectories(const std::vector<BootFile>& files) {
    for (const auto& file : files) {
      for (const auto& path : WithParents(Split(file.path).directory)) {
        if (!directories_.contains(path)) {
          AddDirectory(path);
        }
      }
    }
  }

  void AddFile(const BootFile& file) {
    const auto placed = Place(file.path, file.max_size, file.content.size());
    WriteContent(placed, file.content);
  }

  // Last of the files: it tells where the others are, and itself.
  void AddLayout(Bytes size) {
    Place(std::string(kLayoutPath), size, size);
    auto text = FormatBootLayout(placed_);
    text.resize(size, '\n');
    WriteContent(placed_.back(), text);
  }

  void WriteMetadata(const ScratchFile& scratch) {
    for (const auto& [path, directory] : directories_) {
      partition_.Write(geometry_.OffsetOf(directory.cluster()), directory.bytes());
    }
    const auto table = table_.Serialise();
    for (std::uint32_t i = 0; i < geometry_.tables; ++i) {
      partition_.Write(geometry_.table_offset + i * geometry_.table_size, table);
    }
    WriteReserved(scratch);
    partition_.Sync();
  }

 private:
  // Its parent is there.
  void AddDirectory(const std::string& path) {
    const auto placed = table_.Take(path, geometry_.cluster_size);
    const fat::DirectoryEntry entry{.name = LastName(path),
                                    .attributes = fat::kAttributeDirectory,
                                    .first_cluster = placed.first_cluster};
    auto& parent = directories_.at(ParentOf(path));
    parent.Add(entry);
    auto& directory =
        directories_.emplace(path, Directory(geometry_, placed.first_cluster)).first->second;
    directory.Add({.name = ".",
                   .attributes = fat::kAttributeDirectory,
                   .first_cluster = placed.first_cluster});
    // Cluster 0 stands for the root there (section 6.5).
    directory.Add(
        {.name = "..",
         .attributes = fat::kAttributeDirectory,
         .first_cluster = parent.cluster() == geometry_.root_cluster ? 0 : parent.cluster()});
  }

  PlacedFile Place(const std::string& path, Bytes room, Bytes length) {
    const auto split = Split(path);
    auto placed = table_.Take(path, room);
    directories_.at(split.directory)
        .Add({.name = split.name,
              .attributes = fat::kAttributeArchive,
              .first_cluster = placed.first_cluster,
              .length = static_cast<std::uint32_t>(length)});
    placed_.push_back(placed);
    return placed;
  }

  void WriteContent(const PlacedFile& placed, std::string_view content) const {
    if (content.empty()) {
      return;
    }
    std::vector<std::byte> padded(RoundUp(content.size(), kBlock));
    std::ranges::copy(AsBytes(content), padded.begin());
    partition_.Write(geometry_.OffsetOf(placed.first_cluster), padded);
  }

  // Boot sectors and FSInfo, each twice, as mkfs.fat made them, with our count of free clusters.
  void WriteReserved(const ScratchFile& scratch) const {
    std::vector<std::byte> reserved(geometry_.table_offset);
    scratch.Read(0, reserved);
    // fatgen103, section 3.3: the copies are six sectors behind.
    for (const Bytes sector : {Bytes{0}, 6 * Bytes{geometry_.sector_size}}) {
      fat::StoreFreeCount(
          std::span(reserved).subspan(geometry_.info_offset + sector, fat::kInfoSize),
          table_.CountFree(),
          table_.next() - 1);
    }
    partition_.Write(0, reserved);
  }

  const Region& partition_;
  fat::Geometry geometry_;
  FreshTable table_;
  std::map<std::string, Directory> directories_;
  std::vector<PlacedFile> placed_;
};

// What was written is there, found as a boot loader finds it.
void CheckContents(const Region& partition, const std::vector<BootFile>& files) {
  const auto volume = FatVolume::Open(partition);
  for (const auto& file : files) {
    if (volume.ReadContent(file.path, file.max_size) != file.content) {
      throw Error(ErrorKind::kFailed,
                  file.path + " reads back differently than it was written; the disk is failing");
    }
  }
}

}  // namespace

std::vector<BootFile> SlotFiles(SlotId slot,
                                const BootFileSizes& sizes,
                                const std::vector<std::string_view>& loader_files,
                                KernelPlaces kernel) {
  const auto path = [&](std::string_view name) {
    return std::string(SlotDirectory(slot)) + "/" + std::string(name);
  };
  std::vector<BootFile> files;
  if (kernel == KernelPlaces::kUnifiedKernel) {
    files = {{.path = path(kUnifiedKernelFile), .max_size = sizes.kernel + sizes.initrd}};
  } else {
    files = {{.path = path(kKernelFile), .max_size = sizes.kernel},
             {.path = path(kInitrdFile), .max_size = sizes.initrd}};
  }
  for (const auto name : {kManifestFile, kConfigFile, kSignaturesFile}) {
    files.push_back({.path = path(name), .max_size = sizes.small});
  }
  for (const auto name : loader_files) {
    files.push_back({.path = path(name), .max_size = sizes.small});
  }
  return files;
}

BootFileSystemPlan PlanBootFileSystem(const BootFileSystemRequest& wanted) {
  auto request = wanted;
  request.files = WithSpares(wanted.files);
  CheckFiles(request.files, request.sector_size);
  const auto cluster_size = ChooseClusterSize(request);
  CheckSpace(request, cluster_size);
  return {.size = request.partition_length,
          .sector_size = request.sector_size,
          .cluster_size = cluster_size,
          .volume_id = request.volume_id,
          .hidden = request.partition_offset,
          .files = request.files};
}

void MakeBootFileSystem(const Region& partition, const BootFileSystemPlan& plan) {
  InContext("making the boot file system", [&] {
    if (partition.length() != plan.size || partition.offset() % kBlock != 0) {
      throw Error(ErrorKind::kFailed, "it was planned for another partition");
    }
    const ScratchFile scratch(plan.size);
    RunMkfs(scratch, plan);
    std::vector<std::byte> boot_sector(512);
    scratch.Read(0, boot_sector);
    Maker maker(partition, fat::ParseGeometry(boot_sector, plan.size));
    maker.AddDirectories(plan.files);
    for (const auto& file : plan.files) {
      maker.AddFile(file);
    }
    maker.AddLayout(LayoutFileSize(plan.files));
    maker.WriteMetadata(scratch);
    CheckContents(partition, plan.files);
  });
}

}  // namespace ros::partitions
