#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "qemu-harness/disk_image.hpp"

namespace ros::qemu {

// Runs this build's `ros` on the host.
ProcessResult Ros(std::vector<std::string> arguments);

// As above; throws with its stderr when it fails. Returns stdout.
std::string MustRos(std::vector<std::string> arguments);

// Installs a test image (names as in os/images.conf) on a disk or file, with the boot loader of
// Setup(); it trusts the image's key from then on. `more` are further arguments of `ros install`.
// Throws as MustRos.
void InstallImage(std::string_view image,
                  const std::filesystem::path& target,
                  const std::vector<std::string>& more = {});

// A new disk of 2 GiB with slots of 256 MiB that a test image was installed to as above.
DiskImage NewDisk(std::string_view image, std::vector<std::string> more = {});

}  // namespace ros::qemu
