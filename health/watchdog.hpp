#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace ros::health {

enum class StopResult {
  kStopped,     // the driver counts no more
  kCannotStop,  // no way out: it must be fed for as long as the machine runs
};

// A watchdog that is open and counting. Destroying one leaves it counting: only Stop() ends it.
class Watchdog {
 public:
  Watchdog() = default;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  Watchdog(Watchdog&&) = delete;
  Watchdog& operator=(Watchdog&&) = delete;
  virtual ~Watchdog() = default;

  // "iTCO_wdt (/dev/watchdog0)", for messages.
  [[nodiscard]] virtual const std::string& name() const = 0;
  // What the driver took, which may be less than was asked for.
  [[nodiscard]] virtual std::chrono::seconds timeout() const = 0;
  // Starts the count anew. Throws kFailed.
  virtual void Feed() = 0;
  // Stops the count for good, and says whether the driver could. Stays open when it could not.
  virtual StopResult Stop() = 0;
};

enum class WatchdogState {
  kOpened,  // `watchdog` is there
  kNone,    // the machine has no watchdog device that works
  kHeld,    // another process (systemd, as a rule) holds it and feeds it
};

struct WatchdogOpening {
  WatchdogState state = WatchdogState::kNone;
  std::unique_ptr<Watchdog> watchdog;
  std::string explanation;  // one sentence for journal and console
};

// Opens the first watchdog below `devices` (/dev: watchdog0, watchdog1, ...) that keeps counting
// when its file is closed without the magic character, starts it, and sets the timeout, cut to what
// the driver takes. One that cannot be opened or started is passed over; where there is no other,
// `explanation` says why. Throws kFailed where `devices` cannot be read.
WatchdogOpening OpenWatchdog(const std::filesystem::path& devices, std::chrono::seconds timeout);

}  // namespace ros::health
