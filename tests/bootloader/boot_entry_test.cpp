#include "bootloader/boot_entry.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::bootloader {
namespace {

const std::string kVendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";

// An efivarfs as far as a directory can be one.
struct FakeFirmware {
  TempDirectory directory;
  EfiVariables variables = EfiVariables(directory.path());

  FakeFirmware() { Put("SecureBoot", std::string(1, '\0')); }

  [[nodiscard]] std::filesystem::path PathOf(const std::string& name) const {
    return directory.path() / (name + kVendor);
  }

  void Put(const std::string& name, const std::string& data) const {
    std::ofstream(PathOf(name)) << std::string("\x07\0\0\0", 4) << data;
  }

  // The data; empty when there is no such variable.
  [[nodiscard]] std::string Get(const std::string& name) const {
    const auto variable = variables.Read(name);
    return variable ? variable->data : "";
  }
};

BootProgram Program() {
  return {.partition_number = 2,
          .first_sector = 4096,
          .sectors = 1048576,
          .partition_uuid = "01234567-89ab-cdef-0011-223344556677",
          .file = "/EFI/ROS/BOOTX64.EFI"};
}

// Written by hand from UEFI 2.10, sections 3.1.3 and 10.3.5.
std::string SmallOption() {
  const std::string head("\x01\0\0\0\x40\0r\0o\0s\0\0\0", 14);
  const std::string drive(
      "\x04\x01\x2a\0"
      "\x02\0\0\0"
      "\0\x10\0\0\0\0\0\0"
      "\0\0\x10\0\0\0\0\0"
      "\x67\x45\x23\x01\xab\x89\xef\xcd\0\x11\x22\x33\x44\x55\x66\x77"
      "\x02\x02",
      42);
  const std::string file("\x04\x04\x12\0\\\0A\0.\0E\0F\0I\0\0\0", 18);
  const std::string end("\x7f\xff\x04\0", 4);
  return head + drive + file + end;
}

std::string Order(const std::vector<int>& numbers) {
  std::string order;
  for (const auto number : numbers) {
    order += static_cast<char>(number);
    order += '\0';
  }
  return order;
}

BootEntryPlan Plan(const FakeFirmware& firmware, const std::vector<std::string>& replaced = {}) {
  return PlanBootEntry(InspectBootEntries(firmware.variables).value(), "os", Program(), replaced);
}

}  // namespace

TEST_CASE("FormatBootOption: the bytes of the specification", "[bootloader]") {
  auto program = Program();
  program.file = "/A.EFI";
  CHECK(ToHex(AsBytes(FormatBootOption("ros", program))) == ToHex(AsBytes(SmallOption())));
  CHECK(ParseBootOption(FormatBootOption("ros", program)) == program);
  program.partition_uuid = "none";
  CHECK_THROWS_AS(FormatBootOption("ros", program), Error);
}

TEST_CASE("ParseBootOption: takes any bytes", "[bootloader]") {
  const auto whole = FormatBootOption("os", Program());
  CHECK(ParseBootOption(whole) == Program());
  CHECK(ParseBootOption(whole + "optional data") == Program());
  // Every cut, and every byte changed: nothing or a program, and no crash.
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const auto cut = ParseBootOption(whole.substr(0, at));
    if (cut) {
      CHECK(cut->partition_uuid == Program().partition_uuid);
    }
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x7f);
    CHECK_NOTHROW(ParseBootOption(changed));
  }
  CHECK_FALSE(ParseBootOption(""));
}

TEST_CASE("PlanBootEntry: takes a free number and the first place", "[bootloader]") {
  const FakeFirmware firmware;
  firmware.Put("Boot0000", "somebody's");
  firmware.Put("Boot0001",
               FormatBootOption("other",
                                {.partition_number = 1,
                                 .partition_uuid = Program().partition_uuid,
                                 .file = "/EFI/OTHER/SHIM.EFI"}));
  firmware.Put("BootOrder", Order({1, 0}));
  firmware.Put("BootCurrent", Order({1}));
  const auto plan = Plan(firmware);
  CHECK(plan.Name() == "Boot0002");
  CHECK(plan.kind == BootEntryPlan::Number::kNew);
  CHECK(plan.order == std::vector<std::uint16_t>{2, 1, 0});
}

TEST_CASE("PlanBootEntry: takes up an entry of ours for the same disk", "[bootloader]") {
  const FakeFirmware firmware;
  auto old = Program();
  old.partition_uuid = "aaaaaaaa-0000-4000-8000-000000000001";
  firmware.Put("Boot0000", "somebody's");
  firmware.Put("Boot000A", FormatBootOption("old", old));
  firmware.Put("BootOrder", Order({0, 10}));
  CHECK(Plan(firmware).Name() == "Boot0001");
  const auto reused = Plan(firmware, {old.partition_uuid});
  CHECK(reused.Name() == "Boot000A");
  CHECK(reused.kind == BootEntryPlan::Number::kReused);
  CHECK(reused.order == std::vector<std::uint16_t>{10, 0});
}

TEST_CASE("WriteBootEntry: adds ours, leaves all others, and does it once", "[bootloader]") {
  FakeFirmware firmware;
  firmware.Put("Boot0000", "somebody's");
  firmware.Put("BootOrder", Order({0}));
  WriteBootEntry(firmware.variables, Plan(firmware));
  CHECK(ParseBootOption(firmware.Get("Boot0001")) == Program());
  CHECK(firmware.variables.Read("Boot0001")->attributes == 7);
  CHECK(firmware.Get("BootOrder") == Order({1, 0}));
  CHECK(firmware.Get("Boot0000") == "somebody's");

  const auto before =
      std::filesystem::last_write_time(firmware.PathOf("BootOrder")) - std::chrono::hours(1);
  std::filesystem::last_write_time(firmware.PathOf("BootOrder"), before);
  WriteBootEntry(firmware.variables, Plan(firmware));
  CHECK(Plan(firmware).Name() == "Boot0001");
  CHECK(firmware.variables.List() ==
        std::vector<std::string>{"Boot0000", "Boot0001", "BootOrder", "SecureBoot"});
  CHECK(std::filesystem::last_write_time(firmware.PathOf("BootOrder")) == before);
}

TEST_CASE("WriteBootEntry: writes over an immutable variable and leaves it so", "[bootloader]") {
  FakeFirmware firmware;
  firmware.Put("BootOrder", Order({3}));
  const UniqueFd fd = OpenFile(firmware.PathOf("BootOrder"), O_RDONLY);
  int flags = 0;
  if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) {
    WARN("no flags on this file system");
    return;
  }
  flags |= FS_IMMUTABLE_FL;
  if (::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) != 0) {
    WARN("this user may not make a file immutable");
    return;
  }
  WriteBootEntry(firmware.variables, Plan(firmware));
  CHECK(firmware.Get("BootOrder") == Order({0, 3}));
  int after = 0;
  CHECK(::ioctl(fd.get(), FS_IOC_GETFLAGS, &after) == 0);
  CHECK((after & FS_IMMUTABLE_FL) != 0);
  flags &= ~FS_IMMUTABLE_FL;
  CHECK(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0);
}

TEST_CASE("InspectBootEntries: none where the firmware cannot be told", "[bootloader]") {
  const TempDirectory directory;
  CHECK_FALSE(InspectBootEntries(EfiVariables(directory.path())));
  CHECK_FALSE(InspectBootEntries(EfiVariables(directory.path() / "nowhere")));
  const FakeFirmware firmware;
  CHECK(InspectBootEntries(firmware.variables) == BootEntries{});
}

}  // namespace ros::bootloader
