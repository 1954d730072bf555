#include "bootloader/firmware.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bootloader/efi_variables.hpp"

namespace ros::bootloader {
namespace {

constexpr const char* kSecureBoot = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

// A /sys with a firmware's variables.
struct FakeSys {
  TempDirectory directory;
  std::filesystem::path efivars = directory.path() / "firmware/efi/efivars";

  void Put(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(efivars);
    std::ofstream(efivars / name) << content;
  }
};

std::string Variable(const std::string& data) {
  return std::string("\x06\0\0\0", 4) + data;
}

}  // namespace

TEST_CASE("InspectFirmware: a kernel that no UEFI started runs on a BIOS", "[bootloader]") {
  const FakeSys sys;
  CHECK(InspectFirmware(sys.directory.path()) == Firmware{});
}

TEST_CASE("InspectFirmware: tells Secure Boot by the firmware's variable", "[bootloader]") {
  const FakeSys sys;
  const auto state = [&] { return InspectFirmware(sys.directory.path()).secure_boot; };
  std::filesystem::create_directories(sys.efivars);
  CHECK(InspectFirmware(sys.directory.path()) ==
        Firmware{FirmwareKind::kUefi, SecureBoot::kUnknown});
  sys.Put("BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c", Variable("\x01"));
  CHECK(state() == SecureBoot::kOff);
  sys.Put(kSecureBoot, Variable("\x01"));
  CHECK(state() == SecureBoot::kOn);
  sys.Put(kSecureBoot, Variable(std::string(1, '\0')));
  CHECK(state() == SecureBoot::kOff);
  sys.Put(kSecureBoot, "\x06");
  CHECK(state() == SecureBoot::kUnknown);
}

TEST_CASE("EfiVariables: separates attributes from data", "[bootloader]") {
  const FakeSys sys;
  sys.Put(kSecureBoot, Variable("data"));
  const EfiVariables variables(sys.efivars);
  CHECK(variables.Read("SecureBoot") == EfiVariable{.attributes = 6, .data = "data"});
  CHECK_FALSE(variables.Read("Other"));
  sys.Put(kSecureBoot, "\x06");
  CHECK_THROWS_WITH(variables.Read("SecureBoot"), Catch::Contains("has no attributes"));
}

}  // namespace ros::bootloader
