#include "bootloader/signed_program.hpp"

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::bootloader {
namespace {

constexpr Bytes kLargestProgram = Bytes{16} << 20U;

// Microsoft's PE format, for x86_64: where the offset of the PE header is, and the directory entry
// for certificates behind that: signature, COFF header, 112 bytes of a PE32+ optional header, four
// other entries.
constexpr Bytes kPeOffset = 0x3c;
constexpr Bytes kCertificateTable = 4 + 20 + 112 + Bytes{4} * 8;

// Built into Debian's signed GRUB, with the zero that ends it.
constexpr std::string_view kGrubPrefix{"/EFI/debian", sizeof("/EFI/debian")};

bool IsSigned(std::string_view program) {
  const auto bytes = AsBytes(program);
  if (program.size() < kPeOffset + 4 || !program.starts_with("MZ")) {
    return false;
  }
  const Bytes entry = LoadLe32(bytes, kPeOffset) + kCertificateTable;
  return entry + 8 <= program.size() && LoadLe32(bytes, entry) != 0 &&
         LoadLe32(bytes, entry + 4) != 0;
}

std::string ReadSigned(const std::filesystem::path& path, std::string_view package) {
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::kFailed,
                "there is no " + path.string() + "; install " + std::string(package));
  }
  auto program = ReadFile(path, kLargestProgram);
  if (!IsSigned(program)) {
    throw Error(ErrorKind::kFailed, path.string() + " is not signed");
  }
  return program;
}

}  // namespace

SignedPrograms ReadSignedPrograms(const std::filesystem::path& lib) {
  SignedPrograms programs{.shim = ReadSigned(lib / "shim/shimx64.efi.signed", "shim-signed")};
  const auto grub = lib / "grub/x86_64-efi-signed/grubx64.efi.signed";
  programs.grub = ReadSigned(grub, "grub-efi-amd64-signed");
  if (programs.grub.find(kGrubPrefix) == std::string::npos) {
    throw Error(ErrorKind::kFailed,
                grub.string() + " does not look for its configuration in /EFI/debian");
  }
  return programs;
}

}  // namespace ros::bootloader
