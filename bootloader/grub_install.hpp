#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/bytes.hpp"

namespace ros::bootloader {

// GRUB for BIOS and UEFI machines, made on the build host and carried in the image. Core and EFI
// image hold every module that our script uses.
struct GrubParts {
  std::string boot_image;  // boot.img, one sector of code for the MBR
  std::string core_image;  // core.img
  std::string efi_image;   // an EFI program; empty in an image for BIOS machines alone
  // /grub/grub.cfg as it was when the image was built, which these images were tried with; empty in
  // an image that was built before images brought one.
  std::string script;
  std::string version;  // "2.06-13+deb12u2"; empty as above
  // A shim that Microsoft has signed, for Secure Boot. Then the EFI image is the GRUB that it
  // starts, signed by the distribution; else this is empty and the EFI image is our own.
  std::string shim_image;
  // The EFI image is signed by its owner, has the script inside and starts unified kernels. Then
  // there is nothing for BIOS machines, nor a script beside it.
  bool owner_signed = false;

  bool operator==(const GrubParts&) const = default;
};

// Names of the parts in the image's boot loader layer (a tar).
inline constexpr const char* kGrubBootImageName = "grub/i386-pc/boot.img";
inline constexpr const char* kGrubCoreImageName = "grub/i386-pc/core.img";
inline constexpr const char* kGrubEfiImageName = "grub/x86_64-efi/grubx64.efi";
inline constexpr const char* kOwnerGrubName = "grub/x86_64-efi/grubx64.efi.owner";
inline constexpr const char* kGrubScriptName = "grub/grub.cfg";
inline constexpr const char* kGrubVersionName = "grub/version";
inline constexpr const char* kShimImageName = "shim/shimx64.efi";

// Where UEFI firmware looks on a disk that it has no entry for (UEFI 2.10, section 3.5.1.1), and
// how much room is kept there.
inline constexpr const char* kEfiImagePath = "/EFI/BOOT/BOOTX64.EFI";
inline constexpr Bytes kEfiImagePlace = Bytes{4} << 20U;
// A second copy, which our own boot entry names: the first is at a place that others know too.
inline constexpr const char* kVendorImagePath = "/EFI/ROS/BOOTX64.EFI";
// Both directories, with the same files.
inline constexpr std::array<const char*, 2> kEfiDirectories = {"/EFI/BOOT", "/EFI/ROS"};
// Where both images look for the script, and the room for it.
inline constexpr const char* kGrubScriptPath = "/GRUB/GRUB.CFG";
inline constexpr Bytes kGrubScriptPlace = Bytes{64} << 10U;
// LoaderDescription of the EFI images in the same directory, and the one of /EFI/BOOT.
inline constexpr const char* kEfiDescriptionName = "VERSION";
inline constexpr const char* kEfiDescriptionPath = "/EFI/BOOT/VERSION";
inline constexpr Bytes kEfiDescriptionPlace = Bytes{4} << 10U;

// The parts as files by name, and back. FromFiles throws kVerification when boot or core image
// is missing or one cannot be what it is called; other files are passed over.
// What a shim starts: the file of this name beside it. Debian's signed GRUB has 4 MiB.
inline constexpr const char* kSecondEfiName = "GRUBX64.EFI";
inline constexpr Bytes kSecondEfiPlace = Bytes{8} << 20U;

// The files of each of kEfiDirectories by name, with their content, which is empty for one that
// these parts do not need.
std::map<std::string, std::string> EfiFiles(const GrubParts& parts);

// The parts as files by name, and back. FromFiles throws kVerification when one is missing (but for
// the EFI images) or cannot be what it is called; other files are passed over.
std::map<std::string, std::string> ToFiles(const GrubParts& parts);
GrubParts FromFiles(const std::map<std::string, std::string>& files);

enum class EfiSigning {
  kNone,          // our own EFI image
  kDistribution,  // Debian's shim and GRUB, as they are signed
};

// Signs an EFI program: gives it back with a signature.
using EfiSign = std::function<std::string(const std::string& program)>;

// GRUB for UEFI alone with OwnerGrubConfig() inside and `sign`ed, made as below. It asks the
// firmware, not a shim, whether a unified kernel is signed.
GrubParts BuildOwnerGrub(const std::filesystem::path& grub_directory, const EfiSign& sign);

// Runs grub-mkimage with the modules in `grub_directory` (Debian: grub-pc-bin) and in x86_64-efi
// beside it (grub-efi-amd64-bin). The version is what the modules say (modinfo.sh), and both images
// tell it to the script in $ros_loader. The same GRUB gives the same bytes. With kDistribution the
// GRUB for UEFI is that in x86_64-efi-signed beside it (grub-efi-amd64-signed), and the shim that
// in ../shim (shim-signed); see ReadSignedPrograms. Throws kFailed when a tool, a module or a
// signed program is missing.
GrubParts BuildGrubParts(const std::filesystem::path& grub_directory = "/usr/lib/grub/i386-pc",
                         EfiSigning signing = EfiSigning::kNone);

}  // namespace ros::bootloader
