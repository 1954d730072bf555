#include "init/unified_boot.hpp"

#include <algorithm>
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
  CHECK(variables.Read() == StartedFrom{});
  variables.Set("LoaderDevicePartUUID", "AF3DC664-5977-2A43-BFE4-C71FCB5E4013");
  for (const auto* path : {"\\b\\linux.efi",
                           "/B/LINUX.EFI",
                           "\\\\b\\\\linux.efi",
                           "b/linux.efi",
                           "PciRoot(0x0)/Pci(0x1F,0x2)/HD(2,GPT)/\\b\\linux.efi"}) {
    INFO(path);
    variables.Set("LoaderImageIdentifier", path);
    CHECK(variables.Read() == StartedFrom{"AF3DC664-5977-2A43-BFE4-C71FCB5E4013", SlotId::kB});
  }
  for (const auto* path :
       {"", "\\", "b", "\\EFI\\systemd\\systemd-bootx64.efi", "\\c\\linux.efi", "\\b", "\\\\"}) {
    INFO(path);
    variables.Set("LoaderImageIdentifier", path);
    CHECK_FALSE(variables.Read().slot);
  }
}

TEST_CASE("ChooseDisk: the partitions of the disk that the kernel came from", "[init]") {
  const std::string boot = "/dev/SDB-2";
  Nodes nodes = Disk("/dev/sda");
  CHECK_FALSE(ChooseDisk(nodes, boot));
  const Nodes ours = Disk("/dev/sdb");
  nodes.insert(nodes.end(), ours.begin(), ours.end() - 1);
  CHECK_FALSE(ChooseDisk(nodes, boot));
  nodes.push_back(ours.back());
  const auto found = ChooseDisk(nodes, boot);
  REQUIRE(found);
  CHECK(found->boot.node == "/dev/sdb2");
  CHECK(found->root(SlotId::kA).node == "/dev/sdb3");
  CHECK(found->root(SlotId::kB).node == "/dev/sdb4");
  CHECK(found->state.node == "/dev/sdb5");
  // A copy of it: nothing is guessed.
  nodes.push_back(nodes.at(6));
  nodes.back().disk = "/dev/sdc";
  CHECK_THROWS_WITH(ChooseDisk(nodes, boot),
                    Catch::Contains("/dev/sdb") && Catch::Contains("/dev/sdc"));
}

TEST_CASE("ChooseDiskByRoot: the only disk with the root whose hash is signed", "[init]") {
  Nodes nodes = Disk("/dev/sda");
  for (const auto* other : {"/dev/sdb", "/dev/sdc"}) {
    const auto disk = Disk(other);
    nodes.insert(nodes.end(), disk.begin(), disk.end());
  }
  const auto disks = FindDisks(nodes);
  REQUIRE(disks.size() == 3);
  const auto choose = [&](const std::vector<std::string>& matching) {
    return ChooseDiskByRoot(disks, [&](const partitions::PartitionNode& root) {
      return std::ranges::find(matching, root.node) != matching.end();
    });
  };
  CHECK(choose({"/dev/sdb4"}).boot.node == "/dev/sdb2");
  CHECK(choose({"/dev/sdb3", "/dev/sdb4"}).boot.node == "/dev/sdb2");
  CHECK_THROWS_WITH(choose({}), Catch::Contains("no root has the signed hash"));
  CHECK_THROWS_WITH(choose({"/dev/sda3", "/dev/sdc4"}),
                    Catch::Contains("/dev/sda") && Catch::Contains("/dev/sdc"));
}

TEST_CASE("DecideSlot: the root decides where firmware and GRUB do not agree", "[init]") {
  using Slot = std::optional<SlotId>;
  const Slot a = SlotId::kA;
  const Slot b = SlotId::kB;

  struct Case {
    Slot told;
    Slot noted;
    std::string matching;
    Slot expected;  // none: refused
  };

  const std::vector<Case> cases = {
      {a, {}, "", a},   // the usual boot: no root is asked
      {b, b, "", b},    // the usual trial
      {b, a, "a", a},   // b's stub gave up, and a is what runs
      {a, b, "b", b},   // the other way round
      {b, a, "b", b},   // the note could not be written
      {b, a, "ab", a},  // the same image in both: the note is newer
      {b, a, "", a},    // the root is damaged, which dm-verity will tell
      {{}, a, "b", b},
      {{}, a, "ab", a},
      {{}, {}, "a", a},
      {{}, {}, "ab", {}},
      {{}, {}, "", {}},
  };
  for (const auto& row : cases) {
    const auto decide = [&] {
      return DecideSlot(row.told, row.noted, [&](SlotId slot) {
        return row.matching.find(Name(slot)) != std::string::npos;
      });
    };
    CAPTURE(row.matching);
    if (row.expected) {
      CHECK(decide() == *row.expected);
    } else {
      CHECK_THROWS_AS(decide(), Error);
    }
  }
}

TEST_CASE("WholeCommandLine: what is signed comes last and wins", "[init]") {
  const std::string signed_line = "ros.loader=uki ros.verity=" + std::string(64, 'a') +
                                  ":00:8 ros.fs=erofs ros.watchdog=60 panic=10 ros.wait=90 quiet\n";
  DiskNodes disk;
  disk.boot.uuid = "00000000-0000-4000-8000-000000000002";
  disk.root_b.uuid = "00000000-0000-4000-8000-000000000004";
  disk.state.uuid = "00000000-0000-4000-8000-000000000005";
  const auto line = WholeCommandLine(signed_line, SlotId::kB, disk, "ros.trial=2");
  CHECK_THAT(line, Catch::EndsWith(signed_line));
  const auto arguments = health::ParseBootArguments(line);
  CHECK(arguments.slot == SlotId::kB);
  CHECK(arguments.boot_partition == disk.boot.uuid);
  CHECK(arguments.root_partition == disk.root_b.uuid);
  CHECK(arguments.state_partition == disk.state.uuid);
  CHECK(arguments.trial == 2);
  CHECK(arguments.loader == "uki");
  CHECK_FALSE(
      health::ParseBootArguments(WholeCommandLine(signed_line, SlotId::kB, disk, "")).trial);
  const auto signed_arguments = health::ParseSignedArguments(signed_line);
  CHECK(signed_arguments.verity_root_hash == std::string(64, 'a'));
  CHECK(signed_arguments.verity_blocks == 8);
  CHECK(signed_arguments.wait == std::chrono::seconds(90));
}

}  // namespace ros::init
