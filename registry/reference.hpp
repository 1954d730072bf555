#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "keys/digest.hpp"

namespace ros::registry {

// The registry that is written so, and answers as registry-1.docker.io.
inline constexpr std::string_view kDockerHub = "docker.io";

// Names something in a registry: HOST[:PORT]/REPOSITORY[:TAG][@DIGEST], as distribution's reference
// grammar has it (github.com/distribution/reference, reference.go).
struct Reference {
  std::string host;        // "registry.example:5000"
  std::string repository;  // "team/myos"
  std::string tag;         // empty where only a digest is given
  std::optional<keys::Digest> digest;

  bool operator==(const Reference&) const = default;

  // "registry.example:5000/team/myos".
  [[nodiscard]] std::string Name() const { return host + "/" + repository; }

  [[nodiscard]] std::string ToString() const;
};

// Reads a reference; "docker://" before it is passed over. Without tag and digest the tag is
// "latest". The host has to be there: none is guessed. "docker.io/os" is "docker.io/library/os".
// Throws kUsage naming the text and its fault.
Reference ParseReference(std::string_view text);

// Whether this is a host as it is in a reference or URL: names or an address, and a port if there
// is one.
bool IsHost(std::string_view host);

// Whether a text that may be a path or a reference means a reference: its first part is a host (it
// has a dot or a port, or is "localhost") and it does not begin as a path does.
bool LooksLikeReference(std::string_view text);

}  // namespace ros::registry
