#include "partitions/layout_plan.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "tests/partitions/disk_fixture.hpp"

namespace ros::partitions {
namespace {

LayoutPlan Plan(Bytes size, const LayoutRequest& request) {
  return PlanLayout({.name = "/dev/sda", .size = size}, request);
}

LayoutRequest Request() {
  return {.root_bytes = 300_MiB, .seed = kSeed};
}

template <typename Work>
Error ErrorOf(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  std::abort();
}

}  // namespace

TEST_CASE("PlanLayout: the defaults of the documentation", "[partitions]") {
  const auto plan = Plan(8_GiB, Request());
  CHECK(plan.Get(PartitionRole::kBios).offset == 1_MiB);
  CHECK(plan.Get(PartitionRole::kBios).length == 1_MiB);
  CHECK(plan.Get(PartitionRole::kBoot).offset == 2_MiB);
  CHECK(plan.Get(PartitionRole::kBoot).length == 512_MiB);
  CHECK(plan.Get(PartitionRole::kSlotA).length == 1_GiB);
  CHECK(plan.Get(PartitionRole::kSlotB).length == 1_GiB);
  const auto& state = plan.Get(PartitionRole::kState);
  CHECK(state.offset + state.length == 8_GiB - 1_MiB);
}

TEST_CASE("PlanLayout: a slot is twice the root where that is more than 1 GiB", "[partitions]") {
  auto request = Request();
  request.root_bytes = 700_MiB + 1;
  CHECK(Plan(8_GiB, request).Get(PartitionRole::kSlotA).length == 1401_MiB);
}

TEST_CASE("PlanLayout: same input, same plan; another seed, other UUIDs", "[partitions]") {
  const auto plan = Plan(8_GiB, Request());
  CHECK(plan == Plan(8_GiB, Request()));
  auto other = Request();
  other.seed = RandomSeed();
  CHECK(Plan(8_GiB, other).disk_uuid != plan.disk_uuid);
  CHECK(Plan(8_GiB, other).Get(PartitionRole::kBoot).uuid != plan.Get(PartitionRole::kBoot).uuid);
  CHECK(plan.Get(PartitionRole::kSlotA).uuid != plan.Get(PartitionRole::kSlotB).uuid);
}

TEST_CASE("PlanLayout: a disk that is too small is refused with the numbers", "[partitions]") {
  const auto error = ErrorOf([] { Plan(2_GiB, Request()); });
  CHECK(error.kind() == ErrorKind::kDoesNotFit);
  CHECK_THAT(error.message(), Catch::Contains("1 MiB + 512 MiB + 2 x 1 GiB + at least 256 MiB"));
  CHECK_THAT(error.message(), Catch::Contains("/dev/sda has 2 GiB"));
  CHECK_THAT(error.message(), Catch::Contains("--slot-size"));
}

TEST_CASE("PlanLayout: the smallest disk that fits is the one that the sentence names",
          "[partitions]") {
  const auto least = 1_MiB + 1_MiB + 512_MiB + 2_GiB + 256_MiB + 1_MiB;
  CHECK(Plan(least, Request()).Get(PartitionRole::kState).length == 256_MiB);
  CHECK_THROWS_AS(Plan(least - 1, Request()), Error);
}

TEST_CASE("PlanLayout: a slot that does not hold the root is refused", "[partitions]") {
  auto request = Request();
  request.slot = 200_MiB;
  const auto error = ErrorOf([&] { Plan(8_GiB, request); });
  CHECK(error.kind() == ErrorKind::kDoesNotFit);
  CHECK_THAT(error.message(), Catch::Contains("300 MiB"));
}

TEST_CASE("PlanLayout: sizes that overflow are refused", "[partitions]") {
  auto request = Request();
  request.slot = ~Bytes{0} / 2 + 1;
  CHECK_THROWS_AS(Plan(8_GiB, request), Error);
  request.slot = ~Bytes{0};
  CHECK_THROWS_AS(Plan(8_GiB, request), Error);
  request = Request();
  request.root_bytes = ~Bytes{0};
  CHECK_THROWS_AS(Plan(8_GiB, request), Error);
  request = Request();
  request.boot = ~Bytes{0};
  CHECK_THROWS_AS(Plan(8_GiB, request), Error);
  request = Request();
  request.state_minimum = ~Bytes{0} - 2_MiB;
  CHECK_THROWS_AS(Plan(8_GiB, request), Error);
}

TEST_CASE("PlanLayout: partitions are at whole MiB and do not overlap, also on huge disks",
          "[partitions]") {
  for (const Bytes size : {4_GiB + 12345, 2048_GiB * 8 + 512}) {
    const auto plan = Plan(size, Request());
    Bytes end = 1_MiB;
    for (const auto& partition : plan.partitions) {
      CHECK(partition.offset == end);
      CHECK(partition.offset % 1_MiB == 0);
      CHECK(partition.length % 1_MiB == 0);
      end = partition.offset + partition.length;
    }
    CHECK(end + 1_MiB <= size);
  }
}

TEST_CASE("PlanLayout: odd sector sizes are refused", "[partitions]") {
  CHECK_THROWS_AS(PlanLayout({.name = "x", .size = 8_GiB, .sector_size = 520}, Request()), Error);
  CHECK_NOTHROW(PlanLayout({.name = "x", .size = 8_GiB, .sector_size = 4096}, Request()));
}

TEST_CASE("PlanLayoutBefore: ROS-STATE stays, the rest is planned in front of it", "[partitions]") {
  const auto old = Plan(8_GiB, Request());
  const auto& state = old.Get(PartitionRole::kState);
  auto request = Request();
  request.seed = "0c7b9d52-0f5c-4d8f-8a34-5b1c6b0f2a12";
  request.slot = 512_MiB + 1;
  const Geometry disk{.name = "/dev/sda", .size = 16_GiB};
  const auto plan = PlanLayoutBefore(state, disk, request);
  CHECK(plan.disk_size == 16_GiB);
  CHECK(plan.Get(PartitionRole::kState) == state);
  CHECK(plan.Get(PartitionRole::kSlotB).length == 513_MiB);
  CHECK(plan.disk_uuid != old.disk_uuid);
  CHECK(plan.Get(PartitionRole::kBoot).uuid != old.Get(PartitionRole::kBoot).uuid);
}

TEST_CASE("PlanLayoutBefore: what does not fit in front of ROS-STATE is refused with the numbers",
          "[partitions]") {
  const PlannedPartition state{
      .role = PartitionRole::kState, .uuid = "u", .offset = 1_GiB, .length = 1_GiB};
  const Geometry disk{.name = "/dev/sda", .size = 8_GiB};
  LayoutRequest request{.root_bytes = 1_MiB, .slot = 255_MiB, .seed = kSeed};
  CHECK_NOTHROW(PlanLayoutBefore(state, disk, request));
  request.slot = 256_MiB;
  try {
    PlanLayoutBefore(state, disk, request);
    FAIL("was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kDoesNotFit);
    CHECK_THAT(error.message(), Catch::Contains("/dev/sda has 1 GiB before its ROS-STATE"));
  }
  request.slot = Bytes{0} - 1_MiB;
  CHECK_THROWS_AS(PlanLayoutBefore(state, disk, request), Error);
}

TEST_CASE("UuidFromSeed: is RFC 4122 version 5", "[partitions]") {
  // The example of the RFC's errata: DNS name space, "www.example.com".
  CHECK(UuidFromSeed("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com") ==
        "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  CHECK_THROWS_AS(UuidFromSeed("not a seed", "x"), Error);
}

}  // namespace ros::partitions
