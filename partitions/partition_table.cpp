#include "partitions/partition_table.hpp"

#include <fcntl.h>
#include <libfdisk.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "partitions/gpt.hpp"
#include "partitions/probe.hpp"
#include "partitions/scratch_file.hpp"

namespace ros::partitions {
namespace {

using literals::operator""_MiB;

using FdiskContext = CPtr<fdisk_context, fdisk_unref_context>;
using FdiskPartition = CPtr<fdisk_partition, fdisk_unref_partition>;
using FdiskType = CPtr<fdisk_parttype, fdisk_unref_parttype>;

// Boot code of an MBR; behind it are the disk's number and the table.
constexpr std::size_t kBootCode = 440;
// What is looked at of each end of a disk: headers and entries of any table that we make or find.
constexpr Bytes kEnds = 1_MiB;
// Discoverable Partitions Specification: bit 60 "read-only", bit 63 "do not mount by yourself".
constexpr const char* kSlotAttributes = "GUID:60,63";
constexpr const char* kOtherAttributes = "GUID:63";
// UEFI 2.10, section 5.3.3: bit 2 "legacy BIOS bootable", which gptmbr.bin looks for.
constexpr const char* kLegacyBootAttributes = "LegacyBIOSBootable GUID:63";

void Check(int code, std::string_view what) {
  if (code != 0) {
    ThrowErrno("libfdisk: " + std::string(what), -code);
  }
}

const char* AttributesOf(PartitionRole role, bool legacy_boot) {
  if (role == PartitionRole::kSlotA || role == PartitionRole::kSlotB) {
    return kSlotAttributes;
  }
  return legacy_boot && role == PartitionRole::kBoot ? kLegacyBootAttributes : kOtherAttributes;
}

void AddPartition(fdisk_context* context, const PlannedPartition& planned, const LayoutPlan& plan) {
  const std::string type(PartitionType(planned.role));
  const std::string name(PartitionName(planned.role));
  const FdiskPartition partition(fdisk_new_partition());
  const FdiskType parsed(
      fdisk_label_parse_parttype(fdisk_get_label(context, nullptr), type.c_str()));
  if (!partition || !parsed) {
    throw Error(ErrorKind::kFailed, "libfdisk does not know the partition type " + type);
  }
  auto* const raw = partition.get();
  const auto number = static_cast<std::size_t>(PartitionNumber(planned.role) - 1);
  Check(fdisk_partition_set_partno(raw, number), "number");
  Check(fdisk_partition_set_type(raw, parsed.get()), "type");
  Check(fdisk_partition_set_name(raw, name.c_str()), "name");
  Check(fdisk_partition_set_uuid(raw, planned.uuid.c_str()), "UUID");
  Check(fdisk_partition_set_attrs(raw, AttributesOf(planned.role, plan.legacy_boot)), "attributes");
  Check(fdisk_partition_set_start(raw, planned.offset / plan.sector_size), "start");
  Check(fdisk_partition_set_size(raw, planned.length / plan.sector_size), "size");
  Check(fdisk_partition_size_explicit(raw, 1), "size");
  Check(fdisk_add_partition(context, raw, nullptr), "adding " + name);
}

// The whole table, made by libfdisk on a file of the disk's size.
void MakeTable(const ScratchFile& scratch, const LayoutPlan& plan) {
  const FdiskContext context(fdisk_new_context());
  if (!context) {
    throw Error(ErrorKind::kFailed, "libfdisk: out of memory");
  }
  auto* const raw = context.get();
  Check(fdisk_save_user_sector_size(raw, plan.sector_size, plan.sector_size), "sector size");
  Check(fdisk_assign_device(raw, scratch.path().c_str(), 0), "opening the scratch file");
  Check(fdisk_create_disklabel(raw, "gpt"), "making a GPT");
  Check(fdisk_set_disklabel_id_from_string(raw, plan.disk_uuid.c_str()), "disk UUID");
  for (const auto& partition : plan.partitions) {
    AddPartition(raw, partition, plan);
  }
  Check(fdisk_write_disklabel(raw), "writing the GPT");
  Check(fdisk_deassign_device(raw, 1), "closing the scratch file");
}

// Carries ranges of the scratch file to the disk.
class Carrier {
 public:
  Carrier(const ScratchFile& scratch, BlockDevice& disk) : scratch_(scratch), disk_(disk) {}

  [[nodiscard]] std::vector<std::byte> Sector(std::uint64_t lba) const {
    std::vector<std::byte> sector(disk_.sector_size());
    scratch_.Read(lba * disk_.sector_size(), sector);
    return sector;
  }

  // The entries that a header describes, then the header itself.
  void CarryEntries(const std::vector<std::byte>& header) const {
    const auto length = CheckedMul(LoadLe32(header, gpt::kEntryCount),
                                   LoadLe32(header, gpt::kEntrySize),
                                   "the partition entries");
    if (length > kEnds) {
      throw Error(ErrorKind::kFailed, "libfdisk made a GPT of " + FormatBytes(length));
    }
    std::vector<std::byte> entries(RoundUp(length, disk_.sector_size()));
    const auto offset = LoadLe64(header, gpt::kEntriesLba) * disk_.sector_size();
    scratch_.Read(offset, entries);
    disk_.Write(offset, entries);
  }

  void CarrySector(std::uint64_t lba, const std::vector<std::byte>& content) const {
    disk_.Write(lba * disk_.sector_size(), content);
    disk_.Sync();
  }

 private:
  const ScratchFile& scratch_;
  BlockDevice& disk_;
};

std::vector<std::byte> KeepBootCode(const BlockDevice& disk, std::vector<std::byte> mbr) {
  disk.Read(0, std::span(mbr).first(kBootCode));
  return mbr;
}

void CheckWritten(const BlockDevice& disk, const LayoutPlan& plan) {
  const auto table = ReadPartitionTable(disk);
  const bool same =
      table.type == TableType::kGpt && table.partitions.size() == plan.partitions.size() &&
      std::equal(table.partitions.begin(),
                 table.partitions.end(),
                 plan.partitions.begin(),
                 [](const FoundPartition& found, const PlannedPartition& planned) {
                   return found.uuid == planned.uuid && found.offset == planned.offset &&
                          found.length == planned.length;
                 });
  if (!same) {
    throw Error(ErrorKind::kFailed, "the table that was written does not read back");
  }
}

void CheckSize(const BlockDevice& disk, const LayoutPlan& plan) {
  if (disk.size() != plan.disk_size || disk.sector_size() != plan.sector_size) {
    throw Error(ErrorKind::kFailed,
                "planned for " + std::to_string(plan.disk_size) + " bytes in sectors of " +
                    std::to_string(plan.sector_size) + ", but it has " +
                    std::to_string(disk.size()) + " in sectors of " +
                    std::to_string(disk.sector_size()));
  }
}

// What libfdisk made, to be put in the place of another table.
Gpt GptOf(const ScratchFile& scratch, std::uint32_t sector_size) {
  Gpt made{.header = std::vector<std::byte>(sector_size)};
  scratch.Read(sector_size, made.header);
  made.entries_length = CheckedMul(LoadLe32(made.header, gpt::kEntryCount),
                                   LoadLe32(made.header, gpt::kEntrySize),
                                   "the partition entries");
  made.entries.resize(RoundUp(made.entries_length, sector_size));
  scratch.Read(made.Lba(gpt::kEntriesLba) * sector_size, made.entries);
  return made;
}

}  // namespace

void WritePartitionTable(BlockDevice& disk, const LayoutPlan& plan) {
  InContext("writing the partition table of " + disk.name(), [&] {
    CheckSize(disk, plan);
    const ScratchFile scratch(disk.size());
    MakeTable(scratch, plan);
    const Carrier carrier(scratch, disk);
    const auto primary = carrier.Sector(1);
    const auto last = disk.size() / disk.sector_size() - 1;
    const auto backup = carrier.Sector(last);
    carrier.CarryEntries(backup);
    disk.Sync();
    carrier.CarrySector(last, backup);
    carrier.CarryEntries(primary);
    disk.Sync();
    carrier.CarrySector(0, KeepBootCode(disk, carrier.Sector(0)));
    carrier.CarrySector(1, primary);
    CheckWritten(disk, plan);
  });
}

void ReplacePartitionTable(BlockDevice& disk, const LayoutPlan& plan) {
  InContext("replacing the partition table of " + disk.name(), [&] {
    CheckSize(disk, plan);
    const ScratchFile scratch(disk.size());
    MakeTable(scratch, plan);
    ReplaceGpt(disk, GptOf(scratch, disk.sector_size()));
    const Carrier carrier(scratch, disk);
    carrier.CarrySector(0, KeepBootCode(disk, carrier.Sector(0)));
    CheckWritten(disk, plan);
  });
}

PartitionTable ReadPartitionTable(const BlockDevice& disk) {
  return InContext("reading the partition table of " + disk.name(), [&] {
    ScratchFile scratch(disk.size());
    std::vector<std::byte> end(std::min(kEnds, RoundDown(disk.size(), disk.sector_size())));
    for (const Bytes offset : {Bytes{0}, RoundDown(disk.size(), disk.sector_size()) - end.size()}) {
      disk.Read(offset, end);
      scratch.Write(offset, end);
    }
    return ProbeTable(scratch.fd(), disk.size(), disk.sector_size());
  });
}

KernelTable RereadPartitionTable(const std::filesystem::path& disk) {
  if (!std::filesystem::is_block_file(disk)) {
    return KernelTable::kReread;
  }
  const auto fd = OpenFile(disk, O_RDONLY);
  return ::ioctl(fd.get(), BLKRRPART) == 0 ? KernelTable::kReread : KernelTable::kOld;
}

}  // namespace ros::partitions
