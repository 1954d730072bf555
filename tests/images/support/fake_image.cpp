#include "tests/images/support/fake_image.hpp"

#include <fcntl.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <stdexcept>

#include "base/file.hpp"
#include "images/signature.hpp"
#include "images/verity.hpp"
#include "keys/base64.hpp"

namespace ros::images::fakes {
namespace {

constexpr Bytes kTarBlock = 512;

std::string BlobPath(const keys::Digest& digest) {
  return "blobs/sha256/" + digest.Hex();
}

Descriptor AddBlob(FakeImage& image, std::string_view media_type, const std::string& content) {
  Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = keys::Sha256Of(AsBytes(content));
  descriptor.size = content.size();
  image.files[BlobPath(descriptor.digest)] = content;
  return descriptor;
}

std::string Apply(const Edit& edit, std::string text) {
  return edit ? edit(std::move(text)) : text;
}

Descriptor AddSignatures(FakeImage& image, const std::vector<keys::PrivateKey>& keys) {
  const auto payload = MakePayload(image.digest, "fake");
  auto layers = Json::MakeArray();
  for (const auto& key : keys) {
    auto layer = AddBlob(image, kPayloadType, payload);
    layer.annotations[std::string(kSignatureAnnotation)] =
        keys::EncodeBase64(AsBytes(key.Sign(AsBytes(payload))));
    layer.annotations[std::string(kKeyHintAnnotation)] = key.Public().Fingerprint();
    layers.Append(ToJson(layer));
  }
  auto manifest = Json::MakeObject();
  manifest.Set("schemaVersion", 2);
  manifest.Set("mediaType", kOciManifestType);
  manifest.Set("config", ToJson(AddBlob(image, "application/vnd.oci.image.config.v1+json", "{}")));
  manifest.Set("layers", layers);
  auto descriptor = AddBlob(image, kOciManifestType, manifest.Dump());
  descriptor.annotations[std::string(kRefNameAnnotation)] = SignatureName(image.digest);
  return descriptor;
}

void PutField(std::string& header, std::size_t offset, std::string_view text) {
  std::memcpy(header.data() + offset, text.data(), text.size());
}

std::string Octal(Bytes value, std::size_t width) {
  std::string text(width, '0');
  for (auto at = width; at > 0; value /= 8) {
    text[--at] = static_cast<char>('0' + value % 8);
  }
  return text;
}

std::string TarHeader(const TarEntry& entry) {
  std::string header(kTarBlock, '\0');
  PutField(header, 0, std::string_view(entry.name).substr(0, 100));
  PutField(header, 100, "0000644");
  PutField(header, 108, "0000000");
  PutField(header, 116, "0000000");
  PutField(header, 124, Octal(entry.content.size(), 11));
  PutField(header, 136, "00000000000");
  PutField(header, 148, "        ");
  header[156] = entry.type;
  PutField(header, 157, entry.link);
  PutField(header, 257, std::string_view("ustar\00000", 8));
  Bytes sum = 0;
  for (const char c : header) {
    sum += static_cast<unsigned char>(c);
  }
  PutField(header, 148, Octal(sum, 6) + std::string("\0 ", 2));
  return header;
}

void AddDelta(FakeImage& image,
              const std::optional<FakeDelta>& delta,
              std::string_view index_type,
              std::string_view patches_type,
              std::vector<DeltaLayers>& deltas) {
  if (delta) {
    deltas.push_back({.base = delta->base,
                      .index = AddBlob(image, index_type, delta->index),
                      .patches = AddBlob(image, patches_type, delta->patches)});
  }
}

}  // namespace

std::string MakeData(Bytes size, unsigned seed) {
  std::string data(size, '\0');
  std::mt19937 random(seed);
  for (Bytes at = 0; at + 64 <= size; at += 64) {
    for (Bytes i = 0; i < 32; i += 4) {
      const auto value = static_cast<std::uint32_t>(random());
      std::memcpy(data.data() + at + i, &value, sizeof value);
    }
  }
  return data;
}

std::string PackFrame(std::string_view data) {
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  const auto length = ZSTD_compress(frame.data(), frame.size(), data.data(), data.size(), 1);
  if (ZSTD_isError(length) != 0) {
    throw std::runtime_error("zstd");
  }
  frame.resize(length);
  return frame;
}

void PackRoot(FakeParts& parts, unsigned seed) {
  parts.chunks.clear();
  parts.layer.clear();
  std::mt19937 random(seed);
  const std::array<Bytes, 5> lengths = {
      kBlockSize, 3 * kBlockSize, 100 * kBlockSize, kMaxChunkLength, 33 * kBlockSize};
  const std::string_view root = parts.root;
  for (Bytes at = 0; at < root.size();) {
    const auto length = std::min<Bytes>(lengths[random() % lengths.size()], root.size() - at);
    const auto frame = PackFrame(root.substr(at, length));
    parts.chunks.push_back({.digest = keys::Sha256Of(AsBytes(root.substr(at, length))),
                            .packed_digest = keys::Sha256Of(AsBytes(frame)),
                            .length = static_cast<std::uint32_t>(length),
                            .packed_length = static_cast<std::uint32_t>(frame.size())});
    parts.layer += frame;
    at += length;
  }
  PackIndex(parts);
}

void PackIndex(FakeParts& parts) {
  std::string raw(kIndexHeaderSize + parts.chunks.size() * kIndexEntrySize, '\0');
  const auto bytes = AsWritableBytes(raw);
  std::memcpy(raw.data(), "ROSINDEX", 8);
  StoreLe32(bytes, 8, 1);
  StoreLe32(bytes, 12, static_cast<std::uint32_t>(parts.chunks.size()));
  StoreLe64(bytes, 16, parts.config.root.size);
  StoreLe64(bytes, 24, parts.layer.size());
  std::size_t at = kIndexHeaderSize;
  for (const auto& chunk : parts.chunks) {
    std::memcpy(raw.data() + at, chunk.digest.bytes.data(), chunk.digest.bytes.size());
    std::memcpy(raw.data() + at + 32, chunk.packed_digest.bytes.data(), 32);
    StoreLe32(bytes, at + 64, chunk.length);
    StoreLe32(bytes, at + 68, chunk.packed_length);
    at += kIndexEntrySize;
  }
  parts.raw_index = std::move(raw);
}

FakeParts MakeParts(Bytes root_size, unsigned seed) {
  return MakePartsOf(MakeData(root_size, seed), seed);
}

FakeParts MakePartsOf(std::string root, unsigned seed) {
  FakeParts parts;
  const Bytes root_size = root.size();
  parts.root = std::move(root);
  auto& config = parts.config;
  config.name = "fake";
  config.version = "1.0.0";
  config.architecture = "amd64";
  config.epoch = 1;
  config.created = 1772366400;
  config.kernel_arguments = {"quiet"};
  config.root.filesystem = "erofs";
  config.root.size = root_size;
  config.root.verity.salt = std::string(64, 'b');
  VerityTree tree(root_size, config.root.verity.salt, [](Bytes /*offset*/, ByteSpan /*b*/) {});
  std::vector<keys::Digest> digests(root_size / kBlockSize);
  VerityBlockHasher(config.root.verity.salt).HashAll(AsBytes(parts.root), digests);
  tree.Add(digests);
  config.root.verity.root_hash = tree.Finish();
  PackRoot(parts, seed);
  return parts;
}

FakeImage Assemble(const FakeParts& parts, const AssembleOptions& options) {
  FakeImage image;
  ImageManifest manifest;
  const auto config = Apply(options.edit_config, ToJson(parts.config).Dump());
  manifest.config = AddBlob(image, kConfigType, config);
  if (parts.unified_kernel.empty()) {
    manifest.kernel = AddBlob(image, kKernelType, parts.kernel);
    manifest.initrd = AddBlob(image, kInitrdType, parts.initrd);
  } else {
    manifest.unified_kernel = AddBlob(image, kUnifiedKernelType, parts.unified_kernel);
  }
  manifest.bootloader = AddBlob(image, kBootloaderType, parts.bootloader);
  manifest.root = AddBlob(image, kRootType, parts.layer);
  manifest.root_index = AddBlob(image, kRootIndexType, parts.raw_index);
  if (!parts.index_patch.empty()) {
    manifest.root_index_patches.push_back(
        {.base = keys::Sha256Of(AsBytes(parts.old_index)).Hex(),
         .patch = AddBlob(image, kRootIndexPatchType, parts.index_patch)});
  }
  if (const auto& fragments = parts.fragments) {
    manifest.fragments =
        FragmentLayers{.index = AddBlob(image, kFragmentIndexType, fragments->index),
                       .fragments = AddBlob(image, kFragmentsType, fragments->layer)};
  }
  AddDelta(image, parts.delta, kDeltaIndexType, kDeltaType, manifest.deltas);
  AddDelta(
      image, parts.kernel_delta, kKernelDeltaIndexType, kKernelDeltaType, manifest.kernel_deltas);
  AddDelta(
      image, parts.initrd_delta, kInitrdDeltaIndexType, kInitrdDeltaType, manifest.initrd_deltas);
  const auto raw = Apply(options.edit_manifest, WriteManifest(manifest));
  auto descriptor = AddBlob(image, kOciManifestType, raw);
  descriptor.annotations[std::string(kRefNameAnnotation)] = parts.config.version;
  image.digest = descriptor.digest;

  auto manifests = Json::MakeArray();
  manifests.Append(ToJson(descriptor));
  if (!options.keys.empty()) {
    manifests.Append(ToJson(AddSignatures(image, options.keys)));
  }
  auto index = Json::MakeObject();
  index.Set("schemaVersion", 2);
  index.Set("manifests", manifests);
  image.files["index.json"] = Apply(options.edit_index, index.Dump());
  image.files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  return image;
}

FakeImage MakeImage(const keys::PrivateKey& key) {
  return Assemble(MakeParts(), {.keys = {key}});
}

std::string& FakeImage::Blob(const keys::Digest& blob_digest) {
  return files.at(BlobPath(blob_digest));
}

void FakeImage::WriteLayout(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory / "blobs" / "sha256");
  for (const auto& [name, content] : files) {
    WriteFull(
        OpenFile(directory / name, O_WRONLY | O_CREAT | O_TRUNC).get(), 0, AsBytes(content), name);
  }
}

std::string FakeImage::Tar() const {
  std::vector<TarEntry> entries = {{.name = "blobs/", .type = '5'},
                                   {.name = "blobs/sha256/", .type = '5'}};
  for (const auto& [name, content] : files) {
    entries.push_back({.name = name, .content = content});
  }
  return MakeTar(entries);
}

void FakeImage::WriteArchive(const std::filesystem::path& path) const {
  WriteFull(OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC).get(), 0, AsBytes(Tar()), path.string());
}

std::string MakeTar(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const auto& entry : entries) {
    tar += TarHeader(entry) + entry.content;
    tar.resize(RoundUp(tar.size(), kTarBlock));
  }
  tar.resize(tar.size() + 2 * kTarBlock);
  return tar;
}

std::string Replace(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) {
    throw std::runtime_error("not exactly one \"" + std::string(from) + "\" in: " + text);
  }
  return text.replace(at, from.size(), to);
}

}  // namespace ros::images::fakes
