#pragma once

#include <string>
#include <string_view>

namespace ros::packing::fakes {

// A bzImage as Linux's build makes it (Documentation/arch/x86/boot.rst): setup, `packed` with its
// unpacked length behind it as payload, and the decompressor's code behind that.
std::string MakeKernelOf(std::string_view packed, std::size_t unpacked_length);

// The same of a content that lz4 has packed.
std::string MakeLz4Kernel(std::string_view content);

}  // namespace ros::packing::fakes
