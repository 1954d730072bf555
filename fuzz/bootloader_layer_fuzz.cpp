#include "fuzz/target.hpp"
#include "images/bootloader_layer.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto files = images::UnpackBootloader(AsText(input));
  Expect(files.size() <= images::kMaxBootloaderFiles, "there are not too many files");
  Bytes all = 0;
  for (const auto& [name, content] : files) {
    all += content.size();
  }
  Expect(all <= input.size(), "a tar does not hold more than it is long");
  std::string packed;
  if (Succeeds([&] { packed = images::PackBootloader(files); })) {
    Expect(images::UnpackBootloader(packed) == files, "what is packed is unpacked the same");
  }
}

std::vector<Seed> Seeds() {
  return {{"none", images::PackBootloader({})},
          {"two",
           images::PackBootloader(
               {{"grub/boot.img", std::string(512, '\xeb')}, {"grub/core.img", "core"}})}};
}

}  // namespace ros::fuzz
