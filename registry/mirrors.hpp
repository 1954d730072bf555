#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ros::registry {

// A place that may have what a registry has.
struct Endpoint {
  std::string host;         // "mirror.example:5000"
  bool plain_http = false;  // http:// in the place of https://
  std::string root;         // what repositories are below: "/v2", "/v2/proxy"

  auto operator<=>(const Endpoint&) const = default;
};

// Reads "https://mirror.example:5000" or "http://mirror.example/v2/proxy". As in k3s a path stands
// in the place of /v2; without one, or with "/", it is /v2. Throws kUsage naming the text and its
// fault.
Endpoint ParseEndpoint(std::string_view url);

// What a registry's repository "team/os" is called there: "proxy/team/os".
std::string RepositoryBelow(const Endpoint& endpoint, const std::string& repository);

// The mirrors of each registry by its host, first those that are to be asked first; those at
// kAnyHost are the mirrors of every registry that is not there by its own name.
using MirrorTable = std::map<std::string, std::vector<Endpoint>>;
inline constexpr const char* kAnyHost = "*";

// The mirrors that a machine has, and which of them have failed: shared by all connections of a
// command, so that one that is down is waited for once. May be used on several threads.
class Mirrors {
 public:
  // `read` gives the table when it is first wanted; what it throws leaves Of.
  explicit Mirrors(std::function<MirrorTable()> read) : read_(std::move(read)) {}

  // Those of a registry, "registry.example:5000"; none where it has none.
  [[nodiscard]] std::vector<Endpoint> Of(const std::string& host);

  // From now on it is asked only when all others have failed. `why` names it, and is a warning the
  // first time.
  void Fail(const Endpoint& mirror, const std::string& why);
  [[nodiscard]] bool HasFailed(const Endpoint& mirror) const;

  // For who watches: that a mirror has failed, or what else is worth knowing of one.
  void Warn(const std::string& warning);
  // Those that were not taken yet.
  std::vector<std::string> TakeWarnings();

 private:
  std::function<MirrorTable()> read_;
  mutable std::mutex mutex_;
  std::optional<MirrorTable> table_;
  std::set<Endpoint> failed_;
  std::vector<std::string> warnings_;
};

}  // namespace ros::registry
