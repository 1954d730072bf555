#include "bootloader/grub_config.hpp"
#include "bootloader/loader_description.hpp"
#include "fuzz/target.hpp"
#include "partitions/boot_layout.hpp"

namespace ros::fuzz {
namespace {

void CheckLayout(std::string_view text) {
  const auto files = partitions::ParseBootLayout(text);
  Expect(files.size() <= 100, "there are not too many files");
  Expect(partitions::ParseBootLayout(partitions::FormatBootLayout(files)) == files,
         "what is written is read back the same");
}

void CheckDescription(std::string_view text) {
  const auto description = bootloader::ParseLoaderDescription(text);
  Expect(description.version.empty() || bootloader::IsLoaderVersion(description.version),
         "a version is one");
  Expect(bootloader::ParseLoaderDescription(bootloader::FormatLoaderDescription(description)) ==
             description,
         "what is written is read back the same");
}

}  // namespace

// The small texts of ours that lie on a boot partition beside the slots.
void Run(ByteSpan input) {
  const auto text = AsText(input);
  CheckDescription(text);
  Expect(bootloader::GrubScriptNumber(text) >= 0, "a script has a number, or 0");
  CheckLayout(text);
}

std::vector<Seed> Seeds() {
  return {{"layout",
           partitions::FormatBootLayout(
               {{"/A/KERNEL", 40, 8192}, {"/EFI/BOOT/BOOTX64.EFI", 9000, 512}}) +
               "\n\n"},
          {"description",
           bootloader::FormatLoaderDescription(
               {.version = "2.06-13+deb12u2", .digests = {{"BOOTX64.EFI", std::string(64, 'a')}}})},
          {"script", bootloader::MainGrubConfig().substr(0, 200)}};
}

}  // namespace ros::fuzz
