#include "partitions/fat_volume.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "partitions/fat_allocation.hpp"
#include "partitions/fat_tree.hpp"

namespace ros::partitions {
namespace {

// The directory's sector with the entries of the named files in it.
Bytes CommonSector(const fat::Tree& tree, const std::vector<fat::Node>& nodes) {
  const Bytes size = tree.geometry().sector_size;
  const auto sector = RoundDown(nodes.front().position, size);
  for (const auto& node : nodes) {
    if (RoundDown(node.position, size) != sector) {
      throw tree.Wrong(node.path, "has its entry in another sector than its neighbours");
    }
  }
  return sector;
}

}  // namespace

struct FatVolume::State {
  fat::Tree tree;
};

FatVolume::FatVolume(std::shared_ptr<State> state) : state_(std::move(state)) {}

FatVolume FatVolume::Open(const Region& partition) {
  return FatVolume(std::make_shared<State>(State{fat::Tree::Read(partition)}));
}

FatFile FatVolume::Find(std::string_view path) const {
  auto file = TryFind(path);
  if (!file) {
    throw state_->tree.Wrong(fat::UpperCase(path), "is missing");
  }
  return std::move(*file);
}

std::optional<FatFile> FatVolume::TryFind(std::string_view path) const {
  const auto& tree = state_->tree;
  const auto& geometry = tree.geometry();
  const auto node = tree.Look(path);
  if (!node) {
    return std::nullopt;
  }
  if (node->entry.IsDirectory()) {
    throw tree.Wrong(node->path, "is a directory");
  }
  const auto chain = tree.Chain(node->entry.first_cluster, node->path);
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (chain[i] != chain[i - 1] + 1) {
      throw tree.Wrong(node->path, "is not in one piece");
    }
  }
  const auto allocated = chain.size() * Bytes{geometry.cluster_size};
  if (node->entry.length > allocated) {
    throw tree.Wrong(node->path, "is longer than its clusters");
  }
  const auto begin = chain.empty() ? 0 : geometry.OffsetOf(chain.front());
  return FatFile{.path = node->path,
                 .length = node->entry.length,
                 .allocated = allocated,
                 .data = tree.partition().Sub(begin, allocated),
                 .entry_sector = tree.partition().Sub(
                     RoundDown(node->position, geometry.sector_size), geometry.sector_size)};
}

std::string FatVolume::ReadContent(std::string_view path, Bytes limit) const {
  const auto file = Find(path);
  if (file.length > limit) {
    throw Error(ErrorKind::kDoesNotFit,
                state_->tree.Wrong(file.path, "is larger than ").message() + FormatBytes(limit));
  }
  std::string content(file.length, '\0');
  file.data.Read(0, std::as_writable_bytes(std::span(content)));
  return content;
}

std::map<std::string, Bytes> FatVolume::Lengths(std::string_view directory) const {
  const auto& tree = state_->tree;
  const auto node = tree.Look(directory);
  if (!node || !node->entry.IsDirectory()) {
    throw tree.Wrong(fat::UpperCase(directory), "is not a directory");
  }
  std::map<std::string, Bytes> lengths;
  for (const auto& file : tree.List(node->entry.first_cluster, node->path)) {
    if (!file.entry.IsDirectory()) {
      lengths[file.entry.name] = file.entry.length;
    }
  }
  return lengths;
}

std::map<std::string, Bytes> FatVolume::Places(std::string_view directory) const {
  const auto prefix = fat::UpperCase(directory) + "/";
  const auto& tree = state_->tree;
  std::map<std::string, Bytes> places;
  for (const auto& file : fat::ReadLayout(tree)) {
    if (file.path.starts_with(prefix)) {
      places[file.path.substr(prefix.size())] = Bytes{file.clusters} * tree.geometry().cluster_size;
    }
  }
  return places;
}

void FatVolume::SetLengths(std::string_view directory,
                           const std::map<std::string, Bytes>& lengths) {
  const auto& tree = state_->tree;
  std::vector<fat::Node> nodes;
  std::vector<std::uint32_t> values;
  for (const auto& [name, length] : lengths) {
    const auto file = Find(std::string(directory) + "/" + name);
    if (length > file.allocated || length > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(ErrorKind::kDoesNotFit,
                  file.path + " would have " + FormatBytes(length) + ", its place holds " +
                      FormatBytes(file.allocated));
    }
    nodes.push_back(tree.Look(file.path).value());
    values.push_back(static_cast<std::uint32_t>(length));
  }
  if (nodes.empty()) {
    return;
  }
  const auto sector = CommonSector(tree, nodes);
  AlignedBuffer bytes(tree.geometry().sector_size);
  tree.partition().Read(sector, bytes.span());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    fat::StoreLength(bytes.span().subspan(nodes[i].position - sector, fat::kDirectoryEntrySize),
                     values[i]);
  }
  tree.partition().Write(sector, bytes.span());
  tree.partition().Sync();
}

std::vector<std::string> FatVolume::CheckOwnership() const {
  return fat::CheckOwnership(state_->tree);
}

std::vector<std::string> FatVolume::RepairAllocation() {
  auto mended = fat::RepairAllocation(state_->tree);
  state_->tree = fat::Tree::Read(state_->tree.partition());
  return mended;
}

}  // namespace ros::partitions
