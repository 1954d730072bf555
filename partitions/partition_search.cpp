#include "partitions/partition_search.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "partitions/probe.hpp"

namespace ros::partitions {
namespace {

constexpr Bytes kSysfsUnit = 512;
constexpr Bytes kLongestAttribute = 4096;

std::string ReadAttribute(const std::filesystem::path& path) {
  auto text = ReadFile(path, kLongestAttribute);
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text;
}

Bytes ReadNumber(const std::filesystem::path& path) {
  const auto text = ReadAttribute(path);
  Bytes value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorKind::kFailed, path.string() + ": expected a number");
  }
  return value;
}

std::vector<std::string> KernelPartitions(const std::filesystem::path& disk) {
  auto names = ListDirectory(disk);
  std::erase_if(names, [&](const std::string& name) {
    return !std::filesystem::exists(disk / name / "partition");
  });
  return names;
}

std::vector<PartitionNode> PartitionsOf(const SystemPaths& system, const std::string& name) {
  const auto directory = system.sys / "block" / name;
  const auto kernel = KernelPartitions(directory);
  if (kernel.empty()) {
    return {};
  }
  const auto disk = system.NodeOf(name);
  const auto fd = OpenFile(disk, O_RDONLY | O_NONBLOCK);
  const auto sector_size = std::filesystem::exists(directory / "queue/logical_block_size")
                               ? ReadNumber(directory / "queue/logical_block_size")
                               : kSysfsUnit;
  const auto table = ProbeTable(fd.get(),
                                ReadNumber(directory / "size") * kSysfsUnit,
                                static_cast<std::uint32_t>(sector_size));
  std::vector<PartitionNode> nodes;
  for (const auto& entry : kernel) {
    const auto number = static_cast<int>(ReadNumber(directory / entry / "partition"));
    const auto start = ReadNumber(directory / entry / "start") * kSysfsUnit;
    // The kernel may still have an older table than the disk; only what both say is true.
    const auto found = std::find_if(
        table.partitions.begin(), table.partitions.end(), [&](const FoundPartition& partition) {
          return partition.number == number && partition.offset == start;
        });
    if (table.type == TableType::kGpt && found != table.partitions.end()) {
      nodes.push_back({.disk = disk.string(),
                       .node = system.NodeOf(entry).string(),
                       .uuid = found->uuid,
                       .name = found->name,
                       .number = number,
                       .offset = start,
                       .length = ReadNumber(directory / entry / "size") * kSysfsUnit,
                       .device_number = ReadAttribute(directory / entry / "dev")});
    }
  }
  return nodes;
}

}  // namespace

std::vector<PartitionNode> ListPartitions(const SystemPaths& system) {
  std::vector<PartitionNode> all;
  for (const auto& name : ListDirectory(system.sys / "block")) {
    try {
      const auto nodes = PartitionsOf(system, name);
      all.insert(all.end(), nodes.begin(), nodes.end());
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch)
      // No medium, a disk that has just gone, one that cannot be read: not the one that is meant.
    }
  }
  return all;
}

std::optional<PartitionNode> FindPartition(const std::vector<PartitionNode>& nodes,
                                           std::string_view uuid) {
  std::optional<PartitionNode> found;
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  for (const auto& node : nodes) {
    if (!std::equal(node.uuid.begin(), node.uuid.end(), uuid.begin(), uuid.end(), same)) {
      continue;
    }
    if (found) {
      throw Error(ErrorKind::kRefused,
                  "two partitions have the UUID " + node.uuid + ": " + found->node + " and " +
                      node.node + "; one of " + found->disk + " and " + node.disk +
                      " is a copy: take it out or give it new UUIDs");
    }
    found = node;
  }
  return found;
}

}  // namespace ros::partitions
