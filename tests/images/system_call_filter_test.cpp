#include "images/system_call_filter.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <stdexcept>

#include "base/process.hpp"

using namespace ros;
using namespace ros::images;

namespace {

int CodeOfCopyFileRange() {
  return ::syscall(SYS_copy_file_range, -1, nullptr, -1, nullptr, 1, 0) == -1 ? errno : 0;
}

// The same in another program: its exit code is errno.
int CodeInChild() {
  const auto call = "syscall(" + std::to_string(SYS_copy_file_range) + ", -1, 0, -1, 0, 1, 0)";
  return RunProcess({.argv = {"perl", "-e", call + "; exit($!)"}}).exit_code;
}

}  // namespace

TEST_CASE("WithoutCopyFileRange: refused there and in children, and nowhere else", "[images]") {
  REQUIRE(CodeOfCopyFileRange() == EBADF);
  WithoutCopyFileRange([] {
    CHECK(CodeOfCopyFileRange() == ENOSYS);
    CHECK(CodeInChild() == ENOSYS);
    CHECK(::getpid() > 0);
  });
  CHECK(CodeOfCopyFileRange() == EBADF);
  CHECK(CodeInChild() == EBADF);
}

TEST_CASE("WithoutCopyFileRange: passes on what was thrown", "[images]") {
  CHECK_THROWS_WITH(WithoutCopyFileRange([] { throw std::runtime_error("this"); }), "this");
}
