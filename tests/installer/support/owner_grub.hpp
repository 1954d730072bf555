#pragma once

#include <string>

#include "bootloader/grub_install.hpp"
#include "images/efi_signer.hpp"

namespace ros::testing {

// A GRUB that its owner has signed, as far as `ros` looks at it: nobody starts it.
bootloader::GrubParts OwnerGrub(const std::string& version, const images::EfiSigner& signer);

}  // namespace ros::testing
