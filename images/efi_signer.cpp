#include "images/efi_signer.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/unified_kernel.hpp"

namespace ros::images {
namespace {

void CheckThere(const std::filesystem::path& path, const char* what) {
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::kUsage,
                path.string() + " is not there; it is to be the " + what +
                    " that EFI programs are signed with");
  }
}

}  // namespace

std::string SignEfiProgram(const std::string& program, const EfiSigner& signer) {
  // A certificate's size and room for the rest of the signature.
  constexpr Bytes kLargestSignature = Bytes{1} << 20U;
  CheckThere(signer.key, "private key");
  CheckThere(signer.certificate, "certificate");
  return InContext("signing an EFI program", [&] {
    const TempDirectory scratch("ros-sign");
    const auto plain = scratch.path() / "program";
    const auto done = scratch.path() / "signed";
    CreateFileDurably(plain, AsBytes(program));
    RunTool({.argv = {"sbsign",
                      "--key",
                      signer.key.string(),
                      "--cert",
                      signer.certificate.string(),
                      "--output",
                      done.string(),
                      plain.string()}});
    // That key and certificate belong together too.
    RunTool({.argv = {"sbverify", "--cert", signer.certificate.string(), done.string()}});
    return ReadFile(done, kMaxUnifiedKernelSize + kLargestSignature);
  });
}

}  // namespace ros::images
