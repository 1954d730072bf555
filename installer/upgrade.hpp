#pragma once

#include <filesystem>
#include <functional>

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "installer/image_reuse.hpp"
#include "installer/kexec.hpp"
#include "installer/loader_upgrade.hpp"
#include "installer/machine.hpp"
#include "installer/trust_rules.hpp"
#include "installer/upgrade_plan.hpp"

namespace ros::installer {

// Reads all that PlanUpgrade wants to know. The image has been verified by the caller;
// `rules` are those that it was judged by. Writes nothing. Reads the target's root again where its
// folder says that it holds this image. An image on a server is not asked for a boot loader that
// the running slot's image has brought too, unless `loader` says that it is wanted.
UpgradeFacts InspectUpgrade(const Machine& machine,
                            const SourcedImage& image,
                            const TrustRules& rules,
                            Progress& progress,
                            LoaderWish loader = LoaderWish::kLeave);

// What ApplyUpgrade works with beside the plan.
struct UpgradeMeans {
  const images::ImageSource& source;
  const images::VerifiedImage& image;
  // Opens a partition of the machine's disk; tests bring one that loses power.
  PartitionOpener open;
  std::filesystem::path state;
  const Clock& clock;
  Progress& progress;
  std::function<void()> reboot;
  // For a plan that starts the trial without firmware; not null then.
  KernelStarter* starter = nullptr;
};

// Does the steps of the plan, in their order. A power cut at any write leaves a whole boot loader,
// the old one or the new one (but for OverwriteFiles), and the good slot bootable: before ArmTrial
// the target is not tried, after it the target is complete; a cut after TakeTry costs that try.
// Throws as the steps do, and as ThrowIfInterrupted before each up to ArmTrial; boot state and good
// slot are as they were then, and the target is not tried. A running kernel that does not start the
// trial's is told as a warning and in the journal, and the machine reboots instead.
void ApplyUpgrade(const UpgradePlan& plan, const UpgradeMeans& means);

}  // namespace ros::installer
