#include "installer/upgrade.hpp"

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "health/bad_list.hpp"
#include "health/journal.hpp"
#include "images/root_image.hpp"
#include "images/root_writer.hpp"
#include "images/verify_root.hpp"
#include "installer/channel_memory.hpp"
#include "installer/install.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

using partitions::FatVolume;
using partitions::PartitionRole;

// Whether no slot is written, whatever the slots hold: all of a root would be read to know that.
bool WritesNothing(const UpgradeFacts& facts) {
  return facts.boot.StateOr(facts.running).trial ||
         facts.slot(facts.running).digest == facts.image.manifest.digest.ToString();
}

// Whether the target was written completely with this image before (a staged upgrade).
bool TargetHolds(const Machine& machine,
                 const FatVolume& boot,
                 const UpgradeFacts& facts,
                 Progress& progress) {
  const auto& target = facts.slot(facts.target());
  if (!target.complete || target.digest != facts.image.manifest.digest.ToString() ||
      facts.target() == facts.running || !BootFilesAreSound(boot, facts.target())) {
    return false;
  }
  try {
    images::VerifyRoot(partitions::OpenPartition(
                           machine.disk, partitions::RoleOf(facts.target()), DeviceAccess::kRead),
                       facts.image.config.root,
                       progress);
    return true;
  } catch (const Error&) {
    return false;  // It is written anew then.
  }
}

// Whether the image has the boot loader that came with the running one, which was compared with the
// disk's before that was written. To ask a server again may take longer than the rest of the
// upgrade.
bool WasOffered(const images::ImageSource& source, const UpgradeFacts& facts) {
  const auto& parts = facts.image.manifest.bootloader;
  return source.is_remote() && !source.is_passing() && parts &&
         facts.slot(facts.running).loader == parts->digest;
}

// How the image's boot loader compares with the disk's; what is wrong with one is no reason not to
// upgrade the rest.
void FindLoader(const Machine& machine,
                const images::ImageSource& source,
                const FatVolume& boot,
                UpgradeFacts& facts) {
  try {
    if (auto parts = ReadBootLoader(source, facts.image, facts.loader_kind)) {
      facts.loader_parts = std::move(parts);
      const auto open = [&](PartitionRole role, DeviceAccess access) {
        return partitions::OpenPartition(machine.disk, role, access);
      };
      facts.loader = CompareLoader(open, boot, *facts.loader_parts);
    }
  } catch (const Error& error) {
    facts.loader = LoaderComparison{.refusal = error.message()};
  }
}

// An erofs, the only file system that is looked into here.
constexpr std::string_view kReadable = "erofs";

// The root of the running slot, which `slot` is.
images::ErofsBytes BytesOfRunningRoot(const UpgradeFacts& facts, const Region& slot) {
  return {.name = "the root of slot " + std::string(Name(facts.running)),
          .size = std::min(facts.slot(facts.running).config->root.size, slot.length()),
          .read = [&slot](Bytes offset, MutableByteSpan into) { slot.Read(offset, into); }};
}

bool HasReadableRoot(const SlotContent& content) {
  return content.config && content.config->root.filesystem == kReadable;
}

// What the running slot's image and the new one have in /etc, against what the machine has there.
EtcChanges FindEtcChanges(const Machine& machine,
                          const images::ImageSource& source,
                          const UpgradeFacts& facts) {
  if (machine.root.empty()) {
    return {};
  }
  if (source.is_remote()) {
    return {.unknown = "an image on a server is not looked into before it is fetched"};
  }
  if (!HasReadableRoot(facts.slot(facts.running)) ||
      facts.image.config.root.filesystem != kReadable) {
    return {.unknown = "only roots that are an erofs can be looked into"};
  }
  try {
    const auto slot = partitions::OpenPartition(
        machine.disk, partitions::RoleOf(facts.running), DeviceAccess::kRead);
    const auto before = ReadImageEtc(BytesOfRunningRoot(facts, slot));
    images::RootImage root(source, facts.image);
    const auto after = ReadImageEtc(
        {.name = "the root of " + source.name(),
         .size = root.size(),
         .read = [&](Bytes offset, MutableByteSpan into) { root.Read(offset, into); }});
    return {.both = ChangedOnBothSides(before, after, [&](const std::string& path) {
              return ReadMachineFile(machine.root, path);
            })};
  } catch (const Error& error) {
    return {.unknown = error.message()};
  }
}

// What cannot be found out is no reason not to upgrade: a trial without room comes back.
std::optional<EtcRoom> FindEtcRoom(const Machine& machine, const UpgradeFacts& facts) {
  if (machine.root.empty() || !HasReadableRoot(facts.slot(facts.running))) {
    return std::nullopt;
  }
  try {
    const auto slot = partitions::OpenPartition(
        machine.disk, partitions::RoleOf(facts.running), DeviceAccess::kRead);
    return EtcRoom{.needed = MeasureEtcCopy(BytesOfRunningRoot(facts, slot), machine.root),
                   .free = FreeRoom(machine.state)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Carries out the steps; one object for one upgrade.
class Upgrader {
 public:
  Upgrader(const UpgradePlan& plan, const UpgradeMeans& means)
      : plan_(plan),
        means_(means),
        journal_(means.state, means.clock),
        boot_(FatVolume::Open(means.open(PartitionRole::kBoot, DeviceAccess::kWrite))) {}

  void operator()(const RememberDocument& step) {
    RememberChannel(means_.state, step.channel, step.accepted);
  }

  void operator()(const RepairBootPartition& /*step*/) {
    boot_.RepairAllocation();
    if (const auto left = boot_.CheckOwnership(); !left.empty()) {
      throw Error(ErrorKind::kRefused,
                  "the boot partition is damaged and nothing is written to it: " + left.front() +
                      "; install this machine anew");
    }
    Note(health::JournalEvent::kRepaired, "the boot partition's allocation was repaired");
  }

  void operator()(const RepairBootState& step) {
    OpenBootState(boot_)->Store(step.state);
    Note(health::JournalEvent::kRepaired, "the boot state was damaged: " + step.damage);
  }

  void operator()(const ChangeLoader& step) {
    Note(health::JournalEvent::kNote, "upgrading the boot loader: " + step.change);
    InContext("upgrading the boot loader", [&] {
      for (const auto& part : step.steps) {
        ApplyLoaderStep(part, means_.open, boot_, plan_.loader);
      }
      if (CompareLoader(means_.open, boot_, plan_.loader).Differs()) {
        throw Error(ErrorKind::kFailed, "the disk does not have what was written");
      }
    });
    Note(health::JournalEvent::kNote, "the boot loader was upgraded: " + step.change);
  }

  void operator()(const ForgetBadImage& step) { health::RemoveBadImage(means_.state, step.digest); }

  void operator()(const MirrorGoodSlot& /*step*/) { OpenBootState(boot_)->MirrorGood(); }

  void operator()(const EmptySlot& step) { EmptySlotFolder(boot_, step.slot); }

  void operator()(const RememberVerified& step) {
    RememberVerifiedSlot(means_.state, step.slot, step.verified);
  }

  void operator()(const RememberIndex& step) {
    try {
      RememberRootIndex(means_.state, step.slot, means_.image);
    } catch (const Error& error) {
      means_.progress.Warn(error.message() + "; later upgrades from a registry fetch more");
    }
  }

  void operator()(const WriteSlotRoot& step) {
    InContext("writing the root of slot " + std::string(Name(step.slot)), [&] {
      const auto slot = means_.open(partitions::RoleOf(step.slot), DeviceAccess::kExclusive);
      std::optional<images::RootReuse> reuse;
      if (plan_.reuse) {
        reuse = {.plan = plan_.reuse->root,
                 .old_root = means_.open(partitions::RoleOf(plan_.running), DeviceAccess::kRead),
                 .delta = plan_.reuse->delta ? &*plan_.reuse->delta : nullptr,
                 .fragments = plan_.reuse->fragments ? &*plan_.reuse->fragments : nullptr};
      }
      images::WriteRoot(
          means_.source, means_.image, slot, means_.progress, reuse ? &*reuse : nullptr);
    });
  }

  void operator()(const WriteSlotBootFiles& step) {
    InContext("writing the boot files of slot " + std::string(Name(step.slot)), [&] {
      const ImageReuse none;
      const ReusingImage source(
          means_.source, {.boot = boot_, .slot = plan_.running}, plan_.reuse ? *plan_.reuse : none);
      WriteSlotFiles(boot_, source, means_.image, plan_.entry, means_.progress);
    });
  }

  void operator()(const FillSlot& step) { FillSlotFolder(boot_, step.slot, step.lengths); }

  void operator()(const KeepArguments& step) {
    WriteFileAtomically(means_.state / "args",
                        AsBytes(memory::FormatKernelArguments(step.arguments)));
  }

  void operator()(const ArmTrial& step) {
    Note(health::JournalEvent::kUpgradeIntent, "upgrade from " + plan_.running_version);
    const auto store = OpenBootState(boot_);
    const auto state = store->Load().StateOr(plan_.running);
    store->Store(bootloader::StartTrial(state, plan_.running, step.slot, step.tries));
    Note(health::JournalEvent::kTrialStarted, "", step.tries);
  }

  void operator()(const Reboot& /*step*/) { means_.reboot(); }

  // After a step that has failed: what was loaded and not started would be started by the next
  // reboot, which nobody counts.
  void Abandon() const noexcept {
    if (kernel_loaded_) {
      means_.starter->Forget();
    }
  }

  void operator()(const LoadTrialKernel& step) {
    try {
      const auto kernel = ReadSlotKernel(boot_, step.slot, means_.image.manifest);
      means_.starter->Load(kernel, step.command_line);
      kernel_loaded_ = true;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kVerification) {
        throw;  // A boot loader would not start it either.
      }
      TellNoKexec(error);
    }
  }

  void operator()(const StartTrialKernel& /*step*/) {
    if (!kernel_loaded_) {
      means_.reboot();
      return;
    }
    const auto store = OpenBootState(boot_);
    const auto state = bootloader::TakeTry(store->Load().StateOr(plan_.running));
    store->Store(state);
    Note(health::JournalEvent::kNote,
         "the trial is started without firmware (kexec)",
         state.trial->tries_left);
    try {
      means_.starter->Start();
    } catch (const Error& error) {
      means_.starter->Forget();
      TellNoKexec(error);
      means_.reboot();
    }
  }

 private:
  void TellNoKexec(const Error& error) const {
    means_.progress.Warn(error.message() + "; rebooting through the firmware instead");
    try {
      Note(health::JournalEvent::kNote, "no kexec: " + error.message());
    } catch (const Error& failed) {
      means_.progress.Warn(failed.message() + ", ignoring");
    }
  }

  void Note(health::JournalEvent event,
            const std::string& reason,
            std::optional<int> tries = std::nullopt) const {
    journal_.Append({.event = event,
                     .slot = plan_.target,
                     .version = plan_.version,
                     .digest = plan_.digest,
                     .tries_left = tries,
                     .reason = reason});
  }

  const UpgradePlan& plan_;
  const UpgradeMeans& means_;
  health::Journal journal_;
  FatVolume boot_;
  bool kernel_loaded_ = false;
};

}  // namespace

UpgradeFacts InspectUpgrade(const Machine& machine,
                            const SourcedImage& image,
                            const TrustRules& rules,
                            Progress& progress,
                            LoaderWish loader) {
  const auto& source = image.source;
  const auto boot = OpenBootVolume(machine, DeviceAccess::kRead);
  UpgradeFacts facts;
  facts.disk = machine.disk;
  facts.loader_kind = LoaderOn(boot);
  facts.running = machine.running.value().slot;
  facts.fell_from = machine.running->fell_from;
  facts.boot = OpenBootState(boot)->Load();
  facts.slots = {ReadSlotContent(boot, SlotId::kA), ReadSlotContent(boot, SlotId::kB)};
  facts.boot_damage = boot.CheckOwnership();
  // Not what the files have now: that may be nothing until the repair, which is a step of the plan.
  facts.capacity = boot.Places(partitions::SlotDirectory(facts.target()));
  facts.image = image.image;
  facts.bad = health::FindBadImage(machine.state, facts.image.manifest.digest.ToString());
  facts.demands = {.architecture = RunningArchitecture(),
                   .kind = memory::MachineKind(machine.state),
                   .epoch_floor = memory::EpochFloor(machine.state)};
  facts.policy_in_force = rules.image_policy;
  facts.channel = rules.channel;
  if (facts.channel) {
    const auto memory = ReadChannelMemory(machine.state);
    if (const auto found = memory.find(facts.channel->channel.name); found != memory.end()) {
      facts.accepted = found->second;
    }
  }
  const auto verified = ReadVerifiedSlots(machine.state);
  if (const auto found = verified.find(facts.target()); found != verified.end()) {
    facts.recorded = found->second;
  }
  facts.machine_arguments = memory::KernelArguments(machine.state);
  const bool may_write = !WritesNothing(facts);
  facts.target_holds_image = may_write && TargetHolds(machine, boot, facts, progress);
  if (facts.target_holds_image) {
    facts.target_texts = ReadSlotTexts(boot, facts.target());
  }
  if (may_write && source.is_remote()) {
    facts.reuse = FindReuse(
        machine, boot, {.source = source, .image = facts.image}, facts.target(), progress);
  }
  facts.kernel_before_root = ComeBeforeRoot(source, facts.image.manifest);
  facts.etc = FindEtcChanges(machine, source, facts);
  facts.etc_room = FindEtcRoom(machine, facts);
  if (loader != LoaderWish::kLeave || !WasOffered(source, facts)) {
    FindLoader(machine, source, boot, facts);
  }
  facts.kexec_obstacle = facts.loader_kind == bootloader::LoaderKind::kGrubUki
                             ? "a unified kernel is started by the firmware alone, which checks it"
                             : KexecObstacle();
  return facts;
}

void ApplyUpgrade(const UpgradePlan& plan, const UpgradeMeans& means) {
  if (plan.steps.empty()) {
    return;
  }
  Upgrader upgrader(plan, means);
  try {
    bool is_armed = false;
    for (const auto& step : plan.steps) {
      // From then on the machine goes on by itself, whoever has asked for an end.
      if (!is_armed) {
        ThrowIfInterrupted();
      }
      std::visit(upgrader, step);
      is_armed = is_armed || std::holds_alternative<ArmTrial>(step);
    }
  } catch (const Error&) {
    upgrader.Abandon();
    throw;
  }
}

}  // namespace ros::installer
