#include "partitions/fat_volume.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "partitions/boot_file_system.hpp"
#include "partitions/fat_allocation.hpp"
#include "partitions/fat_tree.hpp"

namespace ros::partitions {
namespace {

// What a directory entry is to say.
struct EntryChange {
  fat::Node node;
  std::optional<std::uint32_t> first_cluster;  // none: stays
  std::uint32_t length = 0;
};

// The directory's sector with all these entries in it.
Bytes CommonSector(const fat::Tree& tree, const std::vector<EntryChange>& changes) {
  const Bytes size = tree.geometry().sector_size;
  const auto sector = RoundDown(changes.front().node.position, size);
  for (const auto& [node, first_cluster, length] : changes) {
    if (RoundDown(node.position, size) != sector) {
      throw tree.Wrong(node.path, "has its entry in another sector than its neighbours");
    }
  }
  return sector;
}

// One write of one sector, then a sync.
void ChangeEntries(const fat::Tree& tree, const std::vector<EntryChange>& changes) {
  if (changes.empty()) {
    return;
  }
  const auto sector = CommonSector(tree, changes);
  AlignedBuffer bytes(tree.geometry().sector_size);
  tree.partition().Read(sector, bytes.span());
  for (const auto& change : changes) {
    const auto raw = bytes.span().subspan(change.node.position - sector, fat::kDirectoryEntrySize);
    if (change.first_cluster) {
      fat::StoreFirstCluster(raw, *change.first_cluster);
    }
    fat::StoreLength(raw, change.length);
  }
  tree.partition().Write(sector, bytes.span());
  tree.partition().Sync();
}

// A length that a file with these clusters can have.
std::uint32_t CheckedLength(const FatFile& file, Bytes length) {
  if (length > file.allocated || length > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorKind::kDoesNotFit,
                file.path + " would have " + FormatBytes(length) + ", its place holds " +
                    FormatBytes(file.allocated));
  }
  return static_cast<std::uint32_t>(length);
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
  file.data.Read(0, AsWritableBytes(content));
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

std::optional<FatFile> FatVolume::FindSpare(std::string_view path) const {
  return TryFind(SparePath(path));
}

void FatVolume::SetLengths(std::string_view directory,
                           const std::map<std::string, Bytes>& lengths) {
  std::vector<EntryChange> changes;
  for (const auto& [name, length] : lengths) {
    const auto file = Find(std::string(directory) + "/" + name);
    changes.push_back({.node = state_->tree.Look(file.path).value(),
                       .first_cluster = std::nullopt,
                       .length = CheckedLength(file, length)});
  }
  ChangeEntries(state_->tree, changes);
}

void FatVolume::SwitchToSpare(std::string_view directory,
                              const std::map<std::string, Bytes>& lengths) {
  const auto& tree = state_->tree;
  std::vector<EntryChange> changes;
  for (const auto& [name, length] : lengths) {
    const auto file = Find(std::string(directory) + "/" + name);
    const auto spare = FindSpare(file.path);
    if (!spare) {
      throw tree.Wrong(file.path, "has no spare place");
    }
    const auto node = tree.Look(file.path).value();
    const auto spare_node = tree.Look(spare->path).value();
    changes.push_back({.node = node,
                       .first_cluster = spare_node.entry.first_cluster,
                       .length = CheckedLength(*spare, length)});
    changes.push_back({.node = spare_node,
                       .first_cluster = node.entry.first_cluster,
                       .length = node.entry.length});
  }
  ChangeEntries(tree, changes);
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
