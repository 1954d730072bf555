#include "packing/lz4_legacy.hpp"

#include <lz4.h>
#include <lz4hc.h>

#include <algorithm>

#include "base/error.hpp"

namespace ros::packing {
namespace {

// What scripts/Makefile.lib of Linux asks for, and lz4's own name of it.
constexpr int kLz4Level = 9;

static_assert(kMaxLz4Packed == LZ4_COMPRESSBOUND(kLz4BlockLength));

}  // namespace

ByteSpan Lz4BlockPacker::Pack(ByteSpan block) {
  const auto frame = packed_.span();
  const auto into = frame.subspan(kLz4LengthSize);
  const int length = block.size() > kLz4BlockLength
                         ? 0
                         : LZ4_compress_HC(reinterpret_cast<const char*>(block.data()),
                                           reinterpret_cast<char*>(into.data()),
                                           static_cast<int>(block.size()),
                                           static_cast<int>(into.size()),
                                           kLz4Level);
  if (length <= 0) {
    throw Error(ErrorKind::kFailed, "lz4 does not pack a block of " + FormatBytes(block.size()));
  }
  StoreLe32(frame, 0, static_cast<std::uint32_t>(length));
  return frame.first(kLz4LengthSize + static_cast<std::size_t>(length));
}

std::optional<Bytes> UnpackLz4Block(ByteSpan packed, MutableByteSpan into) {
  const int length = LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data()),
                                         reinterpret_cast<char*>(into.data()),
                                         static_cast<int>(std::min(packed.size(), kMaxLz4Packed)),
                                         static_cast<int>(std::min(into.size(), kLz4BlockLength)));
  return length < 0 ? std::nullopt : std::optional(static_cast<Bytes>(length));
}

std::string PackLz4(ByteSpan data) {
  std::string frame(kLz4MagicSize, '\0');
  StoreLe32(AsWritableBytes(frame), 0, kLz4LegacyMagic);
  Lz4BlockPacker packer;
  for (Bytes at = 0; at < data.size(); at += kLz4BlockLength) {
    frame.append(
        AsText(packer.Pack(data.subspan(at, std::min(kLz4BlockLength, data.size() - at)))));
  }
  return frame;
}

}  // namespace ros::packing
