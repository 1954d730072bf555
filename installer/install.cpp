#include "installer/install.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "health/journal.hpp"
#include "images/bootloader_layer.hpp"
#include "images/root_writer.hpp"
#include "installer/first_boot.hpp"
#include "installer/machine.hpp"
#include "installer/slot_content.hpp"
#include "partitions/fat_volume.hpp"
#include "partitions/partition_table.hpp"
#include "partitions/signature_wipe.hpp"
#include "partitions/state_file_system.hpp"

namespace ros::installer {
namespace {

using partitions::PartitionRole;

// Makes the target and locks it before anybody can take it for a disk.
FileLock CreateLocked(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid() && errno == EEXIST) {
    const FileLock free(OpenFile(path, O_RDWR), path);
    throw Error(ErrorKind::kRefused,
                path.string() +
                    " was made by somebody else in the meantime; look at it, then "
                    "start again");
  }
  if (!fd.valid()) {
    ThrowErrno("making " + path.string());
  }
  return {std::move(fd), path};
}

// Carries out the steps; one object for one installation.
class Installation {
 public:
  // Locks the target where it is there already.
  Installation(const InstallPlan& plan, const InstallMeans& means) : plan_(plan), means_(means) {
    if (means.disk.kind != partitions::TargetKind::kMissing) {
      lock_.emplace(OpenFile(plan.target, O_RDWR), plan.target);
    }
  }

  void operator()(const CreateImageFile& step) {
    lock_.emplace(CreateLocked(plan_.target));
    created_ = true;
    if (::truncate(plan_.target.c_str(), static_cast<off_t>(step.size)) != 0) {
      ThrowErrno("making " + plan_.target.string());
    }
    disk_ = means_.open(plan_.target);
  }

  void operator()(const WipeDisk& /*step*/) {
    disk_ = means_.open(plan_.target);
    partitions::WipeSignatures(*disk_, plan_.layout, means_.disk);
  }

  void operator()(const WipeSystem& /*step*/) {
    disk_ = means_.open(plan_.target);
    partitions::WipeBeforeState(*disk_, plan_.layout, means_.disk);
  }

  void operator()(const MakeBootPartition& /*step*/) {
    InContext("making the boot partition",
              [&] { partitions::MakeBootFileSystem(Get(PartitionRole::kBoot), plan_.boot); });
  }

  void operator()(const WriteFirstRoot& /*step*/) {
    InContext("writing the root of slot a", [&] {
      const auto slot = Get(PartitionRole::kSlotA);
      images::WriteRoot(means_.source, means_.image, slot, means_.progress);
    });
  }

  void operator()(const WriteFirstBootFiles& /*step*/) {
    InContext("writing the boot files of slot a", [&] {
      const auto boot = partitions::FatVolume::Open(Get(PartitionRole::kBoot));
      WriteSlotFiles(boot, means_.source, means_.image, plan_.entry, means_.progress);
    });
  }

  void operator()(const FillFirstSlot& step) {
    InContext("filling slot a", [&] {
      auto boot = partitions::FatVolume::Open(Get(PartitionRole::kBoot));
      FillSlotFolder(boot, SlotId::kA, step.lengths);
    });
  }

  void operator()(const WriteBootLoader& /*step*/) {
    InContext("writing the boot loader", [&] {
      WriteLoader(plan_.loader, Get(PartitionRole::kBios), Get(PartitionRole::kBoot));
    });
  }

  void operator()(const MakeStatePartition& /*step*/) {
    InContext("making the state partition", [&] {
      const TempDirectory content("ros-state");
      FillState(content.path());
      partitions::MakeStateFileSystem(
          Get(PartitionRole::kState),
          {.content = content.path(),
           .uuid = partitions::UuidFromSeed(means_.request.seed, "state file system")});
    });
  }

  void operator()(const WriteTable& /*step*/) {
    partitions::WritePartitionTable(*disk_, plan_.layout);
    TellKernel();
  }

  void operator()(const ReplaceTable& /*step*/) {
    partitions::ReplacePartitionTable(*disk_, plan_.layout);
    TellKernel();
  }

  void operator()(const MakeBootEntry& step) {
    try {
      auto variables = means_.efi_variables;
      bootloader::WriteBootEntry(variables, step.entry);
    } catch (const Error& error) {
      means_.progress.Warn(
          error.message() +
          "; choose the disk in the firmware's menu if it does not start, ignoring");
    }
  }

  // Takes back what can be taken back after a step has failed.
  void CleanUp() const {
    if (created_) {
      ::unlink(plan_.target.c_str());
    }
  }

 private:
  void TellKernel() {
    disk_.reset();
    if (partitions::RereadPartitionTable(plan_.target) == partitions::KernelTable::kOld) {
      means_.progress.Warn("the kernel still uses the old partition table of " +
                           plan_.target.string() + "; reboot before you use it");
    }
  }

  [[nodiscard]] Region Get(PartitionRole role) const {
    const auto& part = plan_.layout.Get(role);
    return {disk_, part.offset, part.length};
  }

  void FillState(const std::filesystem::path& directory) const {
    const auto ros = directory / "ros";
    std::filesystem::create_directories(ros / "keys");
    std::filesystem::create_directories(ros / "config");
    for (const auto& [path, file] : StateFiles(means_.request, means_.image, means_.disk.kind)) {
      WriteFileAtomically(
          directory / path.substr(1), AsBytes(file.content), static_cast<mode_t>(file.mode));
    }
    const health::Journal journal(ros, means_.clock);
    journal.Append({.event = health::JournalEvent::kInstalled,
                    .slot = SlotId::kA,
                    .version = plan_.version,
                    .digest = plan_.digest});
    if (plan_.signers.empty()) {
      journal.Append({.event = health::JournalEvent::kInsecure,
                      .slot = SlotId::kA,
                      .version = plan_.version,
                      .digest = plan_.digest,
                      .reason = "installed without a signature by --insecure"});
    }
  }

  const InstallPlan& plan_;
  const InstallMeans& means_;
  // Held to the end: two installations onto one target would mix.
  std::optional<FileLock> lock_;
  std::shared_ptr<BlockDevice> disk_;
  bool created_ = false;
};

}  // namespace

std::optional<LoaderParts> ReadBootLoader(const images::ImageSource& source,
                                          const images::VerifiedImage& image,
                                          bootloader::LoaderKind kind) {
  if (!image.manifest.bootloader) {
    return std::nullopt;
  }
  return InContext(source.name(), [&]() -> std::optional<LoaderParts> {
    const auto files = images::UnpackBootloader(
        images::ReadBlob(source, *image.manifest.bootloader, images::kMaxBootloaderSize));
    if (kind == bootloader::LoaderKind::kSyslinux) {
      return bootloader::SyslinuxFromFiles(files);
    }
    return bootloader::FromFiles(files);
  });
}

void ApplyInstall(const InstallPlan& plan, const InstallMeans& means) {
  Installation installation(plan, means);
  try {
    for (const auto& step : plan.steps) {
      std::visit(installation, step);
    }
  } catch (const std::exception&) {
    installation.CleanUp();
    throw;
  }
}

}  // namespace ros::installer
