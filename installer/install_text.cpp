// How an installation's plan is shown: text for people, JSON for machines.
#include "base/word_list.hpp"
#include "installer/disk_picture.hpp"
#include "installer/install_plan.hpp"
#include "installer/size_list.hpp"
#include "installer/trust_rules.hpp"

namespace ros::installer {
namespace {

Json ToList(const std::vector<std::string>& words, std::string_view key) {
  auto list = Json::MakeArray();
  for (const auto& word : words) {
    list.Append(Json::MakeObject().Set(key, word));
  }
  return list;
}

struct InstallStepText {
  std::string operator()(const CreateImageFile& step) const {
    return "make a sparse file of " + FormatBytes(step.size);
  }

  std::string operator()(const WipeDisk& /*step*/) const {
    return "wipe every old signature and partition table";
  }

  std::string operator()(const WipeSystem& /*step*/) const {
    return "wipe the boot partition, then what else is in front of ROS-STATE; the partition table "
           "stays until the end";
  }

  std::string operator()(const MakeBootPartition& step) const {
    return "make the boot partition (FAT32): boot state, places for both slots' files" +
           ListSizes(step.files);
  }

  std::string operator()(const WriteFirstRoot& step) const {
    return "write the root of slot a: " + FormatBytes(step.image) + " and " +
           FormatBytes(step.hash_tree) + " hash tree; read back and verify";
  }

  std::string operator()(const WriteFirstBootFiles& step) const {
    return "write " + std::to_string(step.lengths.size()) + " boot files of slot a, " +
           FormatBytes(Sum(step.lengths)) + "; read back and verify" + ListSizes(step.lengths);
  }

  std::string operator()(const FillFirstSlot& /*step*/) const {
    return "set the true file lengths of slot a: its files appear all at once";
  }

  std::string operator()(const WriteBootLoader& step) const {
    const bool grub = step.loader == bootloader::LoaderKind::kGrub;
    return "write " + std::string(Name(step.loader)) + " for BIOS machines (" +
           FormatBytes(step.size) + (grub ? ") and its boot sector" : ") and its boot sectors");
  }

  std::string operator()(const MakeStatePartition& step) const {
    return "make the state partition (ext4) with a journal that begins here and " +
           std::to_string(step.files.size()) + (step.files.size() == 1 ? " file" : " files") +
           ListSizes(step.files);
  }

  std::string operator()(const WriteTable& /*step*/) const {
    return "write the partition table, last of all";
  }

  std::string operator()(const ReplaceTable& /*step*/) const {
    return "replace the partition table, last of all: at every moment it tells where ROS-STATE is, "
           "so that an installation that was cut short can be run again";
  }

  std::string operator()(const MakeBootEntry& step) const {
    const auto& entry = step.entry;
    return std::string(entry.kind == bootloader::BootEntryPlan::Number::kReused ? "renew"
                                                                                : "make") +
           " the firmware's boot entry " + entry.Name() + " \"" + entry.description + "\" for " +
           entry.program.file + " on partition " + std::to_string(entry.program.partition_number) +
           ", first in its order";
  }
};

struct InstallStepJson {
  Json operator()(const CreateImageFile& step) const {
    return Named("create-file").Set("bytes", step.size);
  }

  Json operator()(const WipeDisk& /*step*/) const { return Named("wipe"); }

  Json operator()(const WipeSystem& /*step*/) const { return Named("wipe-system"); }

  Json operator()(const MakeBootPartition& step) const {
    return Named("make-boot").Set("files", SizesToJson(step.files, "path"));
  }

  Json operator()(const WriteFirstRoot& step) const {
    return Named("write-root")
        .Set("slot", "a")
        .Set("image_bytes", step.image)
        .Set("hash_tree_bytes", step.hash_tree);
  }

  Json operator()(const WriteFirstBootFiles& step) const {
    return Named("write-boot-files")
        .Set("slot", "a")
        .Set("files", SizesToJson(step.lengths, "name"));
  }

  Json operator()(const FillFirstSlot& /*step*/) const {
    return Named("fill-slot").Set("slot", "a");
  }

  Json operator()(const WriteBootLoader& step) const {
    return Named("write-boot-loader").Set("loader", Name(step.loader)).Set("bytes", step.size);
  }

  Json operator()(const MakeStatePartition& step) const {
    return Named("make-state")
        .Set("journal", "/ros/journal")
        .Set("files", SizesToJson(step.files, "path"));
  }

  Json operator()(const WriteTable& /*step*/) const { return Named("write-table"); }

  Json operator()(const ReplaceTable& /*step*/) const { return Named("replace-table"); }

  Json operator()(const MakeBootEntry& step) const {
    return Named("make-boot-entry")
        .Set("name", step.entry.Name())
        .Set("description", step.entry.description)
        .Set("file", step.entry.program.file)
        .Set("partition_uuid", step.entry.program.partition_uuid)
        .Set("reused", step.entry.kind == bootloader::BootEntryPlan::Number::kReused);
  }

  static Json Named(std::string_view name) { return Json::MakeObject().Set("step", name); }
};

std::string FirmwareText(const InstallPlan& plan) {
  if (KindOf(plan.loader) == bootloader::LoaderKind::kGrubUki) {
    return "on UEFI machines only (unified kernels and a GRUB that their owner has signed)";
  }
  if (!plan.boots_bios) {
    return "on UEFI machines only (sectors of " + std::to_string(plan.layout.sector_size) +
           " bytes)";
  }
  if (plan.boots_uefi) {
    return "on BIOS and UEFI machines";
  }
  return KindOf(plan.loader) == bootloader::LoaderKind::kSyslinux
             ? "on BIOS machines only (syslinux)"
             : "on BIOS machines only (the image brings no GRUB for UEFI)";
}

}  // namespace

std::string DescribeInstall(const InstallPlan& plan) {
  std::string text =
      "install " + plan.name + " " + plan.version + "\n  image    " + plan.digest +
      "\n  signed   " + (plan.signers.empty() ? "NOT SIGNED" : "by " + Join(plan.signers)) +
      "\n  trusts   " + (plan.trusted_keys.empty() ? "no key" : Join(plan.trusted_keys)) +
      (plan.policy.empty() ? "" : " for this image") +
      (plan.policy.empty() ? "" : "\n           for its upgrades " + SummaryOfPolicy(plan.policy)) +
      (plan.follows.empty() ? "" : "\n  follows  " + plan.follows) + "\n  target   " +
      plan.target_text + "\n  boots    " + FirmwareText(plan) + "\n";
  text += plan.losses.empty() ? "  holds    nothing\n" : "  LOSES    what is on it now:\n";
  for (const auto& loss : plan.losses) {
    text += "             " + loss + "\n";
  }
  text += plan.keeps.empty() ? "" : "  KEEPS    " + plan.keeps + "\n";
  std::vector<PicturePart> parts;
  std::vector<std::vector<std::string>> rows = {{"  #", "name", ">size", ">start"}};
  for (const auto& part : plan.layout.partitions) {
    const std::string name(partitions::PartitionName(part.role));
    parts.push_back({name, part.length});
    rows.push_back({"  " + std::to_string(partitions::PartitionNumber(part.role)),
                    name,
                    FormatBytes(part.length),
                    FormatBytes(part.offset)});
  }
  text += "\n" + DrawDisk(parts) + FormatTable(rows) + "\n";
  int number = 1;
  for (const auto& step : plan.steps) {
    text += "  " + std::to_string(number++) + ". " + std::visit(InstallStepText(), step) + "\n";
  }
  return text;
}

Json InstallToJson(const InstallPlan& plan) {
  auto partitions_json = Json::MakeArray();
  for (const auto& part : plan.layout.partitions) {
    partitions_json.Append(Json::MakeObject()
                               .Set("number", partitions::PartitionNumber(part.role))
                               .Set("name", partitions::PartitionName(part.role))
                               .Set("uuid", part.uuid)
                               .Set("offset", part.offset)
                               .Set("bytes", part.length));
  }
  auto steps = Json::MakeArray();
  for (const auto& step : plan.steps) {
    steps.Append(std::visit(InstallStepJson(), step));
  }
  Json json;
  json.Set("target", plan.target.string())
      .Set("name", plan.name)
      .Set("version", plan.version)
      .Set("digest", plan.digest)
      .Set("signers", ToList(plan.signers, "key"))
      .Set("trusted_keys", ToList(plan.trusted_keys, "name"))
      .Set("policy", plan.policy)
      .Set("follows", plan.follows)
      .Set("keeps", plan.keeps)
      .Set("losses", ToList(plan.losses, "what"))
      .Set("disk_uuid", plan.layout.disk_uuid)
      .Set("sector_size", std::uint64_t{plan.layout.sector_size})
      .Set("boots_bios", plan.boots_bios)
      .Set("boots_uefi", plan.boots_uefi)
      .Set("partitions", std::move(partitions_json))
      .Set("kernel_command_line", bootloader::KernelCommandLine(plan.entry))
      .Set("steps", std::move(steps));
  return json;
}

}  // namespace ros::installer
