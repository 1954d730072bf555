#include "images/root_layer.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "images/frame_packer.hpp"
#include "images/oci_archive_writer.hpp"
#include "tests/images/support/small_root.hpp"

namespace ros::images {
namespace {

using testing::Noise;
using testing::PutFile;

constexpr std::uint32_t kUnit = 4096;

struct Input {
  Input() {
    content = Noise(kUnit * 60, 1) + std::string(kUnit * 200, 'x') + Noise(kUnit * 256, 2);
    PutFile(directory.path() / "image", content);
    input.image = directory.path() / "image";
    input.lengths = {kUnit * 60, kUnit * 199, kUnit, kUnit * 256};
    input.salt_hex = std::string(64, '5');
    input.compression_level = 3;
  }

  RootLayer Pack(const std::string& name) {
    NoProgress progress;
    return PackRootLayer(input, directory.path() / name, progress);
  }

  std::string content;
  TempDirectory directory;
  RootLayerInput input;
};

TEST_CASE("PackRootLayer: any zstd unpacks the whole layer and each frame", "[images]") {
  Input input;
  const RootLayer layer = input.Pack("layer");
  const std::string packed = ReadFile(input.directory.path() / "layer", Bytes{64} << 20U);
  CHECK(packed.size() == layer.size);
  CHECK(keys::Sha256Of(AsBytes(packed)) == layer.digest);
  const auto unpack = [](const std::string& data) {
    return RunTool({.argv = {"zstd", "-dc"}, .input = data, .output_limit = 1U << 24U});
  };
  CHECK(unpack(packed) == input.content);
  REQUIRE(layer.chunks.size() == 4);
  Bytes offset = 0;
  Bytes place = 0;
  for (const auto& chunk : layer.chunks) {
    const std::string content = unpack(packed.substr(place, chunk.packed_length));
    CHECK(content == input.content.substr(offset, chunk.length));
    CHECK(keys::Sha256Of(AsBytes(content)) == chunk.digest);
    offset += chunk.length;
    place += chunk.packed_length;
  }
}

TEST_CASE("PackRootLayer: the number of workers changes nothing", "[images]") {
  Input input;
  input.input.workers = 1;
  const RootLayer one = input.Pack("one");
  input.input.workers = 5;
  const RootLayer five = input.Pack("five");
  CHECK(one.digest == five.digest);
  CHECK(one.chunks == five.chunks);
  CHECK(one.verity_root_hash == five.verity_root_hash);
}

TEST_CASE("PackRootLayer: a worker's failure comes out", "[images]") {
  Input input;
  input.input.lengths.push_back(kUnit);  // beyond the image's end
  CHECK_THROWS_AS(input.Pack("layer"), Error);
}

TEST_CASE("FramePacker: frames carry their content size", "[images]") {
  CHECK_THROWS_AS(FramePacker(0), Error);
  FramePacker packer(3);
  const std::string frame = packer.Pack(AsBytes(std::string(100'000, 'x')));
  CHECK(packer.Pack(AsBytes(std::string(100'000, 'x'))) == frame);
  const std::string list = RunTool({.argv = {"zstd", "-dc"}, .input = frame});
  CHECK(list == std::string(100'000, 'x'));
  // RFC 8878, 3.1.1.1.1: the frame header descriptor's two highest bits, or its single segment bit.
  CHECK((static_cast<unsigned char>(frame[4]) & 0xE0U) != 0);
}

ArchiveBlob Blob(const std::string& content) {
  return {{"application/test", keys::Sha256Of(AsBytes(content)), content.size(), {}}, content};
}

TEST_CASE("WriteOciArchive: small blobs first and patches last, replaced as a whole", "[images]") {
  const TempDirectory directory;
  const auto output = directory.path() / "image.oci";
  PutFile(output, "an older file");
  PutFile(directory.path() / "large", Noise(100'000, 3));
  ArchiveBlob large = Blob(Noise(100'000, 3));
  large.content = directory.path() / "large";
  const ArchiveBlob small = Blob("small");
  ArchiveBlob patches = Blob("some patches");
  patches.descriptor.media_type = GENERATE(kDeltaType, kKernelDeltaType, kInitrdDeltaType);
  const ImageArchive archive{Blob("manifest"), "1.0", {patches, large, small}};
  OutputFile file(output);
  const Bytes size = WriteOciArchive(archive, file);
  CHECK(size == std::filesystem::file_size(output));
  const std::string names = RunTool({.argv = {"tar", "-tf", output.string()}});
  const auto path = [](const ArchiveBlob& blob) {
    return "blobs/sha256/" + blob.descriptor.digest.Hex() + "\n";
  };
  CHECK(names == "oci-layout\nindex.json\n" + path(archive.manifest) + path(small) + path(large) +
                     path(patches));
  CHECK(RunTool({.argv = {"tar", "-xOf", output.string(), path(large).substr(0, 77)}}) ==
        Noise(100'000, 3));

  ArchiveBlob longer = large;
  longer.descriptor.size += 1;
  {
    OutputFile again(output);
    CHECK_THROWS_AS(WriteOciArchive({Blob("manifest"), "1.0", {longer}}, again), Error);
  }
  CHECK(std::filesystem::file_size(output) == size);
  CHECK(ListDirectory(directory.path()) == std::vector<std::string>{"image.oci", "large"});
}

}  // namespace
}  // namespace ros::images
