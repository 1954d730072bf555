#include "registry/reference.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::registry {
namespace {

constexpr std::string_view kScheme = "docker://";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;
constexpr std::size_t kMaxPort = 5;

[[noreturn]] void RefuseReference(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::kUsage, QuoteText(text) + " is no reference of a registry: " + why);
}

bool IsLower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool IsAlphanumeric(char c) {
  return IsLower(c) || (c >= 'A' && c <= 'Z');
}

// domain-component: letters and digits, and hyphens between them.
bool IsHostPart(std::string_view part) {
  return !part.empty() && part.front() != '-' && part.back() != '-' &&
         std::ranges::all_of(part, [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

bool IsPort(std::string_view port) {
  return !port.empty() && port.size() <= kMaxPort &&
         std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

bool IsIpv6(std::string_view text) {
  return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
         std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) {
           return c == ':' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                  (c >= 'A' && c <= 'F');
         });
}

// path-component: [a-z0-9]+, joined by ".", "_", "__" or hyphens.
bool IsPathPart(std::string_view part) {
  if (part.empty() || !IsLower(part.front()) || !IsLower(part.back())) {
    return false;
  }
  for (std::size_t at = 0; at < part.size();) {
    if (IsLower(part[at])) {
      ++at;
      continue;
    }
    const char between = part[at];
    const auto end = part.find_first_not_of(between, at);
    const bool known =
        (between == '.' && end - at == 1) || (between == '_' && end - at <= 2) || between == '-';
    if (!known) {
      return false;
    }
    at = end;
  }
  return true;
}

bool IsRepository(std::string_view repository) {
  while (true) {
    const auto slash = repository.find('/');
    if (!IsPathPart(repository.substr(0, slash))) {
      return false;
    }
    if (slash == std::string_view::npos) {
      return true;
    }
    repository.remove_prefix(slash + 1);
  }
}

bool IsTag(std::string_view tag) {
  return !tag.empty() && tag.size() <= kMaxTag && tag.front() != '.' && tag.front() != '-' &&
         std::ranges::all_of(
             tag, [](char c) { return IsAlphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace

bool IsHost(std::string_view host) {
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && !host.ends_with(']')) {
    if (!IsPort(host.substr(colon + 1))) {
      return false;
    }
    host = host.substr(0, colon);
  }
  if (host.starts_with('[')) {
    return IsIpv6(host);
  }
  while (true) {
    const auto dot = host.find('.');
    if (!IsHostPart(host.substr(0, dot))) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    host.remove_prefix(dot + 1);
  }
}

std::string Reference::ToString() const {
  return Name() + (tag.empty() ? "" : ":" + tag) + (digest ? "@" + digest->ToString() : "");
}

Reference ParseReference(std::string_view text) {
  auto rest = text.starts_with(kScheme) ? text.substr(kScheme.size()) : text;
  if (rest.find("://") != std::string_view::npos) {
    RefuseReference(text, "it is an address, and not as registry.example/myos:1.2.0");
  }
  Reference reference;
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    try {
      reference.digest = keys::Digest::Parse(rest.substr(at + 1));
    } catch (const Error& error) {
      RefuseReference(text, error.message());
    }
    rest = rest.substr(0, at);
  }
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) {
    RefuseReference(text, "it has no registry, as in registry.example/myos:1.2.0");
  }
  reference.host = rest.substr(0, slash);
  rest.remove_prefix(slash + 1);
  if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    if (!IsTag(reference.tag)) {
      RefuseReference(text, "\"" + ShowText(reference.tag) + "\" is no tag");
    }
    rest = rest.substr(0, colon);
  } else if (!reference.digest) {
    reference.tag = "latest";
  }
  reference.repository = rest;
  if (reference.host == kDockerHub && rest.find('/') == std::string_view::npos) {
    reference.repository = "library/" + reference.repository;  // as docker and podman have it
  }
  if (!IsHost(reference.host)) {
    RefuseReference(text, "\"" + ShowText(reference.host) + "\" is no host");
  }
  if (!IsRepository(reference.repository) || reference.Name().size() > kMaxName) {
    RefuseReference(text,
                    "\"" + ShowText(reference.repository) +
                        "\" is no repository (lower case letters, digits, and . _ - between them)");
  }
  return reference;
}

bool LooksLikeReference(std::string_view text) {
  if (text.starts_with(kScheme)) {
    return true;
  }
  const auto slash = text.find('/');
  if (text.starts_with('.') || slash == std::string_view::npos) {
    return false;
  }
  const auto host = text.substr(0, slash);
  return IsHost(host) &&
         (host == "localhost" || host.find_first_of(".:") != std::string_view::npos);
}

}  // namespace ros::registry
