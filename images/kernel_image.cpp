#include "images/kernel_image.hpp"

#include "base/error.hpp"
#include "images/text_rules.hpp"

namespace ros::images {
namespace {

// boot.rst, "The Real-Mode Kernel Header".
constexpr std::size_t kBootFlagPlace = 0x1fe;
constexpr std::uint16_t kBootFlag = 0xAA55;
constexpr std::size_t kKernelMagicPlace = 0x202;
constexpr std::string_view kKernelMagic = "HdrS";
constexpr std::size_t kVersionPlace = 0x20e;  // counted from 0x200
constexpr std::size_t kVersionBase = 0x200;

bool IsBzImage(std::string_view head) {
  return head.size() >= kVersionPlace + 2 &&
         head.substr(kKernelMagicPlace, kKernelMagic.size()) == kKernelMagic &&
         LoadLe16(AsBytes(head), kBootFlagPlace) == kBootFlag;
}

}  // namespace

void CheckKernelImage(std::string_view kernel,
                      std::string_view architecture,
                      const std::string& path) {
  if (kernel.empty()) {
    throw Error(ErrorKind::kUsage, path + " is empty; install the kernel package anew");
  }
  if (architecture == "amd64" && !IsBzImage(kernel)) {
    throw Error(ErrorKind::kUsage,
                path +
                    " is not a Linux kernel for amd64 (a bzImage); --kernel names another "
                    "version of the root");
  }
}

std::string KernelVersionOf(std::string_view head) {
  if (!IsBzImage(head)) {
    return {};
  }
  const std::size_t begin = kVersionBase + LoadLe16(AsBytes(head), kVersionPlace);
  if (begin == kVersionBase || begin >= head.size()) {
    return {};
  }
  const auto text = head.substr(begin, 256);
  return ShowText(text.substr(0, text.find_first_of(std::string_view(" \0", 2))));
}

}  // namespace ros::images
