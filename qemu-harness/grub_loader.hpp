#pragma once

#include "qemu-harness/boot_setup.hpp"

namespace ros::qemu {

// GRUB, on either firmware.
const BootLoader& Grub();

}  // namespace ros::qemu
