#include "health/watchdog.hpp"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/unique_fd.hpp"
#include "health/watchdog_driver.hpp"

namespace ros::health {
namespace {

using std::chrono::seconds;

class DeviceDriver final : public WatchdogDriver {
 public:
  DeviceDriver(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  seconds SetTimeout(seconds timeout) override {
    int value = static_cast<int>(timeout.count());
    return ::ioctl(fd_.get(), WDIOC_SETTIMEOUT, &value) == 0 ? seconds(value) : seconds(0);
  }

  [[nodiscard]] seconds Timeout() const override {
    int value = 0;
    return ::ioctl(fd_.get(), WDIOC_GETTIMEOUT, &value) == 0 ? seconds(value) : seconds(0);
  }

  void KeepAlive() override {
    int unused = 0;
    if (::ioctl(fd_.get(), WDIOC_KEEPALIVE, &unused) != 0) {
      ThrowErrno("feeding " + path_);
    }
  }

  bool Disable() override {
    int options = WDIOS_DISABLECARD;
    return ::ioctl(fd_.get(), WDIOC_SETOPTIONS, &options) == 0;
  }

  void CloseStopped() override {
    // Not pwrite: a watchdog has no offsets (ESPIPE).
    if (::write(fd_.get(), "V", 1) != 1) {
      ThrowErrno("writing " + path_);
    }
    fd_.Close(path_);
  }

 private:
  UniqueFd fd_;
  std::string path_;
};

// The largest timeout up to `timeout` that the driver takes, by bisection: drivers refuse what is
// beyond their hardware, and not all tell their limit.
void SetLargestTimeout(WatchdogDriver& driver, seconds timeout) {
  if (driver.SetTimeout(timeout).count() > 0) {
    return;
  }
  seconds taken(0);
  seconds refused = timeout;
  while (refused - taken > seconds(1)) {
    const auto middle = taken + (refused - taken) / 2;
    const bool took = driver.SetTimeout(middle).count() > 0;
    (took ? taken : refused) = middle;
  }
  if (taken.count() > 0) {
    driver.SetTimeout(taken);
  }
}

class StartedWatchdog final : public Watchdog {
 public:
  StartedWatchdog(std::unique_ptr<WatchdogDriver> driver, std::string name, seconds timeout)
      : driver_(std::move(driver)), name_(std::move(name)), timeout_(timeout) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] seconds timeout() const override { return timeout_; }

  void Feed() override {
    if (driver_ != nullptr) {
      driver_->KeepAlive();
    }
  }

  StopResult Stop() override {
    if (driver_ == nullptr) {
      return StopResult::kStopped;
    }
    if (!driver_->Disable()) {
      driver_->KeepAlive();
      return StopResult::kCannotStop;
    }
    driver_->CloseStopped();
    driver_.reset();
    return StopResult::kStopped;
  }

 private:
  std::unique_ptr<WatchdogDriver> driver_;  // null once stopped
  std::string name_;
  seconds timeout_;
};

// watchdog0, watchdog1, ... in the order of their numbers. /dev/watchdog is the first one again.
std::vector<std::string> DeviceNames(const std::filesystem::path& devices) {
  constexpr std::string_view kPrefix = "watchdog";
  std::vector<std::string> names;
  for (const auto& name : ListDirectory(devices)) {
    const auto number = std::string_view(name).substr(std::min(name.size(), kPrefix.size()));
    if (name.starts_with(kPrefix) && !number.empty() &&
        number.find_first_not_of("0123456789") == std::string_view::npos) {
      names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end(), [](const auto& x, const auto& y) {
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  return names;
}

bool Supports(int fd, watchdog_info& info) {
  return ::ioctl(fd, WDIOC_GETSUPPORT, &info) == 0 && (info.options & WDIOF_MAGICCLOSE) != 0;
}

std::string Identity(const watchdog_info& info) {
  const auto* text = reinterpret_cast<const char*>(info.identity);
  return {text, ::strnlen(text, sizeof info.identity)};
}

WatchdogOpening Opened(UniqueFd fd, const std::string& path, seconds timeout) {
  watchdog_info info{};
  if (!Supports(fd.get(), info)) {
    // Opening has started it and closing stops it: of no use to us, and no harm.
    return {WatchdogState::kNone, nullptr, path + " stops counting when it is closed, ignoring"};
  }
  const auto name = Identity(info) + " (" + path + ")";
  auto watchdog = StartWatchdog(std::make_unique<DeviceDriver>(std::move(fd), path), name, timeout);
  const auto taken = std::to_string(watchdog->timeout().count());
  return {WatchdogState::kOpened, std::move(watchdog), name + " counts " + taken + " s"};
}

WatchdogOpening OpenOne(const std::string& path, seconds timeout) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (fd.valid()) {
    return Opened(std::move(fd), path, timeout);
  }
  if (errno == EBUSY) {
    return {WatchdogState::kHeld, nullptr, path + " is held and fed by another process"};
  }
  ThrowErrno("opening " + path);
}

}  // namespace

std::unique_ptr<Watchdog> StartWatchdog(std::unique_ptr<WatchdogDriver> driver,
                                        std::string name,
                                        seconds timeout) {
  SetLargestTimeout(*driver, std::max(timeout, seconds(1)));
  try {
    driver->KeepAlive();
  } catch (const Error&) {
    // Opening may have started it, and nobody could feed it.
    driver->CloseStopped();
    throw;
  }
  const auto taken = driver->Timeout();
  return std::make_unique<StartedWatchdog>(std::move(driver), std::move(name), taken);
}

WatchdogOpening OpenWatchdog(const std::filesystem::path& devices, seconds timeout) {
  WatchdogOpening result{WatchdogState::kNone, nullptr, "there is no watchdog device"};
  for (const auto& name : DeviceNames(devices)) {
    try {
      result = OpenOne((devices / name).string(), timeout);
    } catch (const Error& error) {
      result = {WatchdogState::kNone, nullptr, error.message()};
    }
    if (result.state != WatchdogState::kNone) {
      return result;
    }
  }
  return result;
}

}  // namespace ros::health
