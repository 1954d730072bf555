#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "bootloader/boot_entry.hpp"
#include "bootloader/firmware.hpp"
#include "bootloader/firmware_keys.hpp"
#include "bootloader/kernel_command_line.hpp"
#include "health/bad_list.hpp"
#include "images/verified_image.hpp"
#include "installer/image_check.hpp"
#include "installer/loader_install.hpp"
#include "partitions/boot_file_system.hpp"
#include "partitions/disk_facts.hpp"
#include "partitions/layout_plan.hpp"
#include "trust/channel_judgement.hpp"
#include "trust/policy.hpp"

namespace ros::installer {

// What the user asked for; files that were named have been read and checked already.
struct InstallRequest {
  std::filesystem::path target;
  // Makes the target: a sparse file of so many bytes.
  std::optional<Bytes> create_size;
  // Of a disk image file; a disk has its own.
  std::optional<std::uint32_t> sector_size;
  bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub;
  std::optional<Bytes> slot_size;
  std::optional<Bytes> boot_size;
  partitions::BootFileSizes boot_files;
  std::vector<std::string> kernel_arguments;  // --append
  std::string machine_kind;                   // for `compatible`
  std::string seed;                           // all UUIDs follow from it

  struct NamedText {
    std::string name;
    std::string text;
    bool operator==(const NamedText&) const = default;
  };

  std::vector<NamedText> keys;  // public keys, PEM
  std::optional<std::string> cloud_config;
  // The channel document that has released the image: the machine begins with it.
  std::optional<trust::ShownChannel> channel;
  // The channel that the machine follows from then on, as FollowedChannel::ToString has it; empty
  // for none, or where the cloud-config says which.
  std::string follows;
  // --force: data on the target is no reason to stop.
  enum class ExistingData { kRefuse, kOverwrite } existing_data = ExistingData::kRefuse;
};

// What is known of a ROS-STATE that stays (kept_state.hpp). Plain data.
struct KeptState {
  partitions::PlannedPartition partition;  // its place and UUID
  Bytes boot = 0;                          // sizes of the partitions in front of it
  Bytes slot = 0;
  std::uint64_t epoch = 0;
  std::vector<std::string> kernel_arguments;
  std::string machine_kind;
  std::vector<health::BadImage> bad;
  trust::Restrictions own_rules;  // /ros/trust.yml
  std::string channels;           // the text of /ros/channels.json; empty for none
  bool journal_pending = false;   // it was not unmounted in good order

  bool operator==(const KeptState&) const = default;
};

// What was found. Plain data.
struct InstallFacts {
  partitions::DiskFacts disk;
  images::VerifiedImage image;
  // What the image brings of the loader that was asked for; none when it brings none.
  std::optional<LoaderParts> loader;
  // Those of the machine that installs; none where it can make none.
  std::optional<bootloader::BootEntries> boot_entries = std::nullopt;
  // With --keep-state.
  std::optional<KeptState> kept = std::nullopt;
  // Kernel and initrd are written before the root (ComeBeforeRoot).
  bool kernel_before_root = false;
};

struct CreateImageFile {
  Bytes size = 0;
  bool operator==(const CreateImageFile&) const = default;
};

struct WipeDisk {
  bool operator==(const WipeDisk&) const = default;
};

struct WipeSystem {
  bool operator==(const WipeSystem&) const = default;
};

struct MakeBootPartition {
  std::map<std::string, Bytes> files;  // those that are not empty
  bool operator==(const MakeBootPartition&) const = default;
};

struct WriteFirstRoot {
  Bytes image = 0;
  Bytes hash_tree = 0;
  bool operator==(const WriteFirstRoot&) const = default;
};

struct WriteFirstBootFiles {
  std::map<std::string, Bytes> lengths;
  bool operator==(const WriteFirstBootFiles&) const = default;
};

// Boot loaders find the files of slot a from then on.
struct FillFirstSlot {
  std::map<std::string, Bytes> lengths;
  bool operator==(const FillFirstSlot&) const = default;
};

struct WriteBootLoader {
  bootloader::LoaderKind loader = bootloader::LoaderKind::kGrub;
  Bytes size = 0;
  bool operator==(const WriteBootLoader&) const = default;
};

struct MakeStatePartition {
  std::map<std::string, Bytes> files;  // beside the journal
  bool operator==(const MakeStatePartition&) const = default;
};

struct WriteTable {
  bool operator==(const WriteTable&) const = default;
};

struct ReplaceTable {
  bool operator==(const ReplaceTable&) const = default;
};

// Tells the firmware of the disk, after it is whole. What the firmware refuses is warned of: it
// finds the disk without an entry too.
struct MakeBootEntry {
  bootloader::BootEntryPlan entry;
  bool operator==(const MakeBootEntry&) const = default;
};

using InstallStep = std::variant<CreateImageFile,
                                 WipeDisk,
                                 WipeSystem,
                                 MakeBootPartition,
                                 WriteFirstRoot,
                                 WriteFirstBootFiles,
                                 FillFirstSlot,
                                 WriteBootLoader,
                                 MakeStatePartition,
                                 WriteTable,
                                 ReplaceTable,
                                 MakeBootEntry>;

struct InstallPlan {
  std::filesystem::path target;
  std::string target_text;  // "/dev/sda, 20 GiB, QEMU HARDDISK"
  // What is on the target now and will be lost, one line each; empty for an empty one.
  std::vector<std::string> losses;
  // Of an installation that keeps ROS-STATE: a sentence about it.
  std::string keeps;
  std::string name;
  std::string version;
  std::string digest;
  std::vector<std::string> signers;
  std::string policy;                     // the trust policy that the image brings; empty for none
  std::vector<std::string> trusted_keys;  // names of the keys that are kept
  std::string follows;                    // the channel of later upgrades; empty for none
  partitions::LayoutPlan layout;
  partitions::BootFileSystemPlan boot;
  bootloader::SlotEntry entry;
  LoaderParts loader;
  // Which firmware finds a loader on the disk.
  bool boots_bios = false;
  bool boots_uefi = false;
  std::vector<InstallStep> steps;
};

// "/dev/sda, 8 GiB, MODEL, serial SERIAL": a disk, or a file that is to have this size.
std::string TargetText(const partitions::DiskFacts& disk, Bytes size);

// What a person should know who installs on a disk of a machine whose firmware says this and starts
// what these keys have signed (none: not known); empty when it starts what the plan installs, as
// far as is known. Pure.
std::string SecureBootWarning(const InstallPlan& plan,
                              bootloader::SecureBoot secure_boot,
                              const std::optional<bootloader::FirmwareKeys>& firmware_keys);

// Throws what speaks against the image or the request on any disk: kDoesNotFit (no boot loader,
// another architecture or kind of machine), kVerification (kernel arguments; a kernel and a boot
// loader that are not for one another) and kUsage (kernel arguments), kRefused (a unified kernel
// whose first boot would have to be told that the state was kept). Pure.
void CheckImageInstalls(const InstallFacts& facts, const InstallRequest& request);

// Decides where everything goes, or throws why it may not: kUsage (no such disk, a partition),
// kRefused (in use, read-only), kDoesNotFit (size), and as CheckImageInstalls. Data on the disk is
// told in `losses` and is the caller's to ask about. A disk whose sectors are not of 512 bytes
// boots on UEFI machines alone, and does not take an image without a loader for them. Pure.
InstallPlan PlanInstall(const InstallFacts& facts, const InstallRequest& request);

// What the state partition is made with, by path, beside the journal.
struct StateFile {
  std::string content;
  unsigned mode = 0644;
};

std::map<std::string, StateFile> StateFiles(const InstallRequest& request,
                                            const images::VerifiedImage& image,
                                            partitions::TargetKind target);

// For people: what is lost, a picture of the disk as it will be, every step; and for machines.
std::string DescribeInstall(const InstallPlan& plan);
Json InstallToJson(const InstallPlan& plan);

}  // namespace ros::installer
