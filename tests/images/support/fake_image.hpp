#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "images/chunk_index.hpp"
#include "images/image_config.hpp"
#include "images/manifest.hpp"
#include "keys/key_pair.hpp"

namespace ros::images::fakes {

// Bytes that look random, half of them compressible; the same for the same seed.
std::string MakeData(Bytes size, unsigned seed);

// A zstd frame as an image has it.
std::string PackFrame(std::string_view data);

// The two layers of a delta.
struct FakeDelta {
  std::string base;
  std::string index;
  std::string patches;
};

// The two layers of fragments.
struct FakeFragments {
  std::string index;
  std::string layer;
};

// What an image is made of, before it is put together. A test changes what it wants to be wrong;
// what is put together later (digests, signature) is right for it again.
struct FakeParts {
  ImageConfig config;
  std::string kernel = "a kernel";
  std::string initrd = "an initrd";
  std::string unified_kernel;  // in the place of both, when it is not empty
  std::string bootloader = "a boot loader";
  std::string root;           // unpacked
  std::vector<Chunk> chunks;  // of `layer`
  std::string layer;          // packed
  std::string raw_index;
  std::string old_index;    // of another root
  std::string index_patch;  // that makes `raw_index` of it; none where it is empty
  std::optional<FakeFragments> fragments;
  std::optional<FakeDelta> delta;  // of the root
  std::optional<FakeDelta> kernel_delta;
  std::optional<FakeDelta> initrd_delta;
};

// Parts that fit each other: a root of `root_size` bytes cut into chunks of different lengths.
FakeParts MakeParts(Bytes root_size = Bytes{2} << 20U, unsigned seed = 1);
// The same of a root of whole blocks.
FakeParts MakePartsOf(std::string root, unsigned seed = 1);
// Chunks and layer anew, for a root that was changed; then PackIndex.
void PackRoot(FakeParts& parts, unsigned seed = 1);
// `raw_index` anew from `chunks`, without the checks of WriteChunkIndex.
void PackIndex(FakeParts& parts);

// An OCI layout in memory.
struct FakeImage {
  std::map<std::string, std::string> files;  // path in the layout to content
  keys::Digest digest;

  // The content of a blob, to be changed.
  std::string& Blob(const keys::Digest& blob_digest);

  void WriteLayout(const std::filesystem::path& directory) const;
  void WriteArchive(const std::filesystem::path& path) const;
  [[nodiscard]] std::string Tar() const;
};

using Edit = std::function<std::string(std::string)>;

struct AssembleOptions {
  Edit edit_config;    // raw JSON, before it is named by the manifest
  Edit edit_manifest;  // raw JSON, before it is named by the index and signed
  Edit edit_index;     // raw index.json
  std::vector<keys::PrivateKey> keys;
};

FakeImage Assemble(const FakeParts& parts, const AssembleOptions& options);

// The common case: parts that fit, signed by this key.
FakeImage MakeImage(const keys::PrivateKey& key);

// One entry of a tar that a test makes by hand.
struct TarEntry {
  std::string name;
  std::string content;
  char type = '0';  // ustar's type flag
  std::string link;
};

// A ustar archive, with its end mark.
std::string MakeTar(const std::vector<TarEntry>& entries);

// `text` with its only occurrence of `from` replaced.
std::string Replace(std::string text, std::string_view from, std::string_view to);

}  // namespace ros::images::fakes
