#include "base/word_list.hpp"

namespace ros {

std::string Join(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) {
      text += between;
    }
    text += word;
  }
  return text;
}

}  // namespace ros
