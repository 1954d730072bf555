#include "init/child_output.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

#include "base/unique_fd.hpp"

namespace ros::init {
namespace {

// A child that says "here" and does something then, until it is killed.
class SpeakingChild {
 public:
  explicit SpeakingChild(void (*work)()) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    output_ = UniqueFd(ends[0]);
    const UniqueFd mouth(ends[1]);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      static_cast<void>(::write(mouth.get(), "here", 4));
      work();
      ::_exit(0);
    }
  }

  SpeakingChild(const SpeakingChild&) = delete;
  SpeakingChild& operator=(const SpeakingChild&) = delete;
  SpeakingChild(SpeakingChild&&) = delete;
  SpeakingChild& operator=(SpeakingChild&&) = delete;

  ~SpeakingChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] Child For(std::chrono::seconds limit) const {
    return {.pid = pid_, .output = output_.get(), .limit = limit};
  }

 private:
  UniqueFd output_;
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("Listen: a child that does not move is not told as one that works", "[init]") {
  const SpeakingChild child([] {
    for (;;) {
      ::pause();
    }
  });
  std::string said;
  int ticks = 0;
  CHECK_FALSE(Listen(child.For(std::chrono::seconds(5)), said, [&] { ++ticks; }));
  CHECK(said == "here");
  // Until it had begun to wait.
  CHECK(ticks <= 3);
}

TEST_CASE("Listen: a child that works is told", "[init]") {
  const SpeakingChild child([] {
    for (;;) {
      static_cast<void>(::getppid());
    }
  });
  std::string said;
  int ticks = 0;
  CHECK_FALSE(Listen(child.For(std::chrono::seconds(5)), said, [&] { ++ticks; }));
  CHECK(ticks > 3);
}

TEST_CASE("Listen: ends with what the child says", "[init]") {
  const SpeakingChild child([] {});
  std::string said;
  CHECK(Listen(child.For(std::chrono::hours(1)), said, [] {}));
  CHECK(said == "here");
}

}  // namespace ros::init
