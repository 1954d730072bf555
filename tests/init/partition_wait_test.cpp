#include "init/partition_wait.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

namespace ros::init {
namespace {

using Nodes = std::vector<partitions::PartitionNode>;

partitions::PartitionNode Node(const std::string& disk, int number, const std::string& uuid) {
  return {.disk = disk, .node = disk + std::to_string(number), .uuid = uuid, .number = number};
}

const health::BootArguments kArguments{.root_partition = "root", .state_partition = "state"};

TEST_CASE("Choose: takes both partitions or none", "[init]") {
  const auto root = Node("/dev/sda", 3, "root");
  const auto state = Node("/dev/sda", 5, "state");
  CHECK_FALSE(Choose({}, kArguments));
  CHECK_FALSE(Choose({root}, kArguments));
  CHECK_FALSE(Choose({state}, kArguments));
  const auto found = Choose({Node("/dev/sdb", 3, "other"), root, state}, kArguments);
  REQUIRE(found);
  CHECK(found->root == root);
  CHECK(found->state == state);
}

TEST_CASE("Choose: never guesses between a disk and its copy", "[init]") {
  const Nodes nodes = {Node("/dev/sda", 3, "root"),
                       Node("/dev/sda", 5, "state"),
                       Node("/dev/sdb", 3, "root"),
                       Node("/dev/sdb", 5, "state")};
  CHECK_THROWS_WITH(Choose(nodes, kArguments),
                    Catch::Contains("/dev/sda") && Catch::Contains("/dev/sdb"));
}

}  // namespace
}  // namespace ros::init
