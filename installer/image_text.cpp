#include "installer/image_text.hpp"

#include <algorithm>
#include <span>

#include "base/word_list.hpp"
#include "images/kernel_image.hpp"
#include "images/signature.hpp"
#include "images/unified_kernel.hpp"
#include "installer/signer_text.hpp"
#include "installer/trust_rules.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::installer {
namespace {

// Instead of no words.
std::string Or(const char* none, std::string text) {
  return text.empty() ? none : std::move(text);
}

// Of a root hash, for people.
constexpr std::size_t kShownHash = 16;

std::string KernelText(const images::ImageManifest& manifest, const ImageHints& hints) {
  const auto version = hints.kernel_version.empty() ? "" : hints.kernel_version + ", ";
  if (manifest.unified_kernel) {
    return "  kernel    " + version + FormatBytes(manifest.unified_kernel->size) +
           ", unified: with initrd and arguments, signed for Secure Boot\n  told      " +
           hints.signed_arguments + "\n";
  }
  return "  kernel    " + version + FormatBytes(manifest.kernel.size) + "\n  initrd    " +
         FormatBytes(manifest.initrd.size) + "\n";
}

std::string DeltaSizes(std::string_view what, const std::vector<images::DeltaLayers>& deltas) {
  std::string text;
  for (const auto& delta : deltas) {
    const auto patches = delta.patches ? delta.patches->size : 0;
    const auto size = "  delta     " + FormatBytes(delta.index.size + patches);
    text += delta.base == images::kEmptyBase
                ? size + ", for machines with any other " + std::string(what) + "\n"
                : size + ", from the " + std::string(what) + " " +
                      delta.base.substr(0, kShownHash) + "...\n";
  }
  return text;
}

std::string PatchSizes(const std::vector<images::IndexPatch>& patches) {
  std::string text;
  for (const auto& [base, patch] : patches) {
    text += "  patch     " + FormatBytes(patch.size) + ", from the root index " +
            base.substr(0, kShownHash) + "...\n";
  }
  return text;
}

std::string Sizes(const images::ImageManifest& manifest, const ImageHints& hints) {
  std::string text = KernelText(manifest, hints);
  if (manifest.bootloader) {
    text += "  loader    " + FormatBytes(manifest.bootloader->size) + "\n";
  }
  if (const auto& layers = manifest.fragments) {
    text += "  fragments " + FormatBytes(layers->index.size + layers->fragments.size) +
            ", for machines without a delta\n";
  }
  return text + PatchSizes(manifest.root_index_patches) + DeltaSizes("root", manifest.deltas) +
         DeltaSizes("kernel", manifest.kernel_deltas) +
         DeltaSizes("initrd", manifest.initrd_deltas);
}

Json Layer(std::string_view name, const images::Descriptor& descriptor) {
  return Json::MakeObject()
      .Set("name", name)
      .Set("digest", descriptor.digest.ToString())
      .Set("bytes", descriptor.size);
}

void AppendDeltas(const std::string& name,
                  const std::vector<images::DeltaLayers>& deltas,
                  Json& layers) {
  for (const auto& delta : deltas) {
    layers.Append(Layer(name + "-index", delta.index).Set("base", delta.base));
    if (delta.patches) {
      layers.Append(Layer(name, *delta.patches).Set("base", delta.base));
    }
  }
}

// What is fetched of a kernel or initrd.
std::string FileText(std::string_view name, Bytes bytes) {
  return bytes == 0 ? std::string() : ", " + FormatBytes(bytes) + " of the " + std::string(name);
}

std::string DeltaText(const images::BuiltDelta& delta) {
  return "  delta     from " + delta.version + ": " +
         FormatBytes(delta.index_size + delta.size + delta.frames) + " to fetch of the root (" +
         FormatBytes(delta.copied) + " of it are copied, " + FormatBytes(delta.patched) +
         " patched, " + FormatBytes(delta.unpacked) + " unpacked)" +
         FileText("root index", delta.root_index) + FileText("kernel", delta.kernel) +
         FileText("initrd", delta.initrd) + "\n";
}

Json DeltaToJson(const images::BuiltDelta& delta) {
  return Json::MakeObject()
      .Set("from", delta.version)
      .Set("index_bytes", delta.index_size)
      .Set("patch_bytes", delta.size)
      .Set("frame_bytes", delta.frames)
      .Set("copied_bytes", delta.copied)
      .Set("patched_bytes", delta.patched)
      .Set("unpacked_bytes", delta.unpacked)
      .Set("kernel_bytes", delta.kernel)
      .Set("initrd_bytes", delta.initrd)
      .Set("root_index_bytes", delta.root_index);
}

std::string FragmentText(const images::BuiltFragments& fragments) {
  const auto root = fragments.divided == 0 ? std::string("nothing of the root has changed")
                                           : FormatBytes(fragments.divided) +
                                                 " of the root have changed and are divided, in " +
                                                 FormatBytes(fragments.index_size + fragments.size);
  return "  fragments since " + fragments.version + ": " + root +
         "; a machine fetches what it does not have" + FileText("kernel", fragments.kernel) +
         FileText("initrd", fragments.initrd) + "\n";
}

Json FragmentsToJson(const images::BuiltFragments& fragments) {
  return Json::MakeObject()
      .Set("since", fragments.version)
      .Set("index_bytes", fragments.index_size)
      .Set("bytes", fragments.size)
      .Set("changed_bytes", fragments.divided)
      .Set("kernel_bytes", fragments.kernel)
      .Set("initrd_bytes", fragments.initrd);
}

void WarnOfSize(const char* part, Bytes size, Bytes usual, std::vector<std::string>& warnings) {
  if (size > usual) {
    warnings.push_back("the " + std::string(part) + " has " + FormatBytes(size) +
                       ", and a slot's usual place for it holds " + FormatBytes(usual) +
                       "; only machines that were installed with a larger --" + part +
                       "-size take this image");
  }
}

}  // namespace

ImageHints ReadHints(const images::ImageSource& source, const images::VerifiedImage& image) {
  ImageHints hints;
  for (const auto& signature : images::FindSignatures(source, image.manifest.digest)) {
    hints.signature_keys.push_back(signature.key_hint.empty() ? "unknown" : signature.key_hint);
  }
  if (const auto& unified = image.manifest.unified_kernel) {
    const auto program = images::ReadBlob(source, *unified, images::kMaxUnifiedKernelSize);
    constexpr Bytes kLongestText = 4096;
    const auto text = [&](std::string_view section) {
      auto found = images::FindSection(program, section, kLongestText).value_or("");
      std::ranges::replace_if(
          found, [](char c) { return c < ' ' || c > '~'; }, '?');
      return found;
    };
    hints.kernel_version = text(".uname");
    hints.signed_arguments = text(".cmdline");
    return hints;
  }
  const auto kernel = source.OpenBlob(image.manifest.kernel.digest);
  std::string head(std::min(kernel->size(), images::kKernelHeadSize), '\0');
  kernel->ReadAt(0, AsWritableBytes(head));
  hints.kernel_version = images::KernelVersionOf(head);
  return hints;
}

std::string DescribeImage(const images::VerifiedImage& image, const ImageHints& hints) {
  const auto& config = image.config;
  const auto& manifest = image.manifest;
  return config.name + " " + config.version + "\n  digest    " + manifest.digest.ToString() +
         "\n  signed    " + SignerText(image.signers, hints.signature_keys) + "\n  for       " +
         config.architecture + ", " + Or("any machine", Join(config.compatible)) +
         "\n  epoch     " + std::to_string(config.epoch) + "\n  created   " +
         FormatTime(config.created) + "\n  root      " + config.root.filesystem + ", " +
         FormatBytes(config.root.size) + " in " + std::to_string(image.chunks.size()) +
         " chunks, " + FormatBytes(manifest.root.size) + " packed\n  verity    " +
         config.root.verity.root_hash + "\n" + Sizes(manifest, hints) + "  arguments " +
         Or("none", Join(config.kernel_arguments)) + "\n  health    " +
         Or("no reporter required", Join(config.health.required)) + " within " +
         std::to_string(config.health.deadline.count()) + " s; watchdog " +
         std::to_string(config.health.watchdog.count()) + " s\n  trust     " +
         (config.trust.empty() ? "no policy" : SummaryOfPolicy(config.trust)) + "\n  at boot   " +
         (config.initrd_keys.empty() ? "not verified: no keys in its initrd"
                                     : "verified by the keys " + Join(config.initrd_keys)) +
         "\n";
}

Json ImageToJson(const images::VerifiedImage& image, const ImageHints& hints) {
  const auto& manifest = image.manifest;
  auto layers = Json::MakeArray();
  if (manifest.unified_kernel) {
    layers.Append(Layer("unified-kernel", *manifest.unified_kernel));
  } else {
    layers.Append(Layer("kernel", manifest.kernel)).Append(Layer("initrd", manifest.initrd));
  }
  if (manifest.bootloader) {
    layers.Append(Layer("bootloader", *manifest.bootloader));
  }
  layers.Append(Layer("root", manifest.root)).Append(Layer("root-index", manifest.root_index));
  for (const auto& [base, patch] : manifest.root_index_patches) {
    layers.Append(Layer("root-index-patch", patch).Set("base", base));
  }
  if (const auto& fragments = manifest.fragments) {
    layers.Append(Layer("fragments-index", fragments->index))
        .Append(Layer("fragments", fragments->fragments));
  }
  AppendDeltas("delta", manifest.deltas, layers);
  AppendDeltas("kernel-delta", manifest.kernel_deltas, layers);
  AppendDeltas("initrd-delta", manifest.initrd_deltas, layers);
  Json json;
  json.Set("digest", manifest.digest.ToString())
      .Set("verified", !image.signers.empty())
      .Set("signers", KeyListToJson(image.signers))
      .Set("signatures", KeyListToJson(hints.signature_keys))
      .Set("kernel_version", hints.kernel_version)
      .Set("unified_kernel", manifest.unified_kernel.has_value())
      .Set("signed_arguments", hints.signed_arguments)
      .Set("config", images::ToJson(image.config))
      .Set("chunks", std::uint64_t{image.chunks.size()})
      .Set("layers", std::move(layers));
  return json;
}

std::string DescribeBuild(const images::BuildResult& result, const images::BuildOptions& options) {
  std::string deltas;
  for (const auto& delta : result.deltas) {
    deltas += DeltaText(delta);
  }
  if (result.fragments) {
    deltas += FragmentText(*result.fragments);
  }
  return options.output.string() + ": " + options.name + " " + options.version + ", " +
         FormatBytes(result.archive_size) + "\n  digest    " + result.digest.ToString() +
         "\n  kernel    " + result.kernel_version + ", " + FormatBytes(result.kernel_size) +
         ", initrd " + FormatBytes(result.initrd_size) +
         (result.unified_kernel_size == 0 ? std::string()
                                          : "; both and the arguments signed as one, " +
                                                FormatBytes(result.unified_kernel_size)) +
         "\n  root      " + FormatBytes(result.root_size) + " in " + std::to_string(result.chunks) +
         " chunks, " + FormatBytes(result.root_packed_size) + " packed\n" + deltas +
         "not signed yet: ros image sign --key KEY " + options.output.string() + "\n";
}

std::vector<std::string> BuildWarnings(const images::BuildResult& result) {
  const partitions::BootFileSizes usual;
  std::vector<std::string> warnings;
  // A unified kernel has the room of both.
  if (result.unified_kernel_size == 0 || result.unified_kernel_size > usual.kernel + usual.initrd) {
    WarnOfSize("kernel", result.kernel_size, usual.kernel, warnings);
    WarnOfSize("initrd", result.initrd_size, usual.initrd, warnings);
  }
  return warnings;
}

Json BuildToJson(const images::BuildResult& result, const images::BuildOptions& options) {
  auto deltas = Json::MakeArray();
  for (const auto& delta : result.deltas) {
    deltas.Append(DeltaToJson(delta));
  }
  auto json = Json::MakeObject();
  json.Set("event", "built")
      .Set("output", options.output.string())
      .Set("digest", result.digest.ToString())
      .Set("kernel_version", result.kernel_version)
      .Set("root_bytes", result.root_size)
      .Set("root_packed_bytes", result.root_packed_size)
      .Set("chunks", std::uint64_t{result.chunks})
      .Set("archive_bytes", result.archive_size)
      .Set("deltas", std::move(deltas));
  if (result.fragments) {
    json.Set("fragments", FragmentsToJson(*result.fragments));
  }
  return json;
}

}  // namespace ros::installer
