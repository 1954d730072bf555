#include "installer/kept_state.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "installer/kept_boot.hpp"
#include "tests/installer/support/plan_facts.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

using partitions::PartitionRole;
using ros::testing::SomeFacts;

constexpr const char* kSeed = "6a1f2b3c-0000-4000-8000-000000000001";

// A disk of 8 GiB that was installed to with slots of 1 GiB.
KeptState SomeKept() {
  return {.partition = {.role = PartitionRole::kState,
                        .uuid = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a11",
                        .offset = 2562_MiB,
                        .length = 5_GiB},
          .boot = 512_MiB,
          .slot = 1_GiB,
          .epoch = 3,
          .kernel_arguments = {"console=ttyS0"},
          .machine_kind = ""};
}

partitions::DiskFacts InstalledDisk() {
  auto disk = SomeFacts().disk;
  disk.table.type = partitions::TableType::kGpt;
  Bytes offset = 1_MiB;
  for (const auto role : partitions::kPartitionRoles) {
    const bool state = role == PartitionRole::kState;
    disk.table.partitions.push_back({.number = PartitionNumber(role),
                                     .name = std::string(PartitionName(role)),
                                     .offset = state ? 2562_MiB : offset,
                                     .length = state ? 5_GiB : 512_MiB});
    offset += 512_MiB;
  }
  return disk;
}

InstallFacts KeepingFacts() {
  auto facts = SomeFacts();
  facts.disk = InstalledDisk();
  facts.kept = SomeKept();
  return facts;
}

InstallRequest SomeRequest() {
  InstallRequest request;
  request.target = "/dev/sda";
  request.seed = kSeed;
  request.keys = {{"release.pub", "key"}};
  return request;
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

TEST_CASE("RequestKeeping: takes over what the machine keeps", "[installer]") {
  const auto request = RequestKeeping(SomeRequest(), SomeKept());
  CHECK(request.kernel_arguments == std::vector<std::string>{"console=ttyS0"});
  CHECK(request.slot_size == 1_GiB);
  CHECK(request.boot_size == 512_MiB);
  auto smaller = SomeRequest();
  smaller.boot_size = 256_MiB;
  CHECK(RequestKeeping(smaller, SomeKept()).boot_size == 256_MiB);
}

TEST_CASE("RequestKeeping: refuses what it would have to change in the state", "[installer]") {
  auto append = SomeRequest();
  append.kernel_arguments = {"quiet"};
  auto config = SomeRequest();
  config.cloud_config = "hostname: box\n";
  auto kind = SomeRequest();
  kind.machine_kind = "kiosk";
  for (const auto& request : {append, config, kind}) {
    const auto error = ErrorOf([&] { RequestKeeping(request, SomeKept()); });
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK_THAT(error.message(), Catch::Contains("do not go together"));
  }
}

TEST_CASE("PlanInstall: keeps ROS-STATE and says so", "[installer]") {
  const auto facts = KeepingFacts();
  const auto plan = PlanInstall(facts, RequestKeeping(SomeRequest(), *facts.kept));
  CHECK(plan.layout.Get(PartitionRole::kState) == facts.kept->partition);
  CHECK(plan.losses.size() == 4);
  CHECK(std::holds_alternative<WipeSystem>(plan.steps.front()));
  CHECK(std::holds_alternative<ReplaceTable>(plan.steps.back()));
  for (const auto& step : plan.steps) {
    CHECK_FALSE(std::holds_alternative<MakeStatePartition>(step));
    CHECK_FALSE(std::holds_alternative<WipeDisk>(step));
  }
  const auto line = bootloader::KernelCommandLine(plan.entry);
  CHECK_THAT(line, Catch::Contains("console=ttyS0 ros.kept=" + plan.layout.disk_uuid));
  const auto text = DescribeInstall(plan);
  CHECK_THAT(text, Catch::Contains("  KEEPS    ROS-STATE, 5 GiB: /ros, /var"));
  CHECK_THAT(text, Catch::Contains("at every moment it tells where ROS-STATE is"));
  CHECK_THAT(text, Catch::Contains(kKeptKeysPath));
  CHECK_THAT(InstallToJson(plan).Dump(), Catch::Contains("\"step\":\"replace-table\""));
}

TEST_CASE("PlanInstall: an image that does not fit in front of ROS-STATE is refused",
          "[installer]") {
  auto facts = KeepingFacts();
  facts.image.config.root.size = 1100_MiB;
  const auto small = RequestKeeping(SomeRequest(), *facts.kept);
  const auto too_small = ErrorOf([&] { PlanInstall(facts, small); });
  CHECK(too_small.kind() == ErrorKind::kDoesNotFit);
  auto large = small;
  large.slot_size = 1200_MiB;
  const auto too_large = ErrorOf([&] { PlanInstall(facts, large); });
  CHECK(too_large.kind() == ErrorKind::kDoesNotFit);
  CHECK_THAT(too_large.message(), Catch::Contains("before its ROS-STATE, which is to stay"));
}

TEST_CASE("PlanInstall: what the machine remembers of images is respected", "[installer]") {
  auto facts = KeepingFacts();
  const auto request = RequestKeeping(SomeRequest(), *facts.kept);
  facts.kept->epoch = facts.image.config.epoch + 1;
  CHECK(ErrorOf([&] { PlanInstall(facts, request); }).kind() == ErrorKind::kVerification);
  facts.kept->epoch = 0;
  facts.kept->bad = {
      {.digest = facts.image.manifest.digest.ToString(), .version = "1", .reason = "web failed"}};
  const auto bad = ErrorOf([&] { PlanInstall(facts, request); });
  CHECK(bad.kind() == ErrorKind::kRefused);
  CHECK_THAT(bad.message(), Catch::Contains("was rolled back on this machine before (web failed)"));
  auto forced = request;
  forced.existing_data = InstallRequest::ExistingData::kOverwrite;
  CHECK_NOTHROW(PlanInstall(facts, forced));
}

TEST_CASE("InspectKeptState: refuses a disk that is none of ours", "[installer]") {
  struct Row {
    const char* what;
    void (*change)(partitions::DiskFacts&);
    ErrorKind kind;
    const char* sentence;
  };

  const std::vector<Row> rows = {
      {"missing",
       [](auto& disk) { disk.kind = partitions::TargetKind::kMissing; },
       ErrorKind::kUsage,
       "/dev/sda"},
      {"in use",
       [](auto& disk) { disk.in_use = {"/dev/sda5 is mounted at /ros"}; },
       ErrorKind::kRefused,
       "is mounted at /ros"},
      {"empty",
       [](auto& disk) { disk.table = {}; },
       ErrorKind::kRefused,
       "has no GPT partition table; --keep-state is for a disk that ros was installed to"},
      {"no slot",
       [](auto& disk) { disk.table.partitions.at(3).name = "swap"; },
       ErrorKind::kRefused,
       "has no partition ROS-B"},
      {"a partition of somebody",
       [](auto& disk) {
         disk.table.partitions.push_back({.number = 6, .name = "data", .offset = 7900_MiB});
       },
       ErrorKind::kRefused,
       "has partitions beside those of ros"},
      {"another order",
       [](auto& disk) { disk.table.partitions.at(2).offset = 7900_MiB; },
       ErrorKind::kRefused,
       "has partitions of ros behind its ROS-STATE"}};
  for (const auto& row : rows) {
    INFO(row.what);
    auto disk = InstalledDisk();
    row.change(disk);
    const auto error = ErrorOf([&] { InspectKeptState(disk); });
    CHECK(error.kind() == row.kind);
    CHECK_THAT(error.message(), Catch::Contains(row.sentence));
  }
}

}  // namespace ros::installer
