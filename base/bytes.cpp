#include "base/bytes.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "base/error.hpp"

static_assert(std::endian::native == std::endian::little, "on-disk formats are read as they lie");

namespace ros {
namespace {

template <typename T>
T Load(ByteSpan bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.subspan(offset, sizeof(T)).data(), sizeof(T));
  return value;
}

template <typename T>
void Store(MutableByteSpan bytes, std::size_t offset, T value) {
  std::memcpy(bytes.subspan(offset, sizeof(T)).data(), &value, sizeof(T));
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

// The power of two that a unit such as "", "K", "MiB" stands for, or -1.
int UnitShift(std::string_view unit) {
  if (unit.empty() || unit == "B" || unit == "b") {
    return 0;
  }
  constexpr std::string_view kPrefixes = "kmgt";
  const char prefix = static_cast<char>(unit[0] | 0x20);
  const auto at = kPrefixes.find(prefix);
  const auto rest = unit.substr(1);
  const bool suffix_known = rest.empty() || rest == "B" || rest == "b" || rest == "iB";
  if (at == std::string_view::npos || !suffix_known) {
    return -1;
  }
  return static_cast<int>(at + 1) * 10;
}

}  // namespace

void AddRange(std::vector<ByteRange>& ranges, const ByteRange& range) {
  if (!ranges.empty() && ranges.back().End() == range.offset) {
    ranges.back().length += range.length;
  } else {
    ranges.push_back(range);
  }
}

Bytes CheckedAdd(Bytes a, Bytes b, std::string_view what) {
  Bytes sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    throw Error(ErrorKind::kDoesNotFit, std::string(what) + " is too large");
  }
  return sum;
}

Bytes CheckedMul(Bytes a, Bytes b, std::string_view what) {
  Bytes product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw Error(ErrorKind::kDoesNotFit, std::string(what) + " is too large");
  }
  return product;
}

Bytes RoundUp(Bytes n, Bytes unit) {
  return RoundDown(CheckedAdd(n, unit - 1, "a size"), unit);
}

std::string FormatBytes(Bytes n) {
  if (n < 1024) {
    return std::to_string(n) + (n == 1 ? " byte" : " bytes");
  }
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(n) / 1024;
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  const bool whole = std::fabs(value - std::round(value)) < 0.05;
  const int length = std::snprintf(
      text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", value, kUnits.at(unit));
  return {text.data(), static_cast<std::size_t>(length)};
}

Bytes ParseBytes(std::string_view text) {
  const auto fail = [&](const char* why) {
    throw Error(ErrorKind::kUsage,
                "\"" + std::string(text) + "\" " + why + "; write a size as 4096, 512M or 1.5G");
  };
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (code != std::errc() || !(value >= 0)) {
    fail("is not a size");
  }
  const int shift = UnitShift({rest, static_cast<std::size_t>(end - rest)});
  if (shift < 0) {
    fail("has an unknown unit");
  }
  const double bytes = std::ldexp(value, shift);
  if (bytes >= 0x1p63) {
    fail("is too large");
  }
  return static_cast<Bytes>(bytes);
}

std::uint16_t LoadLe16(ByteSpan bytes, std::size_t offset) {
  return Load<std::uint16_t>(bytes, offset);
}

std::uint32_t LoadLe32(ByteSpan bytes, std::size_t offset) {
  return Load<std::uint32_t>(bytes, offset);
}

std::uint64_t LoadLe64(ByteSpan bytes, std::size_t offset) {
  return Load<std::uint64_t>(bytes, offset);
}

void StoreLe16(MutableByteSpan bytes, std::size_t offset, std::uint16_t value) {
  Store(bytes, offset, value);
}

void StoreLe32(MutableByteSpan bytes, std::size_t offset, std::uint32_t value) {
  Store(bytes, offset, value);
}

void StoreLe64(MutableByteSpan bytes, std::size_t offset, std::uint64_t value) {
  Store(bytes, offset, value);
}

std::string ToHex(ByteSpan bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    hex += kDigits[value >> 4U];
    hex += kDigits[value & 0xfU];
  }
  return hex;
}

std::string ParseHex(std::string_view hex) {
  if (hex.size() % 2 != 0) {
    throw Error(ErrorKind::kUsage, "hex text has an odd number of digits");
  }
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) {
      throw Error(ErrorKind::kUsage, "hex text has a character that is not a hex digit");
    }
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

}  // namespace ros
