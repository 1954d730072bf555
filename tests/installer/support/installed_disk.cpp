#include "tests/installer/support/installed_disk.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/progress.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/grub_install.hpp"
#include "bootloader/syslinux_install.hpp"
#include "images/bootloader_layer.hpp"
#include "images/file_delta.hpp"
#include "images/root_delta.hpp"
#include "images/root_fragments.hpp"
#include "images/verify_root.hpp"
#include "installer/slot_content.hpp"
#include "installer/trust_rules.hpp"
#include "installer/verified_slots.hpp"
#include "packing/lz4_legacy.hpp"
#include "partitions/boot_file_system.hpp"
#include "partitions/partition_table.hpp"
#include "tests/images/support/efi_owner.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/installer/support/owner_grub.hpp"
#include "tests/packing/support/packed_kernel.hpp"
#include "trust/policy_file.hpp"

namespace ros::testing {
namespace {

namespace fakes = images::fakes;
using bootloader::LoaderKind;
using packing::fakes::MakeLz4Kernel;
using partitions::FatVolume;
using partitions::PartitionRole;

constexpr Bytes kRootSize = Bytes{256} << 10U;
constexpr Bytes kBlobLimit = Bytes{1} << 20U;

Region Partition(const std::shared_ptr<BlockDevice>& disk,
                 const partitions::LayoutPlan& layout,
                 PartitionRole role) {
  const auto& part = layout.Get(role);
  return {disk, part.offset, part.length};
}

std::string HexOf(const FatVolume& boot, const std::string& path) {
  return keys::Sha256Of(AsBytes(boot.ReadContent(path, kBlobLimit))).Hex();
}

// Whether the loader would take the slot: each file has a length and, for GRUB, the digest that
// SUMS says.
bool IsLoadable(const FatVolume& boot, SlotId slot) {
  const auto directory = std::string(partitions::SlotDirectory(slot)) + "/";
  for (const auto& [name, length] : boot.Lengths(directory)) {
    if (length == 0) {
      return false;
    }
  }
  const auto sums = [&] { return boot.ReadContent(directory + "SUMS", kBlobLimit); };
  switch (installer::LoaderOn(boot)) {
    case LoaderKind::kSyslinux:
      return true;
    case LoaderKind::kGrubUki:
      return sums() == bootloader::UnifiedKernelSums(HexOf(boot, directory + "LINUX.EFI"));
    case LoaderKind::kGrub:
      break;
  }
  return sums() == bootloader::SlotSums({.kernel = HexOf(boot, directory + "KERNEL"),
                                         .initrd = HexOf(boot, directory + "INITRD"),
                                         .grub_config = HexOf(boot, directory + "GRUB.CFG")});
}

// The files that are blobs of the image, each as the manifest has it.
bool FilesAreSound(const FatVolume& boot,
                   const std::string& directory,
                   const images::ImageManifest& manifest) {
  const auto is = [&](const char* name, const images::Descriptor& blob) {
    return blob.digest.Hex() == HexOf(boot, directory + name);
  };
  const bool kernel = manifest.unified_kernel
                          ? is("LINUX.EFI", *manifest.unified_kernel)
                          : is("KERNEL", manifest.kernel) && is("INITRD", manifest.initrd);
  return kernel && is("CONFIG", manifest.config);
}

std::string FaultOf(const FatVolume& boot, const Region& root, SlotId slot) {
  if (const auto damage = boot.CheckOwnership(); !damage.empty()) {
    return damage.front();
  }
  const auto directory = std::string(partitions::SlotDirectory(slot)) + "/";
  const auto manifest = images::ParseManifest(boot.ReadContent(directory + "MANIFEST", kBlobLimit));
  if (!FilesAreSound(boot, directory, manifest)) {
    return "a file is not what the slot's manifest says";
  }
  const auto config = images::ParseImageConfig(boot.ReadContent(directory + "CONFIG", kBlobLimit));
  const auto loader = installer::LoaderOn(boot);
  const bool grub = loader == LoaderKind::kGrub;
  // A unified kernel has the root hash among its signed arguments.
  const auto entry =
      loader == LoaderKind::kGrubUki
          ? config.root.verity.root_hash
          : boot.ReadContent(directory + (grub ? "GRUB.CFG" : "SYSLINUX.CFG"), kBlobLimit);
  if (entry.find(config.root.verity.root_hash) == std::string::npos) {
    return "the loader entry names another root";
  }
  NoProgress progress;
  images::VerifyRoot(root, config.root, progress);
  return {};
}

unsigned SeedOf(const std::string& content) {
  return static_cast<unsigned>(std::hash<std::string>()(content));
}

// What differs from one version to the next.
std::string Changed(std::string data) {
  constexpr Bytes kChangedEvery = 5000;
  for (Bytes at = 0; at < data.size(); at += kChangedEvery) {
    data[at] = static_cast<char>(data[at] ^ 1);
  }
  return data;
}

// What is in the kernel and the initrd, unpacked.
std::string KernelContent(const std::string& content) {
  return fakes::MakeData(9000, SeedOf(content) + 1);
}

std::string InitrdContent(const std::string& content) {
  return fakes::MakeData(20'000, SeedOf(content) + 2);
}

fakes::FakeDelta DeltaOf(const std::string& base,
                         const std::string& target,
                         const std::filesystem::path& work) {
  NoProgress progress;
  const auto made =
      images::MakeFileDelta({.base_name = "old", .base = base, .target = target}, work, progress);
  return {.base = keys::Sha256Of(AsBytes(base)).Hex(),
          .index = made.value().index,
          .patches = made->patches};
}

}  // namespace

SmallImage FromPipe(const SmallImage& file) {
  return {
      .source = std::make_unique<fakes::RemoteImage>(*file.source, fakes::RemoteImage::Way::kPipe),
      .image = file.image};
}

ImageShelf::ImageShelf(LoaderKind loader)
    : unified_(loader == LoaderKind::kGrubUki),
      key_(keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256)) {
  trust_.Add(key_.Public());
}

std::string ImageShelf::Policy(const std::string& version) const {
  trust::Policy policy;
  policy.keys.push_back({.name = PolicyName(version),
                         .key = key_.Public(),
                         .valid_from = std::nullopt,
                         .valid_until = std::nullopt});
  policy.restrictions.thresholds = {trust::Threshold{}};
  return trust::FormatPolicy(policy);
}

const bootloader::GrubParts& RealGrub() {
  static const auto parts = bootloader::BuildGrubParts();
  return parts;
}

const bootloader::GrubParts& OwnersGrub() {
  static const auto parts = [] {
    const TempDirectory directory("ros-owner");
    return OwnerGrub("2.06-1", fakes::MakeEfiSigner(directory.path(), "owner"));
  }();
  return parts;
}

SmallImage ImageShelf::Make(const std::string& version, std::uint64_t epoch) const {
  return Make(version, epoch, unified_ ? OwnersGrub() : RealGrub());
}

SmallImage ImageShelf::Make(const std::string& version,
                            std::uint64_t epoch,
                            const bootloader::GrubParts& loader) const {
  return MakeOf(version, version, epoch, loader);
}

SmallImage ImageShelf::MakeLike(const std::string& other, const std::string& version) const {
  return MakeOf(other, version, 0, unified_ ? OwnersGrub() : RealGrub());
}

SmallImage ImageShelf::MakeNext(const std::string& other,
                                const std::string& version,
                                std::size_t frames) const {
  constexpr std::size_t kFewestChunks = 3;
  const auto root = Changed(fakes::MakeData(kRootSize, SeedOf(other)));
  fakes::FakeParts parts;
  for (unsigned seed = 1; parts.chunks.size() < kFewestChunks; ++seed) {
    parts = fakes::MakePartsOf(root, seed);
  }
  const TempDirectory work("ros-delta");
  WriteFileAtomically(work.path() / "root", AsBytes(root));
  NoProgress progress;
  const auto base = images::UnpackDeltaBase(PathOf(other), work.path() / "base", progress);
  auto layer = images::MakeDelta(base,
                                 {.root = work.path() / "root", .chunks = parts.chunks},
                                 work.path() / "patches",
                                 progress);
  for (; frames > 0; --frames) {
    const auto last = std::ranges::find(layer.index.chunks.rbegin(),
                                        layer.index.chunks.rend(),
                                        images::DeltaChunk::Kind::kPatch,
                                        &images::DeltaChunk::kind);
    *last = {};
    layer.size -= layer.index.patches.back().packed_length;
    layer.index.patches.pop_back();
  }
  parts.delta = fakes::FakeDelta{
      .base = base.root_hash,
      .index = images::WriteDeltaIndex(layer.index, parts.chunks),
      .patches = ReadFile(work.path() / "patches", kRootSize).substr(0, layer.size)};
  parts.kernel = MakeLz4Kernel(Changed(KernelContent(other)));
  parts.initrd = packing::PackLz4(AsBytes(Changed(InitrdContent(other))));
  if (!unified_) {
    parts.kernel_delta = DeltaOf(MakeLz4Kernel(KernelContent(other)), parts.kernel, work.path());
    parts.initrd_delta =
        DeltaOf(packing::PackLz4(AsBytes(InitrdContent(other))), parts.initrd, work.path());
  }
  return Finish(std::move(parts), version, unified_ ? OwnersGrub() : RealGrub());
}

SmallImage ImageShelf::MakeDivided(const std::string& other,
                                   const std::string& version,
                                   const std::string& index) const {
  const auto old = fakes::MakeData(kRootSize, SeedOf(other));
  auto parts = fakes::MakePartsOf("put in" + old.substr(0, kRootSize - 6));
  const TempDirectory work("ros-fragments");
  WriteFileAtomically(work.path() / "root", AsBytes(parts.root));
  NoProgress progress;
  const auto output = work.path() / "fragments";
  const auto layer = images::MakeFragments(
      {}, {.root = work.path() / "root", .chunks = parts.chunks}, output, progress);
  parts.fragments = fakes::FakeFragments{
      .index = index.empty() ? images::WriteFragmentIndex(layer.index, parts.chunks) : index,
      .layer = ReadFile(output, layer.size)};
  parts.kernel = MakeLz4Kernel(ToHex(AsBytes(KernelContent(version))));
  parts.initrd = packing::PackLz4(AsBytes(InitrdContent(other)));
  if (!unified_) {
    parts.kernel_delta = DeltaOf("", parts.kernel, work.path());
  }
  return Finish(std::move(parts), version, unified_ ? OwnersGrub() : RealGrub());
}

SmallImage ImageShelf::MakeOf(const std::string& content,
                              const std::string& version,
                              std::uint64_t epoch,
                              const bootloader::GrubParts& loader) const {
  if (std::filesystem::exists(PathOf(version))) {
    return Open(version);
  }
  auto parts = fakes::MakeParts(kRootSize, SeedOf(content));
  parts.config.epoch = epoch;
  parts.kernel = MakeLz4Kernel(KernelContent(content));
  parts.initrd = packing::PackLz4(AsBytes(InitrdContent(content)));
  return Finish(std::move(parts), version, loader);
}

std::filesystem::path ImageShelf::PathOf(const std::string& version) const {
  return directory_.path() / (version + ".oci");
}

SmallImage ImageShelf::Finish(fakes::FakeParts parts,
                              const std::string& version,
                              const bootloader::GrubParts& loader) const {
  parts.config.version = version;
  parts.config.trust = Policy(version);
  parts.config.architecture = installer::RunningArchitecture();
  if (unified_) {
    parts.unified_kernel = parts.kernel + parts.initrd;
  }
  static const auto syslinux = bootloader::ToFiles(bootloader::BuildSyslinuxParts());
  auto loaders = bootloader::ToFiles(loader);
  if (!unified_) {
    loaders.insert(syslinux.begin(), syslinux.end());
  }
  parts.bootloader = images::PackBootloader(loaders);
  std::vector<keys::PrivateKey> keys;
  keys.push_back(key_);
  fakes::Assemble(parts, {.keys = std::move(keys)}).WriteArchive(PathOf(version));
  return Open(version);
}

SmallImage ImageShelf::Open(const std::string& version) const {
  SmallImage opened;
  opened.source = images::OpenImage(PathOf(version));
  opened.image = images::VerifyImage(*opened.source, trust_, images::SignaturePolicy::kRequired);
  return opened;
}

installer::InstallFacts FactsOf(const SmallImage& image,
                                const partitions::DiskFacts& disk,
                                LoaderKind loader) {
  return {.disk = disk,
          .image = image.image,
          .loader = installer::ReadBootLoader(*image.source, image.image, loader),
          .kernel_before_root = installer::ComeBeforeRoot(*image.source, image.image.manifest)};
}

installer::InstallRequest SmallRequest(const ImageShelf& shelf,
                                       const std::string& target,
                                       LoaderKind loader) {
  installer::InstallRequest request;
  request.target = target;
  request.loader = loader;
  request.slot_size = Bytes{1} << 20U;
  request.boot_size = Bytes{64} << 20U;
  request.boot_files = {.kernel = Bytes{64} << 10U, .initrd = Bytes{64} << 10U};
  request.seed = "6a1f2b3c-0000-4000-8000-000000000001";
  request.keys.push_back({"release.pub", shelf.public_key()});
  return request;
}

installer::InstallPlan InstallOn(const std::shared_ptr<BlockDevice>& disk,
                                 const std::string& path,
                                 const ImageShelf& shelf,
                                 const SmallImage& image,
                                 LoaderKind loader) {
  return InstallOn(disk, partitions::InspectDisk(path), shelf, image, loader);
}

installer::InstallPlan InstallOn(const std::shared_ptr<BlockDevice>& disk,
                                 const partitions::DiskFacts& facts,
                                 const ImageShelf& shelf,
                                 const SmallImage& image,
                                 LoaderKind loader) {
  return InstallOn(disk, facts, image, SmallRequest(shelf, facts.path.string(), loader));
}

installer::InstallPlan InstallOn(const std::shared_ptr<BlockDevice>& disk,
                                 const partitions::DiskFacts& facts,
                                 const SmallImage& image,
                                 const installer::InstallRequest& request) {
  auto plan = installer::PlanInstall(FactsOf(image, facts, request.loader), request);
  NoProgress progress;
  const SystemClock clock;
  installer::ApplyInstall(plan,
                          {.source = *image.source,
                           .image = image.image,
                           .request = request,
                           .disk = facts,
                           .open = [&](const auto&) { return disk; },
                           .clock = clock,
                           .progress = progress});
  return plan;
}

UpgradedDisk::UpgradedDisk(installer::AfterWriting after,
                           const bootloader::BootState& boot_state,
                           LoaderKind loader)
    : shelf(loader),
      v1(shelf.Make("1")),
      v2(shelf.Make("2", 7)),
      installed(InstallOn(disk, disk->name(), shelf, v1, loader)) {
  const installer::Machine machine = {.disk = partitions::OpenRosDisk(disk->name()),
                                      .state = state.path(),
                                      .running = health::BootArguments{.slot = SlotId::kA}};
  installer::RememberVerifiedSlot(state.path(), SlotId::kA, installer::VerifiedSlotOf(v1.image));
  NoProgress progress;
  const auto plan = installer::PlanUpgrade(
      installer::InspectUpgrade(machine, {.source = *v2.source, .image = v2.image}, {}, progress),
      {.after = after});
  installer::ApplyUpgrade(plan,
                          {.source = *v2.source,
                           .image = v2.image,
                           .open = [&](auto role, auto /*access*/) { return Part(disk, role); },
                           .state = state.path(),
                           .clock = clock,
                           .progress = progress,
                           .reboot = [] {}});
  const auto store = StoreOn(disk);
  store->Store(boot_state);
  store->MirrorGood();
}

Region UpgradedDisk::Part(const std::shared_ptr<BlockDevice>& device, PartitionRole role) const {
  return Partition(device, installed.layout, role);
}

std::unique_ptr<bootloader::BootStateStore> UpgradedDisk::StoreOn(
    const std::shared_ptr<BlockDevice>& device) const {
  return installer::OpenBootState(FatVolume::Open(Part(device, PartitionRole::kBoot)));
}

std::string PolicyInForce(const std::filesystem::path& state,
                          const std::shared_ptr<BlockDevice>& disk,
                          const partitions::LayoutPlan& layout) {
  const auto boot = FatVolume::Open(Partition(disk, layout, PartitionRole::kBoot));
  const auto good = installer::OpenBootState(boot)->Load().StateOr(SlotId::kA).good;
  const auto rules = installer::TrustRulesOf(
      state, installer::ReadSlotContent(boot, good), installer::ReadSlotTexts(boot, good), 0);
  return rules.policy.keys.empty() ? "no key" : rules.policy.keys.front().name;
}

BootOutcome WhatBoots(const std::shared_ptr<BlockDevice>& disk,
                      const partitions::LayoutPlan& layout) {
  const auto boot = FatVolume::Open(Partition(disk, layout, PartitionRole::kBoot));
  const auto state = installer::OpenBootState(boot)->Load().state();
  const auto counting = installer::LoaderOn(boot) == LoaderKind::kSyslinux
                            ? bootloader::TryCounting::kOneShot
                            : bootloader::TryCounting::kCountsDown;
  const auto next = bootloader::NextBoot(
      state, {.a = IsLoadable(boot, SlotId::kA), .b = IsLoadable(boot, SlotId::kB)}, counting);
  BootOutcome outcome{.slot = next.slot, .trial = next.trial_tries_left.has_value()};
  if (!next.slot) {
    outcome.fault = "nothing boots";
    return outcome;
  }
  outcome.version = installer::ReadSlotContent(boot, *next.slot).VersionText();
  try {
    outcome.fault =
        FaultOf(boot, Partition(disk, layout, partitions::RoleOf(*next.slot)), *next.slot);
  } catch (const Error& error) {
    outcome.fault = error.message();
  }
  return outcome;
}

}  // namespace ros::testing
