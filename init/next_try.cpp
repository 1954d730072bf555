#include "init/next_try.hpp"

#include "base/error.hpp"
#include "bootloader/syslinux_store.hpp"
#include "partitions/fat_volume.hpp"

namespace ros::init {

void ArmNextTry(const health::BootArguments& arguments,
                const std::vector<partitions::PartitionNode>& nodes) {
  if (!arguments.trial || arguments.loader != "syslinux") {
    return;
  }
  InContext("arming the next try", [&] {
    const auto node = partitions::FindPartition(nodes, arguments.boot_partition);
    if (!node) {
      throw Error(ErrorKind::kFailed,
                  "the boot partition (PARTUUID " + arguments.boot_partition + ") is not there");
    }
    const auto boot =
        partitions::FatVolume::Open(Region(OpenBlockDevice(node->node, DeviceAccess::kWrite)));
    bootloader::SyslinuxStore store(bootloader::FindSyslinuxPlaces([&](const std::string& path) {
      const auto file = boot.Find(path);
      return bootloader::FilePlace{.data = file.data, .length = file.length};
    }));
    bootloader::ArmNextTry(store, arguments.slot, *arguments.trial);
  });
}

}  // namespace ros::init
