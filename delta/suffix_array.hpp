#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace ros::delta {

// Where in a text a row of bytes is found.
struct Occurrence {
  std::size_t at = 0;
  std::size_t length = 0;
};

// All ends of a text in order, by libdivsufsort: finds the longest beginning of a row of bytes that
// the text has.
class SuffixArray {
 public:
  // `text` must live as long as this; less than 2^31 bytes. Throws kFailed where memory does not
  // suffice.
  explicit SuffixArray(ByteSpan text);

  // The longest beginning of `row` that is found in the text; length 0 where not even its first
  // byte is.
  [[nodiscard]] Occurrence FindLongest(ByteSpan row) const;

 private:
  ByteSpan text_;
  std::vector<std::int32_t> order_;  // where the ends begin
};

}  // namespace ros::delta
