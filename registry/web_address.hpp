#pragma once

#include <string>
#include <string_view>

namespace ros::registry {

// A file on a web server.
struct WebAddress {
  std::string url;   // "https://example.com:8443/path/myos.oci?key=..."
  std::string host;  // "example.com:8443"
  bool encrypted = true;

  // What messages call it: the URL without its query, which may be what opens the file.
  [[nodiscard]] std::string ToString() const;

  bool operator==(const WebAddress&) const = default;
};

// Whether this begins as https:// or http:// do.
bool LooksLikeWebAddress(std::string_view text);

// Reads a URL. Throws kUsage for one that is none, and for one with a user name or password, which
// everybody on the machine could see: they belong into a file (CredentialFiles).
WebAddress ParseWebAddress(std::string_view text);

}  // namespace ros::registry
