#pragma once

#include <functional>
#include <vector>

#include "base/bytes.hpp"

namespace ros::packing {

// Fills `into` with a file's bytes from `offset` on, which are inside of it; throws what reading
// throws.
using ReadBytes = std::function<void(Bytes offset, MutableByteSpan into)>;

// How a part of a file is packed. The numbers are those of the unpacked form.
enum class Packing : std::uint32_t {
  kNone = 0,
  kLz4Legacy = 1,  // as packing/lz4_legacy.hpp does it
};

// A block of the packed part.
struct PackedBlock {
  Bytes offset = 0;  // in the file, behind its length
  Bytes packed_length = 0;
  Bytes length = 0;  // unpacked; that of a whole block but for the last one
};

// The one part of a file that is packed; bytes before and behind it are as they are.
struct PackedPart {
  Packing packing = Packing::kNone;
  ByteRange range;  // in the file, its magic number included; empty where there is none
  std::vector<PackedBlock> blocks;
};

// Finds it: the kernel within a bzImage (Linux's Documentation/arch/x86/boot.rst, payload_offset),
// or a file that is packed as a whole. Unpacks all of it once, since LZ4 does not tell how long its
// blocks are. What is not sound, not of a kind that is known, or longer than kMaxUnpackedForm
// counts as not packed. Throws what `read` throws.
PackedPart FindPackedPart(const ReadBytes& read, Bytes size);

}  // namespace ros::packing
