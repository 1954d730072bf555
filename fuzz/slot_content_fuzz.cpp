#include "bootloader/grub_config.hpp"
#include "fuzz/boot_volume.hpp"
#include "fuzz/target.hpp"
#include "installer/slot_content.hpp"
#include "partitions/boot_file_system.hpp"

namespace ros::fuzz {
namespace {

using partitions::FatVolume;

// A manifest that names this config, and is sound in all else.
std::string ManifestFor(std::string_view config) {
  const auto blob = [](std::string_view type, std::string_view content) {
    return images::Descriptor{.media_type = std::string(type),
                              .digest = keys::Sha256Of(AsBytes(content)),
                              .size = std::max<std::size_t>(content.size(), 1)};
  };
  return images::WriteManifest({.config = blob(images::kConfigType, config),
                                .kernel = blob(images::kKernelType, "kernel"),
                                .initrd = blob(images::kInitrdType, "initrd"),
                                .root = blob(images::kRootType, "root"),
                                .root_index = blob(images::kRootIndexType, "index")});
}

std::string Config() {
  return images::WriteImageConfig(
      {.name = "myos",
       .version = "1.2.0",
       .architecture = "amd64",
       .root = {.filesystem = "erofs",
                .size = 4096,
                .verity = {.root_hash = std::string(64, 'a'), .salt = std::string(64, '0')}}});
}

// What GRUB would compare for the kernel and initrd of that manifest.
std::string SumsFor(std::string_view grub_config) {
  const auto hex = [](std::string_view content) { return keys::Sha256Of(AsBytes(content)).Hex(); };
  return bootloader::SlotSums(
      {.kernel = hex("kernel"), .initrd = hex("initrd"), .grub_config = hex(grub_config)});
}

}  // namespace

// The input: manifest (none: one that fits the config) and config, as pieces, then what SIGS and
// all other files hold.
void Run(ByteSpan bytes) {
  Input input(bytes);
  const auto given = AsText(input.TakePiece());
  const auto config = AsText(input.TakePiece());
  const auto rest = AsText(input.Rest());
  const auto manifest = given.empty() ? ManifestFor(config) : std::string(given);
  const auto disk = NewBootVolume();
  const auto sums = SumsFor(rest);
  auto boot = FatVolume::Open(Region(disk));
  std::map<std::string, Bytes> lengths;
  for (const auto& [name, old] : boot.Lengths("/A")) {
    const auto content = name == partitions::kManifestFile ? std::string_view(manifest)
                         : name == partitions::kConfigFile ? config
                         : name == partitions::kKernelFile ? "kernel"
                         : name == partitions::kInitrdFile ? "initrd"
                         : name == partitions::kSumsFile   ? std::string_view(sums)
                                                           : rest;
    const auto file = boot.Find("/A/" + name);
    if (content.size() > file.allocated) {
      return;  // a file cannot be longer
    }
    file.data.Write(0, AsBytes(content));
    lengths[name] = content.size();
  }
  boot.SetLengths("/A", lengths);
  boot = FatVolume::Open(Region(disk));

  const auto content = installer::ReadSlotContent(boot, SlotId::kA);
  Expect(content.complete || !content.config, "a slot that is not complete says nothing");
  Expect(!content.complete || content.config.has_value() == content.problem.empty(),
         "a complete slot has a config or a problem");
  Expect(!content.VersionText().empty(), "there is a word for it");
  const bool sound = installer::BootFilesAreSound(boot, SlotId::kA);
  Expect(sound || !content.config || !given.empty(), "the files are as the manifest says");
  static_cast<void>(Succeeds([&] {
    const auto texts = installer::ReadSlotTexts(boot, SlotId::kA);
    Expect(texts.at(std::string(partitions::kManifestFile)) == manifest,
           "a text is read as it was written");
    static_cast<void>(images::VerifyKept(texts.at(std::string(partitions::kManifestFile)),
                                         texts.at(std::string(partitions::kConfigFile)),
                                         texts.at(std::string(partitions::kSignaturesFile)),
                                         {},
                                         images::SignaturePolicy::kAllowUnsigned));
  }));
}

std::vector<Seed> Seeds() {
  const auto config = Config();
  return {{"empty", ""},
          {"whole", Piece("") + Piece(config) + "[]"},
          {"manifest", Piece(ManifestFor(config)) + Piece(config) + "[]"},
          {"other-config", Piece(ManifestFor("{}")) + Piece(config) + "[]"}};
}

}  // namespace ros::fuzz
