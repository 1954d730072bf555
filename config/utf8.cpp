#include "config/utf8.hpp"

#include <cstdint>

namespace ros::config {
namespace {

// Bytes that the first one of a UTF-8 character announces (RFC 3629); 0 when it is no first one.
std::size_t AnnouncedLength(unsigned char lead) {
  constexpr unsigned char kTwo = 0xc2;
  constexpr unsigned char kThree = 0xe0;
  constexpr unsigned char kFour = 0xf0;
  constexpr unsigned char kLast = 0xf4;
  if (lead < 0x80) {
    return 1;
  }
  if (lead < kTwo || lead > kLast) {
    return 0;
  }
  return 2U + (lead >= kThree ? 1U : 0U) + (lead >= kFour ? 1U : 0U);
}

// Whether the second byte is one that this first one may have: no longer form than needed, no
// surrogate, nothing beyond U+10FFFF.
bool MaySecondFollow(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second <= 0x9f;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second <= 0x8f;
    default:
      return true;
  }
}

// The code point of one whole character.
std::uint32_t CodePointOf(std::string_view character) {
  constexpr std::uint32_t kContinuationBits = 6;
  // What is left of the first byte when the bits that tell the length are taken off.
  const auto lead = static_cast<unsigned char>(character[0]);
  auto code =
      static_cast<std::uint32_t>(character.size() == 1 ? lead : lead & (0x7fU >> character.size()));
  for (const char c : character.substr(1)) {
    code = (code << kContinuationBits) | (static_cast<unsigned char>(c) & 0x3fU);
  }
  return code;
}

}  // namespace

std::size_t CharacterLength(std::string_view text) {
  const auto length = AnnouncedLength(static_cast<unsigned char>(text[0]));
  if (length < 2 || text.size() < length) {
    return length < 2 ? length : 0;
  }
  for (const char c : text.substr(1, length - 1)) {
    if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) {
      return 0;
    }
  }
  const bool valid =
      MaySecondFollow(static_cast<unsigned char>(text[0]), static_cast<unsigned char>(text[1]));
  return valid ? length : 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = CharacterLength(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

bool HasNoncharacter(std::string_view text) {
  while (!text.empty()) {
    const auto length = CharacterLength(text);
    const auto code = CodePointOf(text.substr(0, length));
    if ((code & 0xfffeU) == 0xfffeU || (code >= 0xfdd0U && code <= 0xfdefU)) {
      return true;
    }
    text.remove_prefix(length);
  }
  return false;
}

}  // namespace ros::config
