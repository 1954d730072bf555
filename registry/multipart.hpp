#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace ros::registry {

// What may stand around each part: its boundary and its headers.
inline constexpr Bytes kMaxPartHead = Bytes{4} << 10U;

// The boundary of a Content-Type of "multipart/byteranges" (RFC 9110, section 14.6; RFC 2046,
// section 5.1.1); none for any other type. Throws kNetwork where the boundary is missing or none.
std::optional<std::string> FindBoundary(std::string_view content_type);

// Reads a body of multipart/byteranges, which comes in pieces of any size, and keeps nothing of it
// but a line. Parts have to come in the order in which they were asked for. One part may be several
// ranges with what lies between them, which a server may put together.
class MultipartReader {
 public:
  // Bytes of a part, and where they are in the file.
  struct Piece {
    Bytes offset = 0;
    ByteSpan bytes;
  };

  // The ranges that were asked for, of a file of this size: not empty, ascending, apart from each
  // other.
  MultipartReader(const std::string& boundary, std::vector<ByteRange> asked, Bytes size);

  // Reads `input` from its front, cuts off what it has read, and gives the bytes of a part among
  // that; none where it came to the end of the input without any. What follows the last boundary is
  // passed over. Throws kNetwork for what is no such body, for other parts than were asked for or
  // of another file, and for more than kMaxPartHead around a part; nothing may be read after that.
  Piece Read(ByteSpan& input);

 private:
  enum class State { kBoundary, kHeaders, kBody, kBodyEnd, kEnd };

  // Whether the line is there as a whole.
  bool GatherLine(ByteSpan& input);
  void TakeLine(std::string_view line);
  void TakeBoundary(std::string_view line);
  void TakeHeader(std::string_view line);
  void BeginPart();

  std::string boundary_;  // "--" before it
  std::vector<ByteRange> asked_;
  Bytes size_;
  std::size_t next_ = 0;  // of what was asked for: the first that is to come
  State state_ = State::kBoundary;
  std::string line_;        // as much as has come of it
  Bytes head_ = 0;          // bytes since the part before
  std::string part_range_;  // Content-Range
  Bytes place_ = 0;         // in the file, of the part's next byte
  Bytes left_ = 0;          // of the part
};

}  // namespace ros::registry
