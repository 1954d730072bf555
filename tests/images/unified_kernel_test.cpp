#include "images/unified_kernel.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/efi_signer.hpp"
#include "keys/signer_certificates.hpp"
#include "tests/images/support/efi_owner.hpp"

namespace ros::images {
namespace {

UnifiedKernel SomeKernel() {
  return {.kernel = std::string(70'000, 'k'),
          .initrd = std::string(5'000, 'i'),
          .command_line = "ros.loader=uki quiet",
          .os_release = "ID=os\n",
          .kernel_version = "6.1.0"};
}

}  // namespace

TEST_CASE("UnifiedKernel: a section for each part, behind those of the stub", "[images]") {
  const auto stub = ReadStub();
  const auto program = BuildUnifiedKernel(stub, SomeKernel());
  CHECK(program == BuildUnifiedKernel(stub, SomeKernel()));
  CHECK(FindSection(program, ".cmdline", 100) == "ros.loader=uki quiet");
  CHECK(FindSection(program, ".uname", 100) == "6.1.0");
  CHECK(FindSection(program, ".osrel", 100) == "ID=os\n");
  CHECK(FindSection(program, ".initrd", 1 << 20U) == SomeKernel().initrd);
  CHECK(FindSection(program, ".linux", 1 << 20U) == SomeKernel().kernel);
  CHECK(FindSection(program, ".sbat", 1 << 20U) == FindSection(stub, ".sbat", 1 << 20U));
  CHECK_FALSE(FindSection(program, ".linux", 69'999));
  CHECK_FALSE(FindSection(program, ".other", 100));
  // The stranger's opinion.
  const TempDirectory directory("ros-uki-test");
  CreateFileDurably(directory.path() / "uki", AsBytes(program));
  const auto headers = RunTool({.argv = {"objdump", "-h", (directory.path() / "uki").string()}});
  CHECK_THAT(headers, Catch::Contains(".cmdline      00000014"));
}

TEST_CASE("UnifiedKernel: any bytes are a program or none", "[images]") {
  const auto program = BuildUnifiedKernel(ReadStub(), SomeKernel());
  for (std::size_t length = 0; length < 1200; ++length) {
    CHECK_FALSE(FindSection(program.substr(0, length), ".linux", 1 << 20U));
  }
  for (std::size_t at = 0; at < 1024; ++at) {
    auto changed = program;
    changed[at] = static_cast<char>(~changed[at]);
    (void)FindSection(changed, ".cmdline", 1 << 20U);
  }
  CHECK_THROWS_WITH(BuildUnifiedKernel("MZ", SomeKernel()), Catch::Contains("no EFI program"));
  CHECK_THROWS_WITH(BuildUnifiedKernel(ReadStub().substr(0, 5000), SomeKernel()),
                    Catch::Contains("cut short"));
  CHECK_THROWS_WITH(ReadStub("/nonexistent"), Catch::Contains("install systemd-boot-efi"));
}

TEST_CASE("SignEfiProgram: by the key of the certificate, and by no other", "[images]") {
  const TempDirectory directory("ros-sign-test");
  const auto owner = fakes::MakeEfiSigner(directory.path(), "owner");
  const auto stranger = fakes::MakeEfiSigner(directory.path(), "stranger");
  const auto program = BuildUnifiedKernel(ReadStub(), SomeKernel());
  const auto done = SignEfiProgram(program, owner);
  CHECK(done.size() > program.size());
  CHECK(FindSection(done, ".cmdline", 100) == "ros.loader=uki quiet");
  CreateFileDurably(directory.path() / "done", AsBytes(done));
  const auto verify = [&](const EfiSigner& signer) {
    return RunProcess({.argv = {"sbverify",
                                "--cert",
                                signer.certificate.string(),
                                (directory.path() / "done").string()}})
        .exit_code;
  };
  CHECK(verify(owner) == 0);
  CHECK(verify(stranger) != 0);
  const auto certificates = [](const std::string& signed_program) {
    return keys::SignerCertificates(AsBytes(FindSignature(signed_program)));
  };
  CHECK(certificates(done).size() == 1);
  CHECK(certificates(done) == certificates(SignEfiProgram(ReadStub(), owner)));
  CHECK(certificates(done) != certificates(SignEfiProgram(program, stranger)));
  CHECK(certificates(program).empty());
  for (std::size_t length = 0; length < done.size(); length += 97) {
    CHECK(certificates(done.substr(0, length)).empty());
  }
  CHECK_THROWS_WITH(
      SignEfiProgram(program, {owner.key, stranger.certificate}),
      Catch::Contains(" refuses " + owner.key.string() + " with " + stranger.certificate.string()));
  CHECK_THROWS_WITH(SignEfiProgram(program, {owner.key, owner.key}),
                    Catch::Contains("certificate") && !Catch::Contains("warning:"));
  CHECK_THROWS_WITH(SignEfiProgram(program, {"/nonexistent", owner.certificate}),
                    Catch::Contains("the private key"));
}

}  // namespace ros::images
