#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace ros::delta {

// Where blocks of a new text are in an old one, at whatever byte they begin there: a number of each
// block is compared with that of every window of the old text, as rsync and zsync do it.

inline constexpr Bytes kSearchedBlock = 4096;

// A block's number: its bytes b, each plus one, as digits of a number to a base of 64 bits, modulo
// 2^64 (Rabin and Karp; docs/delta-format.md, "Fragments"). `block` has kSearchedBlock bytes. Made
// to be quick and not to withstand anybody: who finds a block by it compares what is there.
std::uint64_t NumberOfBlock(ByteSpan block);

// Takes 32 to 64 bytes for each block that is looked for, and 128 KiB.
class BlockSearch {
 public:
  explicit BlockSearch(std::span<const std::uint64_t> wanted);

  // Looks at a piece of the old text that begins at `offset` there. Blocks that are not wholly in
  // one piece are not found: pieces overlap by kSearchedBlock - 1. Any thread.
  void Scan(Bytes offset, ByteSpan piece);

  // Where the block is: of all places that were looked at the first.
  [[nodiscard]] std::optional<Bytes> Find(std::uint64_t number) const;

 private:
  // In the place of one: of an entry without a number, and of a number that was not found.
  static constexpr Bytes kFree = ~Bytes{0};
  static constexpr Bytes kNowhere = kFree - 1;

  struct Entry {
    std::uint64_t number = 0;
    std::atomic<Bytes> place = kFree;
  };

  // The entry of this number, or the free one where it would be.
  [[nodiscard]] std::size_t IndexOf(std::uint64_t number) const;
  void Note(std::uint64_t number, Bytes place);

  [[nodiscard]] bool MayWant(std::uint64_t number) const {
    const auto bit = number >> kFilterShift;
    return ((filter_[bit / 64] >> (bit % 64)) & 1U) != 0;
  }

  static constexpr unsigned kFilterBits = 20;
  static constexpr unsigned kFilterShift = 64 - kFilterBits;

  std::vector<std::uint64_t> filter_;  // a bit for each number's top bits: most windows end there
  std::vector<Entry> entries_;         // a power of two of them, at least half of them free
  unsigned shift_;                     // leaves as many bits as an entry's index has
  // Another one each time: who makes a file has no say in which of its blocks' numbers meet.
  std::uint64_t factor_;
};

}  // namespace ros::delta
