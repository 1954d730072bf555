#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"

namespace ros::images {

// The dm-verity tree of a root image: no superblock, format 1, SHA-256, blocks of 4096 bytes for
// data and hashes, the tree directly after the image. Both in lower-case hex.
struct Verity {
  std::string root_hash;
  std::string salt;

  bool operator==(const Verity&) const = default;
};

struct RootDescription {
  std::string filesystem;  // as the kernel calls it: "erofs"
  Bytes size = 0;          // a multiple of 4096
  Verity verity;

  bool operator==(const RootDescription&) const = default;
};

// When a trial of this image counts as good.
struct HealthPolicy {
  std::chrono::seconds deadline{300};
  std::vector<std::string> required;   // names of the reporters that must report in
  std::chrono::seconds watchdog{180};  // 0: none is armed

  bool operator==(const HealthPolicy&) const = default;
};

// What the image says about itself (docs/image-format.md, "Config").
struct ImageConfig {
  std::string name;
  std::string version;
  std::string architecture;             // OCI's names: "amd64", "arm64"
  std::vector<std::string> compatible;  // which machines; empty for any
  std::uint64_t epoch = 0;              // a machine never goes below the highest it has committed
  UnixTime created = 0;
  RootDescription root;
  std::vector<std::string> kernel_arguments;
  HealthPolicy health;
  std::string trust;  // a trust policy (docs/trust.md), not parsed here; empty for none
  // Fingerprints of the keys in the initrd, by which its ros-init verifies the slot that it starts;
  // empty for one that verifies nothing.
  std::vector<std::string> initrd_keys;

  bool operator==(const ImageConfig&) const = default;
};

// Largest config blob that is read.
constexpr Bytes kMaxConfigSize = Bytes{256} << 10U;

// Reads a config blob. Strict about what it knows (shape, ranges, characters of every text); keys
// that it does not know are passed over, so that an older `ros` can read a newer image. Throws
// kVerification "the image's config: root.size: why".
ImageConfig ParseImageConfig(std::string_view raw);

// The JSON of a config, always with the same bytes for the same value. Throws as ParseImageConfig
// does when the value would not be read back.
Json ToJson(const ImageConfig& config);
std::string WriteImageConfig(const ImageConfig& config);

// Whether a text may be an image's name or version: letters, digits, `_`, `.`, `-`, beginning with
// a letter, a digit or `_`, at most 128 (what a registry takes as a tag).
bool IsImageName(std::string_view text);

}  // namespace ros::images
