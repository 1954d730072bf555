#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/progress.hpp"
#include "images/image_source.hpp"
#include "installer/install_plan.hpp"

namespace ros::installer {

// The boot loader of this kind that an image brings, for InstallFacts; none when it brings none.
// Throws kVerification naming the image when its layer is not what it should be.
std::optional<LoaderParts> ReadBootLoader(const images::ImageSource& source,
                                          const images::VerifiedImage& image,
                                          bootloader::LoaderKind kind);

// What ApplyInstall works with beside the plan.
struct InstallMeans {
  const images::ImageSource& source;
  const images::VerifiedImage& image;
  const InstallRequest& request;
  const partitions::DiskFacts& disk;
  // Opens the target exclusively; tests bring one that loses power.
  std::function<std::shared_ptr<BlockDevice>(const std::filesystem::path&)> open;
  // The firmware's, for a boot entry.
  bootloader::EfiVariables efi_variables = bootloader::EfiVariables();
  const Clock& clock;
  Progress& progress;
};

// Does the steps of the plan, in their order, with the target locked (flock): throws kBusy before
// anything is written when another program has locked it. Until the last one the disk has no
// partition table, so an installation that was cut short leaves a disk that nothing takes for one
// of ours. A file that was made for it is removed when a step fails.
void ApplyInstall(const InstallPlan& plan, const InstallMeans& means);

}  // namespace ros::installer
