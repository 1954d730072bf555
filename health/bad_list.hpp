#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace ros::health {

// An image that was rolled back.
struct BadImage {
  std::string digest;  // of the manifest
  std::string version;
  std::string reason;
  UnixTime time = 0;

  bool operator==(const BadImage&) const = default;
};

// The images that `ros upgrade` refuses without --retry: `<state>/bad.json`. At most 64 are kept,
// the newest ones. `directory` is the state directory (/ros).

// Empty when there is no list. Throws kVerification naming the place when it is damaged.
std::vector<BadImage> ReadBadList(const std::filesystem::path& directory);

// The entry of a digest, if it is listed. Throws as ReadBadList.
std::optional<BadImage> FindBadImage(const std::filesystem::path& directory,
                                     std::string_view digest);

// Adds or replaces (by digest); durable when it returns. A damaged list is set aside as
// `bad.json.damaged` and a new one is begun, since a rollback must not fail on it.
void AddBadImage(const std::filesystem::path& directory, const BadImage& image);

// Removes a digest (--retry); no error when it is not there. Durable. Throws as ReadBadList.
void RemoveBadImage(const std::filesystem::path& directory, std::string_view digest);

}  // namespace ros::health
