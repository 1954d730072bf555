#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "health/watchdog.hpp"

namespace ros::health {

// A watchdog device file that is open (private to health/ and its tests). See the kernel's
// Documentation/watchdog/watchdog-api.rst.
class WatchdogDriver {
 public:
  WatchdogDriver() = default;
  WatchdogDriver(const WatchdogDriver&) = delete;
  WatchdogDriver& operator=(const WatchdogDriver&) = delete;
  WatchdogDriver(WatchdogDriver&&) = delete;
  WatchdogDriver& operator=(WatchdogDriver&&) = delete;
  // Closes the file, without the magic character.
  virtual ~WatchdogDriver() = default;

  // WDIOC_SETTIMEOUT: what the driver took; 0 when it refuses this value.
  virtual std::chrono::seconds SetTimeout(std::chrono::seconds timeout) = 0;
  // WDIOC_GETTIMEOUT: what it counts by now.
  [[nodiscard]] virtual std::chrono::seconds Timeout() const = 0;
  // WDIOC_KEEPALIVE. Throws kFailed.
  virtual void KeepAlive() = 0;
  // WDIOC_SETOPTIONS with WDIOS_DISABLECARD: false when the driver cannot stop.
  virtual bool Disable() = 0;
  // Writes the magic character and closes: the driver may be unloaded and does not start again.
  virtual void CloseStopped() = 0;
};

// Sets the timeout (the largest that the driver takes up to `timeout`) and feeds it once.
std::unique_ptr<Watchdog> StartWatchdog(std::unique_ptr<WatchdogDriver> driver,
                                        std::string name,
                                        std::chrono::seconds timeout);

}  // namespace ros::health
