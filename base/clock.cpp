#include "base/clock.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include "base/error.hpp"

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
  if (end == nullptr || *end != '\0') {
    throw Error(ErrorKind::kUsage,
                "\"" + copy + "\" is not a time of the form 2026-03-01T12:00:00Z");
  }
  return ::timegm(&parts);
}

UnixTime SystemClock::Now() const {
  return ::time(nullptr);
}

std::chrono::milliseconds SystemClock::SinceBoot() const {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::duration_cast<std::chrono::milliseconds>(
                                                std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace ros
