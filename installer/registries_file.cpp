#include "installer/registries_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/shown_text.hpp"
#include "config/yaml_tree.hpp"
#include "registry/reference.hpp"

namespace ros::installer {
namespace {

using config::Place;
using config::YamlTree;

constexpr const char* kRegistriesFile = "/etc/ros/registries.yml";
constexpr const char* kFileVariable = "ROS_REGISTRIES_FILE";

// Reads one such file; all errors name its place.
class RegistriesReader {
 public:
  explicit RegistriesReader(std::string_view file) : file_(file) {}

  registry::MirrorTable Read(const YamlTree& root) const {
    registry::MirrorTable table;
    if (root.IsNull()) {
      return table;
    }
    CheckMap(root, "it");
    for (const auto& member : root.members) {
      CheckKey(member);
      if (member.value.IsNull()) {
        continue;
      }
      CheckMap(member.value, "`mirrors`");
      if (member.value.members.size() > kMaxMirroredHosts) {
        Refuse(member.place,
               "`mirrors` has more than " + std::to_string(kMaxMirroredHosts) + " registries");
      }
      for (const auto& host : member.value.members) {
        table[ReadHost(host)] = ReadMirror(host);
      }
    }
    return table;
  }

 private:
  [[noreturn]] void Refuse(Place place, const std::string& why) const {
    throw Error(ErrorKind::kUsage, config::FormatPlace(file_, place) + ": " + why);
  }

  void CheckMap(const YamlTree& tree, const std::string& what) const {
    if (!tree.IsMap()) {
      Refuse(tree.place, what + " must be a map");
    }
  }

  void CheckKey(const YamlTree::Member& member) const {
    if (member.key == "configs") {
      Refuse(member.place,
             "`configs` is not read here: names and passwords belong into /etc/ros/auth.json, "
             "certificates are named by --ca");
    }
    if (member.key != "mirrors") {
      Refuse(member.place,
             "unknown key \"" + ShortenText(member.key) + "\"; there is `mirrors` alone");
    }
  }

  std::string ReadHost(const YamlTree::Member& host) const {
    if (host.key != registry::kAnyHost && !registry::IsHost(host.key)) {
      Refuse(host.place,
             QuoteText(host.key) +
                 " is no registry: write HOST or HOST:PORT, without https://, or \"*\" for all");
    }
    return host.key;
  }

  std::vector<registry::Endpoint> ReadMirror(const YamlTree::Member& host) const {
    // In k3s a way to name a registry for its own peer to peer mirror.
    if (host.value.IsNull()) {
      return {};
    }
    const auto* endpoints = host.value.Find("endpoint");
    for (const auto& member : host.value.members) {
      if (member.key == "rewrite") {
        Refuse(member.place,
               "`rewrite` is not known; a path may be in the endpoint, such as "
               "https://mirror.example/v2/proxy");
      }
      if (member.key != "endpoint") {
        Refuse(member.place,
               "unknown key \"" + ShortenText(member.key) + "\"; there is `endpoint` alone");
      }
    }
    if (endpoints == nullptr || !endpoints->IsList()) {
      Refuse(host.place, "it must have `endpoint: [URL, ...]`");
    }
    if (endpoints->items.size() > kMaxEndpoints) {
      Refuse(endpoints->place, "more than " + std::to_string(kMaxEndpoints) + " endpoints");
    }
    return ReadEndpoints(endpoints->items);
  }

  std::vector<registry::Endpoint> ReadEndpoints(const std::vector<YamlTree>& items) const {
    std::vector<registry::Endpoint> endpoints;
    for (const auto& item : items) {
      const auto endpoint = InContext(config::FormatPlace(file_, item.place),
                                      [&] { return registry::ParseEndpoint(item.text); });
      if (std::ranges::find(endpoints, endpoint) == endpoints.end()) {
        endpoints.push_back(endpoint);
      }
    }
    return endpoints;
  }

  std::string_view file_;
};

}  // namespace

registry::MirrorTable ParseRegistries(std::string_view text, std::string_view file) {
  return RegistriesReader(file).Read(config::ParseYaml(text, file, {.size = kMaxRegistriesFile}));
}

registry::MirrorTable ReadRegistriesFile() {
  const char* const named = std::getenv(kFileVariable);
  const bool is_named = named != nullptr && *named != '\0';
  const std::filesystem::path file = is_named ? named : kRegistriesFile;
  const auto text = ReadFileIfThere(file, kMaxRegistriesFile);
  if (!text && is_named) {
    throw Error(ErrorKind::kUsage,
                std::string(kFileVariable) + " names " + file.string() + ", which does not exist");
  }
  return text ? ParseRegistries(*text, file.string()) : registry::MirrorTable();
}

}  // namespace ros::installer
