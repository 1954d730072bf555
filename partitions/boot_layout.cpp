#include "partitions/boot_layout.hpp"

#include <charconv>
#include <sstream>

#include "base/error.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::partitions {
namespace {

constexpr std::string_view kFirstLine = "ros-boot-layout 1";
constexpr std::size_t kMostFiles = 100;

PlacedFile ParseLine(const std::string& line, std::size_t number) {
  std::istringstream words(line);
  PlacedFile file;
  std::string rest;
  if (!(words >> file.path >> file.first_cluster >> file.clusters) || (words >> rest) ||
      file.path.front() != '/' || file.clusters == 0) {
    throw Error(ErrorKind::kFailed,
                std::string(kLayoutPath) + ": line " + std::to_string(number) +
                    " is not a path, a cluster and a number of clusters");
  }
  return file;
}

}  // namespace

std::string SparePath(std::string_view path) {
  const auto name = path.rfind('/') + 1;
  return std::string(path.substr(0, path.find('.', name))) + ".ALT";
}

std::string FormatBootLayout(const std::vector<PlacedFile>& files) {
  std::string text = std::string(kFirstLine) + "\n";
  for (const auto& file : files) {
    text += file.path + " " + std::to_string(file.first_cluster) + " " +
            std::to_string(file.clusters) + "\n";
  }
  return text;
}

std::vector<PlacedFile> ParseBootLayout(std::string_view text) {
  // Padded with line feeds to the length of its clusters.
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != kFirstLine) {
    throw Error(ErrorKind::kFailed, std::string(kLayoutPath) + ": its format is not known");
  }
  std::vector<PlacedFile> files;
  for (std::size_t number = 2; std::getline(lines, line) && files.size() < kMostFiles; ++number) {
    if (!line.empty()) {
      files.push_back(ParseLine(line, number));
    }
  }
  return files;
}

}  // namespace ros::partitions
