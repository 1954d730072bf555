#include "images/root_delta.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/file.hpp"
#include "images/root_writer.hpp"
#include "images/verify_root.hpp"
#include "images/verity.hpp"
#include "tests/delta/support/changed_program.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/warnings.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

// A root, and one in which bytes were put in, changed and appended.
class Versions {
 public:
  Versions() : Versions(Changed(MakeData(kSize, 7))) {}

  explicit Versions(std::string root) {
    old_parts_ = MakePartsOf(MakeData(kSize, 7), 7);
    root.resize((root.size() / kBlockSize) * kBlockSize);
    new_parts_ = MakePartsOf(root, 8);
    Assemble(old_parts_, {}).WriteArchive(directory_.path() / "old.oci");
    WriteFileAtomically(directory_.path() / "new", AsBytes(root));
    old_disk_->Write(0, AsBytes(old_parts_.root));
    MakeLayers();
  }

  [[nodiscard]] const FakeParts& old_parts() const { return old_parts_; }

  [[nodiscard]] const FakeParts& new_parts() const { return new_parts_; }

  [[nodiscard]] const DeltaLayer& layer() const { return layer_; }

  [[nodiscard]] std::string patches() const {
    return ReadFile(directory_.path() / "patches", Bytes{1} << 30U);
  }

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }

  std::shared_ptr<testing::MemoryDisk> old_disk() { return old_disk_; }

  static std::string Changed(const std::string& old) {
    std::string root = old.substr(0, 300'001) + "put in" + old.substr(300'001, 900'000) +
                       MakeData(Bytes{1} << 20U, 9) + old.substr(1'200'001);
    for (std::size_t at = 0; at < root.size(); at += 5'000) {
      root[at] = static_cast<char>(root[at] ^ 1);
    }
    return root;
  }

  // Makes the new root of the old one in a slot; tells the bytes that were read of the image.
  Bytes Write() {
    const auto source = OpenImage(directory_.path() / "new.oci");
    const RemoteImage remote(*source);
    const auto image = InspectImage(*source);
    const auto& layers = image.manifest.deltas.at(0);
    const auto index = ReadBlob(*source, layers.index, kMaxDeltaIndexSize);
    const Delta delta{.patches = layers.patches.value(),
                      .index = ParseDeltaIndex(AsBytes(index), image.chunks, layers.patches->size)};
    const RootReuse reuse{.plan = PlanRoot(image.chunks, {.delta = &delta.index}, {}),
                          .old_root = Region(old_disk_),
                          .delta = &delta};
    planned_ = reuse.plan;
    const auto disk = std::make_shared<testing::MemoryDisk>(Bytes{16} << 20U);
    WriteRoot(remote, image, Region(disk), warnings_, &reuse);
    VerifyRoot(Region(disk), image.config.root, warnings_);
    std::string written(new_parts_.root.size(), '\0');
    disk->Read(0, AsWritableBytes(written));
    CHECK((written == new_parts_.root));
    CHECK(remote.announced() == planned_.fetched);
    return remote.read();
  }

  [[nodiscard]] const RootPlan& planned() const { return planned_; }

  // Of all that was written.
  [[nodiscard]] const std::string& warnings() const { return warnings_.text; }

  // The image, with other patches than those it is signed with.
  void Damage(std::string patches) { WriteImage(std::move(patches)); }

 private:
  static constexpr Bytes kSize = Bytes{4} << 20U;

  void MakeLayers() {
    NoProgress progress;
    const auto base =
        UnpackDeltaBase(directory_.path() / "old.oci", directory_.path() / "base", progress);
    layer_ = MakeDelta(base,
                       {.root = directory_.path() / "new", .chunks = new_parts_.chunks},
                       directory_.path() / "patches",
                       progress);
    WriteImage(patches());
  }

  void WriteImage(std::string patches) {
    new_parts_.delta = FakeDelta{.base = old_parts_.config.root.verity.root_hash,
                                 .index = WriteDeltaIndex(layer_.index, new_parts_.chunks),
                                 .patches = std::move(patches)};
    Assemble(new_parts_, {}).WriteArchive(directory_.path() / "new.oci");
  }

  TempDirectory directory_;
  FakeParts old_parts_;
  FakeParts new_parts_;
  DeltaLayer layer_;
  RootPlan planned_;
  testing::Warnings warnings_;
  std::shared_ptr<testing::MemoryDisk> old_disk_ =
      std::make_shared<testing::MemoryDisk>(Bytes{16} << 20U);
};

// An image of bytes that cannot be packed, every other chunk of which is a patch.
struct LongImage {
  LongImage() {
    const auto block = MakeData(kBlockSize, 1);
    old_disk->Write(0, AsBytes(block));
    DeltaIndex index{.base_size = kBlockSize};
    std::string patches;
    Bytes at = 0;
    for (std::size_t i = 0; i < parts.chunks.size(); at += parts.chunks[i].length, ++i) {
      index.chunks.push_back({});
      if (i % 2 == 0) {
        continue;
      }
      const auto packed =
          delta::MakePatch(AsBytes(block), AsBytes(parts.root).subspan(at, parts.chunks[i].length));
      index.chunks.back().kind = DeltaChunk::Kind::kPatch;
      index.patches.push_back({.base = {{.offset = 0, .length = kBlockSize}},
                               .packed_digest = keys::Sha256Of(AsBytes(packed)),
                               .packed_length = static_cast<std::uint32_t>(packed.size())});
      patches += packed;
    }
    REQUIRE(patches.size() > registry::BlobStream::kWindow);
    REQUIRE(parts.layer.size() > patches.size() + registry::BlobStream::kWindow);
    parts.delta = FakeDelta{.base = std::string(64, '0'),
                            .index = WriteDeltaIndex(index, parts.chunks),
                            .patches = std::move(patches)};
  }

  void WriteArchive() const { Assemble(parts, {}).WriteArchive(directory.path() / "long.oci"); }

  // The same with one patch and one frame that do not have their digests.
  void WriteDamagedArchive() const {
    auto image = Assemble(parts, {});
    image.Blob(keys::Sha256Of(AsBytes(parts.layer)))[10] ^= 1;
    image.Blob(keys::Sha256Of(AsBytes(parts.delta->patches)))[10] ^= 1;
    image.WriteArchive(directory.path() / "damaged.oci");
  }

  // What a slot holds afterwards, where what is wrong may be had from another archive.
  [[nodiscard]] std::string Written(const std::string& name = "long.oci",
                                    const std::string& elsewhere = {}) const {
    const auto file = OpenImage(directory.path() / name);
    const auto other = elsewhere.empty() ? nullptr : OpenImage(directory.path() / elsewhere);
    const StreamedImage source(*file, other.get());
    const auto image = InspectImage(source);
    const auto& layers = image.manifest.deltas.at(0);
    const Delta delta{
        .patches = layers.patches.value(),
        .index = ParseDeltaIndex(AsBytes(parts.delta->index), image.chunks, layers.patches->size)};
    const RootReuse reuse{.plan = PlanRoot(image.chunks, {.delta = &delta.index}, {}),
                          .old_root = Region(old_disk),
                          .delta = &delta};
    const auto disk = std::make_shared<testing::MemoryDisk>(BytesNeeded(image.config.root));
    NoProgress progress;
    WriteRoot(source, image, Region(disk), progress, &reuse);
    std::string written(parts.root.size(), '\0');
    disk->Read(0, AsWritableBytes(written));
    return written;
  }

  TempDirectory directory;
  FakeParts parts = MakePartsOf(delta::fakes::MakeNoise(Bytes{12} << 20U, 1));
  std::shared_ptr<testing::MemoryDisk> old_disk =
      std::make_shared<testing::MemoryDisk>(Bytes{1} << 20U);
};

std::size_t Count(const DeltaLayer& layer, DeltaChunk::Kind kind) {
  return static_cast<std::size_t>(std::ranges::count(layer.index.chunks, kind, &DeltaChunk::kind));
}

}  // namespace

TEST_CASE("MakeDelta: patches what is alike, and leaves the rest to frames", "[images]") {
  const Versions versions;
  const auto& layer = versions.layer();
  CHECK(layer.index.base_size == versions.old_parts().root.size());
  CHECK(layer.index.chunks.size() == versions.new_parts().chunks.size());
  CHECK(Count(layer, DeltaChunk::Kind::kPatch) > 3);
  CHECK(Count(layer, DeltaChunk::Kind::kPatch) == layer.index.patches.size());
  const auto patches = versions.patches();
  CHECK(patches.size() == layer.size);
  CHECK(keys::Sha256Of(AsBytes(patches)) == layer.digest);
  // What was put in are half of its MiB in random bytes; all else costs little.
  CHECK(layer.size < 700'000);
}

TEST_CASE("MakeDelta: the same input gives the same bytes", "[images]") {
  const Versions versions;
  const Versions again;
  CHECK(versions.layer().digest == again.layer().digest);
  CHECK(versions.layer().index == again.layer().index);
}

TEST_CASE("MakeDelta: a root that is the same is copied", "[images]") {
  const Versions versions;
  NoProgress progress;
  const auto base =
      UnpackDeltaBase(versions.directory() / "old.oci", versions.directory() / "base2", progress);
  const auto layer = MakeDelta(base,
                               {.root = base.root, .chunks = versions.old_parts().chunks},
                               versions.directory() / "none",
                               progress);
  CHECK(layer.size == 0);
  CHECK(Count(layer, DeltaChunk::Kind::kCopy) == versions.old_parts().chunks.size());
}

TEST_CASE("WriteRoot: by a delta, nothing else is read of the image", "[images]") {
  Versions versions;
  const auto read = versions.Write();
  CHECK(read == versions.planned().fetched);
  CHECK(versions.planned().patched > (Bytes{3} << 20U));
  CHECK(read < versions.new_parts().layer.size() / 2);
}

TEST_CASE("WriteRoot: a patch whose base is damaged gives way to the frame", "[images]") {
  Versions versions;
  const auto& patch = versions.layer().index.patches.front();
  const std::string other(patch.base.front().length, '\xee');
  versions.old_disk()->Write(patch.base.front().offset, AsBytes(other));
  CHECK(versions.Write() > versions.planned().fetched);
}

TEST_CASE("WriteRoot: a patch that is not what was signed gives way to the frame", "[images]") {
  Versions versions;
  auto patches = versions.patches();
  patches[patches.size() / 2] ^= 1;
  versions.Damage(patches);
  CHECK(versions.Write() > versions.planned().fetched);
  CHECK_THAT(versions.warnings(),
             Catch::StartsWith("parts of ") &&
                 Catch::EndsWith(" that did not come as they were signed: 1; more was fetched "
                                 "instead of them, and a copy of the image, there or on a mirror, "
                                 "should be mended"));
}

TEST_CASE("WriteRoot: frames and patches come in two streams, each longer than it may hold",
          "[images]") {
  LongImage image;
  SECTION("whole") {
    image.WriteArchive();
    CHECK((image.Written() == image.parts.root));
  }
  SECTION("with a patch and a frame that are right elsewhere") {
    image.WriteArchive();
    image.WriteDamagedArchive();
    CHECK((image.Written("damaged.oci", "long.oci") == image.parts.root));
    CheckError(ErrorKind::kVerification, "it is wrong elsewhere too", [&] {
      (void)image.Written("damaged.oci", "damaged.oci");
    });
  }
  SECTION("with a patch that is wrong while others wait for later ones") {
    image.parts.delta->patches[10] ^= 1;
    image.WriteArchive();
    CHECK((image.Written() == image.parts.root));
  }
}

TEST_CASE("UnpackDeltaBase: refuses an image that is damaged", "[images]") {
  const Versions versions;
  auto parts = versions.old_parts();
  parts.layer[parts.layer.size() / 2] ^= 1;
  Assemble(parts, {}).WriteArchive(versions.directory() / "damaged.oci");
  NoProgress progress;
  CheckError(ErrorKind::kVerification, "does not have the digest of the index", [&] {
    (void)UnpackDeltaBase(
        versions.directory() / "damaged.oci", versions.directory() / "damaged", progress);
  });
}
