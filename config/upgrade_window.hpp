#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace ros::config {

// When a machine may upgrade itself: a time of day in UTC, on some days of the week. UTC, because a
// fleet has one clock then, and no hour comes twice or never.
struct UpgradeWindow {
  // Monday first: the days on which it opens.
  std::array<bool, 7> days = {true, true, true, true, true, true, true};
  int from = 0;         // minutes after midnight
  int until = 0;        // the same; not after `from`: of the day after
  bool always = false;  // it never closes; nothing else counts then
  std::string text;     // as it was written

  bool operator==(const UpgradeWindow&) const = default;
};

// Once an hour the timer looks whether a window is open (dist/systemd/ros-upgrade.timer).
inline constexpr int kShortestWindow = 60;  // minutes

// "22:00-05:00" on each day, "Mon-Fri 02:00-04:00", "Sat,Sun 00:00-24:00" or "always". A window
// that crosses midnight belongs to the day on which it opens. Throws kUsage naming text and fault,
// also for a window shorter than kShortestWindow.
UpgradeWindow ParseUpgradeWindow(std::string_view text);

// A window that is open: from the first second to before the last.
struct Opening {
  UnixTime from = 0;
  UnixTime until = 0;

  bool operator==(const Opening&) const = default;
};

// The opening that `now` is in; none where the window is closed. Of one that is always open, the
// day.
std::optional<Opening> FindOpening(const UpgradeWindow& window, UnixTime now);

// When it opens next after `now`.
UnixTime NextOpening(const UpgradeWindow& window, UnixTime now);

}  // namespace ros::config
