#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "delta/prediction.hpp"

namespace ros::delta {

// By how much words changed that lead near a place, when they are the addresses that they look
// like: so will the next one. Nothing is known of processors or formats.

// A word of the base. Numbers are modulo 2^32, as the words are.
struct BaseWord {
  std::uint32_t value = 0;
  std::uint32_t end = 0;    // where it ends, from which a relative address counts
  std::uint32_t moved = 0;  // how far it is itself moved
};

// What of a table of places is learned; what falls on another's entry replaces it.
class Shifts {
 public:
  // Places of 2^`near_log` bytes move alike.
  explicit Shifts(unsigned near_log) : near_log_(near_log) {}

  [[nodiscard]] std::optional<std::uint32_t> Find(std::uint32_t place) const {
    const auto& entry = entries_[HashOf(place >> near_log_, 0, kBits)];
    return entry.place == place >> near_log_ ? std::optional(entry.shift) : std::nullopt;
  }

  void Learn(std::uint32_t place, std::uint32_t shift) {
    entries_[HashOf(place >> near_log_, 0, kBits)] = {place >> near_log_, shift};
  }

 private:
  static constexpr unsigned kBits = 14;

  struct Entry {
    std::uint32_t place = ~std::uint32_t{0};
    std::uint32_t shift = 0;
  };

  unsigned near_log_;
  std::vector<Entry> entries_ = std::vector<Entry>(std::size_t{1} << kBits);
};

class WordGuesses {
 public:
  static constexpr std::size_t kCount = 6;

  // What may be added to a word, the likeliest first; nothing where nothing was learned.
  using Guesses = std::array<std::optional<std::uint32_t>, kCount>;

  [[nodiscard]] Guesses Of(const BaseWord& word) const {
    Guesses guesses;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (i < relatives_.size()) {
        if (const auto shift = relatives_[i].Find(word.end + word.value)) {
          guesses[i] = *shift - word.moved;
        }
      } else {
        guesses[i] = absolutes_[i - relatives_.size()].Find(word.value);
      }
    }
    return guesses;
  }

  // That so much was added to it.
  void Learn(const BaseWord& word, std::uint32_t change) {
    for (auto& relative : relatives_) {
      relative.Learn(word.end + word.value, change + word.moved);
    }
    for (auto& absolute : absolutes_) {
      absolute.Learn(word.value, change);
    }
  }

 private:
  std::array<Shifts, 4> relatives_ = {Shifts(0), Shifts(8), Shifts(12), Shifts(16)};
  std::array<Shifts, 2> absolutes_ = {Shifts(0), Shifts(14)};
};

}  // namespace ros::delta
