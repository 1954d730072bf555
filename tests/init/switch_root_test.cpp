#include "init/switch_root.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::init {
namespace {

TEST_CASE("InitCandidates: the one that is asked for, or the usual places", "[init]") {
  CHECK(InitCandidates("/lib/my init") == std::vector<std::string>{"/lib/my init"});
  CHECK(InitCandidates("") == std::vector<std::string>{"/sbin/init", "/etc/init", "/bin/init"});
}

TEST_CASE("ExecInit: says what was tried and why it failed", "[init]") {
  std::string name = "ros-init";
  std::array<char*, 2> argv = {name.data(), nullptr};
  CHECK_THROWS_WITH(ExecInit({"/nowhere/init", "/dev/null"}, argv.data()),
                    "the OS's init cannot be started (/nowhere/init: No such file or directory, "
                    "/dev/null: Permission denied)");
}

}  // namespace
}  // namespace ros::init
