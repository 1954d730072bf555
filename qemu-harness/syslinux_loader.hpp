#pragma once

#include "qemu-harness/boot_setup.hpp"

namespace ros::qemu {

// syslinux, on BIOS.
const BootLoader& Syslinux();

}  // namespace ros::qemu
