#include "registry/web_address.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "registry/http.hpp"
#include "registry/reference.hpp"

namespace ros::registry {
namespace {

constexpr std::string_view kEncrypted = "https://";
constexpr std::string_view kPlain = "http://";
// Addresses that an object store has signed are about 2 KiB.
constexpr std::size_t kMaxAddress = 8192;

[[noreturn]] void Refuse(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::kUsage, QuoteText(text) + " is no address of a file: " + why);
}

// What may be in a URL as it is (RFC 3986, section 2), but for #, whose part no server sees.
bool MayBeInUrl(char c) {
  constexpr std::string_view kNever = "\"<>\\^`{|}#";
  return c > ' ' && c < 0x7f && kNever.find(c) == std::string_view::npos;
}

}  // namespace

std::string WebAddress::ToString() const {
  return WithoutQuery(url);
}

bool LooksLikeWebAddress(std::string_view text) {
  return text.starts_with(kEncrypted) || text.starts_with(kPlain);
}

WebAddress ParseWebAddress(std::string_view text) {
  if (!LooksLikeWebAddress(text)) {
    Refuse(text, "it does not begin with https://");
  }
  if (text.size() > kMaxAddress) {
    Refuse(text, "it is longer than " + std::to_string(kMaxAddress) + " characters");
  }
  const bool encrypted = text.starts_with(kEncrypted);
  const auto rest = text.substr((encrypted ? kEncrypted : kPlain).size());
  const auto host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.find('@') != std::string_view::npos) {
    // Not shown: it may be a password.
    throw Error(ErrorKind::kUsage,
                "an address with a user name or password is not taken, since others on the machine "
                "could see it; put them into /etc/ros/auth.json, or log in by `podman login`");
  }
  if (!IsHost(host)) {
    Refuse(text, "\"" + ShowText(host) + "\" is no host");
  }
  if (!rest.substr(host.size()).starts_with('/')) {
    Refuse(text, "it names no file on " + std::string(host));
  }
  if (!std::ranges::all_of(rest, MayBeInUrl)) {
    Refuse(text, "it has a character that must be written as %XX, such as %20 for a space");
  }
  return {.url = std::string(text), .host = std::string(host), .encrypted = encrypted};
}

}  // namespace ros::registry
