#include "images/verified_image.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "delta/patch.hpp"

namespace ros::images {
namespace {

// The index by this patch of the base; nothing where that is another's. Nothing is lost then.
std::string PatchIndex(const ImageSource& source,
                       const Descriptor& index,
                       const Descriptor& patch,
                       std::string_view base) {
  if (base.size() > delta::kMaxBase || index.size > delta::kMaxTarget) {
    return {};
  }
  try {
    const auto raw = ReadBlob(source, patch, kMaxIndexSize);
    std::string made(index.size, '\0');
    delta::ApplyPatch(AsBytes(base), AsBytes(raw), AsWritableBytes(made));
    return keys::Sha256Of(AsBytes(made)) == index.digest ? made : std::string();
  } catch (const Error&) {
    ThrowIfInterrupted();
    return {};
  }
}

std::string ReadRootIndex(const ImageSource& source,
                          const ImageManifest& manifest,
                          const FindRootIndex& find) {
  const auto held_by = [&](const std::string& sha256) {
    return find ? find(sha256) : std::string();
  };
  const auto& wanted = manifest.root_index.digest;
  if (auto held = held_by(wanted.Hex()); keys::Sha256Of(AsBytes(held)) == wanted) {
    return held;
  }
  for (const auto& [base, patch] : manifest.root_index_patches) {
    const auto held = held_by(base);
    if (held.empty()) {
      continue;
    }
    if (auto made = PatchIndex(source, manifest.root_index, patch, held); !made.empty()) {
      return made;
    }
  }
  return ReadBlob(source, manifest.root_index, kMaxIndexSize);
}

VerifiedImage ReadParts(const ImageSource& source,
                        std::string_view raw_manifest,
                        SignatureCheck check,
                        const FindRootIndex& find = {}) {
  auto image = BeginVerified(raw_manifest, std::move(check));
  image.raw_config = ReadBlob(source, image.manifest.config, kMaxConfigSize);
  image.config = ParseImageConfig(image.raw_config);
  const auto index = ReadRootIndex(source, image.manifest, find);
  image.chunks = ParseChunkIndex(AsBytes(index), image.config.root.size, image.manifest.root.size);
  return image;
}

}  // namespace

VerifiedImage VerifyImage(const ImageSource& source,
                          const keys::TrustStore& trust,
                          SignaturePolicy policy,
                          std::optional<std::string_view> reference,
                          const VerifyQuestions& questions) {
  const auto chosen = ChooseImage(source, reference);
  return InContext(source.name(), [&] {
    auto manifest = VerifyManifest(source, chosen, kOsImage, {trust, policy}, questions.approve);
    return ReadParts(
        source, manifest.raw, std::move(manifest.signatures), questions.find_root_index);
  });
}

VerifiedImage InspectImage(const ImageSource& source, std::optional<std::string_view> reference) {
  const auto chosen = ChooseImage(source, reference);
  return InContext(source.name(), [&] {
    return ReadParts(source, ReadBlob(source, chosen, kMaxManifestSize), {});
  });
}

}  // namespace ros::images
