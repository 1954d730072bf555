#include "base/shown_text.hpp"

#include <algorithm>

namespace ros {

std::string ShowText(std::string_view text) {
  constexpr std::size_t kShownLength = 100;
  std::string shown(text.substr(0, kShownLength));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > kShownLength ? shown + "..." : shown;
}

std::string ShortenText(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  return text.size() > kLongest ? ShowText(text) : std::string(text);
}

std::string QuoteText(std::string_view text) {
  return "\"" + ShortenText(text) + "\"";
}

}  // namespace ros
