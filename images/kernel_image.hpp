#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace ros::images {

// How much of a kernel's beginning the functions below look at.
inline constexpr Bytes kKernelHeadSize = Bytes{64} << 10U;

// Refuses (kUsage, "PATH is ...") a file that is not the kernel of such a machine. On amd64 it is a
// bzImage (Linux's Documentation/arch/x86/boot.rst); elsewhere only an empty file is refused.
void CheckKernelImage(std::string_view kernel,
                      std::string_view architecture,
                      const std::string& path);

// The version that a bzImage says of itself, "6.1.0-28-amd64"; empty where `head`, its beginning,
// does not tell.
std::string KernelVersionOf(std::string_view head);

}  // namespace ros::images
