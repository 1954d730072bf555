#include "init/module_loader.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <map>

#include "base/bytes.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

using Files = std::vector<std::string>;

const std::string kList =
    "always dm.ko\n"
    "always verity.ko dm.ko bufio.ko\n"
    "bus disk.ko scsi.ko\n"
    "bus other.ko scsi.ko\n"
    "watchdog dog.ko watchdog.ko\n"
    "fallback-watchdog softdog.ko watchdog.ko\n";
const std::string kAliases = "pci:1* disk.ko\npci:2* other.ko\npci:2* dog.ko\npci:3* unknown.ko\n";

// The kernel, as far as it matters: what was loaded, and what it refuses.
struct Kernel {
  Files loaded;
  std::map<std::string, int> refuses;

  ModuleLoader Loader(WatchdogDrivers watchdogs) {
    return {std::make_shared<const std::vector<ModuleEntry>>(ParseModuleList(kList)),
            ModuleAliases::Parse(kAliases),
            watchdogs,
            [this](const std::string& file) {
              loaded.push_back(file);
              const auto at = refuses.find(file);
              return at == refuses.end() ? 0 : at->second;
            }};
  }
};

TEST_CASE("ModuleLoader: loads a class in order, dependencies first, each once", "[init]") {
  Kernel kernel;
  auto loader = kernel.Loader(WatchdogDrivers::kSkip);
  loader.LoadClass(ModuleClass::kAlways);
  loader.LoadClass(ModuleClass::kAlways);
  CHECK(kernel.loaded == Files{"dm.ko", "bufio.ko", "verity.ko"});
}

TEST_CASE("ModuleLoader: loads what devices ask for, each once", "[init]") {
  Kernel kernel;
  auto loader = kernel.Loader(WatchdogDrivers::kSkip);
  loader.LoadFor("pci:1");
  loader.LoadFor("pci:1");
  loader.LoadFor("pci:11");
  loader.LoadFor("pci:2");
  loader.LoadFor("pci:3");
  loader.LoadFor("usb:1");
  CHECK(kernel.loaded == Files{"scsi.ko", "disk.ko", "other.ko"});
}

TEST_CASE("ModuleLoader: loads drivers of watchdogs on a trial", "[init]") {
  Kernel kernel;
  auto loader = kernel.Loader(WatchdogDrivers::kLoad);
  loader.LoadFor("pci:2");
  loader.LoadClass(ModuleClass::kFallbackWatchdog);
  CHECK(kernel.loaded == Files{"scsi.ko", "other.ko", "watchdog.ko", "dog.ko", "softdog.ko"});
}

TEST_CASE("ModuleLoader: tells what failed, but not what was there or a dependency", "[init]") {
  Kernel kernel;
  kernel.refuses = {{"dm.ko", EEXIST}, {"bufio.ko", ENODEV}, {"verity.ko", ENOENT}};
  auto loader = kernel.Loader(WatchdogDrivers::kSkip);
  loader.LoadClass(ModuleClass::kAlways);
  const auto failures = loader.TakeFailures();
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].file == "verity.ko");
  CHECK(failures[0].code == ENOENT);
  CHECK(loader.TakeFailures().empty());
}

TEST_CASE("ForEachModalias: visits those of all buses, of PCI first", "[init]") {
  const TempDirectory sys;
  const auto put = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((sys.path() / path).parent_path());
    WriteFileAtomically(sys.path() / path, AsBytes(text));
  };
  put("bus/acpi/devices/PNP0A03:00/modalias", "acpi:PNP0A03:\n");
  put("bus/pci/devices/0000:00:01.0/modalias", "pci:1\n");
  put("bus/pci/devices/0000:00:02.0/modalias", "pci:2\n");
  put("bus/virtio/devices/virtio0/modalias", "virtio:2\n");
  put("bus/virtio/devices/virtio1/other", "");
  std::filesystem::create_directories(sys.path() / "bus/empty");
  Files seen;
  ForEachModalias([&seen](const std::string& modalias) { seen.push_back(modalias); }, sys.path());
  CHECK(seen == Files{"pci:1", "pci:2", "acpi:PNP0A03:", "virtio:2"});
}

}  // namespace
}  // namespace ros::init
