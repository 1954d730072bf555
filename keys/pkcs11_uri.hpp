#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ros::keys {

// A key on a token, as RFC 7512 names it: "pkcs11:token=ros;object=release?pin-source=/run/pin".
struct Pkcs11Uri {
  // What says which key: the part before the question mark, without "type".
  std::string object;
  // The library that drives the token; without one p11-kit finds it.
  std::optional<std::filesystem::path> module_path;
  // A file that holds the PIN.
  std::optional<std::filesystem::path> pin_source;

  bool operator==(const Pkcs11Uri&) const = default;
};

// Whether a --key is meant so and is not a file.
bool IsPkcs11Uri(std::string_view text);

// Throws kUsage "URI: why" for attributes that are unknown or there twice, a key without object and
// id, and for a PIN in the URI itself, which the list of processes would show: the message does not
// repeat it.
Pkcs11Uri ParsePkcs11Uri(std::string_view text);

}  // namespace ros::keys
