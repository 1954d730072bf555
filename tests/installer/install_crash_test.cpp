// Power cuts at every write of an installation.
#include <catch2/catch.hpp>
#include <functional>
#include <limits>

#include "base/error.hpp"
#include "installer/install.hpp"
#include "partitions/partition_table.hpp"
#include "tests/installer/support/installed_disk.hpp"
#include "tests/installer/support/recorded_disk.hpp"
#include "tests/support/crashing_device.hpp"

namespace ros::installer {
namespace {

using namespace ros::testing;  // NOLINT(google-build-using-namespace): the tools of these tests.
using bootloader::LoaderKind;
using partitions::PartitionRole;

constexpr Bytes kBootCode = 0x1b8;  // of the first sector; what follows is the partition table's

std::shared_ptr<MemoryDisk> MakeDisk() {
  return std::make_shared<MemoryDisk>(kSmallDisk, 512, Bytes{64} << 10U);
}

std::vector<std::byte> ReadBytes(const BlockDevice& disk, Bytes offset, Bytes length) {
  std::vector<std::byte> bytes(length);
  disk.Read(offset, bytes);
  return bytes;
}

// What of the boot loader on `disk` is not as on `whole`; empty when nothing is.
std::string LoaderFault(const std::shared_ptr<BlockDevice>& disk,
                        const std::shared_ptr<BlockDevice>& whole,
                        const partitions::LayoutPlan& layout) {
  const auto same = [&](Bytes offset, Bytes length) {
    return ReadBytes(*disk, offset, length) == ReadBytes(*whole, offset, length);
  };
  const auto& bios = layout.Get(PartitionRole::kBios);
  const auto& boot = layout.Get(PartitionRole::kBoot);
  if (!same(0, kBootCode)) {
    return "the boot code";
  }
  if (!same(bios.offset, bios.length)) {
    return "the core image";
  }
  constexpr Bytes kSector = 512;
  if (!same(boot.offset, kSector)) {
    return "the boot partition's boot code";
  }
  const auto ours = partitions::FatVolume::Open(Region(disk, boot.offset, boot.length));
  const auto theirs = partitions::FatVolume::Open(Region(whole, boot.offset, boot.length));
  const std::vector<std::string> directories =
      LoaderOn(ours) == LoaderKind::kSyslinux
          ? std::vector<std::string>{"/SYSLINUX"}
          : std::vector<std::string>{"/GRUB", "/EFI/BOOT", "/EFI/ROS"};
  for (const auto& directory : directories) {
    for (const auto& [name, length] : theirs.Lengths(directory)) {
      const auto path = directory + "/" + name;
      if (ours.ReadContent(path, length) != theirs.ReadContent(path, length)) {
        return path;
      }
    }
  }
  return {};
}

// An installation, and all that it wrote.
struct Recording {
  LoaderKind loader = LoaderKind::kGrub;
  bool is_piped = false;
  ImageShelf shelf{loader};
  SmallImage file = shelf.Make("1");
  SmallImage image = is_piped ? FromPipe(file) : shelf.Make("1");
  std::shared_ptr<MemoryDisk> disk = MakeDisk();
  std::shared_ptr<RecordedDisk> recorded = std::make_shared<RecordedDisk>(disk);
  InstallPlan plan = InstallOn(recorded, disk->name(), shelf, image, loader);
};

// Installs onto a target that is a path; `meanwhile` runs once it is open.
void InstallMeanwhile(const InstallPlan& plan,
                      const InstallRequest& request,
                      const partitions::DiskFacts& facts,
                      const SmallImage& image,
                      const std::function<void()>& meanwhile) {
  NoProgress progress;
  const SystemClock clock;
  const auto open = [&](const std::filesystem::path& path) {
    meanwhile();
    return OpenBlockDevice(path, DeviceAccess::kExclusive);
  };
  ApplyInstall(plan,
               {.source = *image.source,
                .image = image.image,
                .request = request,
                .disk = facts,
                .open = open,
                .clock = clock,
                .progress = progress});
}

// The error of `work`, which must throw one.
template <typename Work>
Error ErrorOf(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::kFailed, "no error"};
}

}  // namespace

TEST_CASE("ApplyInstall: a second installation onto the same target is told who is at work",
          "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  const TempDirectory directory;
  const auto path = directory.path() / "disk.img";
  auto request = SmallRequest(shelf, path.string());
  request.create_size = kSmallDisk;
  // Both have seen that there is no file yet.
  const auto facts = partitions::InspectDisk(path);
  const auto plan = PlanInstall(FactsOf(image, facts), request);
  std::vector<Error> errors;
  InstallMeanwhile(plan, request, facts, image, [&] {
    errors.push_back(ErrorOf([&] { InstallMeanwhile(plan, request, facts, image, [] {}); }));
    auto other = request;
    other.create_size.reset();
    const auto seen = partitions::InspectDisk(path);
    const auto onto = PlanInstall(FactsOf(image, seen), other);
    errors.push_back(ErrorOf([&] { InstallMeanwhile(onto, other, seen, image, [] {}); }));
  });
  REQUIRE(errors.size() == 2);
  for (const auto& error : errors) {
    CHECK(error.kind() == ErrorKind::kBusy);
    CHECK_THAT(error.message(), Catch::Contains(path.string() + " is in use"));
  }
  const auto disk = OpenBlockDevice(path, DeviceAccess::kRead);
  CHECK(WhatBoots(disk, plan.layout).version == "1");
  const auto late = ErrorOf([&] { InstallMeanwhile(plan, request, facts, image, [] {}); });
  CHECK(late.kind() == ErrorKind::kRefused);
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("ApplyInstall: the disk boots the image from slot a", "[crash]") {
  const Recording whole;
  const auto outcome = WhatBoots(whole.disk, whole.plan.layout);
  CHECK(outcome.fault.empty());
  CHECK(outcome.slot == SlotId::kA);
  CHECK(outcome.version == "1");
  CHECK_FALSE(outcome.trial);
  const auto disk = partitions::OpenRosDisk(whole.disk->name());
  CHECK(disk.uuid == whole.plan.layout.disk_uuid);
}

TEST_CASE("ApplyInstall: a power cut ends it", "[crash]") {
  const ImageShelf shelf;
  const auto image = shelf.Make("1");
  const auto disk = MakeDisk();
  PowerSupply power({.write = 10});
  CHECK_THROWS_AS(
      InstallOn(std::make_shared<CrashingDevice>(disk, power), disk->name(), shelf, image),
      PowerCut);
}

TEST_CASE("ApplyInstall: a cut leaves no partition table, or a disk that boots", "[crash]") {
  const auto [loader, is_piped] = GENERATE(table<LoaderKind, bool>({{LoaderKind::kGrub, false},
                                                                    {LoaderKind::kGrub, true},
                                                                    {LoaderKind::kSyslinux, false},
                                                                    {LoaderKind::kGrubUki, false},
                                                                    {LoaderKind::kGrubUki, true}}));
  const Recording whole{loader, is_piped};
  INFO(Name(loader) << (is_piped ? ", from a pipe" : ""));
  const auto& steps = whole.plan.steps;
  const auto files = std::ranges::find_if(
      steps, [](const auto& step) { return std::holds_alternative<WriteFirstBootFiles>(step); });
  CHECK(std::holds_alternative<WriteFirstRoot>(*(is_piped ? files + 1 : files - 1)));
  CHECK(std::holds_alternative<FillFirstSlot>(*(is_piped ? files + 2 : files + 1)));
  const auto& layout = whole.plan.layout;
  const auto writes = whole.recorded->SyncedBefore(std::numeric_limits<std::uint64_t>::max());
  REQUIRE(writes > 20);
  int installed = 0;
  for (const auto& cut : AllCuts(writes)) {
    const auto disk = MakeDisk();
    // What was synced stays whatever comes, so the power is cut in what is left.
    const auto synced = whole.recorded->SyncedBefore(cut.write);
    whole.recorded->Replay(*disk, 1, synced);
    auto rest = cut;
    rest.write -= synced;
    PowerSupply power(rest);
    CrashingDevice device(disk, power);
    INFO("cut at write " << cut.write << " of " << writes << ", moment "
                         << static_cast<int>(cut.moment) << ", unsynced "
                         << static_cast<int>(cut.unsynced));
    REQUIRE_THROWS_AS(whole.recorded->Replay(device, synced + 1, writes), PowerCut);
    const auto table = partitions::ReadPartitionTable(*disk);
    if (table.type == partitions::TableType::kNone) {
      continue;
    }
    ++installed;
    REQUIRE(table.uuid == layout.disk_uuid);
    const auto outcome = WhatBoots(disk, layout);
    REQUIRE(outcome.fault.empty());
    REQUIRE(outcome.version == "1");
    REQUIRE(LoaderFault(disk, whole.disk, layout).empty());
  }
  // The last write was done and kept in some of them.
  CHECK(installed > 0);
}

}  // namespace ros::installer
