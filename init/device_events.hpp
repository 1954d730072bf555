#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace ros::init {

// What the kernel tells about a device (Documentation/core-api/kobject.rst, uevents).
struct DeviceEvent {
  std::string action;     // "add", "change", ...
  std::string path;       // below /sys, "/devices/pci0000:00/..."
  std::string subsystem;  // "block", "pci", ...
  std::string modalias;   // empty where the device has none

  bool operator==(const DeviceEvent&) const = default;
};

// Whether disks or their partitions are others since this event. Block devices that the kernel
// makes of others, such as dm-verity's, are none.
bool ChangesDisks(const DeviceEvent& event);

// Parses one message: "ACTION@PATH" and KEY=VALUE, each ended by a zero byte. None when it is not
// from the kernel (udev's own begin with "libudev").
std::optional<DeviceEvent> ParseDeviceEvent(std::string_view message);

// The kernel's uevents from the moment this exists.
class DeviceEvents {
 public:
  // Throws kFailed.
  DeviceEvents();

  enum class Waited { kEvent, kLost, kTimeout };

  struct Result {
    Waited waited = Waited::kTimeout;
    DeviceEvent event;
  };

  // The next event, waiting for at most `timeout` (0: do not wait). kLost: events came faster than
  // they were taken, so look at everything again.
  Result Next(std::chrono::milliseconds timeout);

 private:
  UniqueFd fd_;
};

}  // namespace ros::init
