#include "health/watchdog.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/watchdog_driver.hpp"

namespace ros::health {
namespace {

using std::chrono::seconds;

// A driver in memory: what the real ones do, with the two ways in which they differ.
struct Hardware {
  seconds longest{60};
  bool can_stop = true;
  bool can_feed = true;
  seconds timeout{30};
  int fed = 0;
  bool counting = true;
  bool open = true;
  bool closed_stopped = false;
};

class FakeDriver final : public WatchdogDriver {
 public:
  explicit FakeDriver(Hardware& hardware) : hardware_(hardware) {}

  ~FakeDriver() override { hardware_.open = false; }

  seconds SetTimeout(seconds timeout) override {
    if (timeout > hardware_.longest) {
      return seconds(0);
    }
    hardware_.timeout = timeout;
    return timeout;
  }

  [[nodiscard]] seconds Timeout() const override { return hardware_.timeout; }

  void KeepAlive() override {
    if (!hardware_.can_feed) {
      throw Error(ErrorKind::kFailed, "feeding: no");
    }
    ++hardware_.fed;
  }

  bool Disable() override {
    hardware_.counting = !hardware_.can_stop;
    return hardware_.can_stop;
  }

  void CloseStopped() override {
    hardware_.open = false;
    hardware_.closed_stopped = true;
  }

 private:
  Hardware& hardware_;
};

TEST_CASE("Watchdog: takes the timeout, cut to what the driver can", "[health]") {
  struct Case {
    int asked;
    int longest;
    int taken;
  };

  const auto row = GENERATE(values<Case>(
      {{180, 600, 180}, {180, 180, 180}, {180, 179, 179}, {180, 63, 63}, {180, 1, 1}, {0, 60, 1}}));
  Hardware hardware{.longest = seconds(row.longest)};
  const auto watchdog =
      StartWatchdog(std::make_unique<FakeDriver>(hardware), "fake", seconds(row.asked));
  CHECK(watchdog->timeout() == seconds(row.taken));
  CHECK(hardware.fed == 1);
}

TEST_CASE("Watchdog: a driver that refuses every timeout keeps its own", "[health]") {
  Hardware hardware{.longest = seconds(0)};
  const auto watchdog = StartWatchdog(std::make_unique<FakeDriver>(hardware), "fake", seconds(180));
  CHECK(watchdog->timeout() == seconds(30));
}

TEST_CASE("Watchdog: leaving it keeps it counting", "[health]") {
  Hardware hardware;
  StartWatchdog(std::make_unique<FakeDriver>(hardware), "fake", seconds(10));
  CHECK_FALSE(hardware.open);
  CHECK(hardware.counting);
}

TEST_CASE("Watchdog: Stop ends it, and feeding it afterwards does nothing", "[health]") {
  Hardware hardware;
  const auto watchdog = StartWatchdog(std::make_unique<FakeDriver>(hardware), "fake", seconds(10));
  CHECK(watchdog->Stop() == StopResult::kStopped);
  CHECK_FALSE(hardware.counting);
  CHECK_FALSE(hardware.open);
  watchdog->Feed();
  CHECK(watchdog->Stop() == StopResult::kStopped);
  CHECK(hardware.fed == 1);
}

TEST_CASE("Watchdog: a driver without a way out stays open to be fed", "[health]") {
  Hardware hardware{.can_stop = false};
  const auto watchdog = StartWatchdog(std::make_unique<FakeDriver>(hardware), "fake", seconds(10));
  CHECK(watchdog->Stop() == StopResult::kCannotStop);
  CHECK(hardware.open);
  watchdog->Feed();
  CHECK(hardware.fed == 3);
}

TEST_CASE("Watchdog: one that nobody can feed is not left counting", "[health]") {
  Hardware hardware{.can_feed = false};
  CHECK_THROWS_WITH(StartWatchdog(std::make_unique<FakeDriver>(hardware), "fake", seconds(10)),
                    "feeding: no");
  CHECK(hardware.closed_stopped);
}

TEST_CASE("OpenWatchdog: one that does not open is no error", "[health]") {
  const TempDirectory devices;
  std::filesystem::create_directory(devices.path() / "watchdog0");
  const auto opening = OpenWatchdog(devices.path(), seconds(10));
  CHECK(opening.state == WatchdogState::kNone);
  CHECK_THAT(opening.explanation, Catch::Contains("watchdog0: Is a directory"));
}

TEST_CASE("OpenWatchdog: a machine without one says so", "[health]") {
  const TempDirectory devices;
  WriteFileAtomically(devices.path() / "watchdogs", {});
  const auto opening = OpenWatchdog(devices.path(), seconds(10));
  CHECK(opening.state == WatchdogState::kNone);
  CHECK(opening.explanation == "there is no watchdog device");
}

}  // namespace
}  // namespace ros::health
