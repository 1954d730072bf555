#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace ros::delta {

// A row of bytes as a raw LZMA2 stream (of lp 0 and pb 0), what is known beforehand as preset
// dictionary (docs/delta-format.md, "Patches").

// Packs a row; bytes of `known` that it repeats cost little. `window` is how far back they are
// looked for, in bytes. The same input gives the same bytes. Throws kFailed where memory does not
// suffice: some twelve times the window.
std::string PackRow(std::string_view row, ByteSpan known, Bytes window);

// Unpacks what has just this length. Takes as much again as `known` and the row, and 100 KiB.
// Throws kVerification for a stream that is damaged or of another length, kFailed out of memory.
std::string UnpackRow(std::string_view packed, Bytes length, ByteSpan known);

// Packs a text in parts of this length (the last may be shorter), each of which is unpacked by
// itself where all that is in front of it is known. Much quicker than PackRow of each part, since
// the text is gone through once. Throws as PackRow; the window is the text.
std::vector<std::string> PackParts(ByteSpan text, Bytes part_length);

// As UnpackRow, of such a part.
std::string UnpackPart(std::string_view packed, Bytes length, ByteSpan in_front);

}  // namespace ros::delta
