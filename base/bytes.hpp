#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ros {

// A size or an offset in bytes. Sizes in other units carry the unit in their name.
using Bytes = std::uint64_t;

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

// Bytes that follow each other, of a file, a blob, a region.
struct ByteRange {
  Bytes offset = 0;
  Bytes length = 0;

  [[nodiscard]] Bytes End() const { return offset + length; }

  bool operator==(const ByteRange&) const = default;
};

// Puts a range behind others, those that touch in one.
void AddRange(std::vector<ByteRange>& ranges, const ByteRange& range);

namespace literals {
// NOLINTBEGIN(google-runtime-int): the type of a literal operator is given by the language.
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes{n} << 10;
}

constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes{n} << 20;
}

constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes{n} << 30;
}

// NOLINTEND(google-runtime-int)
}  // namespace literals

// a + b and a * b; throws kDoesNotFit "WHAT is too large" where 64 bits do not hold the result.
Bytes CheckedAdd(Bytes a, Bytes b, std::string_view what);
Bytes CheckedMul(Bytes a, Bytes b, std::string_view what);

// The next multiple of `unit` (a power of two) that is >= n. Throws as CheckedAdd does.
Bytes RoundUp(Bytes n, Bytes unit);

constexpr Bytes RoundDown(Bytes n, Bytes unit) {
  return n & ~(unit - 1);
}

// "512 MiB", "1.5 GiB", "17 bytes": for people.
std::string FormatBytes(Bytes n);

// Parses "512M", "2GiB", "1.5g", "4096" (powers of 1024; bytes where no unit is given).
// Throws kUsage naming the text.
Bytes ParseBytes(std::string_view text);

// Views of text as bytes and back. The view lives as long as what it looks at.
inline ByteSpan AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline MutableByteSpan AsWritableBytes(std::string& text) {
  return std::as_writable_bytes(std::span(text));
}

inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Little-endian integers at `offset` of `bytes` (on-disk formats). The caller has checked the size.
std::uint16_t LoadLe16(ByteSpan bytes, std::size_t offset);
std::uint32_t LoadLe32(ByteSpan bytes, std::size_t offset);
std::uint64_t LoadLe64(ByteSpan bytes, std::size_t offset);
void StoreLe16(MutableByteSpan bytes, std::size_t offset, std::uint16_t value);
void StoreLe32(MutableByteSpan bytes, std::size_t offset, std::uint32_t value);
void StoreLe64(MutableByteSpan bytes, std::size_t offset, std::uint64_t value);

// Lower-case hex and back. ParseHex throws kUsage on an odd length or another character.
std::string ToHex(ByteSpan bytes);
std::string ParseHex(std::string_view hex);

}  // namespace ros
