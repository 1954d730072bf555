#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "bootloader/core_image.hpp"

namespace ros::installer {

// An image's boot loader beside the one that a disk has. Plain data, from CompareLoader.
struct LoaderComparison {
  // Why the disk cannot get the image's boot loader at all; empty when it can.
  std::string refusal;
  std::string name = "GRUB";
  std::string version_on_disk;  // empty when it is not known
  std::string version_in_image;

  // GRUB for BIOS machines; none when the disk's sectors are such that no BIOS starts from it.
  struct Core {
    std::optional<bootloader::CoreHalf> started;  // none: the first sector names no half
    bool same = false;
    Bytes size = 0;  // of the image's

    bool operator==(const Core&) const = default;
  };

  std::optional<Core> core;

  // A file of the image that the disk has a place for.
  struct File {
    std::string directory;
    std::string name;
    Bytes size = 0;  // of the image's
    bool same = false;
    bool spare = false;  // it has a spare place in which the image's fits

    bool operator==(const File&) const = default;
  };

  std::vector<File> files;
  // bootloader::GrubScriptNumber of the two scripts.
  int script_on_disk = 0;
  int script_in_image = 0;

  // syslinux: loader, modules, configurations and boot sectors, which work with one another alone
  // and have one place each.
  struct Syslinux {
    bool same = false;
    std::map<std::string, Bytes> lengths;  // of the image's files, by their names in /SYSLINUX

    bool operator==(const Syslinux&) const = default;
  };

  std::optional<Syslinux> syslinux;

  // Something of the image's boot loader is not on the disk.
  [[nodiscard]] bool Differs() const;

  bool operator==(const LoaderComparison&) const = default;
};

enum class LoaderWish {
  kLeave,
  kUpgrade,         // where it can be switched by one sector
  kUpgradeInPlace,  // and where it cannot
};

// The image's core image goes into this half, which the BIOS does not start.
struct WriteSecondCore {
  bootloader::CoreHalf half = bootloader::CoreHalf::kSecond;
  Bytes size = 0;
  bool operator==(const WriteSecondCore&) const = default;
};

// The disk's first sector names the half: one sector.
struct SwitchCore {
  bootloader::CoreHalf half = bootloader::CoreHalf::kSecond;
  bool operator==(const SwitchCore&) const = default;
};

// These files go into their spare places.
struct WriteSpareFiles {
  std::string directory;
  std::map<std::string, Bytes> lengths;
  bool operator==(const WriteSpareFiles&) const = default;
};

// Files and spare ones are exchanged: one sector.
struct SwitchFiles {
  std::string directory;
  std::map<std::string, Bytes> lengths;
  bool operator==(const SwitchFiles&) const = default;
};

// These files have no spare places: a power cut leaves them damaged.
struct OverwriteFiles {
  std::string directory;
  std::map<std::string, Bytes> lengths;
  bool operator==(const OverwriteFiles&) const = default;
};

// The whole of syslinux: a power cut meanwhile leaves a disk that does not boot.
struct OverwriteSyslinux {
  std::map<std::string, Bytes> lengths;
  bool operator==(const OverwriteSyslinux&) const = default;
};

using LoaderStep = std::variant<WriteSecondCore,
                                SwitchCore,
                                WriteSpareFiles,
                                SwitchFiles,
                                OverwriteFiles,
                                OverwriteSyslinux>;

// What makes the disk's boot loader that of the image, in an order in which each core image or EFI
// image has a script that it runs at any moment (docs/boot-loader-upgrade.md); nothing when they
// are the same or the wish is kLeave. Throws kRefused with the reason when it cannot be done. Pure.
std::vector<LoaderStep> PlanLoader(const LoaderComparison& loader, LoaderWish wish);

// "GRUB 2.06-1 -> 2.06-2"; "GRUB 2.06-2, of which the disk's bytes differ".
std::string LoaderChangeText(const LoaderComparison& loader);

std::string DescribeLoaderStep(const LoaderStep& step);
Json LoaderStepToJson(const LoaderStep& step);

}  // namespace ros::installer
