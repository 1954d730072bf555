#pragma once

#include <filesystem>
#include <string>

#include "images/efi_signer.hpp"

namespace ros::images::fakes {

// Makes NAME.key and NAME.pem in `directory` as an owner does with `openssl req`.
EfiSigner MakeEfiSigner(const std::filesystem::path& directory, const std::string& name);

}  // namespace ros::images::fakes
