#include "bootloader/loader_description.hpp"

#include <algorithm>
#include <sstream>

namespace ros::bootloader {
namespace {

constexpr std::string_view kFirstLine = "ros-loader 1";
constexpr std::size_t kLongestVersion = 64;
constexpr std::size_t kMostFiles = 16;

bool IsVersionCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c != '\0' && std::string_view(".+~:_-").find(c) != std::string_view::npos);
}

}  // namespace

std::string FormatLoaderDescription(const LoaderDescription& description) {
  std::string text = std::string(kFirstLine) + "\n";
  if (!description.version.empty()) {
    text += "version " + description.version + "\n";
  }
  for (const auto& [name, digest] : description.digests) {
    text.append("sha256 ").append(digest).append(" ").append(name).append("\n");
  }
  return text;
}

LoaderDescription ParseLoaderDescription(std::string_view text) {
  LoaderDescription description;
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != kFirstLine) {
    return description;
  }
  while (std::getline(lines, line) && description.digests.size() < kMostFiles) {
    std::istringstream words(line);
    std::string key;
    std::string value;
    std::string name;
    words >> key >> value >> name;
    if (key == "version" && IsLoaderVersion(value)) {
      description.version = value;
    } else if (key == "sha256" && !name.empty()) {
      description.digests[name] = value;
    }
  }
  return description;
}

bool IsLoaderVersion(std::string_view version) {
  return !version.empty() && version.size() <= kLongestVersion &&
         std::ranges::all_of(version, IsVersionCharacter);
}

}  // namespace ros::bootloader
