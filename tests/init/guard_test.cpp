#include "init/guard.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "base/error.hpp"

namespace ros::init {
namespace {

struct Counts {
  int fed = 0;
  int closed = 0;
};

class CountedWatchdog final : public health::Watchdog {
 public:
  CountedWatchdog(Counts& counts, bool works) : counts_(counts), works_(works) {}

  CountedWatchdog(const CountedWatchdog&) = delete;
  CountedWatchdog& operator=(const CountedWatchdog&) = delete;
  CountedWatchdog(CountedWatchdog&&) = delete;
  CountedWatchdog& operator=(CountedWatchdog&&) = delete;

  ~CountedWatchdog() override { ++counts_.closed; }

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::chrono::seconds timeout() const override { return std::chrono::seconds(60); }

  void Feed() override {
    ++counts_.fed;
    if (!works_) {
      throw Error(ErrorKind::kFailed, "it cannot be fed");
    }
  }

  health::StopResult Stop() override { return health::StopResult::kCannotStop; }

 private:
  std::string name_ = "a watchdog";
  Counts& counts_;
  bool works_;
};

}  // namespace

TEST_CASE("Guard: feeds the watchdog while work goes on, once a second at most", "[init]") {
  Counts counts;
  {
    Guard guard(std::chrono::hours(1));
    const auto start = std::chrono::steady_clock::now();
    guard.Tick();
    guard.Feed(std::make_unique<CountedWatchdog>(counts, true));
    while (counts.fed == 0) {
      guard.Tick();
      std::this_thread::yield();
    }
    const auto passed = std::chrono::steady_clock::now() - start;
    CHECK(passed >= std::chrono::seconds(1));
    CHECK(counts.closed == 0);
  }
  CHECK(counts.closed == 1);
}

TEST_CASE("Guard: lets go of a watchdog that cannot be fed", "[init]") {
  Counts counts;
  Guard guard(std::chrono::hours(1));
  guard.Feed(std::make_unique<CountedWatchdog>(counts, false));
  guard.Tick();
  CHECK(counts.fed == 1);
  CHECK(counts.closed == 1);
}

}  // namespace ros::init
