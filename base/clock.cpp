#include "base/clock.hpp"

#include <sys/timex.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "base/error.hpp"
#include "base/shown_text.hpp"

namespace ros {

std::string FormatTime(UnixTime time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

UnixTime ParseTime(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  // A zero byte does not end a text from outside.
  if (end == nullptr || end != copy.c_str() + copy.size()) {
    throw Error(ErrorKind::kUsage,
                "\"" + ShowText(text) + "\" is not a time of the form 2026-03-01T12:00:00Z");
  }
  return ::timegm(&parts);
}

std::chrono::seconds ParseDuration(std::string_view text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  constexpr std::int64_t kMost = std::int64_t{366} * 24 * 3600;
  if (code == std::errc() && number >= 0 && number <= kMost) {
    if (unit.empty() || unit == "s") {
      return std::chrono::seconds(number);
    }
    if (unit == "m") {
      return std::chrono::minutes(number);
    }
    if (unit == "h") {
      return std::chrono::hours(number);
    }
  }
  throw Error(ErrorKind::kUsage,
              "\"" + std::string(text) + "\" is not a length of time; write 90s, 5m or 2h");
}

UnixTime SystemClock::Now() const {
  return ::time(nullptr);
}

bool SystemClock::IsSynchronized() const {
  timex state{};
  return ::adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

std::chrono::milliseconds SystemClock::SinceBoot() const {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::duration_cast<std::chrono::milliseconds>(
                                                std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace ros
