#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/slot.hpp"
#include "bootloader/boot_state_store.hpp"
#include "bootloader/grub_config.hpp"
#include "health/bad_list.hpp"
#include "images/verified_image.hpp"
#include "installer/etc_changes.hpp"
#include "installer/etc_room.hpp"
#include "installer/image_check.hpp"
#include "installer/image_reuse.hpp"
#include "installer/loader_install.hpp"
#include "installer/loader_plan.hpp"
#include "installer/slot_content.hpp"
#include "installer/verified_slots.hpp"
#include "partitions/ros_disk.hpp"
#include "trust/channel_judgement.hpp"

namespace ros::installer {

// What the user asked for.
enum class AfterWriting {
  kStage,      // the slot is written and verified; the boot state does not change
  kArm,        // and the next boot tries it
  kArmReboot,  // and the machine reboots now
  kArmKexec,   // and the machine starts it now without firmware, where its kernel allows that
};

struct UpgradeRequest {
  AfterWriting after = AfterWriting::kArmReboot;
  int tries = bootloader::kDefaultTries;
  // Takes an image that is on the bad list, and forgets that it was.
  enum class BadImages { kRefuse, kRetry } bad_images = BadImages::kRefuse;

  // Takes an image that was created before the running one, within the same epoch.
  enum class OlderImages { kRefuse, kTake } older_images = OlderImages::kRefuse;

  LoaderWish loader = LoaderWish::kLeave;

  // Kernel arguments that each slot gets that is written from now on, after those this machine has.
  std::vector<std::string> append;

  bool operator==(const UpgradeRequest&) const = default;
};

// What was found before an upgrade. Plain data, read by InspectUpgrade.
struct UpgradeFacts {
  partitions::RosDisk disk;
  bootloader::LoaderKind loader_kind = bootloader::LoaderKind::kGrub;
  SlotId running = SlotId::kA;
  std::optional<SlotId> fell_from;  // the slot that the boot loader had to go past in this boot
  bootloader::LoadedState boot;
  std::array<SlotContent, 2> slots;       // a, b
  std::vector<std::string> boot_damage;   // of the boot partition's allocation
  std::map<std::string, Bytes> capacity;  // of the target's places for files, by name
  // Complete, same digest; root, kernel and initrd read again and sound.
  bool target_holds_image = false;
  std::map<std::string, std::string> target_texts;  // what its folder says then, by file name

  images::VerifiedImage image;
  std::optional<health::BadImage> bad;
  MachineDemands demands;
  std::string policy_in_force;           // that the good slot's image has brought; empty for none
  std::optional<VerifiedSlot> recorded;  // of the target
  // The channel document that has released the image, and what was accepted of that channel before.
  std::optional<trust::ShownChannel> channel;
  std::optional<trust::AcceptedChannel> accepted;
  std::vector<std::string> machine_arguments;
  EtcChanges etc;
  std::optional<EtcRoom> etc_room;  // none where that is not known
  // Of an image in a registry, what need not come from there.
  std::optional<ImageReuse> reuse;
  // Kernel and initrd are written before the root (ComeBeforeRoot).
  bool kernel_before_root = false;
  // What the image brings to boot with, and how the disk's compares with it; none when the image
  // has no boot loader, or one that was offered before.
  std::optional<LoaderParts> loader_parts;
  std::optional<LoaderComparison> loader;
  std::string kexec_obstacle;  // why this machine starts no kernel by kexec; empty: it may

  // The slot that an upgrade writes: the one that is not good.
  [[nodiscard]] SlotId target() const { return bootloader::Target(boot.StateOr(running)); }

  [[nodiscard]] const SlotContent& slot(SlotId id) const {
    return slots.at(id == SlotId::kA ? 0 : 1);
  }
};

// The steps, in the order in which they are done. Each is one thing on the disk.
struct RepairBootPartition {
  std::vector<std::string> damage;
  bool operator==(const RepairBootPartition&) const = default;
};

struct RepairBootState {
  bootloader::BootState state;
  std::string damage;
  bool operator==(const RepairBootState&) const = default;
};

// STATE/channels.json: no older document of this channel is accepted any more. Comes first of all
// steps, and only once nothing is left to refuse the image: what is cut later begins with the same
// document again.
struct RememberDocument {
  std::string channel;
  trust::AcceptedChannel accepted;
  bool operator==(const RememberDocument&) const = default;
};

struct ForgetBadImage {
  std::string digest;
  bool operator==(const ForgetBadImage&) const = default;
};

// The disk's boot loader becomes that of the image, which UpgradePlan::loader has.
struct ChangeLoader {
  std::string change;  // as LoaderChangeText
  std::vector<LoaderStep> steps;
  bool operator==(const ChangeLoader&) const = default;
};

// Second copies are made equal to the good slot.
struct MirrorGoodSlot {
  SlotId good = SlotId::kA;
  bool operator==(const MirrorGoodSlot&) const = default;
};

// All lengths 0: the slot cannot be booted.
struct EmptySlot {
  SlotId slot = SlotId::kB;
  bool operator==(const EmptySlot&) const = default;
};

// STATE/root-index-b: where later upgrades find the chunks of this root.
struct RememberIndex {
  SlotId slot = SlotId::kB;
  Bytes size = 0;
  bool operator==(const RememberIndex&) const = default;
};

struct WriteSlotRoot {
  SlotId slot = SlotId::kB;
  Bytes image = 0;
  Bytes hash_tree = 0;
  bool operator==(const WriteSlotRoot&) const = default;
};

// STATE/verified.json: which image the slot holds, and the trust policy that is in force once it is
// the good one.
struct RememberVerified {
  SlotId slot = SlotId::kB;
  VerifiedSlot verified;
  bool operator==(const RememberVerified&) const = default;
};

struct WriteSlotBootFiles {
  SlotId slot = SlotId::kB;
  std::map<std::string, Bytes> lengths;
  bool operator==(const WriteSlotBootFiles&) const = default;
};

// True lengths: the slot's files appear, all at once.
struct FillSlot {
  SlotId slot = SlotId::kB;
  std::map<std::string, Bytes> lengths;
  bool operator==(const FillSlot&) const = default;
};

// STATE/args: so that later slots get them too.
struct KeepArguments {
  std::vector<std::string> arguments;
  bool operator==(const KeepArguments&) const = default;
};

struct ArmTrial {
  SlotId slot = SlotId::kB;
  int tries = bootloader::kDefaultTries;
  bool operator==(const ArmTrial&) const = default;
};

struct Reboot {
  bool operator==(const Reboot&) const = default;
};

// Kernel and initrd of the slot are read, compared with the manifest and given to the running
// kernel. One that does not take them leaves it at StartTrialKernel to reboot.
struct LoadTrialKernel {
  SlotId slot = SlotId::kB;
  std::string command_line;
  bool operator==(const LoadTrialKernel&) const = default;
};

// In the boot loader's place: one try is taken off, and the kernel that was loaded is started.
struct StartTrialKernel {
  SlotId slot = SlotId::kB;
  bool operator==(const StartTrialKernel&) const = default;
};

using UpgradeStep = std::variant<RememberDocument,
                                 RepairBootPartition,
                                 RepairBootState,
                                 ChangeLoader,
                                 ForgetBadImage,
                                 MirrorGoodSlot,
                                 EmptySlot,
                                 RememberVerified,
                                 RememberIndex,
                                 WriteSlotRoot,
                                 WriteSlotBootFiles,
                                 FillSlot,
                                 KeepArguments,
                                 LoadTrialKernel,
                                 ArmTrial,
                                 Reboot,
                                 StartTrialKernel>;

// Which document of a channel has released the image.
struct PlannedChannel {
  std::string name;
  std::uint64_t serial = 0;
  UnixTime not_after = 0;
  std::uint32_t share = 0;

  bool operator==(const PlannedChannel&) const = default;
};

struct UpgradePlan {
  std::string name;
  std::string version;
  std::string digest;
  std::vector<std::string> signers;  // empty for an unsigned image
  SlotId running = SlotId::kA;
  std::string running_version;
  SlotId target = SlotId::kB;
  std::string target_version;  // what the target holds now
  bootloader::SlotEntry entry;
  EtcChanges etc;
  // Of an image in a registry: what need not come from there, and how many bytes do.
  std::optional<ImageReuse> reuse;
  Bytes to_fetch = 0;
  // The image was created before the running one: what the journal is told.
  std::string older;
  // The trust policy that is in force once the image is committed, where it is another one than
  // now.
  std::string new_policy;
  std::optional<PlannedChannel> channel;
  // No slot is to be written, and why. Without new kernel arguments and another boot loader there
  // are no steps then.
  std::optional<std::string> already_there;
  // The image brings another boot loader than the disk has, and it was not asked for: one line for
  // people, with how to get it.
  std::optional<std::string> loader_offer;
  LoaderParts loader;  // when a step writes it
  // Kexec was asked for and this machine does not do it: why. The machine reboots then.
  std::string kexec_obstacle;
  std::vector<UpgradeStep> steps;

  bool operator==(const UpgradePlan&) const = default;
};

// Whether it writes the target, and not only arms what is there.
bool WritesSlot(const UpgradePlan& plan);

// Decides what an upgrade does, or throws why it may not be: kDoesNotFit (architecture, machine,
// space in the slot or for the trial's /etc; no boot loader where one was asked for), kVerification
// (epoch), kRefused (bad list; an image older than the running one; the running slot is not the
// good one; a trial is pending; the boot loader cannot be switched). Pure.
UpgradePlan PlanUpgrade(const UpgradeFacts& facts, const UpgradeRequest& request);

// For people: what is written where, with sizes and a picture of the disk.
std::string DescribeUpgrade(const UpgradePlan& plan, const partitions::RosDisk& disk);
Json UpgradeToJson(const UpgradePlan& plan);

}  // namespace ros::installer
