#include "health/bad_list.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/json.hpp"

namespace ros::health {
namespace {

using namespace literals;  // NOLINT(google-build-using-namespace): literal operators only

constexpr std::size_t kMost = 64;
constexpr Bytes kListSizeLimit = 1_MiB;
constexpr std::size_t kListStringLimit = 1024;

std::filesystem::path ListPath(const std::filesystem::path& directory) {
  return directory / "bad.json";
}

BadImage ParseImage(const Json& json, const std::string& where) {
  BadImage image;
  image.digest = json.At("digest", where).AsString(where + ".digest");
  image.version = json.At("version", where).AsString(where + ".version");
  image.reason = json.At("reason", where).AsString(where + ".reason");
  image.time = ParseTime(json.At("time", where).AsString(where + ".time"));
  return image;
}

Json ToJson(const std::vector<BadImage>& images) {
  auto list = Json::MakeArray();
  for (const auto& image : images) {
    auto item = Json::MakeObject();
    item.Set("digest", image.digest);
    item.Set("version", image.version.substr(0, kListStringLimit));
    item.Set("reason", image.reason.substr(0, kListStringLimit));
    item.Set("time", FormatTime(image.time));
    list.Append(std::move(item));
  }
  auto json = Json::MakeObject();
  json.Set("bad", std::move(list));
  return json;
}

void Write(const std::filesystem::path& directory, const std::vector<BadImage>& images) {
  const auto text = ToJson(images).DumpPretty() + "\n";
  WriteFileAtomically(ListPath(directory), AsBytes(text));
}

std::vector<BadImage> ReadOrSetAside(const std::filesystem::path& directory) {
  try {
    return ReadBadList(directory);
  } catch (const Error&) {
    std::error_code ignored;
    std::filesystem::rename(ListPath(directory), directory / "bad.json.damaged", ignored);
    return {};
  }
}

}  // namespace

std::vector<BadImage> ReadBadList(const std::filesystem::path& directory) {
  const auto path = ListPath(directory);
  if (!std::filesystem::exists(path)) {
    return {};
  }
  const auto json = Json::Parse(ReadFile(path, kListSizeLimit), path.string());
  const auto where = path.string() + ": bad";
  std::vector<BadImage> images;
  for (const auto& item : json.At("bad", path.string()).AsArray(where)) {
    images.push_back(ParseImage(item, where + "[" + std::to_string(images.size()) + "]"));
  }
  return images;
}

std::optional<BadImage> FindBadImage(const std::filesystem::path& directory,
                                     std::string_view digest) {
  const auto images = ReadBadList(directory);
  const auto at = std::find_if(
      images.begin(), images.end(), [&](const auto& image) { return image.digest == digest; });
  return at == images.end() ? std::nullopt : std::optional(*at);
}

void AddBadImage(const std::filesystem::path& directory, const BadImage& image) {
  auto images = ReadOrSetAside(directory);
  std::erase_if(images, [&](const auto& other) { return other.digest == image.digest; });
  images.push_back(image);
  if (images.size() > kMost) {
    images.erase(images.begin(), images.end() - static_cast<std::ptrdiff_t>(kMost));
  }
  Write(directory, images);
}

void RemoveBadImage(const std::filesystem::path& directory, std::string_view digest) {
  auto images = ReadBadList(directory);
  if (std::erase_if(images, [&](const auto& image) { return image.digest == digest; }) > 0) {
    Write(directory, images);
  }
}

}  // namespace ros::health
