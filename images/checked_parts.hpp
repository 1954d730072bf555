#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>

#include "base/bytes.hpp"
#include "images/image_source.hpp"

namespace ros::images {

// Parts of a blob that are not needed: where one is not what was signed, there is another way. Any
// thread.
class CheckedParts {
 public:
  // Lives longer than this. More than `most_mended` parts are not fetched anew from elsewhere.
  explicit CheckedParts(const Blob& blob,
                        std::size_t most_mended = std::numeric_limits<std::size_t>::max())
      : blob_(blob), most_mended_(most_mended) {}

  // Fills `into` from `offset` on; where the blob ends before, or `is_right` does not say that this
  // is right, from other places where the blob is. False where it is not had so. Throws what else
  // reading throws.
  bool Read(Bytes offset, MutableByteSpan into, const std::function<bool()>& is_right) const;

  // Fills `into` with whatever is there, also to pass over what was announced. False where the blob
  // ends before. Throws what else reading throws.
  bool Take(Bytes offset, MutableByteSpan into) const;

  // How many were not had.
  [[nodiscard]] std::size_t damaged() const { return damaged_; }

 private:
  bool IsRightElsewhere(Bytes offset,
                        MutableByteSpan into,
                        const std::function<bool()>& is_right) const;

  const Blob& blob_;
  std::size_t most_mended_;
  mutable std::atomic<std::size_t> mended_ = 0;
  mutable std::atomic<std::size_t> damaged_ = 0;
};

}  // namespace ros::images
