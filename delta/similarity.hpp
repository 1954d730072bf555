#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace ros::delta {

// Finds which ranges of a large text a piece is most alike with. It remembers where samples of the
// text are: short rows of bytes, chosen by their content alone, so that they are found again
// wherever they moved (docs/delta-format.md, "Finding what is alike").
class SimilarityIndex {
 public:
  // For a text of about so many bytes. Takes about an eighth of that in memory.
  explicit SimilarityIndex(Bytes size);

  // The text, in pieces in order.
  void Add(ByteSpan piece);
  // Behind the last piece.
  void Finish();

  // The ranges of the text that share the most samples with `piece`, ordered by offset: at most
  // `most` ranges, `total` bytes together, their ends multiples of `unit`. Empty where none does.
  [[nodiscard]] std::vector<ByteRange> FindAlike(ByteSpan piece,
                                                 std::size_t most,
                                                 Bytes total,
                                                 Bytes unit) const;

 private:
  struct Sample {
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  // in kPlaceUnit bytes
  };

  unsigned rate_log_;
  std::vector<Sample> samples_;  // by hash once it is finished
  Bytes size_ = 0;
  std::vector<std::byte> tail_;  // of the last piece, where a sample may begin
};

}  // namespace ros::delta
