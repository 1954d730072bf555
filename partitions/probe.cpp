#include "partitions/probe.hpp"

#include <blkid.h>

#include <charconv>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "base/c_ptr.hpp"

namespace ros::partitions {
namespace {

using Probe = CPtr<blkid_struct_probe, blkid_free_probe>;

// libblkid counts partitions in units of this size, whatever the disk's sector size is.
constexpr Bytes kBlkidUnit = 512;
// A disk with more signatures than this is adversarial.
constexpr int kMostSignatures = 256;

Probe MakeProbe(int fd, const ProbeRange& range) {
  Probe probe(blkid_new_probe());
  if (!probe ||
      blkid_probe_set_device(probe.get(),
                             fd,
                             static_cast<blkid_loff_t>(range.offset),
                             static_cast<blkid_loff_t>(range.length)) != 0 ||
      blkid_probe_set_sectorsize(probe.get(), range.sector_size) != 0) {
    throw Error(ErrorKind::kFailed, "libblkid cannot look at it");
  }
  return probe;
}

std::string Text(const char* text) {
  return text == nullptr ? "" : text;
}

TableType ParseTableType(std::string_view type) {
  if (type == "gpt") {
    return TableType::kGpt;
  }
  return type == "dos" ? TableType::kDos : TableType::kOther;
}

std::string ToHexNumber(int value) {
  std::string text = "0x";
  char digits[8];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value, 16).ptr;
  return text.append(std::begin(digits), end);
}

FoundPartition Describe(blkid_partition partition, TableType table) {
  FoundPartition found;
  found.number = blkid_partition_get_partno(partition);
  found.name = Text(blkid_partition_get_name(partition));
  found.uuid = Text(blkid_partition_get_uuid(partition));
  found.type = table == TableType::kDos ? ToHexNumber(blkid_partition_get_type(partition))
                                        : Text(blkid_partition_get_type_string(partition));
  found.offset = static_cast<Bytes>(blkid_partition_get_start(partition)) * kBlkidUnit;
  found.length = static_cast<Bytes>(blkid_partition_get_size(partition)) * kBlkidUnit;
  return found;
}

std::string Value(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  if (blkid_probe_lookup_value(probe, name, &value, nullptr) != 0) {
    return "";
  }
  return Text(value);
}

// What the last step of a probe found.
Signature DescribeStep(blkid_probe probe) {
  Signature found;
  const char* magic = nullptr;
  std::size_t length = 0;
  const bool table = blkid_probe_has_value(probe, "PTTYPE") != 0;
  found.type = Value(probe, table ? "PTTYPE" : "TYPE");
  found.label = Value(probe, "LABEL");
  found.uuid = Value(probe, table ? "PTUUID" : "UUID");
  if (blkid_probe_lookup_value(probe, table ? "PTMAGIC" : "SBMAGIC", &magic, &length) == 0) {
    found.length = length;
    found.offset = std::strtoull(
        Value(probe, table ? "PTMAGIC_OFFSET" : "SBMAGIC_OFFSET").c_str(), nullptr, 10);
  }
  return found;
}

}  // namespace

PartitionTable ProbeTable(int fd, Bytes size, std::uint32_t sector_size) {
  const auto probe = MakeProbe(fd, {.length = size, .sector_size = sector_size});
  blkid_probe_enable_superblocks(probe.get(), 0);
  blkid_probe_enable_partitions(probe.get(), 1);
  PartitionTable table;
  // Owned by the probe. Null also when nothing is there.
  auto* const list = blkid_probe_get_partitions(probe.get());
  auto* const description = list == nullptr ? nullptr : blkid_partlist_get_table(list);
  if (description == nullptr) {
    return table;
  }
  table.type = ParseTableType(Text(blkid_parttable_get_type(description)));
  table.uuid = Text(blkid_parttable_get_id(description));
  for (int i = 0; i < blkid_partlist_numof_partitions(list); ++i) {
    table.partitions.push_back(Describe(blkid_partlist_get_partition(list, i), table.type));
  }
  return table;
}

std::vector<Signature> ProbeSignatures(int fd, const ProbeRange& range) {
  const auto probe = MakeProbe(fd, range);
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(),
                                    BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
                                        BLKID_SUBLKS_UUID | BLKID_SUBLKS_BADCSUM);
  blkid_probe_enable_partitions(probe.get(), 1);
  blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
  std::vector<Signature> found;
  while (found.size() < kMostSignatures && blkid_do_probe(probe.get()) == 0) {
    auto signature = DescribeStep(probe.get());
    if (signature.length > 0) {
      signature.offset += range.offset;
      found.push_back(std::move(signature));
    }
    // A dry run hides the magic from this probe alone, so that what is behind it shows.
    if (blkid_do_wipe(probe.get(), 1) != 0) {
      break;
    }
  }
  return found;
}

}  // namespace ros::partitions
