#include "partitions/fat_tree.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace ros::partitions::fat {
namespace {

using literals::operator""_KiB;

constexpr std::size_t kBootSectorSize = 512;
constexpr Bytes kLargestDirectory = 64_KiB;
constexpr int kDeepest = 8;
constexpr std::size_t kMostNodes = 10'000;

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (end > begin) {
      parts.emplace_back(path.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::string UpperCase(std::string_view path) {
  std::string result(path);
  for (auto& c : result) {
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return result;
}

Tree::Tree(Region partition, const Geometry& geometry)
    : partition_(std::move(partition)), geometry_(geometry), table_(ReadTable(0)) {}

Tree Tree::Read(const Region& partition) {
  return InContext(partition.device()->name(), [&] {
    std::vector<std::byte> boot_sector(kBootSectorSize);
    partition.Read(0, boot_sector);
    const auto geometry = ParseGeometry(boot_sector, partition.length());
    // A sector of the file system that is not one of the device could not be written alone.
    if (geometry.sector_size != partition.device()->sector_size()) {
      throw Error(ErrorKind::kFailed,
                  "its FAT has sectors of " + std::to_string(geometry.sector_size) +
                      " bytes, the disk of " + std::to_string(partition.device()->sector_size()));
    }
    return Tree(partition, geometry);
  });
}

Error Tree::Wrong(std::string_view path, std::string_view what) const {
  return {ErrorKind::kFailed,
          partition_.device()->name() + ": " + std::string(path.empty() ? "/" : path) + " " +
              std::string(what)};
}

std::vector<std::byte> Tree::ReadTable(std::uint32_t index) const {
  std::vector<std::byte> bytes(geometry_.used_table_size());
  partition_.Read(geometry_.table_offset + index * geometry_.table_size, bytes);
  return bytes;
}

std::uint32_t Tree::Next(std::uint32_t cluster) const {
  return LoadLe32(table_, std::size_t{cluster} * 4) & kEntryMask;
}

std::vector<std::uint32_t> Tree::Chain(std::uint32_t first, std::string_view path) const {
  std::vector<std::uint32_t> chain;
  for (auto cluster = first; first != 0; cluster = Next(cluster)) {
    if (!geometry_.IsCluster(cluster)) {
      throw Wrong(path, "has a cluster chain that leads to cluster " + std::to_string(cluster));
    }
    chain.push_back(cluster);
    if (chain.size() > geometry_.clusters) {
      throw Wrong(path, "has a cluster chain that does not end");
    }
    if (Next(cluster) >= kFirstEndOfChain) {
      break;
    }
  }
  return chain;
}

std::vector<Node> Tree::List(std::uint32_t first_cluster, std::string_view path) const {
  const auto chain = Chain(first_cluster, path);
  if (chain.empty() || chain.size() * geometry_.cluster_size > kLargestDirectory) {
    throw Wrong(path, "is not a directory that can be read: its size is wrong");
  }
  std::vector<Node> nodes;
  std::vector<std::byte> bytes(geometry_.cluster_size);
  for (const auto cluster : chain) {
    partition_.Read(geometry_.OffsetOf(cluster), bytes);
    for (std::size_t at = 0; at < bytes.size(); at += kDirectoryEntrySize) {
      const auto raw = ByteSpan(bytes).subspan(at, kDirectoryEntrySize);
      const auto kind = KindOf(raw);
      if (kind == EntryKind::kEnd) {
        return nodes;
      }
      auto entry = ParseEntry(raw);
      if (kind == EntryKind::kUsed && entry.name != "." && entry.name != "..") {
        nodes.push_back({.path = std::string(path) + "/" + entry.name,
                         .entry = entry,
                         .position = geometry_.OffsetOf(cluster) + at});
      }
    }
  }
  return nodes;
}

std::optional<Node> Tree::Look(std::string_view path) const {
  Node current{
      .entry = {.attributes = kAttributeDirectory, .first_cluster = geometry_.root_cluster}};
  for (const auto& part : SplitPath(UpperCase(path))) {
    if (!current.entry.IsDirectory()) {
      throw Wrong(current.path, "is not a directory");
    }
    const auto wanted = current.path + "/" + part;
    const auto nodes = List(current.entry.first_cluster, current.path);
    const auto found = std::find_if(
        nodes.begin(), nodes.end(), [&](const Node& node) { return node.path == wanted; });
    if (found == nodes.end()) {
      return std::nullopt;
    }
    current = *found;
  }
  return current;
}

void Tree::WalkInto(const Node& directory, int depth, std::vector<Node>& all) const {
  if (depth > kDeepest) {
    throw Wrong(directory.path, "is too deep");
  }
  for (const auto& node : List(directory.entry.first_cluster, directory.path)) {
    if (all.size() >= kMostNodes) {
      throw Wrong(directory.path, "holds too many files");
    }
    all.push_back(node);
    if (node.entry.IsDirectory()) {
      WalkInto(node, depth + 1, all);
    }
  }
}

std::vector<Node> Tree::Walk() const {
  std::vector<Node> all;
  WalkInto({.entry = {.attributes = kAttributeDirectory, .first_cluster = geometry_.root_cluster}},
           0,
           all);
  return all;
}

}  // namespace ros::partitions::fat
