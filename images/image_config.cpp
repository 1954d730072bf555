#include "images/image_config.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "images/chunk_index.hpp"
#include "images/refusal.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

constexpr std::string_view kConfigName = "the image's config";
constexpr std::size_t kMaxNameLength = 128;
constexpr std::size_t kMaxArgumentLength = 512;
constexpr std::size_t kMaxListLength = 64;
constexpr Bytes kMaxRootSize = kMaxChunkLength * kMaxChunks;
constexpr std::size_t kHashHexLength = 64;
constexpr std::size_t kFingerprintLength = 16;
constexpr std::size_t kMaxSaltHexLength = 128;
constexpr std::int64_t kMaxSeconds = 86400;

// A place in the document: its value and its name for messages.
struct Place {
  const Json& json;
  std::string where;

  [[nodiscard]] Place At(std::string_view key) const { return {json.At(key, where), Name(key)}; }

  // For keys that may be missing.
  [[nodiscard]] const Json* Find(std::string_view key) const { return json.Find(key, where); }

  [[nodiscard]] std::string Name(std::string_view key) const {
    return where + (where == kConfigName ? ": " : ".") + std::string(key);
  }
};

std::string ReadName(const Place& place) {
  const auto& text = place.json.AsString(place.where);
  if (!IsImageName(text)) {
    Refuse(place.where,
           "\"" + ShowText(text) +
               "\" is no name: a letter, digit or _ first, then also . and -, at most " +
               std::to_string(kMaxNameLength));
  }
  return text;
}

std::string ReadHex(const Place& place, std::size_t shortest, std::size_t longest) {
  const auto& text = place.json.AsString(place.where);
  CheckHex(place.where, text, shortest, longest);
  return text;
}

// How long a boot waits: the only arguments of ours that a person may set
// (docs/kernel-arguments.md).
bool IsPatience(std::string_view argument) {
  constexpr unsigned kLongest = 480;
  const auto value = argument.substr(std::min(argument.find('=') + 1, argument.size()));
  const auto name = argument.substr(0, argument.find('='));
  unsigned seconds = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  return (name == "ros.wait" || name == "ros.wait-before-reboot") && code == std::errc() &&
         end == value.data() + value.size() && seconds <= kLongest;
}

void CheckKernelArgument(const std::string& where, const std::string& argument) {
  // Quotes, backslashes and dollars would mean something to a boot loader's configuration.
  const bool is_plain = std::all_of(argument.begin(), argument.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\' && c != '$' && c != '`';
  });
  if (argument.empty() || argument.size() > kMaxArgumentLength || !is_plain) {
    Refuse(where,
           "\"" + ShowText(argument) +
               "\" is not one kernel argument (printable, no spaces, quotes, \\, $, at most " +
               std::to_string(kMaxArgumentLength) + " characters)");
  }
  if (argument.starts_with("ros.") && !IsPatience(argument)) {
    Refuse(where,
           "\"" + ShowText(argument) +
               "\": arguments that begin with ros. are set by ros, but for ros.wait= and "
               "ros.wait-before-reboot= with seconds up to 480");
  }
}

template <typename Check>
std::vector<std::string> ReadList(const Place& parent, std::string_view key, Check check) {
  const auto* json = parent.Find(key);
  if (json == nullptr) {
    return {};
  }
  const auto where = parent.Name(key);
  const auto& array = json->AsArray(where);
  if (array.size() > kMaxListLength) {
    Refuse(where, "more than " + std::to_string(kMaxListLength) + " items");
  }
  std::vector<std::string> items;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const Place place{array[i], where + "[" + std::to_string(i) + "]"};
    check(place);
    items.push_back(array[i].AsString(place.where));
  }
  return items;
}

std::chrono::seconds ReadSeconds(const Place& parent,
                                 std::string_view key,
                                 std::int64_t least,
                                 std::chrono::seconds fallback) {
  const auto* json = parent.Find(key);
  if (json == nullptr) {
    return fallback;
  }
  const auto where = parent.Name(key);
  const auto seconds = json->AsInt(where);
  if (seconds < least || seconds > kMaxSeconds) {
    Refuse(where,
           "expected seconds from " + std::to_string(least) + " to " + std::to_string(kMaxSeconds));
  }
  return std::chrono::seconds(seconds);
}

// The parts of dm-verity that are fixed are there for people; one that differs is another format.
void ExpectValue(const Place& verity, std::string_view key, const Json& expected) {
  const auto* found = verity.Find(key);
  if (found != nullptr && !(*found == expected)) {
    Refuse(verity.Name(key), "only " + expected.Dump() + " is known");
  }
}

void ExpectFixedVerity(const Place& verity) {
  ExpectValue(verity, "superblock", false);
  ExpectValue(verity, "format", 1);
  ExpectValue(verity, "algorithm", "sha256");
  ExpectValue(verity, "data_block_size", static_cast<int>(kBlockSize));
  ExpectValue(verity, "hash_block_size", static_cast<int>(kBlockSize));
}

RootDescription ReadRoot(const Place& place) {
  RootDescription root;
  root.filesystem = ReadName(place.At("filesystem"));
  const auto size = place.At("size");
  root.size = size.json.AsUint(size.where);
  if (root.size == 0 || root.size % kBlockSize != 0 || root.size > kMaxRootSize) {
    Refuse(size.where,
           std::to_string(root.size) + " is not a multiple of " + std::to_string(kBlockSize) +
               " up to " + FormatBytes(kMaxRootSize));
  }
  const auto verity = place.At("verity");
  root.verity.root_hash = ReadHex(verity.At("root_hash"), kHashHexLength, kHashHexLength);
  root.verity.salt = ReadHex(verity.At("salt"), 2, kMaxSaltHexLength);
  ExpectFixedVerity(verity);
  return root;
}

UnixTime ReadTime(const Place& place) {
  try {
    return ParseTime(place.json.AsString(place.where));
  } catch (const Error& error) {
    Refuse(place.where, error.message());
  }
}

HealthPolicy ReadHealth(const Place& config) {
  HealthPolicy health;
  const auto* json = config.Find("health");
  if (json == nullptr) {
    return health;
  }
  const Place place{*json, config.Name("health")};
  health.deadline = ReadSeconds(place, "deadline", 1, health.deadline);
  health.watchdog = ReadSeconds(place, "watchdog", 0, health.watchdog);
  health.required = ReadList(place, "required", [](const Place& item) { ReadName(item); });
  return health;
}

std::vector<std::string> ReadInitrdKeys(const Place& config) {
  const auto* json = config.Find("initrd");
  if (json == nullptr) {
    return {};
  }
  return ReadList({*json, config.Name("initrd")}, "keys", [](const Place& item) {
    ReadHex(item, kFingerprintLength, kFingerprintLength);
  });
}

Json ToJsonList(const std::vector<std::string>& items) {
  auto list = Json::MakeArray();
  for (const auto& item : items) {
    list.Append(item);
  }
  return list;
}

Json ToJson(const RootDescription& root) {
  auto verity = Json::MakeObject();
  verity.Set("root_hash", root.verity.root_hash);
  verity.Set("salt", root.verity.salt);
  verity.Set("superblock", false);
  verity.Set("format", 1);
  verity.Set("algorithm", "sha256");
  verity.Set("data_block_size", static_cast<int>(kBlockSize));
  verity.Set("hash_block_size", static_cast<int>(kBlockSize));
  auto json = Json::MakeObject();
  json.Set("filesystem", root.filesystem);
  json.Set("size", std::uint64_t{root.size});
  json.Set("verity", verity);
  return json;
}

}  // namespace

bool IsImageName(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text.size() <= kMaxNameLength && is_word(text.front()) &&
         std::all_of(
             text.begin(), text.end(), [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

ImageConfig ParseImageConfig(std::string_view raw) {
  if (raw.size() > kMaxConfigSize) {
    Refuse(std::string(kConfigName), "longer than " + FormatBytes(kMaxConfigSize));
  }
  const auto json = Json::Parse(raw, kConfigName);
  const Place place{json, std::string(kConfigName)};
  ImageConfig config;
  config.name = ReadName(place.At("name"));
  config.version = ReadName(place.At("version"));
  config.architecture = ReadName(place.At("architecture"));
  config.compatible = ReadList(place, "compatible", [](const Place& item) {
    CheckPrintable(item.where, item.json.AsString(item.where));
  });
  const auto epoch = place.At("epoch");
  config.epoch = epoch.json.AsUint(epoch.where);
  config.created = ReadTime(place.At("created"));
  config.root = ReadRoot(place.At("root"));
  config.kernel_arguments = ReadList(place, "kernel_arguments", [](const Place& item) {
    CheckKernelArgument(item.where, item.json.AsString(item.where));
  });
  config.health = ReadHealth(place);
  if (const auto* trust = place.Find("trust")) {
    config.trust = trust->AsString(place.Name("trust"));
  }
  config.initrd_keys = ReadInitrdKeys(place);
  return config;
}

Json ToJson(const ImageConfig& config) {
  auto health = Json::MakeObject();
  health.Set("deadline", std::int64_t{config.health.deadline.count()});
  health.Set("required", ToJsonList(config.health.required));
  health.Set("watchdog", std::int64_t{config.health.watchdog.count()});
  auto json = Json::MakeObject();
  json.Set("name", config.name);
  json.Set("version", config.version);
  json.Set("architecture", config.architecture);
  json.Set("compatible", ToJsonList(config.compatible));
  json.Set("epoch", config.epoch);
  json.Set("created", FormatTime(config.created));
  json.Set("root", ToJson(config.root));
  json.Set("kernel_arguments", ToJsonList(config.kernel_arguments));
  json.Set("health", health);
  if (!config.trust.empty()) {
    json.Set("trust", config.trust);
  }
  if (!config.initrd_keys.empty()) {
    json.Set("initrd", Json::MakeObject().Set("keys", ToJsonList(config.initrd_keys)));
  }
  return json;
}

std::string WriteImageConfig(const ImageConfig& config) {
  auto raw = ToJson(config).Dump();
  ParseImageConfig(raw);
  return raw;
}

}  // namespace ros::images
