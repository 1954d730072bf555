#include "bootloader/grub_install.hpp"

#include <iterator>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "bootloader/firmware.hpp"
#include "bootloader/grub_config.hpp"
#include "bootloader/loader_description.hpp"
#include "bootloader/signed_program.hpp"

namespace ros::bootloader {
namespace {

// What fits a half of the BIOS boot partition, with a sector that tells what it is.
constexpr Bytes kLargestCoreImage = (Bytes{512} << 10U) - kBiosSectorSize;
constexpr std::string_view kEfiMark = "MZ";  // of a PE program
constexpr Bytes kLongestModuleInfo = Bytes{64} << 10U;

// The boot partition on the disk that GRUB was started from: its number is ours, the drive GRUB's.
constexpr const char* kPrefix = "(,gpt2)/grub";

// Everything the script uses, since the boot partition holds no modules; `ls` and `cat` are for a
// person at the prompt.
constexpr const char* kGrubModules[] = {
    "part_gpt", "fat",     "normal",  "configfile",  "linux",  "chain",    "test",
    "echo",     "loadenv", "hashsum", "gcry_sha256", "serial", "terminal", "keystatus",
    "probe",    "regexp",  "reboot",  "halt",        "ls",     "cat"};
// How GRUB reaches disks: by the BIOS's calls, or (built in) by UEFI's. The other is for the
// screen.
constexpr const char* kBiosModule = "biosdisk";
constexpr const char* kEfiModule = "efi_gop";

void CheckEfiProgram(std::string_view name, const std::string& program, Bytes place) {
  if (!program.empty() && (!program.starts_with(kEfiMark) || program.size() > place)) {
    throw Error(ErrorKind::kVerification,
                std::string(name) + " is no EFI program, or larger than " + FormatBytes(place));
  }
}

void CheckOwnerParts(const GrubParts& parts) {
  CheckEfiProgram(kOwnerGrubName, parts.efi_image, kEfiImagePlace);
  if (parts.efi_image.empty()) {
    throw Error(ErrorKind::kVerification, std::string(kOwnerGrubName) + " is empty");
  }
}

void CheckParts(const GrubParts& parts) {
  if (parts.boot_image.size() != kBiosSectorSize) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubBootImageName) + " has " +
                    std::to_string(parts.boot_image.size()) + " bytes and must have 512");
  }
  if (parts.core_image.size() <= kBiosSectorSize || parts.core_image.size() > kLargestCoreImage) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubCoreImageName) + " has " +
                    std::to_string(parts.core_image.size()) + " bytes, which GRUB cannot have");
  }
  const bool has_shim = !parts.shim_image.empty();
  CheckEfiProgram(kGrubEfiImageName, parts.efi_image, has_shim ? kSecondEfiPlace : kEfiImagePlace);
  CheckEfiProgram(kShimImageName, parts.shim_image, kEfiImagePlace);
  if (has_shim && parts.efi_image.empty()) {
    throw Error(ErrorKind::kVerification,
                "there is a shim and no " + std::string(kGrubEfiImageName) + " for it to start");
  }
  if (parts.script.size() > kGrubScriptPlace) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubScriptName) + " is larger than " + FormatBytes(kGrubScriptPlace));
  }
}

void CheckVersion(const GrubParts& parts) {
  if (!parts.version.empty() && !IsLoaderVersion(parts.version)) {
    throw Error(ErrorKind::kVerification,
                std::string(kGrubVersionName) + " is no version of a boot loader");
  }
}

struct ImageFormat {
  std::filesystem::path modules;
  const char* name;
  const char* own_module;
};

std::string MakeImage(const ImageFormat& format, const std::string& version) {
  const TempDirectory scratch("ros-grub");
  const auto image = scratch.path() / "image";
  const auto config = scratch.path() / "config";
  CreateFileDurably(config, AsBytes("set ros_loader='" + version + "'\n"));
  Command command{.argv = {"grub-mkimage",
                           "--directory=" + format.modules.string(),
                           std::string("--format=") + format.name,
                           std::string("--prefix=") + kPrefix,
                           "--config=" + config.string(),
                           "--output=" + image.string(),
                           format.own_module}};
  command.argv.insert(command.argv.end(), std::begin(kGrubModules), std::end(kGrubModules));
  RunTool(command);
  return ReadFile(image, kEfiImagePlace);
}

// Of the script's modules those that it uses, and: the script as a file system in memory; tpm,
// which measures what is read and is the one that takes responsibility for it. Without that GRUB,
// which is in lockdown under Secure Boot, refuses to read what is to be chain-loaded (nor is a shim
// there to ask). The firmware, which starts it, asks for its signature.
constexpr const char* kOwnerModules[] = {"memdisk",
                                         "tar",
                                         "part_gpt",
                                         "fat",
                                         "normal",
                                         "chain",
                                         "test",
                                         "echo",
                                         "loadenv",
                                         "hashsum",
                                         "gcry_sha256",
                                         "serial",
                                         "terminal",
                                         "keystatus",
                                         "regexp",
                                         "sleep",
                                         "reboot",
                                         "tpm"};

// What shims and firmwares compare with revocations (SBAT.md of shim).
constexpr const char* kSbat =
    "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
    "grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/\n";

// With sorted names and fixed times: the same script gives the same bytes.
void PackMemoryDisk(const std::filesystem::path& scratch) {
  const auto grub = scratch / "grub";
  std::filesystem::create_directory(grub);
  CreateFileDurably(grub / "grub.cfg", AsBytes(OwnerGrubConfig()));
  RunTool({.argv = {"tar",
                    "--format=ustar",
                    "--owner=0",
                    "--group=0",
                    "--numeric-owner",
                    "--mode=go=rX,u=rwX",
                    "--mtime=@0",
                    "--directory=" + scratch.string(),
                    "--create",
                    "--file=" + (scratch / "disk.tar").string(),
                    "grub/grub.cfg"}});
}

std::string MakeOwnerImage(const std::filesystem::path& modules, const std::string& version) {
  const TempDirectory scratch("ros-grub");
  const auto image = scratch.path() / "image";
  PackMemoryDisk(scratch.path());
  CreateFileDurably(scratch.path() / "sbat", AsBytes(kSbat));
  CreateFileDurably(scratch.path() / "config", AsBytes("set ros_loader='" + version + "'\n"));
  // The prefix behind the disk in memory, which brings one of its own.
  Command command{.argv = {"grub-mkimage",
                           "--directory=" + modules.string(),
                           "--format=x86_64-efi",
                           "--memdisk=" + (scratch.path() / "disk.tar").string(),
                           "--prefix=(memdisk)/grub",
                           "--config=" + (scratch.path() / "config").string(),
                           "--sbat=" + (scratch.path() / "sbat").string(),
                           "--disable-shim-lock",
                           "--output=" + image.string()}};
  command.argv.insert(command.argv.end(), std::begin(kOwnerModules), std::end(kOwnerModules));
  RunTool(command);
  return ReadFile(image, kEfiImagePlace);
}

const std::string& Part(const std::map<std::string, std::string>& files, const char* name) {
  const auto found = files.find(name);
  if (found == files.end()) {
    throw Error(ErrorKind::kVerification,
                std::string("the image's boot loader has no file ") + name);
  }
  return found->second;
}

std::string OptionalPart(const std::map<std::string, std::string>& files, const char* name) {
  const auto found = files.find(name);
  return found == files.end() ? std::string() : found->second;
}

// What GRUB's modules say of themselves; empty when they do not.
std::string VersionOf(const std::filesystem::path& grub_directory) {
  constexpr std::string_view kKey = "grub_package_version=\"";
  const auto path = grub_directory / "modinfo.sh";
  if (!std::filesystem::exists(path)) {
    return {};
  }
  const auto text = ReadFile(path, kLongestModuleInfo);
  const auto key = text.find(kKey);
  if (key == std::string::npos) {
    return {};
  }
  const auto begin = key + kKey.size();
  auto version = text.substr(begin, text.find('"', begin) - begin);
  return IsLoaderVersion(version) ? version : std::string();
}

std::filesystem::path EfiModules(const std::filesystem::path& grub_directory) {
  auto directory = grub_directory.parent_path() / "x86_64-efi";
  if (!std::filesystem::exists(directory)) {
    throw Error(ErrorKind::kFailed,
                "there is no " + directory.string() + "; install grub-efi-amd64-bin");
  }
  return directory;
}

}  // namespace

std::map<std::string, std::string> EfiFiles(const GrubParts& parts) {
  const auto first = std::filesystem::path(kEfiImagePath).filename().string();
  if (parts.owner_signed) {
    return {{first, parts.efi_image}};
  }
  const bool has_shim = !parts.shim_image.empty();
  return {{first, has_shim ? parts.shim_image : parts.efi_image},
          {kSecondEfiName, has_shim ? parts.efi_image : std::string()}};
}

std::map<std::string, std::string> ToFiles(const GrubParts& parts) {
  if (parts.owner_signed) {
    return {{kOwnerGrubName, parts.efi_image}, {kGrubVersionName, parts.version + "\n"}};
  }
  std::map<std::string, std::string> files = {{kGrubBootImageName, parts.boot_image},
                                              {kGrubCoreImageName, parts.core_image}};
  if (!parts.efi_image.empty()) {
    files[kGrubEfiImageName] = parts.efi_image;
  }
  if (!parts.script.empty()) {
    files[kGrubScriptName] = parts.script;
  }
  if (!parts.version.empty()) {
    files[kGrubVersionName] = parts.version + "\n";
  }
  if (!parts.shim_image.empty()) {
    files[kShimImageName] = parts.shim_image;
  }
  return files;
}

GrubParts FromFiles(const std::map<std::string, std::string>& files) {
  GrubParts parts{.owner_signed = files.contains(kOwnerGrubName)};
  const auto version = OptionalPart(files, kGrubVersionName);
  parts.version = version.substr(0, version.find('\n'));
  CheckVersion(parts);
  if (parts.owner_signed) {
    parts.efi_image = Part(files, kOwnerGrubName);
    CheckOwnerParts(parts);
    return parts;
  }
  parts.boot_image = Part(files, kGrubBootImageName);
  parts.core_image = Part(files, kGrubCoreImageName);
  parts.efi_image = OptionalPart(files, kGrubEfiImageName);
  parts.shim_image = OptionalPart(files, kShimImageName);
  parts.script = OptionalPart(files, kGrubScriptName);
  CheckParts(parts);
  return parts;
}

GrubParts BuildOwnerGrub(const std::filesystem::path& grub_directory, const EfiSign& sign) {
  GrubParts parts{.version = VersionOf(grub_directory), .owner_signed = true};
  InContext("making GRUB's EFI image", [&] {
    parts.efi_image = sign(MakeOwnerImage(EfiModules(grub_directory), parts.version));
  });
  CheckOwnerParts(parts);
  return parts;
}

GrubParts BuildGrubParts(const std::filesystem::path& grub_directory, EfiSigning signing) {
  GrubParts parts{.script = MainGrubConfig(), .version = VersionOf(grub_directory)};
  InContext("making GRUB's core image", [&] {
    parts.boot_image = ReadFile(grub_directory / "boot.img", kBiosSectorSize);
    parts.core_image = MakeImage({grub_directory, "i386-pc", kBiosModule}, parts.version);
  });
  InContext("making GRUB's EFI image", [&] {
    if (signing == EfiSigning::kDistribution) {
      auto programs = ReadSignedPrograms(grub_directory.parent_path().parent_path());
      parts.shim_image = std::move(programs.shim);
      parts.efi_image = std::move(programs.grub);
      return;
    }
    parts.efi_image =
        MakeImage({EfiModules(grub_directory), "x86_64-efi", kEfiModule}, parts.version);
  });
  CheckParts(parts);
  return parts;
}

}  // namespace ros::bootloader
