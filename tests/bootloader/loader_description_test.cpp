#include "bootloader/loader_description.hpp"

#include <catch2/catch.hpp>

namespace ros::bootloader {

TEST_CASE("LoaderDescription: as text and back", "[bootloader]") {
  const LoaderDescription description{.version = "2.06-13+deb12u2",
                                      .digests = {{"BOOTX64.EFI", std::string(64, 'a')}}};
  const auto text = FormatLoaderDescription(description);
  CHECK(text ==
        "ros-loader 1\nversion 2.06-13+deb12u2\nsha256 " + std::string(64, 'a') + " BOOTX64.EFI\n");
  CHECK(ParseLoaderDescription(text) == description);
  CHECK(ParseLoaderDescription(text + std::string(300, '\n')) == description);
}

TEST_CASE("ParseLoaderDescription: text that is something else", "[bootloader]") {
  for (const auto* text : {"", "ros-loader 2\nversion 1\n", "\xcc\xcc", "version 1\n"}) {
    CHECK(ParseLoaderDescription(text) == LoaderDescription{});
  }
  CHECK(ParseLoaderDescription("ros-loader 1\nother 3\nversion a;b\nsha256\n") ==
        LoaderDescription{});
}

TEST_CASE("IsLoaderVersion: what GRUB's script and a terminal can be given", "[bootloader]") {
  CHECK(IsLoaderVersion("2.06-13+deb12u2"));
  CHECK(IsLoaderVersion("1:2.12~rc1"));
  for (const auto* version : {"", "2'", "2 06", "2\x1b[", "2$x"}) {
    CHECK_FALSE(IsLoaderVersion(version));
  }
  CHECK_FALSE(IsLoaderVersion(std::string(65, '1')));
}

}  // namespace ros::bootloader
