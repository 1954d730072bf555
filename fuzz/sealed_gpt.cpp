#include "fuzz/sealed_gpt.hpp"

#include <algorithm>
#include <vector>

#include "partitions/gpt.hpp"

namespace ros::fuzz {
namespace {

constexpr Bytes kSector = 512;

std::uint32_t Crc32(ByteSpan bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const auto byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
    }
  }
  return ~crc;
}

}  // namespace

void SealPrimaryGpt(BlockDevice& disk) {
  std::vector<std::byte> header(kSector);
  disk.Read(kSector, header);
  const Bytes length = Bytes{LoadLe32(header, partitions::gpt::kEntryCount)} *
                       LoadLe32(header, partitions::gpt::kEntrySize);
  const Bytes lba = LoadLe64(header, partitions::gpt::kEntriesLba);
  if (length <= 256 * 1024 && lba <= disk.size() / kSector &&
      length <= disk.size() - lba * kSector) {
    std::vector<std::byte> entries(length);
    disk.Read(lba * kSector, entries);
    StoreLe32(header, 88, Crc32(entries));
  }
  StoreLe32(header, 16, 0);
  StoreLe32(
      header, 16, Crc32(std::span(header).first(std::min<Bytes>(LoadLe32(header, 12), kSector))));
  disk.Write(kSector, header);
}

}  // namespace ros::fuzz
