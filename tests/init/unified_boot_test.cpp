#include "init/unified_boot.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/boot_arguments.hpp"

namespace ros::init {
namespace {

using Nodes = std::vector<partitions::PartitionNode>;

constexpr const char* kVendor = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

// A directory like efivarfs, with variables as a stub leaves them.
class Efivars {
 public:
  void Set(const std::string& name, const std::string& text) const {
    std::string content("\6\0\0\0", 4);
    for (const char c : text) {
      content.append(1, c).append(1, '\0');
    }
    content.append(2, '\0');
    WriteFileAtomically(directory_.path() / (name + kVendor), AsBytes(content));
  }

  [[nodiscard]] StartedFrom Read() const {
    return ReadStartedFrom(bootloader::EfiVariables(directory_.path()));
  }

 private:
  TempDirectory directory_{"ros-efivars"};
};

partitions::PartitionNode Node(const std::string& disk, int number, const std::string& name) {
  return {.disk = disk,
          .node = disk + std::to_string(number),
          .uuid = disk + "-" + std::to_string(number),
          .name = name,
          .number = number};
}

Nodes Disk(const std::string& disk) {
  return {Node(disk, 1, "ROS-BIOS"),
          Node(disk, 2, "ROS-BOOT"),
          Node(disk, 3, "ROS-A"),
          Node(disk, 4, "ROS-B"),
          Node(disk, 5, "ROS-STATE")};
}

}  // namespace

TEST_CASE("ReadStartedFrom: the slot is the directory of the program", "[init]") {
  const Efivars variables;
  CHECK_THROWS_WITH(variables.Read(), Catch::Contains("LoaderImageIdentifier"));
  variables.Set("LoaderDevicePartUUID", "AF3DC664-5977-2A43-BFE4-C71FCB5E4013");
  for (const auto* path : {"\\b/linux.efi", "/B/LINUX.EFI", "\\\\b\\linux.efi"}) {
    variables.Set("LoaderImageIdentifier", path);
    CHECK(variables.Read() == StartedFrom{"AF3DC664-5977-2A43-BFE4-C71FCB5E4013", SlotId::kB});
  }
  for (const auto* path : {"", "\\", "b", "\\EFI\\b\\linux.efi", "\\c\\linux.efi", "\\b"}) {
    variables.Set("LoaderImageIdentifier", path);
    CHECK_THROWS_WITH(variables.Read(), Catch::Contains("which is in no slot"));
  }
}

TEST_CASE("ChooseDisk: the partitions of the disk that the kernel came from", "[init]") {
  const StartedFrom from{.boot_partition = "/dev/SDB-2", .slot = SlotId::kB};
  Nodes nodes = Disk("/dev/sda");
  CHECK_FALSE(ChooseDisk(nodes, from));
  const Nodes ours = Disk("/dev/sdb");
  nodes.insert(nodes.end(), ours.begin(), ours.end() - 1);
  CHECK_FALSE(ChooseDisk(nodes, from));
  nodes.push_back(ours.back());
  const auto found = ChooseDisk(nodes, from);
  REQUIRE(found);
  CHECK(found->boot.node == "/dev/sdb2");
  CHECK(found->root.node == "/dev/sdb4");
  CHECK(found->state.node == "/dev/sdb5");
  // A copy of it: nothing is guessed.
  nodes.push_back(nodes.at(6));
  nodes.back().disk = "/dev/sdc";
  CHECK_THROWS_WITH(ChooseDisk(nodes, from),
                    Catch::Contains("/dev/sdb") && Catch::Contains("/dev/sdc"));
}

TEST_CASE("WholeCommandLine: what is signed comes last and wins", "[init]") {
  const std::string signed_line = "ros.loader=uki ros.verity=" + std::string(64, 'a') +
                                  ":00:8 ros.fs=erofs ros.watchdog=60 panic=10 quiet\n";
  SlotPartitions disk;
  disk.boot.uuid = "00000000-0000-4000-8000-000000000002";
  disk.root.uuid = "00000000-0000-4000-8000-000000000004";
  disk.state.uuid = "00000000-0000-4000-8000-000000000005";
  const StartedFrom from{.boot_partition = disk.boot.uuid, .slot = SlotId::kB};
  const bootloader::BootNote trial{.slot = SlotId::kB, .argument = "ros.trial=2"};
  const auto line = WholeCommandLine(signed_line, from, disk, trial);
  CHECK_THAT(line, Catch::EndsWith(signed_line));
  const auto arguments = health::ParseBootArguments(line);
  CHECK(arguments.slot == SlotId::kB);
  CHECK(arguments.boot_partition == disk.boot.uuid);
  CHECK(arguments.root_partition == disk.root.uuid);
  CHECK(arguments.state_partition == disk.state.uuid);
  CHECK(arguments.trial == 2);
  CHECK(arguments.loader == "uki");
  // A note about the other slot is of another boot.
  const bootloader::BootNote other{.slot = SlotId::kA, .argument = "ros.trial=2"};
  CHECK_FALSE(health::ParseBootArguments(WholeCommandLine(signed_line, from, disk, other)).trial);
  CHECK_FALSE(health::ParseBootArguments(WholeCommandLine(signed_line, from, disk, {})).trial);
}

}  // namespace ros::init
