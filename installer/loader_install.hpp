#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "bootloader/grub_install.hpp"
#include "bootloader/loader_kind.hpp"
#include "bootloader/syslinux_install.hpp"
#include "images/manifest.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {

// The boot loader that a disk is installed with, as an image brings it.
using LoaderParts = std::variant<bootloader::GrubParts, bootloader::SyslinuxParts>;

bootloader::LoaderKind KindOf(const LoaderParts& parts);

// What RancherOS's install types stand for: "generic", "grub", "syslinux", "gptsyslinux". Throws
// kUsage listing them for another one.
bootloader::LoaderKind ParseInstallType(std::string_view type);

// The loader that an image is installed with when this one was asked for: unified kernels have
// their own GRUB. Throws kDoesNotFit where the image's kernel cannot be started by what was asked.
bootloader::LoaderKind LoaderFor(const images::ImageManifest& manifest,
                                 bootloader::LoaderKind asked);

// The loader's files on the boot partition, boot state and all: slot a is good.
std::vector<partitions::BootFile> LoaderFiles(const LoaderParts& parts);

// The files that it reads in each slot's folder.
std::vector<std::string_view> SlotLoaderFiles(bootloader::LoaderKind kind);

// Of what a BIOS starts: the part that WriteLoader writes.
Bytes LoaderSize(const LoaderParts& parts);

// Writes the loader for BIOS machines and its boot sectors. Both regions are ranges of the whole
// disk, and the boot partition holds LoaderFiles already. Throws as core_image.hpp and
// syslinux_install.hpp say.
void WriteLoader(const LoaderParts& parts,
                 const Region& bios_partition,
                 const Region& boot_partition);

}  // namespace ros::installer
