#include "images/efi_signer.hpp"

#include <sstream>
#include <vector>

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

// The first line that is about the fault: sbsign warns of every program that has what it does not
// know.
std::string FaultIn(const std::string& said) {
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && !line.starts_with("warning:")) {
      return line;
    }
  }
  return "it does not say why";
}

void Run(std::vector<std::string> argv, const EfiSigner& signer) {
  const auto tool = argv.front();
  const auto result = RunProcess({.argv = std::move(argv)});
  if (result.exit_code != 0) {
    throw Error(ErrorKind::kUsage,
                tool + " refuses " + signer.key.string() + " with " + signer.certificate.string() +
                    ": " + FaultIn(result.err));
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
    Run({"sbsign",
         "--key",
         signer.key.string(),
         "--cert",
         signer.certificate.string(),
         "--output",
         done.string(),
         plain.string()},
        signer);
    // That key and certificate belong together too.
    Run({"sbverify", "--cert", signer.certificate.string(), done.string()}, signer);
    return ReadFile(done, kMaxUnifiedKernelSize + kLargestSignature);
  });
}

}  // namespace ros::images
