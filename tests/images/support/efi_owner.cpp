#include "tests/images/support/efi_owner.hpp"

#include "base/process.hpp"

namespace ros::images::fakes {

EfiSigner MakeEfiSigner(const std::filesystem::path& directory, const std::string& name) {
  EfiSigner signer{.key = directory / (name + ".key"), .certificate = directory / (name + ".pem")};
  RunTool({.argv = {"openssl",
                    "req",
                    "-new",
                    "-x509",
                    "-newkey",
                    "rsa:2048",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=" + name,
                    "-keyout",
                    signer.key.string(),
                    "-out",
                    signer.certificate.string()}});
  return signer;
}

}  // namespace ros::images::fakes
