#include "init/module_list.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::init {
namespace {

using Files = std::vector<std::string>;

TEST_CASE("ParseModuleList: reads classes, files and dependencies", "[init]") {
  const auto list = ParseModuleList(
      "always dm-mod.ko\n"
      "always ext4.ko crc16.ko jbd2.ko\n"
      "bus ahci.ko\n"
      "watchdog i6300esb.ko watchdog.ko\n"
      "fallback-watchdog softdog.ko");
  REQUIRE(list.size() == 5);
  CHECK(list[1] == ModuleEntry{ModuleClass::kAlways, "ext4.ko", {"crc16.ko", "jbd2.ko"}});
  CHECK(list[2].module_class == ModuleClass::kBus);
  CHECK(list[3].module_class == ModuleClass::kWatchdog);
  CHECK(list[4] == ModuleEntry{ModuleClass::kFallbackWatchdog, "softdog.ko", {}});
  CHECK(ParseModuleList("").empty());
}

TEST_CASE("ParseModuleList: names the line that is wrong", "[init]") {
  const auto line = GENERATE(as<std::string>(),
                             "",
                             "sometimes x.ko",
                             "always",
                             "always ../x.ko",
                             "always a/b.ko",
                             "always x.ko ",
                             "always x.ko  y.ko",
                             "always x.ko \ty.ko");
  if (line == "always x.ko ") {
    CHECK(ParseModuleList(line).size() == 1);  // a blank at the end means nothing
    return;
  }
  CHECK_THROWS_WITH(ParseModuleList("always a.ko\n" + line + "\n"), Catch::Contains("line 2"));
}

TEST_CASE("ModuleAliases: find every file whose pattern matches", "[init]") {
  const auto aliases = ModuleAliases::Parse(
      "pci:v*d*sv*sd*bc01sc06i01* ahci.ko\n"
      "pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci.ko\n"
      "pci:v00008086d00002922sv*sd*bc*sc*i* ahci.ko\n"
      "pci:v00008086d000025ABsv*sd*bc*sc*i* i6300esb.ko\n"
      "scsi:t-0x00* sd_mod.ko\n"
      "virtio:d00000002v* virtio_blk.ko\n"
      "acpi*:PNP0[AB]0?:* odd.ko\n"
      "exact exact.ko\n");

  struct Case {
    std::string modalias;
    Files files;
  };

  const auto row = GENERATE(values<Case>({
      {"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", {"ahci.ko"}},
      {"pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc06i01", {"ahci.ko", "virtio_pci.ko"}},
      {"pci:v00008086d000025ABsv00001AF4sd00001100bc08sc80i00", {"i6300esb.ko"}},
      {"scsi:t-0x00", {"sd_mod.ko"}},
      {"scsi:t-0x05", {}},
      {"virtio:d00000002v00001AF4", {"virtio_blk.ko"}},
      {"acpi:PNP0A03:", {"odd.ko"}},
      {"exact", {"exact.ko"}},
      {"exactly", {}},
      {"", {}},
  }));
  INFO(row.modalias);
  CHECK(aliases.Match(row.modalias) == row.files);
}

TEST_CASE("ModuleAliases: names the line that is wrong", "[init]") {
  const auto line = GENERATE(as<std::string>(), "", "pattern", " x.ko", "p a/x.ko", "p x.ko y.ko");
  CHECK_THROWS_WITH(ModuleAliases::Parse("p x.ko\n" + line + "\n"), Catch::Contains("line 2"));
}

}  // namespace
}  // namespace ros::init
