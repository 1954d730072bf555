#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ros {

// Seconds since 1970-01-01 UTC.
using UnixTime = std::int64_t;

inline constexpr UnixTime kSecondsADay = 86400;

// "2026-03-01T12:00:00Z" and back. ParseTime throws kUsage naming the text.
std::string FormatTime(UnixTime time);
UnixTime ParseTime(std::string_view text);

// "90", "90s", "5m" or "2h". Throws kUsage naming the text.
std::chrono::seconds ParseDuration(std::string_view text);

// Time, as an interface because tests of deadlines bring their own.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  Clock(Clock&&) = delete;
  Clock& operator=(Clock&&) = delete;
  virtual ~Clock() = default;

  // Wall clock; may jump and may be wrong on a machine without a battery.
  [[nodiscard]] virtual UnixTime Now() const = 0;
  // Whether something keeps the wall clock right, NTP for one, as the kernel knows it (adjtimex(2),
  // STA_UNSYNC).
  [[nodiscard]] virtual bool IsSynchronized() const = 0;
  // Since boot, suspend included (CLOCK_BOOTTIME). Deadlines run on this one.
  [[nodiscard]] virtual std::chrono::milliseconds SinceBoot() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] UnixTime Now() const override;
  [[nodiscard]] bool IsSynchronized() const override;
  [[nodiscard]] std::chrono::milliseconds SinceBoot() const override;
};

}  // namespace ros
