#pragma once

#include <functional>

namespace ros::images {

// Runs `work` to its end on a thread of its own where copy_file_range(2) answers ENOSYS, there and
// in the programs that it starts (seccomp(2); such programs gain no rights by set-user-ID). A
// program that is written for older kernels too copies by reading and writing then. Where the
// kernel has no such filter, `work` runs without one. What `work` throws is rethrown.
void WithoutCopyFileRange(const std::function<void()>& work);

}  // namespace ros::images
