#include "images/bootloader_layer.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::images {
namespace {

TEST_CASE("Boot loader layer: comes back as it was packed", "[images]") {
  const std::map<std::string, std::string> files = {
      {"grub/i386-pc/boot.img", std::string(512, 'b')},
      {"grub/i386-pc/core.img", std::string(100'001, 'c')},
      {"grub/empty", ""}};
  const auto tar = PackBootloader(files);
  CHECK(UnpackBootloader(tar) == files);
  CHECK(PackBootloader(files) == tar);
}

TEST_CASE("Boot loader layer: what is no such tar is refused", "[images]") {
  const auto tar = PackBootloader({{"a", std::string(5000, 'x')}});
  const auto refusal = [](const std::string& bytes) -> std::string {
    try {
      static_cast<void>(UnpackBootloader(bytes));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kVerification);
      return error.message();
    }
    return "taken";
  };
  CHECK_THAT(refusal("garbage that is certainly no tar"),
             Catch::StartsWith("the boot loader layer"));
  CHECK_THAT(refusal(tar.substr(0, 2048)), Catch::Contains("boot loader layer"));
  CHECK_THAT(refusal(tar.substr(0, 5632) + tar), Catch::Contains("twice"));
}

}  // namespace
}  // namespace ros::images
