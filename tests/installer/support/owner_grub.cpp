#include "tests/installer/support/owner_grub.hpp"

#include "images/unified_kernel.hpp"

namespace ros::testing {

bootloader::GrubParts OwnerGrub(const std::string& version, const images::EfiSigner& signer) {
  const auto program = images::BuildUnifiedKernel(images::ReadStub(), {.command_line = version});
  return {.efi_image = images::SignEfiProgram(program, signer),
          .version = version,
          .owner_signed = true};
}

}  // namespace ros::testing
