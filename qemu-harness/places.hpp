#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ros::qemu {

// Where things of the harness are: below the build directory, `qemu/`.
//
//   images/NAME.oci      OS images that scenarios use (made by the fixture `qemu-images-tiny`,
//   `qemu-images-debian`) keys/                release.key, release.pub, stranger.key, stranger.pub
//   disks/v1*.img        tiny version 1, installed with each boot loader
//   logs/CELL/           serial logs of the last run of a scenario on a setup, one a machine
//   run/                 disks of scenarios that run right now

std::filesystem::path HarnessDirectory();
std::filesystem::path LogDirectory();
std::filesystem::path RunDirectory();

// The signed image of an OS that scenarios boot: "tiny-v1", "debian-v2", ... Throws kFailed when
// the fixture has not made it.
std::filesystem::path ImagePath(std::string_view name);

// "release.pub" and the like.
std::filesystem::path KeyPath(std::string_view name);

// The `ros` command of this build.
std::filesystem::path RosCommand();

// A disk with tiny version 1 on it and the boot loader of Setup(), that no machine has booted yet.
std::filesystem::path InstalledDisk();

}  // namespace ros::qemu
