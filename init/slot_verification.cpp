#include "init/slot_verification.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "images/kept_image.hpp"
#include "keys/openssl_start.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/slot_files.hpp"

namespace ros::init {
namespace {

constexpr Bytes kBlock = 4096;
constexpr Bytes kMaxSignaturesFile = Bytes{64} << 10U;  // its place on the boot partition

// What is above all other blocks: the first of the tree, or the only one of the data.
Bytes TopBlock(const RootIdentity& root) {
  return root.blocks == 1 ? 0 : root.blocks * kBlock;
}

bool HoldsRoot(const Region& partition, const RootIdentity& root) {
  const auto top = TopBlock(root);
  if (partition.length() < kBlock || top > partition.length() - kBlock) {
    return false;
  }
  AlignedBuffer block(kBlock);
  partition.Read(top, block.span());
  keys::Sha256 hash;
  const auto salt = ParseHex(root.salt);
  hash.Update(AsBytes(salt));
  hash.Update(block.span());
  return hash.Finish().Hex() == root.root_hash;
}

RootIdentity RootOf(const images::ImageConfig& config) {
  return {.root_hash = config.root.verity.root_hash,
          .salt = config.root.verity.salt,
          .blocks = config.root.size / kBlock,
          .file_system = config.root.filesystem};
}

images::VerifiedImage ReadKept(const Region& boot, SlotId slot, const keys::TrustStore& keys) {
  const auto volume = partitions::FatVolume::Open(boot);
  const auto read = [&](std::string_view name, Bytes limit) {
    return volume.ReadContent(std::string(partitions::SlotDirectory(slot)).append("/").append(name),
                              limit);
  };
  return images::VerifyKept(read(partitions::kManifestFile, images::kMaxManifestSize),
                            read(partitions::kConfigFile, images::kMaxConfigSize),
                            read(partitions::kSignaturesFile, kMaxSignaturesFile),
                            keys,
                            images::SignaturePolicy::kRequired);
}

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

SlotFinding VerifySlot(const Region& boot,
                       const Region& root,
                       SlotId slot,
                       const keys::TrustStore& keys) {
  SlotFinding finding;
  try {
    const auto image = ReadKept(boot, slot, keys);
    finding.signers = Join(image.signers);
    finding.root = RootOf(image.config);
    finding.fits = HoldsRoot(root, *finding.root);
  } catch (const Error& error) {
    finding.problem = error.message();
  }
  return finding;
}

std::optional<SlotFinding> VerifyWithKeysIn(const std::filesystem::path& directory,
                                            const health::BootArguments& arguments,
                                            const BootPartitions& partitions) {
  if (!std::filesystem::is_directory(directory)) {
    return std::nullopt;
  }
  try {
    keys::StartOpensslWithoutConfig();
    const auto keys = keys::TrustStore::LoadDirectory(directory);
    const auto boot = std::ranges::find_if(partitions.all, [&](const auto& node) {
      return node.disk == partitions.root.disk && node.uuid == arguments.boot_partition;
    });
    if (boot == partitions.all.end()) {
      return SlotFinding{.problem = "the boot partition is not there"};
    }
    const auto open = [](const partitions::PartitionNode& node) {
      return Region(OpenBlockDevice(node.node, DeviceAccess::kRead));
    };
    return VerifySlot(open(*boot), open(partitions.root), arguments.slot, keys);
  } catch (const Error& error) {
    return SlotFinding{.problem = error.message()};
  }
}

}  // namespace ros::init
