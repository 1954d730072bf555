#include "packing/packed_part.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/block_device.hpp"
#include "packing/lz4_legacy.hpp"
#include "packing/unpacked_form.hpp"

namespace ros::packing {
namespace {

// boot.rst, "The Real-Mode Kernel Header".
constexpr Bytes kHeaderEnd = 0x250;
constexpr std::size_t kSetupSectors = 0x1f1;
constexpr std::size_t kHeaderMagicPlace = 0x202;
constexpr std::uint32_t kHeaderMagic = 0x53726448;  // "HdrS"
constexpr std::size_t kProtocolVersion = 0x206;
constexpr std::uint16_t kFirstWithPayload = 0x208;
constexpr std::size_t kPayloadOffset = 0x248;
constexpr std::size_t kPayloadLength = 0x24c;
constexpr Bytes kSetupSector = 512;
constexpr Bytes kUsualSetupSectors = 4;

// Where a packed part may be: the payload of a bzImage, else the whole file.
ByteRange FindPayload(const ReadBytes& read, Bytes size) {
  const ByteRange whole{.offset = 0, .length = size};
  std::array<std::byte, kHeaderEnd> header{};
  if (size < header.size()) {
    return whole;
  }
  read(0, header);
  if (LoadLe32(header, kHeaderMagicPlace) != kHeaderMagic ||
      LoadLe16(header, kProtocolVersion) < kFirstWithPayload) {
    return whole;
  }
  // Protected-mode code begins behind the setup, and payload_offset counts from there.
  const auto sectors = std::to_integer<Bytes>(header[kSetupSectors]);
  const Bytes setup = ((sectors == 0 ? kUsualSetupSectors : sectors) + 1) * kSetupSector;
  const ByteRange payload{.offset = setup + LoadLe32(header, kPayloadOffset),
                          .length = LoadLe32(header, kPayloadLength)};
  return payload.End() <= size ? payload : whole;
}

std::uint32_t ReadLe32(const ReadBytes& read, Bytes offset) {
  std::array<std::byte, 4> bytes{};
  read(offset, bytes);
  return LoadLe32(bytes, 0);
}

// The blocks of a legacy frame that begins at `range`; ends where no further one follows.
std::vector<PackedBlock> FindLz4Blocks(const ReadBytes& read, const ByteRange& range) {
  AlignedBuffer packed(kMaxLz4Packed);
  AlignedBuffer unpacked(kLz4BlockLength);
  std::vector<PackedBlock> blocks;
  Bytes total = 0;
  Bytes at = range.offset + kLz4MagicSize;
  while (range.End() - at > kLz4LengthSize) {
    const Bytes length = ReadLe32(read, at);
    at += kLz4LengthSize;
    if (length == 0 || length > std::min(kMaxLz4Packed, range.End() - at)) {
      break;  // Not a block's length: what the kernel's build puts behind the frame.
    }
    const auto bytes = packed.span().first(length);
    read(at, bytes);
    const auto got = UnpackLz4Block(bytes, unpacked.span());
    if (!got || *got == 0 || (total += *got) > kMaxUnpackedPart) {
      return {};
    }
    blocks.push_back({.offset = at, .packed_length = length, .length = *got});
    at += length;
    if (*got < kLz4BlockLength) {
      break;
    }
  }
  return blocks;
}

}  // namespace

PackedPart FindPackedPart(const ReadBytes& read, Bytes size) {
  const auto payload = FindPayload(read, size);
  if (payload.length <= kLz4MagicSize + kLz4LengthSize ||
      ReadLe32(read, payload.offset) != kLz4LegacyMagic) {
    return {};
  }
  auto blocks = FindLz4Blocks(read, payload);
  if (blocks.empty()) {
    return {};
  }
  const auto end = blocks.back().offset + blocks.back().packed_length;
  return {.packing = Packing::kLz4Legacy,
          .range = {.offset = payload.offset, .length = end - payload.offset},
          .blocks = std::move(blocks)};
}

}  // namespace ros::packing
