#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "health/bad_list.hpp"
#include "installer/install_plan.hpp"
#include "partitions/disk_facts.hpp"

namespace ros::installer {

// `ros install --keep-state`: what is on the target, as far as an installation in front of a
// ROS-STATE that stays must know it. Reads the disk and writes nothing. Throws kUsage where there
// is no such disk, kRefused where it is in use, is none that ros was installed to, holds partitions
// of others, or has a ROS-STATE that is damaged.
KeptState InspectKeptState(const partitions::DiskFacts& disk);

// `request` with what the machine keeps: its kernel arguments, its kind, the sizes of its
// partitions where no others were asked for. Pure. Throws kUsage for what such an installation
// cannot change.
InstallRequest RequestKeeping(InstallRequest request, const KeptState& kept);

// Throws kVerification for an image below the epoch that the machine has reached, kRefused for one
// that it has rolled back before (`--force` takes it). Pure.
void CheckImageMayFollow(const images::VerifiedImage& image,
                         const KeptState& kept,
                         InstallRequest::ExistingData existing_data);

// What stays, for people.
std::string DescribeKept(const KeptState& kept);

}  // namespace ros::installer
