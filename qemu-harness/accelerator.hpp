#pragma once

#include <string>

namespace ros::qemu {

enum class Accelerator { kTcg, kKvm };

std::string AcceleratorName(Accelerator accelerator);

// What machines run on. ROS_ACCELERATOR=tcg|kvm decides when it is set. Else KVM is tried with a
// whole boot of the test kernel under a time limit (a /dev/kvm may be there and yet hang its
// guests), and the answer is kept in the build directory (`qemu/accelerator`); anything but a
// success means software emulation, which is always enough.
Accelerator ProbeAccelerator();

}  // namespace ros::qemu
