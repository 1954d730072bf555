// How an upgrade's plan is shown: text for people, JSON for machines.
#include <algorithm>

#include "base/slot.hpp"
#include "base/word_list.hpp"
#include "installer/disk_picture.hpp"
#include "installer/size_list.hpp"
#include "installer/trust_rules.hpp"
#include "installer/upgrade_plan.hpp"
#include "partitions/partition_role.hpp"

namespace ros::installer {
namespace {

struct UpgradeStepText {
  std::string operator()(const RememberDocument& step) const {
    return "remember on the state partition that channel " + step.channel + " is at serial " +
           std::to_string(step.accepted.serial) + ": an older document is refused from then on";
  }

  std::string operator()(const RepairBootPartition& step) const {
    return "repair the boot partition: " + Join(step.damage, "; ");
  }

  std::string operator()(const RepairBootState& step) const {
    return "repair the boot state (" + step.damage + "): " + bootloader::ToString(step.state);
  }

  std::string operator()(const ChangeLoader& step) const {
    std::string text = "upgrade the boot loader: " + step.change;
    for (const auto& part : step.steps) {
      text += "\n       " + DescribeLoaderStep(part);
    }
    return text;
  }

  std::string operator()(const ForgetBadImage& step) const {
    return "take " + step.digest.substr(0, 19) + "... off the bad list";
  }

  std::string operator()(const MirrorGoodSlot& step) const {
    return "make the second copy of the boot state name " + SlotText(step.good);
  }

  std::string operator()(const EmptySlot& step) const {
    return "set the file lengths of " + SlotText(step.slot) + " to 0: it cannot be booted";
  }

  std::string operator()(const RememberVerified& step) const {
    return "remember on the state partition which image " + SlotText(step.slot) + " holds" +
           (step.verified.policy.empty() ? "" : ", and its trust policy");
  }

  std::string operator()(const RememberIndex& step) const {
    return "remember on the state partition of which chunks the root of " + SlotText(step.slot) +
           " is made, " + FormatBytes(step.size);
  }

  std::string operator()(const WriteSlotRoot& step) const {
    return "write the root of " + SlotText(step.slot) + ": " + FormatBytes(step.image) + " and " +
           FormatBytes(step.hash_tree) + " hash tree; read back and verify";
  }

  std::string operator()(const WriteSlotBootFiles& step) const {
    return "write " + std::to_string(step.lengths.size()) + " files of " + SlotText(step.slot) +
           ", " + FormatBytes(Sum(step.lengths)) + "; read back and verify" +
           ListSizes(step.lengths);
  }

  std::string operator()(const FillSlot& step) const {
    return "set the true file lengths of " + SlotText(step.slot) + ": its files appear all at once";
  }

  std::string operator()(const KeepArguments& step) const {
    return "keep the kernel arguments of this machine: " + Join(step.arguments, " ");
  }

  std::string operator()(const ArmTrial& step) const {
    return "boot state: try " + SlotText(step.slot) + " up to " + std::to_string(step.tries) +
           (step.tries == 1 ? " time" : " times") + "; one sector";
  }

  std::string operator()(const Reboot& /*step*/) const { return "reboot"; }

  std::string operator()(const LoadTrialKernel& step) const {
    return "load kernel and initrd of " + SlotText(step.slot) +
           " into memory; compare them with the manifest";
  }

  std::string operator()(const StartTrialKernel& step) const {
    return "boot state: take one try of " + SlotText(step.slot) +
           "; one sector; start its kernel without firmware (reboot instead where the running "
           "kernel does not allow that)";
  }
};

struct UpgradeStepJson {
  Json operator()(const RememberDocument& step) const {
    return Named("remember-channel")
        .Set("channel", step.channel)
        .Set("serial", step.accepted.serial)
        .Set("digest", step.accepted.digest.ToString());
  }

  Json operator()(const RepairBootPartition& step) const {
    return Named("repair-boot-partition").Set("damage", Join(step.damage, "; "));
  }

  Json operator()(const RepairBootState& step) const {
    return Named("repair-boot-state").Set("damage", step.damage);
  }

  Json operator()(const ForgetBadImage& step) const {
    return Named("forget-bad-image").Set("digest", step.digest);
  }

  Json operator()(const ChangeLoader& step) const {
    auto parts = Json::MakeArray();
    for (const auto& part : step.steps) {
      parts.Append(LoaderStepToJson(part));
    }
    return Named("change-boot-loader").Set("change", step.change).Set("steps", std::move(parts));
  }

  Json operator()(const MirrorGoodSlot& step) const {
    return Named("mirror-good-slot").Set("slot", Name(step.good));
  }

  Json operator()(const EmptySlot& step) const {
    return Named("empty-slot").Set("slot", Name(step.slot));
  }

  Json operator()(const RememberVerified& step) const {
    return Named("remember-verified")
        .Set("slot", Name(step.slot))
        .Set("digest", step.verified.digest)
        .Set("has_policy", !step.verified.policy.empty());
  }

  Json operator()(const RememberIndex& step) const {
    return Named("remember-root-index").Set("slot", Name(step.slot)).Set("size", step.size);
  }

  Json operator()(const WriteSlotRoot& step) const {
    return Named("write-root")
        .Set("slot", Name(step.slot))
        .Set("image_bytes", step.image)
        .Set("hash_tree_bytes", step.hash_tree);
  }

  Json operator()(const WriteSlotBootFiles& step) const {
    return Named("write-boot-files")
        .Set("slot", Name(step.slot))
        .Set("files", SizesToJson(step.lengths, "name"));
  }

  Json operator()(const FillSlot& step) const {
    return Named("fill-slot").Set("slot", Name(step.slot));
  }

  Json operator()(const KeepArguments& step) const {
    return Named("keep-arguments").Set("arguments", Join(step.arguments, " "));
  }

  Json operator()(const ArmTrial& step) const {
    return Named("arm-trial").Set("slot", Name(step.slot)).Set("tries", step.tries);
  }

  Json operator()(const Reboot& /*step*/) const { return Named("reboot"); }

  Json operator()(const LoadTrialKernel& step) const {
    return Named("load-trial-kernel")
        .Set("slot", Name(step.slot))
        .Set("command_line", step.command_line);
  }

  Json operator()(const StartTrialKernel& step) const {
    return Named("start-trial-kernel").Set("slot", Name(step.slot));
  }

  static Json Named(std::string_view name) { return Json::MakeObject().Set("step", name); }
};

std::string StepList(const UpgradePlan& plan) {
  std::string text;
  int number = 1;
  for (const auto& step : plan.steps) {
    text += "  " + std::to_string(number++) + ". " + std::visit(UpgradeStepText(), step) + "\n";
  }
  return text;
}

// It may be in its slot as a whole.
bool WritesRoot(const UpgradePlan& plan) {
  return std::ranges::any_of(plan.steps, [](const UpgradeStep& step) {
    return std::holds_alternative<WriteSlotRoot>(step);
  });
}

// By what most of the root is had that is not in its place.
std::string_view WayOf(const ImageReuse& reuse) {
  if (reuse.delta) {
    return "delta";
  }
  return reuse.fragments && !reuse.fragments->chunks.empty() ? "fragments" : "chunks";
}

// What comes over the network, and what does not have to.
std::string TransferText(const UpgradePlan& plan) {
  if (!plan.reuse) {
    return {};
  }
  const auto& root = plan.reuse->root;
  std::string text = "  fetch    " + FormatBytes(plan.to_fetch);
  if (root.copied > 0) {
    text += "; " + FormatBytes(root.copied) + " of the root are in " + SlotText(plan.running);
  }
  if (root.patched > 0) {
    text += "; " + FormatBytes(root.patched) + " are made of what it has, by patches";
  }
  if (plan.reuse->fragments && !plan.reuse->fragments->chunks.empty()) {
    const auto chunks = plan.reuse->fragments->chunks.size();
    text += "; " + std::to_string(chunks) + (chunks == 1 ? " chunk is" : " chunks are") +
            " put together of it and of fragments";
  }
  if (root.kept > 0) {
    text += "; " + FormatBytes(root.kept) + " of it are in their place already";
  }
  for (const auto& [digest, name] : plan.reuse->files.held) {
    text += "; " + name + " is that of " + SlotText(plan.running);
  }
  for (const auto& [digest, file] : plan.reuse->files.patched) {
    const auto bytes = FormatBytes(file.delta.patches.size);
    text += "; " + file.name +
            (file.is_anew() ? " is packed again, of " + bytes
                            : " is made of that of " + SlotText(plan.running) + ", by " + bytes +
                                  " of patches");
  }
  text += "\n";
  if (WritesRoot(plan)) {
    text += "  by       " + std::string(WayOf(*plan.reuse)) + ": " + plan.reuse->why + "\n";
  }
  return text;
}

Json TransferToJson(const UpgradePlan& plan) {
  const auto& root = plan.reuse->root;
  auto files = Json::MakeArray();
  for (const auto& [digest, name] : plan.reuse->files.held) {
    files.Append(Json::MakeObject().Set("name", name).Set("digest", digest.ToString()));
  }
  auto patched_files = Json::MakeArray();
  for (const auto& [digest, file] : plan.reuse->files.patched) {
    patched_files.Append(Json::MakeObject()
                             .Set("name", file.name)
                             .Set("digest", digest.ToString())
                             .Set("of", file.is_anew() ? "none" : "running slot")
                             .Set("fetch_bytes", file.delta.patches.size));
  }
  return Json::MakeObject()
      .Set("fetch_bytes", plan.to_fetch)
      .Set("way", WayOf(*plan.reuse))
      .Set("why", plan.reuse->why)
      .Set("root",
           Json::MakeObject()
               .Set("fetch_bytes", root.fetched)
               .Set("unpacked_bytes", root.unpacked)
               .Set("patched_bytes", root.patched)
               .Set("copied_bytes", root.copied)
               .Set("kept_bytes", root.kept)
               .Set("written_bytes",
                    WritesRoot(plan) ? root.unpacked + root.patched + root.copied : 0)
               .Set("fragmented_chunks",
                    std::uint64_t{plan.reuse->fragments ? plan.reuse->fragments->chunks.size()
                                                        : 0U}))
      .Set("copied_files", std::move(files))
      .Set("patched_files", std::move(patched_files));
}

// Why there is a reboot although kexec was asked for.
std::string KexecText(const UpgradePlan& plan) {
  return plan.kexec_obstacle.empty() ? std::string()
                                     : "  no kexec: " + plan.kexec_obstacle +
                                           "; the machine reboots through its firmware\n";
}

// What a person may have to join after the upgrade; empty when there is nothing.
std::string EtcText(const UpgradePlan& plan) {
  if (!plan.etc.unknown.empty()) {
    return "  /etc: what this machine and " + plan.version + " both change is not known (" +
           plan.etc.unknown + "); the machine's version stays\n";
  }
  if (plan.etc.both.empty()) {
    return {};
  }
  std::string text = "  " + plan.version +
                     " changes these files, and so has this machine; its version stays, look "
                     "whether it still fits:\n";
  for (const auto& path : plan.etc.both) {
    text += "       /" + path + "\n";
  }
  return text;
}

Json EtcToJson(const EtcChanges& etc) {
  auto files = Json::MakeArray();
  for (const auto& path : etc.both) {
    files.Append(Json::MakeObject().Set("path", "/" + path));
  }
  auto json = Json::MakeObject().Set("changed_on_both_sides", std::move(files));
  if (!etc.unknown.empty()) {
    json.Set("unknown", etc.unknown);
  }
  return json;
}

}  // namespace

std::string DescribeUpgrade(const UpgradePlan& plan, const partitions::RosDisk& disk) {
  std::string text = "upgrade " + plan.name + " " + plan.running_version + " -> " + plan.version +
                     "\n  image    " + plan.digest + "\n  signed   " +
                     (plan.signers.empty() ? "NOT SIGNED" : "by " + Join(plan.signers, ", ")) +
                     "\n  running  " + SlotText(plan.running) + " (" + plan.running_version +
                     ")\n  target   " + SlotText(plan.target) + " (holds: " + plan.target_version +
                     ")\n";
  if (!plan.new_policy.empty()) {
    text += "  trust    once it is committed: " + SummaryOfPolicy(plan.new_policy) + "\n";
  }
  if (plan.channel) {
    text += "  channel  " + plan.channel->name + ", serial " +
            std::to_string(plan.channel->serial) + ", counts until " +
            FormatTime(plan.channel->not_after) + "; released to " +
            std::to_string(plan.channel->share) + " % of the machines\n";
  }
  if (!plan.older.empty()) {
    text += "  older    " + plan.older + "\n";
  }
  text += TransferText(plan);
  if (plan.loader_offer) {
    text += "  note     " + *plan.loader_offer + "\n";
  }
  if (plan.already_there) {
    return text + *plan.already_there + "\n" + StepList(plan);
  }
  std::vector<PicturePart> parts;
  for (const auto& partition : disk.partitions) {
    const bool target = partition.role == partitions::RoleOf(plan.target);
    parts.push_back(
        {std::string(target ? ">" : "") + std::string(partitions::PartitionName(partition.role)),
         partition.length});
  }
  return text + "\n" + disk.path.string() + "\n" + DrawDisk(parts) + "\n" + StepList(plan) +
         KexecText(plan) + EtcText(plan);
}

Json UpgradeToJson(const UpgradePlan& plan) {
  auto steps = Json::MakeArray();
  for (const auto& step : plan.steps) {
    steps.Append(std::visit(UpgradeStepJson(), step));
  }
  auto signers = Json::MakeArray();
  for (const auto& signer : plan.signers) {
    signers.Append(Json::MakeObject().Set("key", signer));
  }
  Json json;
  json.Set("name", plan.name)
      .Set("version", plan.version)
      .Set("digest", plan.digest)
      .Set("signers", std::move(signers))
      .Set("running",
           Json::MakeObject().Set("slot", Name(plan.running)).Set("version", plan.running_version))
      .Set("target",
           Json::MakeObject().Set("slot", Name(plan.target)).Set("version", plan.target_version))
      .Set("kernel_command_line", bootloader::KernelCommandLine(plan.entry))
      .Set("etc", EtcToJson(plan.etc))
      .Set("steps", std::move(steps));
  if (!plan.new_policy.empty()) {
    json.Set("new_policy", plan.new_policy);
  }
  if (plan.channel) {
    json.Set("channel",
             Json::MakeObject()
                 .Set("name", plan.channel->name)
                 .Set("serial", plan.channel->serial)
                 .Set("not_after", FormatTime(plan.channel->not_after))
                 .Set("share", std::uint64_t{plan.channel->share}));
  }
  if (!plan.older.empty()) {
    json.Set("older", plan.older);
  }
  if (plan.reuse) {
    json.Set("transfer", TransferToJson(plan));
  }
  if (plan.loader_offer) {
    json.Set("boot_loader_offer", *plan.loader_offer);
  }
  if (!plan.kexec_obstacle.empty()) {
    json.Set("no_kexec", plan.kexec_obstacle);
  }
  if (plan.already_there) {
    json.Set(plan.steps.empty() ? "nothing_to_do" : "already_there", *plan.already_there);
  }
  return json;
}

}  // namespace ros::installer
