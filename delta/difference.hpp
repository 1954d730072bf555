#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "delta/numbers.hpp"

namespace ros::delta {

// How a piece of new bytes is made of old ones, its base: three rows of bytes, each of which packs
// well by itself (docs/delta-format.md, "Differences"). The form is that of Colin Percival's "Naive
// differences of executable code": what moved is taken from the base byte by byte with a number
// added, 0 almost everywhere, so that machine code whose addresses changed costs next to nothing.
struct Difference {
  std::string steps;  // numbers: where in the base, how many bytes from there, how many fresh ones
  std::string added;  // to bytes of the base, modulo 256
  std::string fresh;  // bytes that the base does not have

  bool operator==(const Difference&) const = default;
};

// The same with its rows elsewhere.
struct DifferenceView {
  std::string_view steps;
  std::string_view added;
  std::string_view fresh;
};

// One step: so many bytes of the base, to each of which a number is added, and then fresh ones.
struct Step {
  Bytes base = 0;  // where the first of them is
  Bytes length = 0;
  Bytes fresh = 0;
};

// Reads the steps of a difference, which may be anything.
class StepReader {
 public:
  StepReader(std::string_view steps, Bytes base_size) : numbers_(steps), base_size_(base_size) {}

  // The next one, what it takes within the base; nothing behind the last. Throws kVerification.
  std::optional<Step> Next();

 private:
  NumberReader numbers_;
  Bytes base_size_;
  Bytes at_ = 0;  // in the base, behind the last step
};

// Finds how `target` is made of `base`. Both together at most 2^31 bytes. Takes five times the
// base's size in memory and, where nothing is alike, some seconds for each MiB. The same input
// gives the same difference. Throws kFailed where memory does not suffice.
Difference FindDifference(ByteSpan base, ByteSpan target);

// Fills `into` by a difference. It may be anything: each step is held within the base, `into` and
// the rows. Throws kVerification "the difference: why"; `into` is undefined then.
void ApplyDifference(ByteSpan base, const DifferenceView& difference, MutableByteSpan into);

}  // namespace ros::delta
