#include "installer/kexec.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

namespace ros::installer {

TEST_CASE("KexecErrorText: says what stands in the way", "[installer]") {
  CHECK(KexecErrorText(ENOSYS) == "the running kernel was built without kexec");
  CHECK_THAT(KexecErrorText(EPERM), Catch::Contains("kernel.kexec_load_disabled"));
  CHECK_THAT(KexecErrorText(EKEYREJECTED), Catch::Contains("whose signature it trusts"));
  CHECK_THAT(KexecErrorText(ENOMEM), Catch::Contains("Cannot allocate memory"));
}

TEST_CASE("RunningKernel: what is no kernel is refused with a reason", "[installer]") {
  // As root or not, with kexec or without: nothing is ever loaded from an empty descriptor.
  RunningKernel kernel;
  CHECK_THROWS_WITH(kernel.Load({}, "quiet"), Catch::Contains("the running kernel"));
}

}  // namespace ros::installer
