#include "partitions/partition_role.hpp"

namespace ros::partitions {
namespace {

struct Row {
  std::string_view name;
  std::string_view type;
};

constexpr Row kRows[] = {
    {"ROS-BIOS", "21686148-6449-6e6f-744e-656564454649"},
    {"ROS-BOOT", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"},
    {"ROS-A", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"},
    {"ROS-B", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"},
    {"ROS-STATE", "4d21b016-b534-45c2-a9fb-5c16e091fd2d"},
};

const Row& RowOf(PartitionRole role) {
  return kRows[static_cast<std::size_t>(role)];
}

}  // namespace

std::string_view PartitionName(PartitionRole role) {
  return RowOf(role).name;
}

int PartitionNumber(PartitionRole role) {
  return static_cast<int>(role) + 1;
}

std::string_view PartitionType(PartitionRole role) {
  return RowOf(role).type;
}

std::optional<PartitionRole> ParsePartitionName(std::string_view name) {
  for (const auto role : kPartitionRoles) {
    if (PartitionName(role) == name) {
      return role;
    }
  }
  return std::nullopt;
}

}  // namespace ros::partitions
