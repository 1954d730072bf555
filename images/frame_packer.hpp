#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"

namespace ros::images {

// Packs bytes into zstd frames (RFC 8878): one frame a call, its content size in the header, no
// checksum, a window of at most 2^24 bytes. The same input and level give the same bytes. Not
// shared between threads.
class FramePacker {
 public:
  // `level` is zstd's, 1 to 19; throws kUsage for another.
  explicit FramePacker(int level);
  FramePacker(FramePacker&&) noexcept;
  FramePacker& operator=(FramePacker&&) noexcept;
  FramePacker(const FramePacker&) = delete;
  FramePacker& operator=(const FramePacker&) = delete;
  ~FramePacker();

  std::string Pack(ByteSpan data);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ros::images
