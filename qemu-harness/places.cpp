#include "qemu-harness/places.hpp"

#include "base/error.hpp"
#include "qemu-harness/boot_setup.hpp"

namespace ros::qemu {

namespace {

std::filesystem::path MustExist(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::kFailed,
                path.string() + " is not there; `ctest -R qemu-images` makes it");
  }
  return path;
}

std::filesystem::path MadeDirectory(const std::filesystem::path& path) {
  std::filesystem::create_directories(path);
  return path;
}

}  // namespace

std::filesystem::path HarnessDirectory() {
  return MadeDirectory(ROS_HARNESS_DIRECTORY);
}

std::filesystem::path LogDirectory() {
  return MadeDirectory(HarnessDirectory() / "logs");
}

std::filesystem::path RunDirectory() {
  return MadeDirectory(HarnessDirectory() / "run");
}

std::filesystem::path ImagePath(std::string_view name) {
  return MustExist(HarnessDirectory() / "images" / (std::string(name) + ".oci"));
}

std::filesystem::path KeyPath(std::string_view name) {
  return MustExist(HarnessDirectory() / "keys" / name);
}

std::filesystem::path RosCommand() {
  return MustExist(ROS_COMMAND);
}

std::filesystem::path InstalledDisk() {
  const std::string& type = Setup().loader->install_type;
  return MustExist(HarnessDirectory() / "disks" /
                   (type.empty() ? "v1.img" : "v1-" + type + ".img"));
}

}  // namespace ros::qemu
