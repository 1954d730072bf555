#include "delta/numbers.hpp"

#include "base/error.hpp"

namespace ros::delta {
namespace {

constexpr unsigned kBitsPerByte = 7;
constexpr std::uint64_t kLowBits = 0x7F;
constexpr unsigned char kMore = 0x80;
constexpr unsigned kBits = 64;

}  // namespace

void AppendNumber(std::string& to, std::uint64_t number) {
  while (number > kLowBits) {
    to.push_back(static_cast<char>((number & kLowBits) | kMore));
    number >>= kBitsPerByte;
  }
  to.push_back(static_cast<char>(number));
}

void AppendSigned(std::string& to, std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  AppendNumber(to, number < 0 ? ~(bits << 1U) : bits << 1U);
}

std::uint64_t NumberReader::Next() {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < kBits; shift += kBitsPerByte) {
    if (rest_.empty()) {
      throw Error(ErrorKind::kVerification, "it ends within a number");
    }
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    const auto part = byte & kLowBits;
    if ((part << shift) >> shift != part) {
      break;
    }
    number |= part << shift;
    if ((byte & kMore) == 0) {
      return number;
    }
  }
  throw Error(ErrorKind::kVerification, "a number has more than 64 bits");
}

std::int64_t NumberReader::NextSigned() {
  const auto bits = Next();
  return static_cast<std::int64_t>((bits & 1U) != 0 ? ~(bits >> 1U) : bits >> 1U);
}

std::string_view NumberReader::TakeBytes(std::size_t length) {
  if (length > rest_.size()) {
    throw Error(ErrorKind::kVerification, "it ends within a row of bytes");
  }
  const auto taken = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return taken;
}

}  // namespace ros::delta
