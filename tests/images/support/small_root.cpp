#include "tests/images/support/small_root.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <random>
#include <sstream>
#include <vector>

namespace ros::images::testing {
namespace {

void FixTime(const std::filesystem::path& path) {
  const std::array<timespec, 2> times = {timespec{1'600'000'000, 5}, timespec{1'600'000'000, 5}};
  ::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
}

}  // namespace

void PutFile(const std::filesystem::path& path, std::string_view content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  FixTime(path);
}

std::string Noise(std::size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string noise(size, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const auto word = random();
    for (std::size_t k = 0; k < 8 && i + k < size; ++k) {
      noise[i + k] = static_cast<char>(word >> (8 * k));
    }
  }
  return noise;
}

std::string StaticProgram() {
  std::string program(
      "\x7f"
      "ELF\x02\x01\x01",
      7);
  program.resize(4096, '\0');
  program[18] = 62;  // EM_X86_64
  return program;
}

std::string KernelImage() {
  std::string kernel = Noise(5000, 1);
  kernel.replace(0x1fe, 2, "\x55\xAA");
  kernel.replace(0x202, 4, "HdrS");
  kernel.replace(0x20e, 2, std::string("\x00\x0C", 2));
  kernel.replace(0xe00, 22, "6.1.0-9 (built by us)");
  return kernel;
}

void MakeSmallRoot(const std::filesystem::path& directory) {
  const auto modules = directory / "usr/lib/modules/6.1.0-9";
  PutFile(directory / "sbin/init", StaticProgram());
  PutFile(directory / "usr/bin/ros", StaticProgram());
  PutFile(directory / "etc/hostname", "small\n");
  PutFile(directory / "boot/vmlinuz-6.1.0-9", KernelImage());
  std::string dependencies;
  for (const std::string_view name : {"dm-mod",
                                      "dm-verity",
                                      "erofs",
                                      "ext4",
                                      "overlay",
                                      "crc16",
                                      "virtio_pci",
                                      "virtio_blk",
                                      "crc32c_generic",
                                      "softdog"}) {
    const std::string path = "kernel/" + std::string(name) + ".ko";
    PutFile(modules / path,
            std::string("\x7f"
                        "ELF module ") +
                std::string(name));
    dependencies += path + ":" + (name == "ext4" ? " kernel/crc16.ko" : "") +
                    (name == "dm-verity" ? " kernel/dm-mod.ko" : "") + "\n";
  }
  PutFile(modules / "modules.dep", dependencies);
  PutFile(modules / "modules.softdep", "softdep ext4 pre: crypto-crc32c\n");
  PutFile(modules / "modules.alias",
          "alias crypto-crc32c crc32c_generic\nalias pci:v00001AF4d* virtio_pci\n"
          "alias virtio:d00000002v* virtio_blk\n");
  std::vector<std::filesystem::path> directories = {directory};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_directory() && !entry.is_symlink()) {
      directories.push_back(entry.path());
    }
  }
  for (const auto& path : directories) {
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    FixTime(path);
  }
}

std::string DescribeTree(const std::filesystem::path& directory) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status {};

    ::lstat(entry.path().c_str(), &status);
    std::ostringstream line;
    line << entry.path().lexically_relative(directory).string() << ' ' << std::oct << status.st_mode
         << std::dec << ' ' << status.st_uid << ':' << status.st_gid;
    if (entry.is_symlink()) {
      line << " -> " << std::filesystem::read_symlink(entry.path()).string();
    } else if (S_ISREG(status.st_mode)) {
      std::ifstream file(entry.path(), std::ios::binary);
      std::ostringstream content;
      content << file.rdbuf();
      line << " '" << content.str() << "'";
    } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
      line << ' ' << major(status.st_rdev) << ':' << minor(status.st_rdev);
    }
    lines.push_back(line.str());
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) {
    text += line + "\n";
  }
  return text;
}

}  // namespace ros::images::testing
