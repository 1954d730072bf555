#include "installer/upgrade_plan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/slot.hpp"
#include "images/verity.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

using bootloader::LoaderKind;

[[noreturn]] void RefusePlan(std::string why) {
  throw Error(ErrorKind::kRefused, std::move(why));
}

// The running slot is the good slot and no trial is pending: anything else could end with no good
// slot at all.
void CheckBootState(const UpgradeFacts& facts) {
  const auto state = facts.boot.StateOr(facts.running);
  if (state.trial && state.trial->slot == facts.running) {
    RefusePlan(SlotText(facts.running) +
               " is on trial; wait for its health gate (ros health status), then upgrade");
  }
  if (facts.running != state.good) {
    const auto running = "the running " + SlotText(facts.running) + " is not the good slot";
    if (facts.fell_from != state.good) {
      RefusePlan(running + ": the next boot starts " + SlotText(state.good) + " (" +
                 facts.slot(state.good).VersionText() + "); reboot, then upgrade");
    }
    RefusePlan(running + " (" + std::string(Name(state.good)) +
               " is, and it could not be started); an upgrade would overwrite it. See ros why; "
               "ros rollback makes the running slot the good one");
  }
  if (state.trial) {
    RefusePlan("a trial of " + SlotText(state.trial->slot) + " (" +
               facts.slot(state.trial->slot).VersionText() +
               ") is pending; reboot to try it, or give it up with ros rollback, then upgrade");
  }
}

void CheckBadList(const UpgradeFacts& facts, const UpgradeRequest& request) {
  if (facts.bad && request.bad_images == UpgradeRequest::BadImages::kRefuse) {
    RefusePlan("version " + facts.image.config.version + " was rolled back on this machine on " +
               FormatTime(facts.bad->time) + ": " + facts.bad->reason +
               "; to try it again use --retry");
  }
}

// What is recorded of the image. One that --insecure lets in leaves the rules as they are.
VerifiedSlot VerifiedOf(const UpgradeFacts& facts) {
  auto verified = VerifiedSlotOf(facts.image);
  if (facts.image.signers.empty()) {
    verified.policy = facts.policy_in_force;
  }
  return verified;
}

// Why an image counts as older than the running one; empty when it does not. What damage hides is
// not taken for an answer.
std::string WhyOlder(const UpgradeFacts& facts) {
  const auto& running = facts.slot(facts.running).config;
  const auto& image = facts.image.config;
  if (!running) {
    return "the description of the running slot is damaged, so nothing tells whether version " +
           image.version + " is older than it";
  }
  if (image.created >= running->created) {
    return {};
  }
  return "version " + image.version + " was created on " + FormatTime(image.created) +
         ", before the running " + running->version + " (" + FormatTime(running->created) + ")";
}

void CheckNotOlder(const UpgradePlan& plan, const UpgradeRequest& request) {
  if (!plan.older.empty() && request.older_images == UpgradeRequest::OlderImages::kRefuse) {
    RefusePlan(plan.older + "; to take it all the same use --allow-downgrade");
  }
}

void CheckSpace(const UpgradeFacts& facts, const std::map<std::string, Bytes>& lengths) {
  const auto target = facts.target();
  const auto have = facts.disk.Get(partitions::RoleOf(target)).length;
  const auto need = images::BytesNeeded(facts.image.config.root);
  if (need > have) {
    throw Error(ErrorKind::kDoesNotFit,
                "the root of " + facts.image.config.version + " needs " + FormatBytes(need) +
                    " with its hash tree, and " + SlotText(target) + " has " + FormatBytes(have) +
                    "; build a smaller image, or install anew with --slot-size");
  }
  for (const auto& [name, length] : lengths) {
    const auto place = facts.capacity.find(name);
    const Bytes room = place == facts.capacity.end() ? 0 : place->second;
    if (length > room) {
      throw Error(ErrorKind::kDoesNotFit,
                  name + " of the image is " + FormatBytes(length) + ", and " + SlotText(target) +
                      " has place for " + FormatBytes(room));
    }
  }
}

// What is staged waits for its trial, and so for its room.
void CheckEtcRoom(const UpgradeFacts& facts, const UpgradeRequest& request) {
  if (request.after == AfterWriting::kStage || !facts.etc_room) {
    return;
  }
  if (const auto lack = facts.etc_room->Lack(); !lack.empty()) {
    throw Error(ErrorKind::kDoesNotFit, lack);
  }
}

// A machine keeps the form of its slots: only an installation makes other places for files.
void CheckForm(const UpgradeFacts& facts) {
  const bool unified_machine = facts.loader_kind == LoaderKind::kGrubUki;
  const bool unified_image = facts.image.manifest.unified_kernel.has_value();
  if (unified_machine && !unified_image) {
    throw Error(
        ErrorKind::kDoesNotFit,
        "this machine starts unified kernels that their owner has signed, and the image has "
        "none; build it with ros image build --uki, or install anew to leave that form");
  }
  if (!unified_machine && unified_image) {
    throw Error(ErrorKind::kDoesNotFit,
                "the image is a unified kernel, which this machine's boot loader does not start; "
                "build it without --uki, or install it anew");
  }
  if (facts.loader_parts &&
      (KindOf(*facts.loader_parts) == LoaderKind::kGrubUki) != unified_image) {
    throw Error(ErrorKind::kVerification,
                "the image's kernel and its boot loader are not for one another");
  }
}

// What makes the target hold the image, as far as it does not. A root that was read and is sound
// stays: new kernel arguments change boot files alone.
void AddWriting(const UpgradeFacts& facts,
                const std::map<std::string, std::string>& texts,
                std::vector<UpgradeStep>& steps) {
  const auto target = facts.target();
  const auto verified = VerifiedOf(facts);
  if (facts.target_holds_image && facts.target_texts == texts) {
    if (facts.recorded != verified) {
      steps.emplace_back(RememberVerified{target, verified});
    }
    return;
  }
  const auto& root = facts.image.config.root;
  const auto lengths = SlotLengths(facts.image, texts);
  steps.emplace_back(EmptySlot{target});
  steps.emplace_back(RememberVerified{target, verified});
  const WriteSlotBootFiles write_files{target, lengths};
  if (facts.kernel_before_root) {
    steps.emplace_back(write_files);
  }
  if (!facts.target_holds_image) {
    steps.emplace_back(RememberIndex{target, facts.image.manifest.root_index.size});
    steps.emplace_back(WriteSlotRoot{target, root.size, images::BytesNeeded(root) - root.size});
  }
  if (!facts.kernel_before_root) {
    steps.emplace_back(write_files);
  }
  steps.emplace_back(FillSlot{target, lengths});
}

// What the steps fetch.
void AddTransfer(const UpgradeFacts& facts, UpgradePlan& plan) {
  if (!facts.reuse || !WritesSlot(plan)) {
    return;
  }
  plan.reuse = facts.reuse;
  plan.to_fetch = BytesToFetch(facts.image, *facts.reuse, !facts.target_holds_image);
}

void AddRepairs(const UpgradeFacts& facts, std::vector<UpgradeStep>& steps) {
  if (!facts.boot_damage.empty()) {
    steps.emplace_back(RepairBootPartition{facts.boot_damage});
  }
  if (!facts.boot.first.sound()) {
    steps.emplace_back(RepairBootState{facts.boot.StateOr(facts.running), facts.boot.first.damage});
  }
}

// The machine's kernel arguments once those of the request are added. One that is there already
// moves to the end, so that the same command twice is the same as once.
std::vector<std::string> ArgumentsAfter(const UpgradeFacts& facts, const UpgradeRequest& request) {
  auto arguments = facts.machine_arguments;
  std::erase_if(arguments, [&](const std::string& argument) {
    return std::find(request.append.begin(), request.append.end(), argument) !=
           request.append.end();
  });
  arguments.insert(arguments.end(), request.append.begin(), request.append.end());
  return arguments;
}

// Why no slot is to be written, where that is so. Kernel arguments that are new are in no slot yet:
// then the target is written, or, with the running image, they are kept for later.
std::optional<std::string> AlreadyThere(const UpgradeFacts& facts,
                                        const UpgradeRequest& request,
                                        const UpgradePlan& plan,
                                        bool changes_loader) {
  const auto state = facts.boot.StateOr(facts.running);
  const bool new_arguments = plan.entry.machine_arguments != facts.machine_arguments;
  if (facts.slot(facts.running).digest == plan.digest && facts.running == state.good) {
    return "version " + plan.version + " is running already (" + SlotText(facts.running) + ")" +
           (new_arguments    ? " and is not written to; the kernel arguments reach the next slot "
                               "that is written"
            : changes_loader ? "; its boot loader is not on this disk yet"
                             : "; nothing to do");
  }
  if (new_arguments) {
    return std::nullopt;
  }
  if (state.trial && !state.trial->started && facts.slot(state.trial->slot).digest == plan.digest) {
    return "version " + plan.version + " is in " + SlotText(state.trial->slot) +
           " already and is tried at the next boot; reboot to go on";
  }
  if (facts.target_holds_image && request.after == AfterWriting::kStage &&
      facts.target_texts == SlotTexts(facts.image, plan.entry)) {
    return "version " + plan.version + " is staged in " + SlotText(facts.target()) +
           " already; ros upgrade without --stage arms it";
  }
  return std::nullopt;
}

// Also where no slot is to be written: an older document may then not be shown either.
void AddChannel(const UpgradeFacts& facts, UpgradePlan& plan) {
  if (!facts.channel) {
    return;
  }
  const auto& [channel, digest] = *facts.channel;
  const auto* release = trust::FindRelease(channel, facts.image.manifest.digest);
  plan.channel = PlannedChannel{.name = channel.name,
                                .serial = channel.serial,
                                .not_after = channel.not_after,
                                .share = release == nullptr ? 0 : release->share};
  const trust::AcceptedChannel accepted{.serial = channel.serial, .digest = digest};
  if (facts.accepted != accepted) {
    plan.steps.emplace_back(RememberDocument{channel.name, accepted});
  }
}

// The boot loader comes before the target is emptied: whatever happens then, it finds two slots and
// a boot state without a trial, or what it has found before.
std::optional<ChangeLoader> LoaderChange(const UpgradeFacts& facts, const UpgradeRequest& request) {
  if (request.loader == LoaderWish::kLeave) {
    return std::nullopt;
  }
  if (!facts.loader) {
    throw Error(ErrorKind::kDoesNotFit,
                "the image " + facts.image.config.name + " " + facts.image.config.version +
                    " brings no boot loader; upgrade without --bootloader");
  }
  auto steps = PlanLoader(*facts.loader, request.loader);
  if (steps.empty()) {
    return std::nullopt;
  }
  return ChangeLoader{LoaderChangeText(*facts.loader), std::move(steps)};
}

std::optional<std::string> LoaderOffer(const UpgradeFacts& facts, const UpgradeRequest& request) {
  if (request.loader != LoaderWish::kLeave || !facts.loader || !facts.loader->refusal.empty() ||
      !facts.loader->Differs()) {
    return std::nullopt;
  }
  return "the image brings another boot loader (" + LoaderChangeText(*facts.loader) +
         "); ros upgrade " +
         (facts.loader->syslinux ? "--bootloader-in-place takes it, and must not be interrupted"
                                 : "--bootloader takes it");
}

// The kernel command line of the trial's first try, when no boot loader is there to make it.
std::string TrialLine(const UpgradeFacts& facts, const UpgradePlan& plan, int tries) {
  using partitions::PartitionRole;
  return bootloader::TrialCommandLine(plan.entry,
                                      {.boot = facts.disk.Get(PartitionRole::kBoot).uuid,
                                       .root = facts.disk.Get(partitions::RoleOf(plan.target)).uuid,
                                       .state = facts.disk.Get(PartitionRole::kState).uuid},
                                      tries - 1);
}

// What comes once the target is whole.
void AddTrial(const UpgradeFacts& facts, const UpgradeRequest& request, UpgradePlan& plan) {
  if (facts.bad) {
    // Not before the slot is whole: a try that fails earlier leaves the image refused.
    plan.steps.emplace_back(ForgetBadImage{plan.digest});
  }
  if (request.after == AfterWriting::kStage) {
    return;
  }
  const ArmTrial arm{plan.target, request.tries};
  if (request.after == AfterWriting::kArmKexec && facts.kexec_obstacle.empty()) {
    // Loaded before the trial is armed: what is wrong with its files is found while the boot state
    // is as it was.
    plan.steps.emplace_back(LoadTrialKernel{plan.target, TrialLine(facts, plan, request.tries)});
    plan.steps.emplace_back(arm);
    plan.steps.emplace_back(StartTrialKernel{plan.target});
    return;
  }
  plan.steps.emplace_back(arm);
  if (request.after == AfterWriting::kArmKexec) {
    plan.kexec_obstacle = facts.kexec_obstacle;
  }
  if (request.after != AfterWriting::kArm) {
    plan.steps.emplace_back(Reboot{});
  }
}

}  // namespace

bool WritesSlot(const UpgradePlan& plan) {
  return std::ranges::any_of(plan.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<WriteSlotBootFiles>(step);
  });
}

UpgradePlan PlanUpgrade(const UpgradeFacts& facts, const UpgradeRequest& request) {
  const auto& image = facts.image;
  const auto target = facts.target();
  UpgradePlan plan;
  plan.name = image.config.name;
  plan.version = image.config.version;
  plan.digest = image.manifest.digest.ToString();
  plan.signers = image.signers;
  plan.running = facts.running;
  plan.running_version = facts.slot(facts.running).VersionText();
  plan.target = target;
  plan.target_version = facts.slot(target).VersionText();
  const auto arguments = ArgumentsAfter(facts, request);
  bootloader::CheckKernelArguments(arguments, bootloader::ArgumentOrigin::kMachine);
  CheckForm(facts);
  const auto uuid = [&](partitions::PartitionRole role) { return facts.disk.Get(role).uuid; };
  plan.entry =
      MakeSlotEntry(target, image.config, arguments, LoaderFor(facts.loader_kind, target, uuid));
  CheckImageSuits(image.config, facts.demands);
  const auto loader = LoaderChange(facts, request);
  plan.loader_offer = LoaderOffer(facts, request);
  plan.already_there = AlreadyThere(facts, request, plan, loader.has_value());
  const auto policy = VerifiedOf(facts).policy;
  plan.new_policy = policy != facts.policy_in_force ? policy : std::string();
  plan.older = plan.already_there ? std::string() : WhyOlder(facts);
  if (!plan.already_there) {
    CheckBadList(facts, request);
    CheckNotOlder(plan, request);
  }
  AddChannel(facts, plan);
  if (!plan.already_there || loader) {
    CheckBootState(facts);
    AddRepairs(facts, plan.steps);
  }
  if (loader) {
    plan.loader = facts.loader_parts.value();
    plan.steps.emplace_back(*loader);
  }
  if (!plan.already_there) {
    const auto texts = SlotTexts(image, plan.entry);
    CheckSpace(facts, SlotLengths(image, texts));
    CheckEtcRoom(facts, request);
    plan.etc = facts.etc;
    plan.steps.emplace_back(MirrorGoodSlot{facts.boot.StateOr(facts.running).good});
    AddWriting(facts, texts, plan.steps);
    AddTransfer(facts, plan);
  }
  if (arguments != facts.machine_arguments) {
    // Also that the kernel can take them is known before they are kept.
    static_cast<void>(bootloader::KernelCommandLine(plan.entry));
    plan.steps.emplace_back(KeepArguments{arguments});
  }
  if (!plan.already_there) {
    AddTrial(facts, request, plan);
  }
  return plan;
}

}  // namespace ros::installer
