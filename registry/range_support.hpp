#pragma once

#include <map>
#include <mutex>
#include <string>

#include "base/bytes.hpp"

namespace ros::registry {

// Bytes between two ranges of a file that come with them: where a server answers one range at a
// time, that saves a request; where it answers several, only what an answer has in front of one.
inline constexpr Bytes kGapOfOne = Bytes{16} << 10U;
inline constexpr Bytes kGapOfSeveral = Bytes{1} << 10U;

// Whether a server, which a redirect may have led to, answers a request for several ranges of a
// file (download.hpp), or not even for one: then all of it comes, from its start on.
enum class SeveralRanges { kUnknown, kAnswered, kNever, kNorOne };

// What was found out about that, by the host that was asked: shared by all connections of a
// command, so that one that begins later need not ask. May be used on several threads.
class RangeSupport {
 public:
  [[nodiscard]] SeveralRanges Of(const std::string& host) const;
  void Set(const std::string& host, SeveralRanges found);

  // The gap that has to be reckoned with: that of a host which answers one at a time, where such a
  // one was asked.
  [[nodiscard]] Bytes MostGap() const;

  // Whether a host was asked that answers no range.
  [[nodiscard]] bool AnyWithout() const;

 private:
  [[nodiscard]] bool Any(SeveralRanges found) const;

  mutable std::mutex mutex_;
  std::map<std::string, SeveralRanges> hosts_;
};

}  // namespace ros::registry
