#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "images/image_source.hpp"
#include "installer/install.hpp"
#include "installer/machine.hpp"
#include "installer/upgrade.hpp"
#include "keys/key_pair.hpp"
#include "keys/trust_store.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/support/memory_disk.hpp"

namespace ros::testing {

// A signed image of a small root, opened and verified.
struct SmallImage {
  std::unique_ptr<images::ImageSource> source;
  images::VerifiedImage image;

  [[nodiscard]] std::string digest() const { return image.manifest.digest.ToString(); }
};

// The real GRUB, and one that its owner has signed; each made once.
const bootloader::GrubParts& RealGrub();
const bootloader::GrubParts& OwnersGrub();

// The same image through a pipe. `file` lives longer.
SmallImage FromPipe(const SmallImage& file);

// Images and a key in a directory that goes away. Each image brings a trust policy of its own,
// whose key is called PolicyName(version).
class ImageShelf {
 public:
  // Images for disks that this loader starts: with kGrubUki, unified kernels.
  explicit ImageShelf(bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub);

  static std::string PolicyName(const std::string& version) { return "release-" + version; }

  // A version's root differs from that of every other; the same version is the same image.
  [[nodiscard]] SmallImage Make(const std::string& version, std::uint64_t epoch = 0) const;

  // A version with the root, kernel and initrd of another one.
  [[nodiscard]] SmallImage MakeLike(const std::string& other, const std::string& version) const;

  // A version whose root, kernel and initrd are those of another one with some bytes changed, and
  // deltas from it. The last `frames` of the chunks that have a patch have none.
  [[nodiscard]] SmallImage MakeNext(const std::string& other,
                                    const std::string& version,
                                    std::size_t frames = 0) const;

  // A version whose root is that of another one with bytes put in at its begin, and has fragments;
  // its kernel is another one, which it has packed anew too, its initrd the same. With `index` in
  // the place of the index of fragments, where that is not empty.
  [[nodiscard]] SmallImage MakeDivided(const std::string& other,
                                       const std::string& version,
                                       const std::string& index = {}) const;

  // The same with another boot loader than the real GRUB.
  [[nodiscard]] SmallImage Make(const std::string& version,
                                std::uint64_t epoch,
                                const bootloader::GrubParts& loader) const;

  [[nodiscard]] const keys::TrustStore& trust() const { return trust_; }

  [[nodiscard]] std::string public_key() const { return key_.Public().ToPem(); }

 private:
  // What an image holds follows from `content`.
  [[nodiscard]] SmallImage MakeOf(const std::string& content,
                                  const std::string& version,
                                  std::uint64_t epoch,
                                  const bootloader::GrubParts& loader) const;
  // The image file of a version.
  [[nodiscard]] std::filesystem::path PathOf(const std::string& version) const;
  // Fills in what all images have beside their root, and writes and opens the image.
  [[nodiscard]] SmallImage Finish(images::fakes::FakeParts parts,
                                  const std::string& version,
                                  const bootloader::GrubParts& loader) const;
  [[nodiscard]] SmallImage Open(const std::string& version) const;
  [[nodiscard]] std::string Policy(const std::string& version) const;

  TempDirectory directory_;
  bool unified_;
  keys::PrivateKey key_;
  keys::TrustStore trust_;
};

// An installation request for a disk of kSmallDisk bytes, with small places for everything.
inline constexpr Bytes kSmallDisk = Bytes{352} << 20U;
installer::InstallRequest SmallRequest(
    const ImageShelf& shelf,
    const std::string& target,
    bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub);

// What is known of an image and the disk that it is installed on.
installer::InstallFacts FactsOf(const SmallImage& image,
                                const partitions::DiskFacts& disk,
                                bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub);

// What was installed: the plan, and where partitions are.
installer::InstallPlan InstallOn(const std::shared_ptr<BlockDevice>& disk,
                                 const std::string& path,
                                 const ImageShelf& shelf,
                                 const SmallImage& image,
                                 bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub);

// The same, to a target that is taken for what `facts` say.
installer::InstallPlan InstallOn(const std::shared_ptr<BlockDevice>& disk,
                                 const partitions::DiskFacts& facts,
                                 const ImageShelf& shelf,
                                 const SmallImage& image,
                                 bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub);

// The same, as `request` says.
installer::InstallPlan InstallOn(const std::shared_ptr<BlockDevice>& disk,
                                 const partitions::DiskFacts& facts,
                                 const SmallImage& image,
                                 const installer::InstallRequest& request);

// A disk with version 1 in slot a, good, and version 2, complete, in slot b: where tests of what
// comes after an upgrade begin.
struct UpgradedDisk {
  ImageShelf shelf;
  SmallImage v1;
  SmallImage v2;
  TempDirectory state;
  SystemClock clock;
  std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(kSmallDisk);
  installer::InstallPlan installed;

  // Upgrades from slot a with `after` as its end, then makes `boot_state` both copies' state.
  UpgradedDisk(installer::AfterWriting after,
               const bootloader::BootState& boot_state,
               bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub);

  // The disk as installed, or a device that stands for it.
  [[nodiscard]] Region Part(const std::shared_ptr<BlockDevice>& device,
                            partitions::PartitionRole role) const;
  [[nodiscard]] std::unique_ptr<bootloader::BootStateStore> StoreOn(
      const std::shared_ptr<BlockDevice>& device) const;
};

// What boots from a disk, by the boot loader's rule, and whether it is whole.
struct BootOutcome {
  std::optional<SlotId> slot;
  std::string version;
  bool trial = false;
  // Empty when kernel, initrd, loader entry and root are all what the slot's manifest says and no
  // cluster has two owners; else what is wrong.
  std::string fault;
};

// The name of the key that a machine with this memory judges the next image by.
std::string PolicyInForce(const std::filesystem::path& state,
                          const std::shared_ptr<BlockDevice>& disk,
                          const partitions::LayoutPlan& layout);

// Looks at the disk as the boot loader and dm-verity do: digests in SUMS, root hash in CONFIG.
BootOutcome WhatBoots(const std::shared_ptr<BlockDevice>& disk,
                      const partitions::LayoutPlan& layout);

}  // namespace ros::testing
