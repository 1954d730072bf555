#include "bootloader/grub_install.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "bootloader/grub_config.hpp"

namespace ros::bootloader {
namespace {

using ros::literals::operator""_KiB;

GrubParts SmallParts() {
  return {.boot_image = std::string(512, 'b'), .core_image = std::string(1300, 'c')};
}

}  // namespace

TEST_CASE("BuildGrubParts: makes the same bytes each time", "[bootloader]") {
  const auto parts = BuildGrubParts();
  CHECK(parts.boot_image.size() == 512);
  CHECK(parts.core_image.size() > 30_KiB);
  CHECK(parts.core_image.size() < 512_KiB);
  CHECK(parts.efi_image.starts_with("MZ"));
  CHECK(parts.efi_image.size() < kEfiImagePlace);
  CHECK(parts.script == MainGrubConfig());
  CHECK(parts.version.starts_with("2."));
  // The EFI image is not packed: its version can be seen, and what the script is told.
  CHECK(parts.efi_image.find("set ros_loader='" + parts.version + "'") != std::string::npos);
  CHECK(parts == BuildGrubParts());
}

TEST_CASE("BuildGrubParts: modules that do not tell their version", "[bootloader]") {
  const TempDirectory copy("ros-grub-test");
  RunTool({.argv = {"cp", "-r", "/usr/lib/grub/i386-pc", copy.path().string()}});
  std::filesystem::create_directory_symlink("/usr/lib/grub/x86_64-efi", copy.path() / "x86_64-efi");
  std::filesystem::remove(copy.path() / "i386-pc" / "modinfo.sh");
  CHECK(BuildGrubParts(copy.path() / "i386-pc").version.empty());
}

TEST_CASE("BuildGrubParts: names what is missing", "[bootloader]") {
  CHECK_THROWS_WITH(BuildGrubParts("/nonexistent"), Catch::Contains("making GRUB's core image: "));
}

TEST_CASE("BuildGrubParts: takes the loaders that Debian has signed", "[bootloader]") {
  const auto parts = BuildGrubParts("/usr/lib/grub/i386-pc", EfiSigning::kDistribution);
  const auto own = BuildGrubParts();
  CHECK(parts.core_image == own.core_image);
  CHECK(parts.efi_image != own.efi_image);
  const auto files = EfiFiles(parts);
  CHECK(files.at("BOOTX64.EFI") == parts.shim_image);
  CHECK(files.at("GRUBX64.EFI") == parts.efi_image);
  CHECK(FromFiles(ToFiles(parts)) == parts);
  CHECK(EfiFiles(own).at("BOOTX64.EFI") == own.efi_image);
  CHECK(EfiFiles(own).at("GRUBX64.EFI").empty());
}

TEST_CASE("BuildOwnerGrub: one program with the script inside, signed as it is", "[bootloader]") {
  const auto sign = [](const std::string& program) { return program + "signature"; };
  const auto parts = BuildOwnerGrub("/usr/lib/grub/i386-pc", sign);
  CHECK(parts.owner_signed);
  CHECK(parts.efi_image.starts_with("MZ"));
  CHECK(parts.efi_image.ends_with("signature"));
  CHECK(parts.efi_image.find(OwnerGrubConfig()) != std::string::npos);
  CHECK(parts.efi_image.find("sbat,1,SBAT Version") != std::string::npos);
  CHECK(parts.core_image.empty());
  CHECK(parts == BuildOwnerGrub("/usr/lib/grub/i386-pc", sign));
  CHECK(FromFiles(ToFiles(parts)) == parts);
  CHECK(EfiFiles(parts) == std::map<std::string, std::string>{{"BOOTX64.EFI", parts.efi_image}});
}

TEST_CASE("BuildGrubParts: takes no loader that is not signed, or not Debian's", "[bootloader]") {
  const TempDirectory directory;
  const auto lib = directory.path();
  std::filesystem::create_directories(lib / "grub");
  std::filesystem::copy(
      "/usr/lib/grub/i386-pc", lib / "grub/i386-pc", std::filesystem::copy_options::recursive);
  const auto build = [&] { BuildGrubParts(lib / "grub/i386-pc", EfiSigning::kDistribution); };
  CHECK_THROWS_WITH(build(), Catch::Contains("install shim-signed"));
  std::filesystem::create_directories(lib / "shim");
  const auto shim = lib / "shim/shimx64.efi.signed";
  WriteFileAtomically(shim, AsBytes(BuildGrubParts().efi_image));
  CHECK_THROWS_WITH(build(), Catch::Contains("shimx64.efi.signed is not signed"));
  std::filesystem::copy_file(
      "/usr/lib/shim/shimx64.efi.signed", shim, std::filesystem::copy_options::overwrite_existing);
  CHECK_THROWS_WITH(build(), Catch::Contains("install grub-efi-amd64-signed"));
  std::filesystem::create_directories(lib / "grub/x86_64-efi-signed");
  std::filesystem::copy_file(shim, lib / "grub/x86_64-efi-signed/grubx64.efi.signed");
  CHECK_THROWS_WITH(build(), Catch::Contains("does not look for its configuration in /EFI/debian"));
}

TEST_CASE("FromFiles: a shim needs something to start", "[bootloader]") {
  auto parts = SmallParts();
  parts.shim_image = "MZ and more";
  CHECK_THROWS_WITH(FromFiles(ToFiles(parts)), Catch::Contains("for it to start"));
}

TEST_CASE("GrubParts: as files of the image and back", "[bootloader]") {
  const auto parts = SmallParts();
  auto files = ToFiles(parts);
  CHECK(files.size() == 2);
  files["grub/i386-pc/other"] = "passed over";
  CHECK(FromFiles(files) == parts);
  auto both = parts;
  both.efi_image = "MZ and more";
  both.script = "# ros-script 7\n";
  both.version = "2.06-13+deb12u2";
  CHECK(FromFiles(ToFiles(both)) == both);
  both.efi_image = "no program";
  CHECK_THROWS_WITH(FromFiles(ToFiles(both)), Catch::Contains("is no EFI program"));
}

TEST_CASE("GrubParts: refuses files that are not GRUB's", "[bootloader]") {
  CHECK_THROWS_WITH(FromFiles({}), "the image's boot loader has no file grub/i386-pc/boot.img");
  auto files = ToFiles(SmallParts());
  files[kGrubBootImageName].pop_back();
  CHECK_THROWS_WITH(FromFiles(files), "grub/i386-pc/boot.img has 511 bytes and must have 512");
  files = ToFiles(SmallParts());
  files[kGrubCoreImageName].clear();
  CHECK_THROWS_WITH(FromFiles(files), "grub/i386-pc/core.img has 0 bytes, which GRUB cannot have");
  files = ToFiles(SmallParts());
  files[kGrubVersionName] = "2.06\x1b[2J";
  CHECK_THROWS_WITH(FromFiles(files), "grub/version is no version of a boot loader");
  files = ToFiles(SmallParts());
  files[kGrubScriptName] = std::string(65537, '#');
  CHECK_THROWS_WITH(FromFiles(files), "grub/grub.cfg is larger than 64 KiB");
  files = ToFiles(SmallParts());
  files[kGrubCoreImageName].resize(512_KiB);
  CHECK_THROWS_WITH(FromFiles(files), Catch::Contains("which GRUB cannot have"));
}

}  // namespace ros::bootloader
