#include "init/slot_verification.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/word_list.hpp"
#include "images/kept_image.hpp"
#include "keys/openssl_start.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/slot_files.hpp"

namespace ros::init {
namespace {

constexpr Bytes kBlock = 4096;
constexpr Bytes kMaxSignaturesFile = Bytes{64} << 10U;  // its place on the boot partition

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

}  // namespace

SlotFinding VerifySlot(const Region& boot, SlotId slot, const keys::TrustStore& keys) {
  SlotFinding finding;
  try {
    const auto image = ReadKept(boot, slot, keys);
    finding.signers = Join(image.signers);
    finding.root = RootOf(image.config);
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
    return VerifySlot(
        Region(OpenBlockDevice(boot->node, DeviceAccess::kRead)), arguments.slot, keys);
  } catch (const Error& error) {
    return SlotFinding{.problem = error.message()};
  }
}

}  // namespace ros::init
