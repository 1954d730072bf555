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
  CHECK_THAT(refusal(PackBootloader({{"a\x1b[31m", ""}})), Catch::Contains("printable"));
}

TEST_CASE("Boot loader layer: a sparse file, which is larger than the layer, is refused",
          "[images]") {
  // GNU's form: type S, a list of pieces with data (none) at 386, the real size at 483.
  auto tar = PackBootloader({{"a", ""}});
  const auto put = [&](std::size_t at, std::string_view text) {
    tar.replace(at, text.size(), text);
  };
  put(156, "S");
  put(257, std::string_view("ustar  \0", 8));
  put(386, std::string(24, '0'));
  put(483, "00100000000");
  put(148, "        ");
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    sum += static_cast<unsigned char>(tar[i]);
  }
  std::string digits(6, '0');
  for (std::size_t i = digits.size(); i > 0; --i, sum /= 8) {
    digits[i - 1] = static_cast<char>('0' + sum % 8);
  }
  put(148, digits + std::string("\0 ", 2));
  CHECK_THROWS_WITH(UnpackBootloader(tar), Catch::StartsWith("the boot loader layer: \"a\" is "));
}

}  // namespace
}  // namespace ros::images
