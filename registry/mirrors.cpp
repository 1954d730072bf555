#include "registry/mirrors.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/shown_text.hpp"
#include "registry/reference.hpp"

namespace ros::registry {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kRoot = "/v2";
constexpr std::string_view kBelowRoot = "/v2/";
constexpr std::size_t kMaxUrl = 255;

[[noreturn]] void RefuseUrl(std::string_view url, const std::string& why) {
  throw Error(ErrorKind::kUsage, QuoteText(url) + " is no endpoint: " + why);
}

bool IsPathByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~/").find(c) != std::string_view::npos;
}

// The path without a slash at its end. Dots would lead libcurl elsewhere than it is written.
std::string ReadRoot(std::string_view url, std::string_view path) {
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  const auto whole = std::string(path) + "/";
  if (!std::ranges::all_of(path, IsPathByte) || whole.find("//") != std::string::npos ||
      whole.find("/./") != std::string::npos || whole.find("/../") != std::string::npos) {
    RefuseUrl(url, "its path may have letters, digits and -._~ between single slashes");
  }
  return std::string(path.empty() ? kRoot : path);
}

}  // namespace

Endpoint ParseEndpoint(std::string_view url) {
  const bool plain = url.starts_with(kHttp);
  if (!plain && !url.starts_with(kHttps)) {
    RefuseUrl(url, "it has to begin with https:// or http://");
  }
  if (url.size() > kMaxUrl) {
    RefuseUrl(url, "it is longer than " + std::to_string(kMaxUrl) + " bytes");
  }
  const auto rest = url.substr(plain ? kHttp.size() : kHttps.size());
  const auto host = rest.substr(0, rest.find('/'));
  if (host.find('@') != std::string_view::npos) {
    RefuseUrl(url, "a name and a password belong into /etc/ros/auth.json");
  }
  if (!IsHost(host)) {
    RefuseUrl(url, "what is behind the scheme has to be HOST or HOST:PORT");
  }
  return {.host = std::string(host),
          .plain_http = plain,
          .root = ReadRoot(url, rest.substr(host.size()))};
}

std::string RepositoryBelow(const Endpoint& endpoint, const std::string& repository) {
  if (endpoint.root == kRoot) {
    return repository;
  }
  const auto root = std::string_view(endpoint.root);
  const auto below = root.starts_with(kBelowRoot) ? root.substr(kBelowRoot.size()) : root.substr(1);
  return std::string(below) + "/" + repository;
}

std::vector<Endpoint> Mirrors::Of(const std::string& host) {
  const std::lock_guard lock(mutex_);
  if (!table_) {
    table_ = read_();
  }
  const auto own = table_->find(host);
  const auto found = own == table_->end() ? table_->find(kAnyHost) : own;
  return found == table_->end() ? std::vector<Endpoint>() : found->second;
}

void Mirrors::Fail(const Endpoint& mirror, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (failed_.insert(mirror).second) {
    warnings_.push_back("a mirror was passed over: " + why);
  }
}

bool Mirrors::HasFailed(const Endpoint& mirror) const {
  const std::lock_guard lock(mutex_);
  return failed_.contains(mirror);
}

void Mirrors::Warn(const std::string& warning) {
  const std::lock_guard lock(mutex_);
  warnings_.push_back(warning);
}

std::vector<std::string> Mirrors::TakeWarnings() {
  const std::lock_guard lock(mutex_);
  return std::exchange(warnings_, {});
}

}  // namespace ros::registry
