#include "installer/terminal_text.hpp"

#include <algorithm>

namespace ros::installer {
namespace {

unsigned Byte(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

// Bytes of the colour sequence at the start of the text; 0 when there is none.
std::size_t ColourLength(std::string_view text) {
  if (!text.starts_with("\x1b[")) {
    return 0;
  }
  const auto end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

// Bytes of a character that begins with this one (RFC 3629, section 4); 0 when none does.
std::size_t SequenceLength(unsigned first) {
  if (first < 0xc2 || first > 0xf4) {
    return first < 0x80 ? 1 : 0;
  }
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// Whether a terminal acts upon the character at the start of the text.
bool IsControl(std::string_view text) {
  const unsigned first = Byte(text, 0);
  const bool ascii = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
  return ascii || (first == 0xc2 && Byte(text, 1) < 0xa0);
}

// Bytes of the character at the start of the text ; 0 when it is none, or one that a terminal
// acts upon.
std::size_t CharacterLength(std::string_view text) {
  if (IsControl(text)) {
    return 0;
  }
  const auto length = SequenceLength(Byte(text, 0));
  for (std::size_t i = 1; i < length; ++i) {
    if ((Byte(text, i) & 0xc0U) != 0x80) {
      return 0;
    }
  }
  return length;
}

}  // namespace

std::string TerminalText(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto length = std::max(ColourLength(text), CharacterLength(text));
    if (length == 0) {
      shown += '?';
    }
    shown += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return shown;
}

}  // namespace ros::installer
