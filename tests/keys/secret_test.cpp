#include "keys/secret.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"

using namespace ros;
using namespace ros::keys;

namespace {

std::string ReadBack(const std::string& content) {
  TempDirectory directory;
  WriteFileAtomically(directory.path() / "p", AsBytes(content));
  return std::string(ReadPassphraseFile(directory.path() / "p").view());
}

// How a child ends that aborts with core dumps allowed, after `before`.
int StatusOfAborting(void (*before)()) {
  const auto child = ::fork();
  if (child == 0) {
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    static_cast<void>(::setrlimit(RLIMIT_CORE, &all));
    static_cast<void>(std::signal(SIGABRT, SIG_DFL));
    before();
    ::abort();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

TEST_CASE("Secret: moves leave nothing behind, and it is wiped", "[keys]") {
  Secret first(std::string_view("canary"));
  Secret second = std::move(first);
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is what is asked
  CHECK(second.view() == "canary");
  second.Truncate(3);
  CHECK(second.view() == "can");
  second.Truncate(100);
  CHECK(second.size() == 3);
  second.Wipe();
  CHECK(second.view() == std::string_view("\0\0\0", 3));
  // What was cut off too: the memory is still ours.
  CHECK(std::string_view(second.view().data(), 6) == std::string_view("\0\0\0\0\0\0", 6));
}

TEST_CASE("ReadPassphraseFile: one line, without its end", "[keys]") {
  CHECK(ReadBack("a b ") == "a b ");
  CHECK(ReadBack("secret\n") == "secret");
  CHECK(ReadBack("secret\r\n") == "secret");
  CHECK(ReadBack("").empty());
  CHECK(ReadBack(std::string(1000, 'x') + "\n").size() == 1000);
  const std::pair<std::string, std::string> cases[] = {
      {"one\ntwo", "more than one line"},
      {std::string("a\0b", 3), "a zero byte"},
      {std::string(1001, 'x'), "at most 1000 bytes"},
      {std::string(9000, 'x'), "longer than"},
  };
  for (const auto& [content, why] : cases) {
    INFO(why);
    CHECK_THROWS_WITH(ReadBack(content), Catch::Contains(why) && !Catch::Contains("xxx"));
  }
}

TEST_CASE("TakeFromEnvironment: the variable is gone afterwards", "[keys]") {
  REQUIRE(::setenv("ROS_TEST_SECRET", "canary", 1) == 0);
  const char* place = ::getenv("ROS_TEST_SECRET");
  Secret secret;
  REQUIRE(TakeFromEnvironment("ROS_TEST_SECRET", secret));
  CHECK(secret.view() == "canary");
  CHECK(std::string_view(place, 6) == std::string_view("\0\0\0\0\0\0", 6));
  CHECK(::getenv("ROS_TEST_SECRET") == nullptr);
  CHECK_FALSE(TakeFromEnvironment("ROS_TEST_SECRET", secret));
  CHECK(secret.view() == "canary");
}

TEST_CASE("ForbidCoreDumps: a process that aborts leaves no core", "[keys]") {
  const auto status = StatusOfAborting([] { ForbidCoreDumps(); });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK_FALSE(WCOREDUMP(status));
}
