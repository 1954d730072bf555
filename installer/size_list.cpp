#include "installer/size_list.hpp"

#include <algorithm>

namespace ros::installer {
namespace {

constexpr std::size_t kNarrowest = 8;  // names of 8.3 without an ending

}  // namespace

Bytes Sum(const FileSizes& sizes) {
  Bytes sum = 0;
  for (const auto& [name, size] : sizes) {
    sum += size;
  }
  return sum;
}

std::string ListSizes(const FileSizes& sizes) {
  std::size_t width = kNarrowest;
  for (const auto& [name, size] : sizes) {
    width = std::max(width, name.size());
  }
  std::string text;
  for (const auto& [name, size] : sizes) {
    text += "\n       " + name + std::string(width + 2 - name.size(), ' ') + FormatBytes(size);
  }
  return text;
}

Json SizesToJson(const FileSizes& sizes, std::string_view key) {
  auto list = Json::MakeArray();
  for (const auto& [name, size] : sizes) {
    list.Append(Json::MakeObject().Set(key, name).Set("bytes", size));
  }
  return list;
}

}  // namespace ros::installer
