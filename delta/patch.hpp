#pragma once

#include <string>

#include "base/bytes.hpp"

namespace ros::delta {

// A difference, its rows packed by LZMA2 or by what the base tells of them (docs/delta-format.md,
// "Patches").

// What a patch may be made of and make. Whatever its bytes say, applying one takes no more than
// kMaxApplyMemory beside what it is given.
inline constexpr Bytes kMaxBase = Bytes{2} << 20U;
inline constexpr Bytes kMaxTarget = Bytes{1} << 20U;
inline constexpr Bytes kMaxApplyMemory = Bytes{8} << 20U;

// The patch that makes `target` of `base`. The same input gives the same bytes. Throws kFailed
// where memory does not suffice or one of them is longer than above.
std::string MakePatch(ByteSpan base, ByteSpan target);

// Fills `into` by a patch, which may be anything. Throws kVerification "the patch: why"; `into` is
// undefined then.
void ApplyPatch(ByteSpan base, ByteSpan patch, MutableByteSpan into);

}  // namespace ros::delta
