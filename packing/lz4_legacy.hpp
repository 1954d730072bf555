#pragma once

#include <optional>
#include <string>

#include "base/block_device.hpp"
#include "base/bytes.hpp"

namespace ros::packing {

// LZ4's legacy frame (lz4_Frame_format.md 1.6.2, "Legacy frame"): a magic number, then blocks of
// 8 MiB, the last one shorter, each by itself and behind its packed length. What Linux kernels are
// packed in (CONFIG_KERNEL_LZ4) and take as initrd (CONFIG_RD_LZ4), as `lz4 -l -9` makes it.

inline constexpr std::uint32_t kLz4LegacyMagic = 0x184C2102;
inline constexpr Bytes kLz4MagicSize = 4;
inline constexpr Bytes kLz4LengthSize = 4;
inline constexpr Bytes kLz4BlockLength = Bytes{8} << 20U;
// What a block that cannot be made smaller becomes: LZ4_compressBound.
inline constexpr Bytes kMaxLz4Packed = kLz4BlockLength + kLz4BlockLength / 255 + 16;

// Packs blocks at level 9. The same input and version of liblz4 give the same bytes. Keeps its
// memory, of which a block that packs well touches little.
class Lz4BlockPacker {
 public:
  // At most kLz4BlockLength; the result, its length in front, is there until the next call.
  ByteSpan Pack(ByteSpan block);

 private:
  AlignedBuffer packed_{kLz4LengthSize + kMaxLz4Packed};
};

// Unpacks one block, which may be anything: how much of `into` was filled, or nothing where it is
// no block of at most that length.
std::optional<Bytes> UnpackLz4Block(ByteSpan packed, MutableByteSpan into);

// A whole frame.
std::string PackLz4(ByteSpan data);

}  // namespace ros::packing
