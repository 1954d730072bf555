#include "installer/loader_plan.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::installer {
namespace {

using bootloader::CoreHalf;

// A disk that starts the first half, and an image of which everything is newer.
LoaderComparison EverythingDiffers() {
  return {.version_on_disk = "1",
          .version_in_image = "2",
          .core = LoaderComparison::Core{.started = CoreHalf::kFirst, .size = 1000},
          .files = {{.directory = "/GRUB", .name = "GRUB.CFG", .size = 10, .spare = true},
                    {.directory = "/EFI/BOOT", .name = "BOOTX64.EFI", .size = 20, .spare = true},
                    {.directory = "/EFI/BOOT", .name = "VERSION", .size = 30, .spare = true}},
          .script_on_disk = 1,
          .script_in_image = 2};
}

const std::map<std::string, Bytes> kEfi = {{"BOOTX64.EFI", 20}, {"VERSION", 30}};
const std::map<std::string, Bytes> kScript = {{"GRUB.CFG", 10}};

std::string Refusal(const LoaderComparison& loader, LoaderWish wish) {
  try {
    PlanLoader(loader, wish);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("PlanLoader: writes everything, then switches, the newer script last", "[installer]") {
  const std::vector<LoaderStep> steps = {WriteSecondCore{CoreHalf::kSecond, 1000},
                                         WriteSpareFiles{"/GRUB", kScript},
                                         WriteSpareFiles{"/EFI/BOOT", kEfi},
                                         SwitchCore{CoreHalf::kSecond},
                                         SwitchFiles{"/EFI/BOOT", kEfi},
                                         SwitchFiles{"/GRUB", kScript}};
  CHECK(PlanLoader(EverythingDiffers(), LoaderWish::kUpgrade) == steps);
  CHECK(PlanLoader(EverythingDiffers(), LoaderWish::kUpgradeInPlace) == steps);
  CHECK(PlanLoader(EverythingDiffers(), LoaderWish::kLeave).empty());
}

TEST_CASE("PlanLoader: an older script comes first", "[installer]") {
  auto loader = EverythingDiffers();
  loader.script_on_disk = 3;
  const auto steps = PlanLoader(loader, LoaderWish::kUpgrade);
  REQUIRE(steps.size() == 6);
  CHECK(steps[3] == LoaderStep(SwitchFiles{"/GRUB", kScript}));
  CHECK(steps[4] == LoaderStep(SwitchCore{CoreHalf::kSecond}));
  CHECK(steps[5] == LoaderStep(SwitchFiles{"/EFI/BOOT", kEfi}));
}

TEST_CASE("PlanLoader: writes what differs and nothing else", "[installer]") {
  auto loader = EverythingDiffers();
  loader.core->same = true;
  loader.files[0].same = true;
  loader.files[2].same = true;
  CHECK(PlanLoader(loader, LoaderWish::kUpgrade) ==
        std::vector<LoaderStep>{WriteSpareFiles{"/EFI/BOOT", {{"BOOTX64.EFI", 20}}},
                                SwitchFiles{"/EFI/BOOT", {{"BOOTX64.EFI", 20}}}});
  CHECK(loader.Differs());
  loader.files[1].same = true;
  CHECK_FALSE(loader.Differs());
  CHECK(PlanLoader(loader, LoaderWish::kUpgrade).empty());
  loader.core->same = false;
  CHECK(loader.Differs());
}

TEST_CASE("PlanLoader: which half of the BIOS boot partition", "[installer]") {
  auto loader = EverythingDiffers();
  loader.files.clear();
  const auto half = [&] {
    return std::get<SwitchCore>(PlanLoader(loader, LoaderWish::kUpgrade).back()).half;
  };
  CHECK(half() == CoreHalf::kSecond);
  loader.core->started = CoreHalf::kSecond;
  CHECK(half() == CoreHalf::kFirst);
  loader.core->started = std::nullopt;
  CHECK(half() == CoreHalf::kFirst);
  loader.core = std::nullopt;
  CHECK(PlanLoader(loader, LoaderWish::kUpgrade).empty());
}

TEST_CASE("PlanLoader: without a second place it is done on demand only", "[installer]") {
  auto loader = EverythingDiffers();
  loader.files[1].spare = false;
  CHECK_THAT(Refusal(loader, LoaderWish::kUpgrade),
             Catch::StartsWith("/EFI/BOOT/BOOTX64.EFI has no second place on this disk") &&
                 Catch::Contains("--bootloader-in-place"));
  const auto steps = PlanLoader(loader, LoaderWish::kUpgradeInPlace);
  CHECK(steps == std::vector<LoaderStep>{WriteSecondCore{CoreHalf::kSecond, 1000},
                                         WriteSpareFiles{"/GRUB", kScript},
                                         SwitchCore{CoreHalf::kSecond},
                                         OverwriteFiles{"/EFI/BOOT", kEfi},
                                         SwitchFiles{"/GRUB", kScript}});
  CHECK_THAT(DescribeLoaderStep(steps[3]), Catch::Contains("a power cut here"));
  // A file that stays needs none.
  loader.files[1].same = true;
  loader.files[2].same = true;
  CHECK(Refusal(loader, LoaderWish::kUpgrade).empty());
}

TEST_CASE("PlanLoader: a loader that is not known is refused", "[installer]") {
  auto loader = EverythingDiffers();
  loader.refusal = "another loader";
  CHECK(Refusal(loader, LoaderWish::kUpgrade) == "another loader");
  CHECK(Refusal(loader, LoaderWish::kLeave).empty());
}

TEST_CASE("DescribeLoaderStep: says where and how much", "[installer]") {
  CHECK(DescribeLoaderStep(WriteSecondCore{CoreHalf::kSecond, 2048}) ==
        "write GRUB for BIOS machines (2 KiB) into the second half of its partition; read back");
  CHECK(DescribeLoaderStep(SwitchCore{CoreHalf::kSecond}) ==
        "make the disk's first sector name the second half; one sector");
  CHECK(DescribeLoaderStep(WriteSpareFiles{"/EFI/BOOT", kEfi}) ==
        "write into spare places: /EFI/BOOT/BOOTX64.EFI (20 bytes), /EFI/BOOT/VERSION (30 bytes); "
        "read back");
  CHECK(DescribeLoaderStep(SwitchFiles{"/EFI/BOOT", kEfi}) ==
        "switch /EFI/BOOT to them; one sector");
  CHECK(LoaderStepToJson(SwitchCore{CoreHalf::kSecond}).Dump() ==
        R"({"step":"switch-core","half":"second"})");
}

TEST_CASE("LoaderChangeText: versions, where they are known", "[installer]") {
  auto loader = EverythingDiffers();
  CHECK(LoaderChangeText(loader) == "GRUB 1 -> 2");
  loader.version_on_disk.clear();
  CHECK(LoaderChangeText(loader) == "GRUB of unknown version -> 2");
  loader.version_on_disk = "2";
  CHECK(LoaderChangeText(loader) == "GRUB 2, of which the disk has other bytes");
}

}  // namespace ros::installer
