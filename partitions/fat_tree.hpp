#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_device.hpp"
#include "base/error.hpp"
#include "partitions/fat_format.hpp"

// Private to this folder.
namespace ros::partitions::fat {

// A file or directory and where its entry is.
struct Node {
  std::string path;  // "/A/KERNEL"
  DirectoryEntry entry;
  Bytes position = 0;  // of the entry in the partition
};

// Reads a FAT32 that may hold anything. Keeps the first table in memory; directories are read when
// they are asked for. Errors are kFailed and name device and path.
class Tree {
 public:
  static Tree Read(const Region& partition);

  [[nodiscard]] const Region& partition() const { return partition_; }

  [[nodiscard]] const Geometry& geometry() const { return geometry_; }

  // The raw bytes of table `index`, as on disk now, cut to the entries of clusters.
  [[nodiscard]] std::vector<std::byte> ReadTable(std::uint32_t index) const;

  // Entry of a cluster in the first table, without the upper 4 bits.
  [[nodiscard]] std::uint32_t Next(std::uint32_t cluster) const;

  // The clusters from `first` to the end of the chain; none for 0. Throws for a chain that leaves
  // the volume, runs into a free or bad cluster or does not end. `path` is for messages.
  [[nodiscard]] std::vector<std::uint32_t> Chain(std::uint32_t first, std::string_view path) const;

  // Files and directories in a directory ("" is the root), without "." and "..".
  [[nodiscard]] std::vector<Node> List(std::uint32_t first_cluster, std::string_view path) const;

  // `path` in any case; nullopt when it is not there. Throws when a directory of it is a file.
  [[nodiscard]] std::optional<Node> Look(std::string_view path) const;

  // All there is, each directory before what is in it.
  [[nodiscard]] std::vector<Node> Walk() const;

  // An error about `path` on this device.
  [[nodiscard]] Error Wrong(std::string_view path, std::string_view what) const;

 private:
  Tree(Region partition, const Geometry& geometry);

  void WalkInto(const Node& directory, int depth, std::vector<Node>& all) const;

  Region partition_;
  Geometry geometry_;
  std::vector<std::byte> table_;
};

// "/a/kernel" as it is on disk: "/A/KERNEL".
std::string UpperCase(std::string_view path);

}  // namespace ros::partitions::fat
