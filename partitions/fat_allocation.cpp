#include "partitions/fat_allocation.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::partitions::fat {
namespace {

using literals::operator""_KiB;

constexpr Bytes kLongestLayout = 64_KiB;
// A volume with more is not to be looked at any further: each costs the walk of a chain.
constexpr std::size_t kMostComplaints = 100;

// The path that owns each cluster; complaints are sentences about those that two own.
class Owners {
 public:
  // Adds a chain, and says so where a part of it is taken.
  void Add(const std::string& path,
           const std::vector<std::uint32_t>& chain,
           std::vector<std::string>& complaints) {
    for (const auto cluster : chain) {
      const auto [owner, added] = owners_.emplace(cluster, path);
      if (!added) {
        complaints.push_back("cluster " + std::to_string(cluster) + " belongs to both " +
                             owner->second + " and " + path);
        return;
      }
    }
  }

  [[nodiscard]] const std::string* Find(std::uint32_t cluster) const {
    const auto found = owners_.find(cluster);
    return found == owners_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::uint32_t, std::string> owners_;
};

// Every chain of the tree with its owner. What cannot be followed is a complaint.
Owners FindOwners(const Tree& tree, std::vector<std::string>& complaints) {
  Owners owners;
  try {
    owners.Add("/", tree.Chain(tree.geometry().root_cluster, "/"), complaints);
    for (const auto& node : tree.Walk()) {
      if (complaints.size() >= kMostComplaints) {
        complaints.emplace_back("there is more that is not looked at");
        break;
      }
      const auto chain = tree.Chain(node.entry.first_cluster, node.path);
      owners.Add(node.path, chain, complaints);
      const auto allocated = chain.size() * Bytes{tree.geometry().cluster_size};
      if (node.entry.length > allocated) {
        complaints.push_back(node.path + " is longer than its clusters");
      }
    }
  } catch (const Error& error) {
    complaints.push_back(error.message());
  }
  return owners;
}

// How many clusters of its place a file still has, from the first; nullopt when it has others.
std::optional<std::uint32_t> ClustersLeft(const PlacedFile& placed,
                                          const std::vector<std::uint32_t>& chain) {
  if (chain.size() > placed.clusters) {
    return std::nullopt;
  }
  for (std::uint32_t i = 0; i < chain.size(); ++i) {
    if (chain[i] != placed.first_cluster + i) {
      return std::nullopt;
    }
  }
  return static_cast<std::uint32_t>(chain.size());
}

bool StartsAt(const Tree& tree, const PlacedFile& file, const PlacedFile& place) {
  const auto node = tree.Look(file.path);
  return node && node->entry.first_cluster == place.first_cluster;
}

// A switch exchanges the places of a file and its spare one in the directory, and /LAYOUT.ROS stays
// as it was made. Either entry tells: the other may have lost its place to `fsck.vfat -a`.
void FollowSwitches(const Tree& tree, std::vector<PlacedFile>& files) {
  for (auto& file : files) {
    const auto spare = std::ranges::find(files, SparePath(file.path), &PlacedFile::path);
    if (spare == files.end() || spare->path == file.path || spare->clusters != file.clusters) {
      continue;
    }
    if (StartsAt(tree, file, *spare) || StartsAt(tree, *spare, file)) {
      std::swap(file.first_cluster, spare->first_cluster);
    }
  }
}

void CompareWithLayout(const Tree& tree, std::vector<std::string>& complaints) {
  for (const auto& placed : ReadLayout(tree)) {
    const auto node = tree.Look(placed.path);
    if (!node) {
      complaints.push_back(placed.path + " is missing");
      continue;
    }
    const auto left = ClustersLeft(placed, tree.Chain(node->entry.first_cluster, placed.path));
    if (!left) {
      complaints.push_back(placed.path + " is not where it was made");
    } else if (*left < placed.clusters) {
      complaints.push_back(placed.path + " was cut short: it has " + std::to_string(*left) +
                           " of its " + std::to_string(placed.clusters) + " clusters");
    }
  }
}

// What a repair will change.
struct Repair {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> links;   // of clusters that nobody owns
  std::vector<std::pair<std::uint32_t, std::uint32_t>> joints;  // of the last cluster a file has
  std::vector<std::pair<Bytes, std::uint32_t>> first_clusters;  // by the entry's position
  std::vector<std::string> mended;
  std::set<std::uint32_t> given;  // the clusters of `links`
};

void PlanFile(const Tree& tree, const Owners& owners, const PlacedFile& placed, Repair& repair) {
  const auto refuse = [&](const std::string& why) {
    return Error(
        ErrorKind::kRefused,
        tree.partition().device()->name() + ": " + placed.path + " cannot be mended: " + why);
  };
  const auto node = tree.Look(placed.path);
  if (!node) {
    throw refuse("it is missing");
  }
  const auto left = ClustersLeft(placed, tree.Chain(node->entry.first_cluster, placed.path));
  if (!left) {
    throw refuse("it is not where it was made");
  }
  if (*left == placed.clusters) {
    return;
  }
  const auto end = placed.first_cluster + placed.clusters;
  for (auto cluster = placed.first_cluster + *left; cluster < end; ++cluster) {
    if (const auto* owner = owners.Find(cluster)) {
      throw refuse("its cluster " + std::to_string(cluster) + " belongs to " + *owner + " now");
    }
    if (!repair.given.insert(cluster).second) {
      throw refuse(std::string(kLayoutPath) + " gives its cluster " + std::to_string(cluster) +
                   " to another file too");
    }
    repair.links.emplace_back(cluster, cluster + 1 == end ? kEndOfChain : cluster + 1);
  }
  if (*left == 0) {
    repair.first_clusters.emplace_back(node->position, placed.first_cluster);
  } else {
    const auto last = placed.first_cluster + *left - 1;
    repair.joints.emplace_back(last, last + 1);
  }
  repair.mended.push_back(placed.path);
}

Repair PlanRepair(const Tree& tree) {
  std::vector<std::string> complaints;
  const auto owners = FindOwners(tree, complaints);
  if (!complaints.empty()) {
    throw Error(ErrorKind::kRefused,
                tree.partition().device()->name() + " cannot be mended: " + complaints.front());
  }
  Repair repair;
  for (const auto& placed : ReadLayout(tree)) {
    PlanFile(tree, owners, placed, repair);
  }
  return repair;
}

void Apply(std::vector<std::byte>& table,
           const std::vector<std::pair<std::uint32_t, std::uint32_t>>& links) {
  for (const auto& [cluster, next] : links) {
    const auto at = std::size_t{cluster} * 4;
    StoreLe32(table, at, (LoadLe32(table, at) & ~kEntryMask) | next);
  }
}

// Writes the sectors of table `index` in which `wanted` differs from what is there; syncs.
void WriteTable(const Tree& tree, std::uint32_t index, const std::vector<std::byte>& wanted) {
  const auto& geometry = tree.geometry();
  const auto current = tree.ReadTable(index);
  const auto offset = geometry.table_offset + index * geometry.table_size;
  const auto sector_end = [&](std::size_t at) {
    return std::min<std::size_t>(at + geometry.sector_size, wanted.size());
  };
  const auto differs = [&](std::size_t at) {
    const auto size = sector_end(at) - at;
    return !std::ranges::equal(ByteSpan(wanted).subspan(at, size),
                               ByteSpan(current).subspan(at, size));
  };
  for (std::size_t at = 0; at < wanted.size(); at = sector_end(at)) {
    auto end = at;
    while (end < wanted.size() && differs(end)) {
      end = sector_end(end);
    }
    if (end > at) {
      tree.partition().Write(offset + at, ByteSpan(wanted).subspan(at, end - at));
      at = end;
    }
  }
  tree.partition().Sync();
}

void WriteFreeCount(const Tree& tree, const std::vector<std::byte>& table) {
  std::uint32_t free = 0;
  for (std::size_t at = std::size_t{kFirstCluster} * 4; at < table.size(); at += 4) {
    free += (LoadLe32(table, at) & kEntryMask) == kFree ? 1U : 0U;
  }
  std::vector<std::byte> info(kInfoSize);
  const auto offset = tree.geometry().info_offset;
  tree.partition().Read(offset, info);
  StoreFreeCount(info, free, kFirstCluster);
  tree.partition().Write(offset, info);
  tree.partition().Sync();
}

}  // namespace

std::vector<PlacedFile> ReadLayout(const Tree& tree) {
  const auto node = tree.Look(kLayoutPath);
  if (!node || node->entry.length > kLongestLayout) {
    throw tree.Wrong(kLayoutPath, "is missing; ros did not make this boot partition");
  }
  std::string text;
  for (const auto cluster : tree.Chain(node->entry.first_cluster, kLayoutPath)) {
    if (text.size() > kLongestLayout) {
      throw tree.Wrong(kLayoutPath, "is too large");
    }
    std::vector<std::byte> bytes(tree.geometry().cluster_size);
    tree.partition().Read(tree.geometry().OffsetOf(cluster), bytes);
    text += AsText(bytes);
  }
  text.resize(std::min<std::size_t>(text.size(), node->entry.length));
  auto files = InContext(tree.partition().device()->name(), [&] { return ParseBootLayout(text); });
  for (const auto& file : files) {
    if (!tree.geometry().IsCluster(file.first_cluster) ||
        file.clusters > tree.geometry().clusters - (file.first_cluster - kFirstCluster)) {
      throw tree.Wrong(kLayoutPath, "places " + file.path + " outside of the volume");
    }
  }
  FollowSwitches(tree, files);
  return files;
}

std::vector<std::string> CheckOwnership(const Tree& tree) {
  std::vector<std::string> complaints;
  FindOwners(tree, complaints);
  if (tree.geometry().tables > 1 && tree.ReadTable(0) != tree.ReadTable(1)) {
    complaints.emplace_back("the two copies of the allocation table differ");
  }
  try {
    CompareWithLayout(tree, complaints);
  } catch (const Error& error) {
    complaints.push_back(error.message());
  }
  return complaints;
}

std::vector<std::string> RepairAllocation(const Tree& tree) {
  auto repair = PlanRepair(tree);
  auto table = tree.ReadTable(0);
  const auto before = table;
  Apply(table, repair.links);
  auto linked = table;
  Apply(table, repair.joints);
  // Nobody reads the second table while the first is whole.
  if (tree.geometry().tables > 1) {
    WriteTable(tree, 1, table);
  }
  // Chains that nobody owns yet, then the links that give them to their files.
  if (table != before) {
    WriteTable(tree, 0, linked);
    WriteTable(tree, 0, table);
  }
  for (const auto& [position, cluster] : repair.first_clusters) {
    std::vector<std::byte> entry(kDirectoryEntrySize);
    tree.partition().Read(position, entry);
    StoreFirstCluster(entry, cluster);
    tree.partition().Write(position, entry);
  }
  if (!repair.mended.empty()) {
    tree.partition().Sync();
    WriteFreeCount(tree, table);
  }
  return std::move(repair.mended);
}

}  // namespace ros::partitions::fat
