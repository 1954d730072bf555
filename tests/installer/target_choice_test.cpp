#include "installer/target_choice.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/installer/support/plan_facts.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

using ros::testing::SomeFacts;

TargetCandidate Disk(const std::string& path, Bytes size = 8_GiB) {
  return {.path = path,
          .facts = partitions::DiskFacts{.path = path,
                                         .kind = partitions::TargetKind::kWholeDisk,
                                         .size = size,
                                         .model = "Disk of " + path}};
}

std::filesystem::path Chosen(const std::vector<TargetCandidate>& candidates) {
  return ChooseTarget(candidates, SomeFacts(), {.seed = "6a1f2b3c-0000-4000-8000-000000000001"})
      .path;
}

std::string Refusal(const std::vector<TargetCandidate>& candidates) {
  try {
    Chosen(candidates);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kRefused);
    return error.message();
  }
  return "a disk was chosen";
}

TargetCandidate With(TargetCandidate disk, void (*change)(partitions::DiskFacts&)) {
  change(*disk.facts);
  return disk;
}

}  // namespace

TEST_CASE("ChooseTarget: the only disk that is empty and fits", "[installer]") {
  const auto full = With(Disk("/dev/sda"), [](auto& disk) {
    disk.table = {.type = partitions::TableType::kGpt,
                  .partitions = {{.number = 1, .length = 1_GiB, .file_system = "ext4"}}};
  });
  const auto unknown = With(Disk("/dev/sdb"), [](auto& disk) { disk.unknown_data = 0; });
  const auto used = With(Disk("/dev/sdc"), [](auto& disk) { disk.in_use = {"it is mounted"}; });
  const auto read_only = With(Disk("/dev/sdd"), [](auto& disk) { disk.read_only = true; });
  const auto small = Disk("/dev/sde", 1_GiB);
  const auto large_sectors = With(Disk("/dev/sdf"), [](auto& disk) { disk.sector_size = 8192; });
  const TargetCandidate broken{.path = "/dev/sdg", .problem = "reading /dev/sdg: I/O error"};
  const auto without_medium = Disk("/dev/sdh", 0);
  const auto stick = With(Disk("/dev/sdi"), [](auto& disk) { disk.removable = true; });
  const std::vector<TargetCandidate> wrong = {
      full, unknown, used, read_only, small, large_sectors, broken, without_medium, stick};

  auto with_one = wrong;
  with_one.insert(with_one.begin() + 3, Disk("/dev/nvme0n1"));
  CHECK(Chosen(with_one) == "/dev/nvme0n1");

  const auto why = Refusal(wrong);
  for (const auto* part : {"no disk is empty and fits; name the disk with -d: ",
                           "/dev/sda holds data (partition 1, 1 GiB, ext4)",
                           "/dev/sdb holds data (data of no known kind",
                           "/dev/sdc is in use: it is mounted",
                           "/dev/sdd is read-only",
                           "/dev/sde",
                           "/dev/sdf has sectors of 8192 bytes",
                           "; reading /dev/sdg: I/O error",
                           "/dev/sdh has no medium",
                           "/dev/sdi is a removable disk"}) {
    CHECK_THAT(why, Catch::Contains(part));
  }
}

TEST_CASE("ChooseTarget: does not guess", "[installer]") {
  CHECK(Refusal({Disk("/dev/sda"), Disk("/dev/sdb", 16_GiB)}) ==
        "2 disks are empty and fit; name the disk with -d: /dev/sda, 8 GiB, Disk of /dev/sda; "
        "/dev/sdb, 16 GiB, Disk of /dev/sdb");
  CHECK(Refusal({}) == "this machine has no disk");
  CHECK_THROWS_WITH(ChooseTarget({Disk("/dev/sda")}, SomeFacts(), {.create_size = 8_GiB}),
                    Catch::Contains("--size makes a file"));
}

TEST_CASE("ChooseTarget: tells equal disks apart by where they are", "[installer]") {
  auto first = Disk("/dev/sda");
  auto second = Disk("/dev/sdb");
  for (auto* disk : {&first, &second}) {
    disk->facts->model = "Twin";
    disk->facts->location = "0000:00:1f.2/" + disk->path.filename().string();
  }
  CHECK_THAT(Refusal({first, second}),
             Catch::EndsWith(": /dev/sda, 8 GiB, Twin, at 0000:00:1f.2/sda; "
                             "/dev/sdb, 8 GiB, Twin, at 0000:00:1f.2/sdb"));
  first.facts->serial = second.facts->serial = "1";
  CHECK_THAT(Refusal({first, second}),
             Catch::EndsWith(": /dev/sda, 8 GiB, Twin, serial 1, at 0000:00:1f.2/sda; "
                             "/dev/sdb, 8 GiB, Twin, serial 1, at 0000:00:1f.2/sdb"));
  second.facts->serial = "2";
  CHECK_THAT(Refusal({first, second}),
             Catch::EndsWith(": /dev/sda, 8 GiB, Twin, serial 1; "
                             "/dev/sdb, 8 GiB, Twin, serial 2"));
}

TEST_CASE("ChooseTarget: an image that suits no disk is no fault of the disks", "[installer]") {
  auto facts = SomeFacts();
  facts.image.config.architecture = "arm64";
  try {
    ChooseTarget({Disk("/dev/sda")}, facts, {});
    FAIL("an image for another machine was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kDoesNotFit);
    CHECK(error.message() == "os 1 is for arm64 and this machine is amd64");
  }
}

}  // namespace ros::installer
