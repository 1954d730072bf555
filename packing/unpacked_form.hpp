#pragma once

#include <optional>

#include "base/block_device.hpp"
#include "base/bytes.hpp"
#include "packing/packed_part.hpp"

namespace ros::packing {

// The unpacked form of a file (docs/delta-format.md, "Kernel and initrd"): a header that says how
// the file is made of the rest, its bytes before the packed part, that part unpacked, the bytes
// behind it, zeros up to a whole unit.

inline constexpr Bytes kFormUnit = Bytes{1} << 20U;
inline constexpr Bytes kMaxUnpackedForm = Bytes{1} << 30U;
inline constexpr Bytes kMaxUnpackedPart = kMaxUnpackedForm / 4;
inline constexpr Bytes kFormHeaderSize = 4096;

// The header. All lengths in bytes.
struct FormLayout {
  Packing packing = Packing::kNone;
  Bytes before = 0;
  Bytes unpacked = 0;
  Bytes behind = 0;

  // Of the whole form, whole units.
  [[nodiscard]] Bytes Size() const {
    return RoundUp(kFormHeaderSize + before + unpacked + behind, kFormUnit);
  }

  bool operator==(const FormLayout&) const = default;
};

// Fills `into`, kFormHeaderSize bytes.
void WriteFormHeader(const FormLayout& layout, MutableByteSpan into);

// Reads kFormHeaderSize bytes, which may be anything. Throws kVerification where they are no header
// that is known, or of a form above kMaxUnpackedForm.
FormLayout ParseFormHeader(ByteSpan header);

// A file read as its unpacked form. Keeps the block that it last unpacked. Not for several threads.
class UnpackedForm {
 public:
  // The file is as it is for as long as this lives. Reads and unpacks all of it once; throws what
  // `read` throws, and kVerification for a file above kMaxUnpackedForm.
  UnpackedForm(ReadBytes read, Bytes size);

  [[nodiscard]] Bytes size() const { return layout_.Size(); }

  [[nodiscard]] const FormLayout& layout() const { return layout_; }

  // Fills `into` from `offset` on. Throws kFailed beyond the end, kVerification where a block is
  // not what it was any more, and what reading throws.
  void Read(Bytes offset, MutableByteSpan into);

  // Whether the first packed block becomes the same bytes here as in the file; true where nothing
  // is packed. Where not, no other form is turned into the file that it is of either.
  [[nodiscard]] bool PacksAsItWas();

 private:
  // As much of `into` as lies in one part of the form; returns how much.
  std::size_t ReadPart(Bytes offset, MutableByteSpan into);
  ByteSpan Block(std::size_t number);

  ReadBytes read_;
  PackedPart part_;
  FormLayout layout_;
  AlignedBuffer header_{kFormHeaderSize};
  std::optional<AlignedBuffer> block_;  // where something is packed
  std::optional<std::size_t> held_;     // the block that block_ has
};

}  // namespace ros::packing
