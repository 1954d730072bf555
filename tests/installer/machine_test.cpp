#include "installer/machine.hpp"

#include <catch2/catch.hpp>

namespace ros::installer {

TEST_CASE("NotFoundBy: an ordinary user is told to be root", "[installer]") {
  const Error error(ErrorKind::kRefused, "no disk has it");
  CHECK(NotFoundBy(0, error).message() == "no disk has it");
  const auto told = NotFoundBy(1000, error);
  CHECK(told.kind() == ErrorKind::kRefused);
  CHECK(told.message() == "may not read the disks: run ros as root (no disk has it)");
}

}  // namespace ros::installer
