#include "config/base64.hpp"

#include <cstdint>

namespace ros::config {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string result;
  std::uint32_t bits = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
      continue;
    }
    const auto value = kAlphabet.find(c);
    if (c == '=') {
      ++padding;
    } else if (value == std::string_view::npos || padding > 0) {
      return std::nullopt;
    } else {
      bits = (bits << 6U) | static_cast<std::uint32_t>(value);
      if (++digits % 4 != 1) {
        const auto unused = 6 - 2 * ((digits - 1) % 4);
        result.push_back(static_cast<char>((bits >> unused) & 0xffU));
      }
    }
  }
  const bool complete = padding == 0 ? digits % 4 == 0 : padding < 3 && (digits + padding) % 4 == 0;
  return complete ? std::optional(result) : std::nullopt;
}

}  // namespace ros::config
