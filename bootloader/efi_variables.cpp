#include "bootloader/efi_variables.hpp"

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kLargestVariable = Bytes{64} << 10U;
constexpr std::size_t kAttributesSize = 4;

}  // namespace

std::filesystem::path EfiVariables::PathOf(std::string_view name, std::string_view vendor) const {
  return directory_ / (std::string(name) + "-" + std::string(vendor));
}

std::optional<EfiVariable> EfiVariables::Read(std::string_view name,
                                              std::string_view vendor) const {
  const auto path = PathOf(name, vendor);
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  const auto content = ReadFile(path, kLargestVariable);
  if (content.size() < kAttributesSize) {
    throw Error(ErrorKind::kFailed, path.string() + " has no attributes");
  }
  return EfiVariable{.attributes = LoadLe32(AsBytes(content), 0),
                     .data = content.substr(kAttributesSize)};
}

}  // namespace ros::bootloader
