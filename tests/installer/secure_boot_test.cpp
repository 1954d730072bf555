#include <catch2/catch.hpp>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/unified_kernel.hpp"
#include "installer/install_plan.hpp"
#include "keys/signer_certificates.hpp"
#include "tests/images/support/efi_owner.hpp"
#include "tests/installer/support/owner_grub.hpp"

namespace ros::installer {
namespace {

using bootloader::FirmwareKeys;
using bootloader::SecureBoot;

// EFI_CERT_X509_GUID and EFI_CERT_SHA256_GUID, as they lie in memory.
const std::string kX509("\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72", 16);
const std::string kSha256("\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28", 16);

std::string Number(Bytes value) {
  std::string text(4, '\0');
  StoreLe32(AsWritableBytes(text), 0, static_cast<std::uint32_t>(value));
  return text;
}

// A signature list with these, each of one length.
std::string ListOf(const std::string& type, const std::vector<std::string>& data) {
  const Bytes each = 16 + data.front().size();
  std::string list = type + Number(28 + each * data.size()) + Number(0) + Number(each);
  for (const auto& one : data) {
    list += std::string(16, 'o') + one;
  }
  return list;
}

std::string DerOf(const images::EfiSigner& signer) {
  return RunTool(
      {.argv = {"openssl", "x509", "-in", signer.certificate.string(), "-outform", "der"}});
}

InstallPlan PlanWith(const images::EfiSigner& signer) {
  InstallPlan plan;
  plan.target = "/dev/sda";
  plan.loader = testing::OwnerGrub("2.06-1", signer);
  return plan;
}

}  // namespace

TEST_CASE("ParseFirmwareKeys: certificates of all lists, and that there are others",
          "[installer]") {
  const auto list = ListOf(kX509, {"first", "other"});
  const auto digests = ListOf(kSha256, {std::string(32, 'd')});
  using Certificates = std::vector<std::string>;
  const auto parse = bootloader::ParseFirmwareKeys;
  CHECK(parse("") == FirmwareKeys{});
  CHECK(parse(list) == FirmwareKeys{Certificates{"first", "other"}, false});
  CHECK(parse(digests + list) == FirmwareKeys{Certificates{"first", "other"}, true});
  for (std::size_t length = 1; length < list.size(); ++length) {
    CHECK(parse(list.substr(0, length)) == FirmwareKeys{{}, true});
  }
  auto endless = list;
  endless.replace(24, 4, Number(0));  // signatures of no length
  CHECK(parse(endless) == FirmwareKeys{{}, true});
  endless.replace(20, 4, Number(0xffffffff));  // a header beyond the list
  CHECK(parse(endless) == FirmwareKeys{{}, true});
}

TEST_CASE("SecureBootWarning: a boot loader that no certificate of the firmware signed",
          "[installer]") {
  const TempDirectory directory("ros-secure-boot");
  const auto owner = images::fakes::MakeEfiSigner(directory.path(), "owner");
  const auto stranger = images::fakes::MakeEfiSigner(directory.path(), "stranger");
  const auto plan = PlanWith(owner);
  const auto warning = [&](const FirmwareKeys& keys) {
    return SecureBootWarning(plan, SecureBoot::kOn, keys);
  };
  const FirmwareKeys known{.certificates = {DerOf(stranger), DerOf(owner)}};
  const FirmwareKeys unknown{.certificates = {DerOf(stranger), "no certificate"}};
  CHECK(warning(known).empty());
  CHECK_THAT(warning(unknown),
             Catch::Contains("will not start from /dev/sda") && Catch::Contains("enrolled"));
  CHECK_FALSE(warning({}).empty());
  // A digest may be that of this very program.
  CHECK(warning({.certificates = {DerOf(stranger)}, .others = true}).empty());
  CHECK(SecureBootWarning(plan, SecureBoot::kOff, unknown).empty());
  CHECK_FALSE(keys::IsSignerTrusted({}, known.certificates));
}

// The keys of a real firmware, as it keeps them (OVMF's, for tests), and a program signed by them.
TEST_CASE("ParseFirmwareKeys: what OVMF has enrolled", "[installer]") {
  const auto variables = ReadFile("/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd", Bytes{1} << 20U);
  const TempDirectory directory("ros-ovmf");
  const images::EfiSigner owner{.key = directory.path() / "owner.key",
                                .certificate = "/usr/share/ovmf/PkKek-1-snakeoil.pem"};
  RunTool({.argv = {"openssl",
                    "pkey",
                    "-in",
                    "/usr/share/ovmf/PkKek-1-snakeoil.key",
                    "-passin",
                    "pass:snakeoil",
                    "-out",
                    owner.key.string()}});
  const auto at = variables.find(kX509);
  REQUIRE(at != std::string::npos);
  const auto size = LoadLe32(AsBytes(variables), at + 16);
  const auto keys = bootloader::ParseFirmwareKeys(variables.substr(at, size));
  CHECK(keys.certificates == std::vector<std::string>{DerOf(owner)});
  CHECK_FALSE(keys.others);
  CHECK(SecureBootWarning(PlanWith(owner), SecureBoot::kOn, keys).empty());
}

}  // namespace ros::installer
