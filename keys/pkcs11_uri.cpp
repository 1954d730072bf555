#include "keys/pkcs11_uri.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.hpp"

namespace ros::keys {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::size_t kMaxUriSize = 1024;
constexpr std::array<std::string_view, 7> kObjectNames = {
    "token", "manufacturer", "serial", "model", "object", "id", "type"};
constexpr std::array<std::string_view, 3> kQueryNames = {"module-path", "pin-source", "pin-value"};

using Attributes = std::map<std::string, std::string, std::less<>>;

// Messages leave out what is after the question mark: there may be a PIN in it.
[[noreturn]] void Refuse(std::string_view uri, const std::string& why) {
  throw Error(ErrorKind::kUsage, std::string(uri.substr(0, uri.find('?'))) + ": " + why);
}

int HexDigit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto at = kDigits.find(lower);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string Decode(std::string_view uri, std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      Refuse(uri, "a % is followed by two hexadecimal digits");
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// NAME=VALUE between separators; values as they are written.
template <std::size_t kCount>
Attributes Split(std::string_view uri,
                 std::string_view text,
                 char separator,
                 const std::array<std::string_view, kCount>& names) {
  Attributes attributes;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    const auto item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = item.find('=');
    const auto name = item.substr(0, equals);
    if (equals == std::string_view::npos ||
        std::find(names.begin(), names.end(), name) == names.end()) {
      Refuse(uri, "\"" + std::string(name) + "\" is not an attribute that is taken");
    }
    if (!attributes.emplace(name, item.substr(equals + 1)).second) {
      Refuse(uri, "\"" + std::string(name) + "\" is there twice");
    }
  }
  return attributes;
}

std::optional<std::filesystem::path> PathIn(std::string_view uri,
                                            const Attributes& attributes,
                                            std::string_view name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) {
    return std::nullopt;
  }
  constexpr std::string_view kFile = "file:";
  auto path = Decode(uri, found->second);
  if (path.starts_with(kFile)) {
    path.erase(0, kFile.size());
  }
  if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
    Refuse(uri, std::string(name) + " is not an absolute path");
  }
  return path;
}

void CheckObject(std::string_view uri, const Attributes& object) {
  if (object.find("object") == object.end() && object.find("id") == object.end()) {
    Refuse(uri, "it does not say which key: object= or id= is missing");
  }
  for (const auto& [name, value] : object) {
    Decode(uri, value);
    if (std::any_of(value.begin(), value.end(), [](char c) { return c <= ' ' || c > '~'; })) {
      Refuse(uri, "\"" + name + "\" has characters that are written as %XX");
    }
  }
}

}  // namespace

bool IsPkcs11Uri(std::string_view text) {
  return text.starts_with(kScheme);
}

Pkcs11Uri ParsePkcs11Uri(std::string_view text) {
  if (text.size() > kMaxUriSize) {
    throw Error(ErrorKind::kUsage, "a pkcs11: URI of more than 1024 characters is not taken");
  }
  const auto question = std::min(text.find('?'), text.size());
  const auto query =
      Split(text, text.substr(std::min(question + 1, text.size())), '&', kQueryNames);
  const auto object =
      Split(text, text.substr(kScheme.size(), question - kScheme.size()), ';', kObjectNames);
  if (query.find("pin-value") != query.end()) {
    Refuse(text,
           "a PIN in the command line is seen by everybody on this machine; use --passphrase-file "
           "or pin-source=FILE");
  }
  CheckObject(text, object);
  Pkcs11Uri uri;
  uri.object = kScheme;
  for (const auto& [name, value] : object) {
    if (name != "type") {
      uri.object += uri.object == kScheme ? "" : ";";
      uri.object += name;
      uri.object += '=';
      uri.object += value;
    }
  }
  uri.module_path = PathIn(text, query, "module-path");
  uri.pin_source = PathIn(text, query, "pin-source");
  return uri;
}

}  // namespace ros::keys
