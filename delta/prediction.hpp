#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "delta/bit_coder.hpp"

namespace ros::delta {

// How likely the next bit is 1: what was seen in several contexts, each with a weight that is
// learned too (Matt Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression",
// 2005). Whole numbers alone, so that every machine predicts the same.

// What was seen in one context.
class Chance {
 public:
  // Of kCertain.
  [[nodiscard]] unsigned value() const { return one_ >> (16 - kCertainBits); }

  // Fast at first, then by a sixtieth.
  void Learn(bool bit) {
    if (seen_ < kMostSeen) {
      ++seen_;
    }
    one_ = static_cast<std::uint16_t>(one_ + ((((bit ? 65535 : 0) - one_) * kRates[seen_]) >> 16));
  }

 private:
  static constexpr std::uint16_t kMostSeen = 60;
  // 1 / (n + 1.6) of 65536; the product with a chance of 16 bits stays within 31.
  static constexpr auto kRates = [] {
    std::array<std::int32_t, kMostSeen + 1> rates{};
    for (std::int32_t n = 1; n <= kMostSeen; ++n) {
      rates[static_cast<std::size_t>(n)] = 655360 / (10 * n + 16);
    }
    return rates;
  }();

  std::uint16_t one_ = 32768;  // of 65536
  std::uint16_t seen_ = 0;
};

// Of two numbers, so many bits.
constexpr std::size_t HashOf(std::uint32_t a, std::uint32_t b, unsigned bits) {
  return (a + b * 1540483477U) * 2654435761U >> (32 - bits);
}

// What was seen in many contexts, which two numbers tell, by their hash alone: two may share one.
class Chances {
 public:
  // So many bits of the hash.
  explicit Chances(unsigned bits) : bits_(bits), chances_(std::size_t{1} << bits) {}

  Chance* At(std::uint32_t a, std::uint32_t b) { return &chances_[HashOf(a, b, bits_)]; }

  // The first of sixteen in a row.
  Chance* RowAt(std::uint32_t a, std::uint32_t b) {
    return &chances_[HashOf(a, b, bits_ - 4) << 4U];
  }

 private:
  unsigned bits_;
  std::vector<Chance> chances_;
};

// The logarithm of odds, in 256ths, and back.
class Odds {
 public:
  static constexpr int kMost = 2047;

  static int Of(unsigned chance) { return kOfChance[chance]; }

  static unsigned ToChance(int odds) {
    const auto place = std::clamp(odds, -kMost, kMost) + kMost;
    return kToChance[static_cast<std::size_t>(place)];
  }

 private:
  using ToChanceTable = std::array<std::uint16_t, 2 * kMost + 1>;
  using OfChanceTable = std::array<std::int16_t, kCertain>;

  // 1 / (1 + e^-odds). Made while this is compiled, where numbers are the same everywhere.
  static consteval ToChanceTable MakeToChance() {
    constexpr double kStep = 1.00391388933834757;  // e to the power of 1/256
    ToChanceTable table{};
    double power = 1;
    constexpr std::size_t kEven = kMost;
    for (std::size_t odds = 0; odds <= kEven; ++odds, power *= kStep) {
      const auto doubled = static_cast<unsigned>(2 * kCertain * power / (1 + power));
      const auto chance = (doubled + 1) / 2;
      table[kEven + odds] = static_cast<std::uint16_t>(std::min(chance, kCertain - 1));
      table[kEven - odds] = static_cast<std::uint16_t>(std::max(kCertain - chance, 1U));
    }
    return table;
  }

  // The least odds that are as likely as that.
  static consteval OfChanceTable MakeOfChance(const ToChanceTable& to_chance) {
    OfChanceTable table{};
    std::size_t i = 0;
    for (std::size_t chance = 0; chance < kCertain; ++chance) {
      while (i + 1 < to_chance.size() && to_chance[i] < chance) {
        ++i;
      }
      table[chance] = static_cast<std::int16_t>(static_cast<int>(i) - kMost);
    }
    return table;
  }

  static const ToChanceTable kToChance;
  static const OfChanceTable kOfChance;
};

inline constexpr Odds::ToChanceTable Odds::kToChance = Odds::MakeToChance();
inline constexpr Odds::OfChanceTable Odds::kOfChance = Odds::MakeOfChance(Odds::kToChance);

// How far each of several chances is to be believed, of 65536.
template <std::size_t kCount>
class Weights {
 public:
  explicit Weights(std::int32_t each) { of_.fill(each); }

  // Codes a bit by chances of several contexts, all of which learn it.
  template <class Coder>
  bool Code(Coder& coder, const std::array<Chance*, kCount>& chances, bool known) {
    std::array<int, kCount> odds{};
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      odds[i] = Odds::Of(chances[i]->value());
      sum += std::int64_t{of_[i]} * odds[i];
    }
    const auto chance =
        Odds::ToChance(static_cast<int>(std::clamp<std::int64_t>(sum >> 16, -kFar, kFar)));
    const bool bit = coder.Code(chance, known);
    const auto wrong = ((bit ? static_cast<int>(kCertain) : 0) - static_cast<int>(chance)) * kHaste;
    for (std::size_t i = 0; i < kCount; ++i) {
      of_[i] = std::clamp(of_[i] + ((odds[i] * wrong + (1 << 13)) >> 14), -kMost, kMost);
      chances[i]->Learn(bit);
    }
    return bit;
  }

 private:
  static constexpr std::int64_t kFar = Odds::kMost;
  static constexpr std::int32_t kMost = 1 << 22;
  static constexpr int kHaste = 16;

  std::array<std::int32_t, kCount> of_;
};

}  // namespace ros::delta
