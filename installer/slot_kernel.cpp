#include "installer/slot_kernel.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "keys/digest.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

using namespace ros::literals;  // NOLINT(google-build-using-namespace): literals only.

constexpr Bytes kKernelPiece = 1_MiB;
constexpr Bytes kKernelBlock = 4_KiB;

// Sealed at the end: what was hashed is what is started.
UniqueFd ReadInto(const partitions::FatFile& file, const images::Descriptor& descriptor) {
  UniqueFd copy(::memfd_create("ros-kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy.valid()) {
    ThrowErrno("making a file in memory");
  }
  keys::Sha256 hash;
  AlignedBuffer buffer(kKernelPiece);
  for (Bytes at = 0; at < file.length; at += kKernelPiece) {
    const Bytes piece = std::min(kKernelPiece, file.length - at);
    const Bytes padded = std::min(RoundUp(piece, kKernelBlock), file.data.length() - at);
    file.data.Read(at, buffer.span().first(padded));
    const auto bytes = buffer.span().first(piece);
    hash.Update(bytes);
    WriteFull(copy.get(), at, bytes, "a file in memory");
  }
  if (file.length != descriptor.size || hash.Finish() != descriptor.digest) {
    throw Error(ErrorKind::kVerification,
                file.path + " is not on the disk what the image's manifest says");
  }
  constexpr int kAllSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(copy.get(), F_ADD_SEALS, kAllSeals) != 0) {
    ThrowErrno("sealing a file in memory");
  }
  return copy;
}

}  // namespace

SlotKernel ReadSlotKernel(const partitions::FatVolume& boot,
                          SlotId slot,
                          const images::ImageManifest& manifest) {
  const std::string folder = std::string(partitions::SlotDirectory(slot)) + "/";
  return {
      .kernel = ReadInto(boot.Find(folder + std::string(partitions::kKernelFile)), manifest.kernel),
      .initrd =
          ReadInto(boot.Find(folder + std::string(partitions::kInitrdFile)), manifest.initrd)};
}

}  // namespace ros::installer
