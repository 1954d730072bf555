#include "installer/upgrade_plan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "images/root_writer.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

[[noreturn]] void Refuse(std::string why) {
  throw Error(ErrorKind::kRefused, std::move(why));
}

std::string Slot(SlotId slot) {
  return "slot " + std::string(Name(slot));
}

// The running slot is the good slot and no trial is pending: anything else could end with no good
// slot at all.
void CheckBootState(const UpgradeFacts& facts) {
  const auto state = facts.boot.StateOr(facts.running);
  if (state.trial && state.trial->slot == facts.running) {
    Refuse(Slot(facts.running) +
           " is on trial; wait for its health gate (ros health status), then upgrade");
  }
  if (facts.running != state.good) {
    Refuse("the running " + Slot(facts.running) + " is not the good slot (" +
           std::string(Name(state.good)) +
           " is, and it could not be started); an upgrade would overwrite it. See ros why; "
           "ros rollback makes the running slot the good one");
  }
  if (state.trial) {
    Refuse("a trial of " + Slot(state.trial->slot) + " (" +
           facts.slot(state.trial->slot).VersionText() +
           ") is pending; reboot to try it, or give it up with ros rollback, then upgrade");
  }
}

void CheckBadList(const UpgradeFacts& facts, const UpgradeRequest& request) {
  if (facts.bad && request.bad_images == UpgradeRequest::BadImages::kRefuse) {
    Refuse("version " + facts.image.config.version + " was rolled back on this machine on " +
           FormatTime(facts.bad->time) + ": " + facts.bad->reason +
           "; to try it again use --retry");
  }
}

void CheckSpace(const UpgradeFacts& facts, const std::map<std::string, Bytes>& lengths) {
  const auto target = facts.target();
  const auto have = facts.disk.Get(partitions::RoleOf(target)).length;
  const auto need = images::BytesNeeded(facts.image.config.root);
  if (need > have) {
    throw Error(ErrorKind::kDoesNotFit,
                "the root of " + facts.image.config.version + " needs " + FormatBytes(need) +
                    " with its hash tree, and " + Slot(target) + " has " + FormatBytes(have) +
                    "; build a smaller image, or install anew with --slot-size");
  }
  for (const auto& [name, length] : lengths) {
    const auto place = facts.capacity.find(name);
    const Bytes room = place == facts.capacity.end() ? 0 : place->second;
    if (length > room) {
      throw Error(ErrorKind::kDoesNotFit,
                  name + " of the image is " + FormatBytes(length) + ", and " + Slot(target) +
                      " has place for " + FormatBytes(room));
    }
  }
}

std::vector<UpgradeStep> WritingSteps(const UpgradeFacts& facts,
                                      const std::map<std::string, Bytes>& lengths) {
  const auto target = facts.target();
  const auto& root = facts.image.config.root;
  return {EmptySlot{target},
          WriteSlotRoot{target, root.size, images::BytesNeeded(root) - root.size},
          WriteSlotBootFiles{target, lengths},
          FillSlot{target, lengths}};
}

void AddRepairs(const UpgradeFacts& facts, std::vector<UpgradeStep>& steps) {
  if (!facts.boot_damage.empty()) {
    steps.emplace_back(RepairBootPartition{facts.boot_damage});
  }
  if (!facts.boot.first.sound()) {
    steps.emplace_back(RepairBootState{facts.boot.StateOr(facts.running), facts.boot.first.damage});
  }
}

// Why there is nothing to do, where that is so.
std::optional<std::string> AlreadyThere(const UpgradeFacts& facts, const UpgradeRequest& request) {
  const auto digest = facts.image.manifest.digest.ToString();
  const auto& version = facts.image.config.version;
  const auto state = facts.boot.StateOr(facts.running);
  if (facts.slot(facts.running).digest == digest && facts.running == state.good) {
    return "version " + version + " is running already (" + Slot(facts.running) +
           "); nothing to do";
  }
  if (state.trial && !state.trial->started && facts.slot(state.trial->slot).digest == digest) {
    return "version " + version + " is in " + Slot(state.trial->slot) +
           " already and is tried at the next boot; reboot to go on";
  }
  if (facts.target_holds_image && request.after == AfterWriting::kStage) {
    return "version " + version + " is staged in " + Slot(facts.target()) +
           " already; ros upgrade without --stage arms it";
  }
  return std::nullopt;
}

}  // namespace

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
  auto arguments = facts.machine_arguments;
  arguments.insert(arguments.end(), request.append.begin(), request.append.end());
  bootloader::CheckKernelArguments(arguments, bootloader::ArgumentOrigin::kMachine);
  plan.entry = MakeSlotEntry(facts.disk, target, image.config, arguments);
  CheckImageSuits(image.config, facts.demands);
  plan.nothing_to_do = AlreadyThere(facts, request);
  if (plan.nothing_to_do) {
    return plan;
  }
  CheckBadList(facts, request);
  CheckBootState(facts);
  const auto texts = SlotTexts(image, plan.entry);
  const auto lengths = SlotLengths(image, texts);
  CheckSpace(facts, lengths);
  plan.etc = facts.etc;
  AddRepairs(facts, plan.steps);
  plan.steps.emplace_back(MirrorGoodSlot{facts.boot.StateOr(facts.running).good});
  if (!facts.target_holds_image || facts.target_texts != texts) {
    const auto writing = WritingSteps(facts, lengths);
    plan.steps.insert(plan.steps.end(), writing.begin(), writing.end());
  }
  if (!request.append.empty()) {
    plan.steps.emplace_back(KeepArguments{arguments});
  }
  if (facts.bad) {
    // Not before the slot is whole: a try that fails earlier leaves the image refused.
    plan.steps.emplace_back(ForgetBadImage{plan.digest});
  }
  if (request.after != AfterWriting::kStage) {
    plan.steps.emplace_back(ArmTrial{target, request.tries});
  }
  if (request.after == AfterWriting::kArmReboot) {
    plan.steps.emplace_back(Reboot{});
  }
  return plan;
}

}  // namespace ros::installer
