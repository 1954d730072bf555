#pragma once

#include <array>
#include <optional>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "packing/lz4_legacy.hpp"
#include "packing/unpacked_form.hpp"

namespace ros::packing {

// Makes a file of its unpacked form, which may be anything: what comes out is no more than its
// header says.
class Repacker {
 public:
  struct Step {
    std::size_t taken = 0;  // of the bytes that were given
    ByteSpan made;          // the next bytes of the file; may be empty
  };

  // Takes some of the next bytes of the form; none at all where something came of those before.
  // What was made is there until the next call, and no longer than the bytes that were given.
  // Throws kVerification as ParseFormHeader.
  Step Add(ByteSpan bytes);

  // Throws kVerification where the form has not come to its end.
  void Finish() const;

 private:
  // Of a part that ends at `end` of the form.
  Step PassOn(ByteSpan bytes, Bytes end);
  Step Pack(ByteSpan bytes, Bytes end);
  // Puts bytes behind those that are held; returns how many.
  std::size_t Hold(ByteSpan bytes, Bytes room);

  Bytes done_ = 0;  // of the form
  std::optional<FormLayout> layout_;
  // The header, and then the block that is being filled.
  AlignedBuffer held_{kFormHeaderSize};
  Bytes filled_ = 0;
  std::optional<Lz4BlockPacker> packer_;  // once the packed part has begun
  std::array<std::byte, kLz4MagicSize> magic_{};
};

// Gives all of `bytes` to a repacker, and what it makes to `sink`.
template <typename Sink>
void AddAll(Repacker& repacker, ByteSpan bytes, Sink sink) {
  while (!bytes.empty()) {
    const auto step = repacker.Add(bytes);
    sink(step.made);
    bytes = bytes.subspan(step.taken);
  }
}

}  // namespace ros::packing
