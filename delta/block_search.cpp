#include "delta/block_search.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <random>

namespace ros::delta {
namespace {

// The base of the numbers: 2^64 divided by the golden ratio.
constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15U;

// What a digit counts that has left the window.
constexpr std::uint64_t kGone = [] {
  std::uint64_t power = 1;
  for (Bytes i = 0; i < kSearchedBlock; ++i) {
    power *= kBase;
  }
  return power;
}();

std::uint64_t DigitOf(std::byte byte) {
  return std::to_integer<std::uint64_t>(byte) + 1;
}

std::uint64_t RandomOdd() {
  std::random_device random;
  return (std::uint64_t{random()} << 32U) | random() | 1U;
}

}  // namespace

std::uint64_t NumberOfBlock(ByteSpan block) {
  std::uint64_t number = 0;
  for (const auto byte : block) {
    number = number * kBase + DigitOf(byte);
  }
  return number;
}

BlockSearch::BlockSearch(std::span<const std::uint64_t> wanted)
    : filter_((std::size_t{1} << kFilterBits) / 64),
      entries_(std::bit_ceil(std::max<std::size_t>(2 * wanted.size(), 2))),
      shift_(64U - static_cast<unsigned>(std::bit_width(entries_.size() - 1))),
      factor_(RandomOdd()) {
  for (const auto number : wanted) {
    auto& entry = entries_[IndexOf(number)];
    entry.number = number;
    entry.place = kNowhere;
    const auto bit = number >> kFilterShift;
    filter_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
}

void BlockSearch::Scan(Bytes offset, ByteSpan piece) {
  if (piece.size() < kSearchedBlock) {
    return;
  }
  // Several windows move at once, since each step of one waits for the step before it. Each goes
  // over its part of the piece, and the last one over what the division leaves too.
  constexpr std::size_t kLanes = 4;
  const auto windows = piece.size() - kSearchedBlock + 1;
  const auto steps = windows / kLanes;
  std::array<std::uint64_t, kLanes> numbers{};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    numbers[lane] = NumberOfBlock(piece.subspan(lane * steps, kSearchedBlock));
  }
  const auto* const bytes = piece.data();
  const auto look = [&](std::uint64_t number, std::size_t at) {
    if (MayWant(number)) [[unlikely]] {
      Note(number, offset + at);
    }
  };
  const auto move = [&](std::uint64_t number, std::size_t at) {
    return number * kBase + (DigitOf(bytes[at + kSearchedBlock]) - kGone * DigitOf(bytes[at]));
  };
  for (std::size_t step = 0; step + 1 < steps; ++step) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto at = lane * steps + step;
      look(numbers[lane], at);
      numbers[lane] = move(numbers[lane], at);
    }
  }
  for (std::size_t lane = 0; steps > 0 && lane < kLanes; ++lane) {
    look(numbers[lane], (lane + 1) * steps - 1);
  }
  auto number = numbers[kLanes - 1];
  for (auto at = kLanes * steps; at < windows; ++at) {
    number = at == 0 ? number : move(number, at - 1);
    look(number, at);
  }
}

std::optional<Bytes> BlockSearch::Find(std::uint64_t number) const {
  const auto place = entries_[IndexOf(number)].place.load();
  return place < kNowhere ? std::optional(place) : std::nullopt;
}

std::size_t BlockSearch::IndexOf(std::uint64_t number) const {
  const auto mask = entries_.size() - 1;
  auto index = (number * factor_) >> shift_;
  while (entries_[index].place != kFree && entries_[index].number != number) {
    index = (index + 1) & mask;
  }
  return index;
}

void BlockSearch::Note(std::uint64_t number, Bytes place) {
  auto& entry = entries_[IndexOf(number)];
  auto known = entry.place.load();
  while (known != kFree && place < known && !entry.place.compare_exchange_weak(known, place)) {
  }
}

}  // namespace ros::delta
