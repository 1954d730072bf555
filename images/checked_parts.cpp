#include "images/checked_parts.hpp"

#include "base/error.hpp"
#include "base/interrupt.hpp"

namespace ros::images {

bool CheckedParts::Read(Bytes offset,
                        MutableByteSpan into,
                        const std::function<bool()>& is_right) const {
  if (Take(offset, into) && is_right()) {
    return true;
  }
  // Where one was right nowhere, the other way comes sooner than the next of them.
  if (damaged_ == 0 && mended_ < most_mended_ && IsRightElsewhere(offset, into, is_right)) {
    ++mended_;
    return true;
  }
  ++damaged_;
  return false;
}

bool CheckedParts::Take(Bytes offset, MutableByteSpan into) const {
  try {
    blob_.ReadAt(offset, into);
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kVerification) {
      throw;
    }
    return false;
  }
}

bool CheckedParts::IsRightElsewhere(Bytes offset,
                                    MutableByteSpan into,
                                    const std::function<bool()>& is_right) const {
  try {
    return blob_.ReadElsewhere(offset, into, is_right);
  } catch (const Error&) {
    ThrowIfInterrupted();
    return false;
  }
}

}  // namespace ros::images
