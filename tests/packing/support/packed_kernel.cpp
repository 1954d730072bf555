#include "tests/packing/support/packed_kernel.hpp"

#include "base/bytes.hpp"
#include "packing/lz4_legacy.hpp"

namespace ros::packing::fakes {

std::string MakeKernelOf(std::string_view packed, std::size_t unpacked_length) {
  constexpr unsigned kSetupSectors = 3;
  constexpr std::size_t kStartupCode = 716;
  std::string kernel((kSetupSectors + 1) * 512 + kStartupCode, 's');
  const auto header = AsWritableBytes(kernel);
  header[0x1f1] = std::byte{kSetupSectors};
  StoreLe16(header, 0x1fe, 0xAA55);
  kernel.replace(0x202, 4, "HdrS");
  StoreLe16(AsWritableBytes(kernel), 0x206, 0x20f);
  StoreLe16(AsWritableBytes(kernel), 0x20e, 0x300);
  kernel.replace(0x500, 11, "6.1.0-test ");
  StoreLe32(AsWritableBytes(kernel), 0x248, kStartupCode);
  StoreLe32(AsWritableBytes(kernel), 0x24c, static_cast<std::uint32_t>(packed.size() + 4));
  kernel += packed;
  kernel.resize(kernel.size() + 4);
  StoreLe32(
      AsWritableBytes(kernel), kernel.size() - 4, static_cast<std::uint32_t>(unpacked_length));
  return kernel + std::string(5000, 'd');
}

std::string MakeLz4Kernel(std::string_view content) {
  return MakeKernelOf(packing::PackLz4(AsBytes(content)), content.size());
}

}  // namespace ros::packing::fakes
