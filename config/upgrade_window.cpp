#include "config/upgrade_window.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros::config {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::string_view kAlways = "always";
constexpr int kDayMinutes = 24 * 60;
constexpr UnixTime kMinute = 60;
constexpr UnixTime kDay = kDayMinutes * kMinute;

[[noreturn]] void Refuse(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::kUsage,
              QuoteText(text) + " is no time window: " + why +
                  "; write \"Mon-Fri 02:00-04:00\", \"Sat,Sun 22:00-05:00\" (no other spaces, in "
                  "UTC) or \"always\"");
}

// Two digits, at most `most`; none for anything else.
std::optional<int> TwoDigits(std::string_view text, int most) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 2 || !std::ranges::all_of(text, is_digit)) {
    return std::nullopt;
  }
  const int number = (text[0] - '0') * 10 + (text[1] - '0');
  return number <= most ? std::optional(number) : std::nullopt;
}

// Minutes after midnight, of HH:MM; 24:00 is the end of a day.
int ParseMinutes(std::string_view text, std::string_view whole) {
  constexpr std::size_t kColon = 2;
  constexpr int kLastHour = 24;
  constexpr int kLastMinute = 59;
  const bool has_colon = text.size() > kColon && text[kColon] == ':';
  const auto hour = has_colon ? TwoDigits(text.substr(0, kColon), kLastHour) : std::nullopt;
  const auto minute = has_colon ? TwoDigits(text.substr(kColon + 1), kLastMinute) : std::nullopt;
  if (!hour || !minute || *hour * 60 + *minute > kDayMinutes) {
    Refuse(whole, QuoteText(text) + " is no time of day such as 02:00");
  }
  return *hour * 60 + *minute;
}

std::size_t ParseDay(std::string_view text, std::string_view whole) {
  const auto found = std::ranges::find(kDays, text);
  if (found == kDays.end()) {
    Refuse(whole, QuoteText(text) + " is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun");
  }
  return static_cast<std::size_t>(found - kDays.begin());
}

// "Mon-Fri", "Sat,Sun", "Fri-Mon".
std::array<bool, 7> ParseDays(std::string_view text, std::string_view whole) {
  std::array<bool, 7> days = {};
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto part = text.substr(at, end - at);
    const auto dash = part.find('-');
    auto day = ParseDay(part.substr(0, dash), whole);
    const auto last = dash == std::string_view::npos ? day : ParseDay(part.substr(dash + 1), whole);
    days.at(day) = true;
    while (day != last) {
      day = (day + 1) % kDays.size();
      days.at(day) = true;
    }
    at = end + 1;
  }
  return days;
}

// The window of the day that begins at `midnight`; none where it does not open on that day.
std::optional<Opening> OpeningOf(const UpgradeWindow& window, UnixTime midnight) {
  constexpr UnixTime kThursday = 3;  // 1970-01-01
  constexpr UnixTime kWeek = 7;
  if (window.always) {
    return Opening{midnight, midnight + kDay};
  }
  const auto day = ((midnight / kDay + kThursday) % kWeek + kWeek) % kWeek;
  if (!window.days.at(static_cast<std::size_t>(day))) {
    return std::nullopt;
  }
  const auto until = window.until > window.from ? window.until : window.until + kDayMinutes;
  return Opening{midnight + window.from * kMinute, midnight + until * kMinute};
}

UnixTime MidnightBefore(UnixTime now) {
  return now - ((now % kDay) + kDay) % kDay;
}

}  // namespace

UpgradeWindow ParseUpgradeWindow(std::string_view text) {
  UpgradeWindow window{.text = std::string(text)};
  if (text == kAlways) {
    window.always = true;
    return window;
  }
  const auto space = text.find(' ');
  const auto times = space == std::string_view::npos ? text : text.substr(space + 1);
  if (space != std::string_view::npos) {
    window.days = ParseDays(text.substr(0, space), text);
  }
  const auto dash = times.find('-');
  if (dash == std::string_view::npos) {
    Refuse(text, "there is no time with a - and another one in it");
  }
  window.from = ParseMinutes(times.substr(0, dash), text);
  window.until = ParseMinutes(times.substr(dash + 1), text);
  if (window.from == window.until || window.from == kDayMinutes) {
    Refuse(
        text,
        "it must not end when it begins (a whole day is 00:00-24:00), and must begin before 24:00");
  }
  const auto opening = window.until - window.from;
  if ((opening > 0 ? opening : opening + kDayMinutes) < kShortestWindow) {
    Refuse(text, "it is shorter than an hour, and once an hour a machine looks");
  }
  return window;
}

std::optional<Opening> FindOpening(const UpgradeWindow& window, UnixTime now) {
  const auto midnight = MidnightBefore(now);
  // Yesterday's may last until this morning.
  for (const auto day : {midnight, midnight - kDay}) {
    const auto opening = OpeningOf(window, day);
    if (opening && opening->from <= now && now < opening->until) {
      return opening;
    }
  }
  return std::nullopt;
}

UnixTime NextOpening(const UpgradeWindow& window, UnixTime now) {
  auto midnight = MidnightBefore(now);
  // At least one day of seven has one.
  while (true) {
    const auto opening = OpeningOf(window, midnight);
    if (opening && opening->from > now) {
      return opening->from;
    }
    midnight += kDay;
  }
}

}  // namespace ros::config
