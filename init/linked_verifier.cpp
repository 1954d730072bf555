// For ros-init-verify.
#include "init/boot_check.hpp"
#include "init/slot_verification.hpp"

namespace ros::init {

SlotVerifier LinkedSlotVerifier() {
  return [](const health::BootArguments& arguments, const BootPartitions& partitions) {
    return VerifyWithKeysIn(kKeyDirectory, arguments, partitions);
  };
}

}  // namespace ros::init
