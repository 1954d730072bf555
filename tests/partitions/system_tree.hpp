#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.hpp"
#include "partitions/system_paths.hpp"

namespace ros::partitions {

// A /sys, /proc and /dev as the kernel would make them, in a temporary directory.
class SystemTree {
 public:
  SystemTree() {
    Put("proc/swaps", "Filename Type Size Used Priority\n");
    Put("proc/self/mountinfo", "");
    std::filesystem::create_directories(Path("sys/block"));
    std::filesystem::create_directories(Path("sys/dev/block"));
    std::filesystem::create_directories(Path("dev"));
  }

  [[nodiscard]] std::filesystem::path Path(const std::string& name) const {
    return directory_.path() / name;
  }

  [[nodiscard]] SystemPaths paths() const {
    return {.sys = Path("sys"), .proc = Path("proc"), .dev = Path("dev")};
  }

  void Put(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(Path(name).parent_path());
    std::ofstream(Path(name), std::ios::app) << content;
  }

  // A disk on a bus; `where` is its place below sys/devices.
  void AddDisk(const std::string& name,
               const std::string& number,
               Bytes size,
               const std::string& where = "pci0/ata1/host0") const {
    const auto place = "sys/devices/" + where + "/block/" + name;
    Put(place + "/dev", number + "\n");
    Put(place + "/size", std::to_string(size / 512) + "\n");
    Put(place + "/ro", "0\n");
    Put(place + "/removable", "0\n");
    std::filesystem::create_directories(Path(place + "/holders"));
    std::filesystem::create_directory_symlink(Path(place), Path("sys/block/" + name));
    std::filesystem::create_directory_symlink(Path(place), Path("sys/dev/block/" + number));
  }

  void AddPartition(const std::string& disk,
                    const std::string& name,
                    int index,
                    const std::string& number,
                    Bytes offset,
                    Bytes length) const {
    const auto place = std::filesystem::canonical(Path("sys/block/" + disk)) / name;
    const auto relative = place.lexically_relative(std::filesystem::canonical(directory_.path()));
    const auto put = [&](const std::string& attribute, const std::string& value) {
      Put(relative.string() + "/" + attribute, value + "\n");
    };
    put("partition", std::to_string(index));
    put("dev", number);
    put("start", std::to_string(offset / 512));
    put("size", std::to_string(length / 512));
    put("ro", "0");
    std::filesystem::create_directories(place / "holders");
    std::filesystem::create_directory_symlink(place, Path("sys/dev/block/" + number));
  }

 private:
  TempDirectory directory_;
};

}  // namespace ros::partitions
