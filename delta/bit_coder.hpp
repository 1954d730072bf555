#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ros::delta {

// Bits of which each has its own chance, as so many bytes as their surprise takes: arithmetic
// coding with two numbers of 32 bits (Witten, Neal and Cleary, "Arithmetic Coding for Data
// Compression", 1987). Who decodes must ask with the same chances in the same order. Both have the
// same call, so that one description of the bits serves both.

// A chance is of kCertain, neither 0 nor all of it.
inline constexpr unsigned kCertainBits = 12;
inline constexpr unsigned kCertain = 1U << kCertainBits;

class BitEncoder {
 public:
  // Takes a bit that is 1 with this chance, and returns it.
  bool Code(unsigned chance, bool bit) {
    const auto middle = low_ + ((high_ - low_) >> kCertainBits) * chance;
    (bit ? high_ : low_) = bit ? middle : middle + 1;
    while (((low_ ^ high_) >> kTopShift) == 0) {
      text_.push_back(static_cast<char>(high_ >> kTopShift));
      low_ <<= 8U;
      high_ = (high_ << 8U) | 0xffU;
    }
    return bit;
  }

  // The bytes; none may be coded behind it.
  std::string Finish() {
    for (unsigned i = 0; i < sizeof low_; ++i) {
      text_.push_back(static_cast<char>(low_ >> kTopShift));
      low_ <<= 8U;
    }
    return std::move(text_);
  }

 private:
  static constexpr unsigned kTopShift = 24;

  std::uint32_t low_ = 0;
  std::uint32_t high_ = ~std::uint32_t{0};
  std::string text_;
};

class BitDecoder {
 public:
  // `text` may be anything, and may end too early: zeros follow it.
  explicit BitDecoder(std::string_view text) : text_(text) {
    for (unsigned i = 0; i < sizeof value_; ++i) {
      Shift();
    }
  }

  // The next bit, which is 1 with this chance; the second argument is for BitEncoder.
  bool Code(unsigned chance, bool /*bit*/ = false) {
    const auto middle = low_ + ((high_ - low_) >> kCertainBits) * chance;
    const bool bit = value_ <= middle;
    (bit ? high_ : low_) = bit ? middle : middle + 1;
    while (((low_ ^ high_) >> kTopShift) == 0) {
      low_ <<= 8U;
      high_ = (high_ << 8U) | 0xffU;
      Shift();
    }
    return bit;
  }

  // Whether just the whole text was needed, and it ends as Finish() ends it: so it is behind the
  // last bit.
  [[nodiscard]] bool IsAtEnd() const { return taken_ == text_.size() && value_ == low_; }

 private:
  static constexpr unsigned kTopShift = 24;

  void Shift() {
    const auto byte = taken_ < text_.size() ? static_cast<unsigned char>(text_[taken_]) : 0U;
    ++taken_;
    value_ = (value_ << 8U) | byte;
  }

  std::string_view text_;
  std::size_t taken_ = 0;
  std::uint32_t low_ = 0;
  std::uint32_t high_ = ~std::uint32_t{0};
  std::uint32_t value_ = 0;
};

}  // namespace ros::delta
