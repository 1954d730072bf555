#include "images/text_rules.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace ros::images {
namespace {

constexpr std::size_t kMaxLength = 256;

bool IsPrintable(char c) {
  return c >= ' ' && c <= '~';
}

}  // namespace

void CheckPrintable(std::string_view where, std::string_view text) {
  if (text.empty() || text.size() > kMaxLength ||
      !std::all_of(text.begin(), text.end(), IsPrintable)) {
    throw Error(ErrorKind::kVerification,
                std::string(where) + ": \"" + ShowText(text) + "\" is not 1 to " +
                    std::to_string(kMaxLength) + " printable characters");
  }
}

void CheckHex(std::string_view where,
              std::string_view text,
              std::size_t shortest,
              std::size_t longest) {
  const bool is_hex = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!is_hex || text.size() % 2 != 0 || text.size() < shortest || text.size() > longest) {
    throw Error(ErrorKind::kVerification,
                std::string(where) + ": \"" + ShowText(text) +
                    "\" is not lower-case hex of the right length");
  }
}

}  // namespace ros::images
