#include "fuzz/target.hpp"
#include "images/manifest.hpp"

namespace ros::fuzz {

void Run(ByteSpan input) {
  const auto manifest = images::ParseManifest(AsText(input));
  Expect(manifest.digest == keys::Sha256Of(input), "the digest is that of the raw bytes");
  Expect(manifest.kernel.size <= images::kMaxKernelSize &&
             manifest.initrd.size <= images::kMaxInitrdSize &&
             manifest.root.size <= images::kMaxRootBlobSize,
         "the limits hold");
  auto again = images::ParseManifest(images::WriteManifest(manifest));
  again.digest = manifest.digest;
  Expect(again == manifest, "what is written is read back the same");
}

std::vector<Seed> Seeds() {
  const auto blob = [](std::string_view type, Bytes size) {
    return images::Descriptor{.media_type = std::string(type),
                              .digest = keys::Sha256Of(AsBytes(type)),
                              .size = size,
                              .annotations = {{"a", "b"}}};
  };
  images::ImageManifest manifest{.config = blob(images::kConfigType, 900),
                                 .kernel = blob(images::kKernelType, 1U << 23U),
                                 .initrd = blob(images::kInitrdType, 1U << 24U),
                                 .root = blob(images::kRootType, 1U << 30U),
                                 .root_index = blob(images::kRootIndexType, 40'032)};
  const auto small = images::WriteManifest(manifest);
  manifest.bootloader = blob(images::kBootloaderType, 1U << 22U);
  manifest.annotations = {{"org.opencontainers.image.version", "1.2.0"}};
  return {{"small", small}, {"whole", images::WriteManifest(manifest)}};
}

}  // namespace ros::fuzz
