#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "images/manifest.hpp"

namespace ros::images {

// Where Debian's systemd-boot-efi has the program that a unified kernel image begins with.
inline constexpr const char* kStubPath = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

// Kernel, initrd and kernel arguments as one EFI program (a unified kernel image, UKI; UAPI.5),
// which starts the kernel with the others. One signature covers all of it.
struct UnifiedKernel {
  std::string kernel;
  std::string initrd;
  std::string command_line;
  std::string os_release;  // in the form of os-release(5)
  std::string kernel_version;
};

// The program: the stub with a section for each part. The same input gives the same bytes, which
// nobody has signed yet. Throws kFailed when `stub` is not a PE32+ program for x86_64 with room for
// five more sections.
std::string BuildUnifiedKernel(std::string_view stub, const UnifiedKernel& parts);

// Reads `path` as a stub. Throws kFailed, naming the package, when it is not there.
std::string ReadStub(const std::filesystem::path& path = kStubPath);

// The content of a section (".cmdline") of a PE32+ program from anywhere; nothing when it has no
// such section, or is no such program, or the section is longer than `limit` or not inside it.
std::optional<std::string> FindSection(std::string_view program,
                                       std::string_view name,
                                       Bytes limit);

// The first Authenticode signature of such a program, PKCS#7 in DER; empty when there is none.
std::string_view FindSignature(std::string_view program);

}  // namespace ros::images
