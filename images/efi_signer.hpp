#pragma once

#include <filesystem>
#include <string>

namespace ros::images {

// What an owner signs EFI programs with: a private key (RSA, PEM, without a passphrase) and its
// certificate (X.509, PEM), which the machines have in their `db`.
struct EfiSigner {
  std::filesystem::path key;
  std::filesystem::path certificate;
};

// The program with an Authenticode signature behind it, made by sbsign and checked by sbverify
// (Debian: sbsigntool). The signature tells the time at which it was made. Throws kUsage when key
// or certificate is not there or no such thing, or the key is not the certificate's; kFailed when a
// tool is missing.
std::string SignEfiProgram(const std::string& program, const EfiSigner& signer);

}  // namespace ros::images
