#include "images/root_reuse.hpp"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/file.hpp"
#include "images/piped_image.hpp"
#include "images/root_writer.hpp"
#include "images/verify_root.hpp"
#include "images/verity.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/images/support/remote_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

Chunk NamedChunk(const char* content, std::uint32_t blocks, std::uint32_t packed_length) {
  return {.digest = keys::Sha256Of(AsBytes(content)),
          .packed_digest = {},
          .length = blocks * static_cast<std::uint32_t>(kBlockSize),
          .packed_length = packed_length};
}

// Counts what is written.
class WatchedDisk final : public BlockDevice {
 public:
  explicit WatchedDisk(Bytes size) : bytes_(size, '\xcc') {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Bytes size() const override { return bytes_.size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return 512; }

  void Read(Bytes offset, MutableByteSpan into) const override {
    const std::lock_guard lock(mutex_);
    std::ranges::copy(AsBytes(bytes_).subspan(offset, into.size()), into.begin());
  }

  void Write(Bytes offset, ByteSpan data) override {
    const std::lock_guard lock(mutex_);
    std::ranges::copy(AsText(data), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    written_ += data.size();
  }

  void Sync() override {}

  std::string& bytes() { return bytes_; }

  Bytes TakeWritten() { return std::exchange(written_, 0); }

 private:
  std::string name_ = "disk";
  std::string bytes_;
  Bytes written_ = 0;
  mutable std::mutex mutex_;
};

// A source whose root layer begins with a wrong frame, and then brings nothing more: whoever reads
// behind it waits, as behind a window that is full.
class StuckImage final : public ImageSource {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override { return {}; }

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& /*digest*/) const override {
    return std::make_unique<StuckBlob>();
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& /*digest*/) const override { return true; }

  [[nodiscard]] bool is_remote() const override { return true; }

 private:
  class StuckBlob final : public Blob {
   public:
    [[nodiscard]] Bytes size() const override { return Bytes{1} << 40U; }

    void ReadAt(Bytes offset, MutableByteSpan into) const override {
      if (offset == 0) {
        std::ranges::fill(into, std::byte{0});
        return;
      }
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return abandoned_; });
      throw Error(ErrorKind::kFailed, "abandoned");
    }

    void Abandon() override {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
      changed_.notify_all();
    }

   private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool abandoned_ = false;
  };

  std::string name_ = "stuck";
};

// Two versions of a root that share some chunks, the old one in a slot of its own.
class Versions {
 public:
  Versions() {
    old_parts.root = MakeData(kSize, 7);
    PackRoot(old_parts, 1);
    // As an insertion does it: the beginning is new, what follows has moved.
    std::string root = MakeData(kNew, 8) + old_parts.root.substr(OffsetOf(old_parts, 2));
    root.resize(kSize);
    new_parts = PartsOf(root);
    Assemble(new_parts, {}).WriteLayout(directory_.path() / "image");
    source_ = OpenImage(directory_.path() / "image");
    image = InspectImage(*source_);
    slot_disk = std::make_shared<WatchedDisk>(BytesNeeded(image.config.root));
    slot = Region(slot_disk);
    old_disk = std::make_shared<WatchedDisk>(old_parts.root.size());
    old_disk->bytes() = old_parts.root;
    source.emplace(*source_);
  }

  [[nodiscard]] RootReuse Reuse(const std::vector<bool>& kept = {}) const {
    return {.plan = PlanRoot(image.chunks, {.chunks = old_parts.chunks}, kept),
            .old_root = Region(old_disk)};
  }

  void Write(const RootReuse& reuse) {
    NoProgress progress;
    WriteRoot(*source, image, slot, progress, &reuse);
    VerifyRoot(slot, image.config.root, progress);
    CHECK((slot_disk->bytes().substr(0, new_parts.root.size()) == new_parts.root));
  }

  FakeParts old_parts;
  FakeParts new_parts;
  VerifiedImage image;
  std::optional<RemoteImage> source;
  std::shared_ptr<WatchedDisk> slot_disk;
  std::shared_ptr<WatchedDisk> old_disk;
  Region slot;

 private:
  static constexpr Bytes kSize = Bytes{6} << 20U;
  static constexpr Bytes kNew = Bytes{2} << 20U;

  static Bytes OffsetOf(const FakeParts& parts, std::size_t chunk) {
    Bytes offset = 0;
    for (std::size_t i = 0; i < chunk; ++i) {
      offset += parts.chunks[i].length;
    }
    return offset;
  }

  // An image of this root whose chunks are cut where the old root's are, as far as it is the same.
  [[nodiscard]] FakeParts PartsOf(const std::string& root) const {
    auto parts = MakePartsOf(root);
    parts.chunks.clear();
    parts.layer.clear();
    const auto add = [&](Bytes offset, Bytes length) {
      const auto content = root.substr(offset, length);
      const auto frame = PackFrame(content);
      parts.chunks.push_back({.digest = keys::Sha256Of(AsBytes(content)),
                              .packed_digest = keys::Sha256Of(AsBytes(frame)),
                              .length = static_cast<std::uint32_t>(length),
                              .packed_length = static_cast<std::uint32_t>(frame.size())});
      parts.layer += frame;
    };
    Bytes at = 0;
    for (; at < kNew; at += kMaxChunkLength / 2) {
      add(at, kMaxChunkLength / 2);
    }
    for (std::size_t i = 2; i < old_parts.chunks.size() && at < root.size(); ++i) {
      const auto length = std::min<Bytes>(old_parts.chunks[i].length, root.size() - at);
      add(at, length);
      at += length;
    }
    for (; at < root.size(); at += kBlockSize) {
      add(at, kBlockSize);
    }
    PackIndex(parts);
    return parts;
  }

  TempDirectory directory_;
  std::unique_ptr<ImageSource> source_;
};

}  // namespace

TEST_CASE("PlanRoot: keeps what is in its place, copies what the other root has", "[images]") {
  const std::vector<Chunk> chunks = {NamedChunk("a", 1, 100),
                                     NamedChunk("b", 2, 200),
                                     NamedChunk("c", 3, 300),
                                     NamedChunk("b", 2, 200),
                                     NamedChunk("d", 4, 400)};
  // "d" has another length there: such a digest is no match.
  const std::vector<Chunk> old = {
      NamedChunk("x", 5, 1), NamedChunk("b", 2, 999), NamedChunk("d", 1, 1), NamedChunk("a", 1, 1)};
  const auto plan = PlanRoot(chunks, {.chunks = old}, {false, false, true, false, false});
  using enum ChunkOrigin;
  CHECK(plan.chunks == std::vector<PlannedChunk>{{kOldRoot, 8 * kBlockSize},
                                                 {kOldRoot, 5 * kBlockSize},
                                                 {kSlot, 0},
                                                 {kOldRoot, 5 * kBlockSize},
                                                 {kImage, 0}});
  CHECK(plan.fetched == 400);
  CHECK(plan.unpacked == 4 * kBlockSize);
  CHECK(plan.copied == 5 * kBlockSize);
  CHECK(plan.kept == 3 * kBlockSize);
}

TEST_CASE("WriteRoot: chunks of the other root are copied, the rest alone is read of the image",
          "[images]") {
  Versions versions;
  const auto reuse = versions.Reuse();
  REQUIRE(reuse.plan.copied > 0);
  REQUIRE(reuse.plan.fetched > 0);
  versions.Write(reuse);
  CHECK(versions.source->read() == reuse.plan.fetched);
  CHECK(versions.source->announced() == reuse.plan.fetched);
}

TEST_CASE("WriteRoot: a chunk of the other root that is damaged comes from the image", "[images]") {
  Versions versions;
  const auto reuse = versions.Reuse();
  Bytes damaged = 0;
  for (std::size_t i = 0; i < reuse.plan.chunks.size(); ++i) {
    if (reuse.plan.chunks[i].origin == ChunkOrigin::kOldRoot) {
      versions.old_disk->bytes()[reuse.plan.chunks[i].old_offset] ^= 1;
      damaged = versions.image.chunks[i].packed_length;
      break;
    }
  }
  versions.Write(reuse);
  CHECK(versions.source->read() == reuse.plan.fetched + damaged);
}

TEST_CASE("WriteRoot: a damaged chunk of the other root comes from a pipe too", "[images]") {
  Versions versions;
  const auto reuse = versions.Reuse();
  REQUIRE(reuse.plan.copied > 0);
  std::vector<TarEntry> entries;
  for (const auto& [name, content] : Assemble(versions.new_parts, {}).files) {
    entries.push_back({.name = name, .content = content});
  }
  std::ranges::stable_sort(entries, {}, [](const auto& entry) { return entry.content.size(); });
  const TempDirectory directory;
  const auto archive = directory.path() / "image.oci";
  WriteFileAtomically(archive, AsBytes(MakeTar(entries)));
  constexpr Bytes kMostHeld = Bytes{64} << 10U;  // all but the root layer
  const auto piped = OpenPipedImage(OpenFile(archive, O_RDONLY), "standard input", kMostHeld);
  for (const auto& chunk : reuse.plan.chunks) {
    if (chunk.origin == ChunkOrigin::kOldRoot) {
      versions.old_disk->bytes()[chunk.old_offset] ^= 1;
      break;
    }
  }
  NoProgress progress;
  WriteRoot(*piped, InspectImage(*piped), versions.slot, progress, &reuse);
  VerifyRoot(versions.slot, versions.image.config.root, progress);
}

TEST_CASE("WriteRoot: what a cut upgrade has written is neither read nor written again",
          "[images]") {
  Versions versions;
  NoProgress progress;
  const auto none = FindKeptChunks(versions.slot, versions.image.chunks, progress);
  CHECK(none == std::vector<bool>(versions.image.chunks.size(), false));
  versions.Write(versions.Reuse());
  const auto tree = VerityTreeSize(versions.image.config.root.size);
  CHECK(versions.slot_disk->TakeWritten() == versions.new_parts.root.size() + tree);

  // Half of it is there; one byte of that half is not.
  const auto half = versions.new_parts.root.size() / 2;
  versions.slot_disk->bytes().replace(half, half, std::string(half, '\xcc'));
  versions.slot_disk->bytes()[5] ^= 1;
  const auto kept = FindKeptChunks(versions.slot, versions.image.chunks, progress);
  CHECK_FALSE(kept.front());
  CHECK(kept[1]);
  CHECK_FALSE(kept.back());
  const auto before = versions.source->read();
  const auto reuse = versions.Reuse(kept);
  REQUIRE(reuse.plan.kept > half / 2);
  versions.Write(reuse);
  CHECK(versions.source->read() - before == reuse.plan.fetched);
  CHECK(versions.slot_disk->TakeWritten() ==
        versions.new_parts.root.size() - reuse.plan.kept + tree);
}

TEST_CASE("WriteRoot: a kept chunk that changes meanwhile is written anew", "[images]") {
  Versions versions;
  versions.Write(versions.Reuse());
  NoProgress progress;
  const auto kept = FindKeptChunks(versions.slot, versions.image.chunks, progress);
  versions.slot_disk->bytes()[5] ^= 1;
  versions.Write(versions.Reuse(kept));
}

TEST_CASE("PlanRoot: patches where the other root has no copy", "[images]") {
  const std::vector<Chunk> chunks = {NamedChunk("a", 1, 100),
                                     NamedChunk("b", 2, 200),
                                     NamedChunk("c", 3, 300),
                                     NamedChunk("d", 4, 400),
                                     NamedChunk("e", 5, 500)};
  const std::vector<Chunk> old = {NamedChunk("d", 4, 1)};
  using Kind = DeltaChunk::Kind;
  const DeltaIndex delta{
      .base_size = 100 * kBlockSize,
      .chunks = {{.kind = Kind::kPatch},
                 {.kind = Kind::kCopy, .offset = 7 * kBlockSize},
                 {.kind = Kind::kPatch},
                 {.kind = Kind::kPatch},
                 {.kind = Kind::kFrame}},
      .patches = {{.packed_length = 10}, {.packed_length = 20}, {.packed_length = 30}}};
  const auto plan = PlanRoot(chunks, {.chunks = old, .delta = &delta}, {true, false, false});
  using enum ChunkOrigin;
  CHECK(plan.chunks == std::vector<PlannedChunk>{{kSlot, 0, 0},
                                                 {kOldRoot, 7 * kBlockSize, 0},
                                                 {kPatch, 0, 1},
                                                 {kOldRoot, 0, 0},
                                                 {kImage, 0, 0}});
  CHECK(plan.fetched == 20 + 500);
  CHECK(plan.patched == 3 * kBlockSize);
  CHECK(plan.copied == 6 * kBlockSize);
  CHECK(plan.unpacked == 5 * kBlockSize);
}

TEST_CASE("BytesBetween: what comes with what is wanted, by what ranges cost", "[images]") {
  const std::vector<Chunk> chunks = {NamedChunk("a", 1, 1000),
                                     NamedChunk("b", 2, 200),
                                     NamedChunk("c", 3, 50),
                                     NamedChunk("d", 4, 400),
                                     NamedChunk("e", 5, 500)};
  using enum ChunkOrigin;
  RootPlan plan;
  plan.chunks = {{kOldRoot}, {kImage}, {kSlot}, {kImage}, {kOldRoot}};
  CHECK(BytesBetween(plan, chunks, nullptr, {}) == 0);
  CHECK(BytesBetween(plan, chunks, nullptr, {.gap = 49}) == 0);
  CHECK(BytesBetween(plan, chunks, nullptr, {.gap = 50}) == 50);
  CHECK(BytesBetween(plan, chunks, nullptr, {.gap = 5000}) == 50);
  CHECK(BytesBetween(plan, chunks, nullptr, {.whole = true}) == 1050);
  // Patches lie in a layer of their own.
  using Kind = DeltaChunk::Kind;
  const DeltaIndex delta{
      .base_size = 100 * kBlockSize,
      .chunks = {{.kind = Kind::kPatch}, {}, {.kind = Kind::kPatch}, {}, {.kind = Kind::kPatch}},
      .patches = {{.packed_length = 10}, {.packed_length = 20}, {.packed_length = 30}}};
  plan.chunks[0] = {kPatch, 0, 0};
  plan.chunks[4] = {kPatch, 0, 2};
  CHECK(BytesBetween(plan, chunks, &delta, {.gap = 19}) == 0);
  CHECK(BytesBetween(plan, chunks, &delta, {.gap = 20}) == 20);
  CHECK(BytesBetween(plan, chunks, &delta, {.whole = true}) == 1050 + 20);
}

TEST_CASE("WriteRoot: a frame that is wrong ends those that wait for later ones", "[images]") {
  Versions versions;
  NoProgress progress;
  CheckError(ErrorKind::kVerification,
             "stuck: chunk 0 of the root layer: its frame does not have the digest",
             [&] { WriteRoot(StuckImage(), versions.image, versions.slot, progress, nullptr); });
}

TEST_CASE("FindKeptChunks: a slot that is too short holds what is in it", "[images]") {
  Versions versions;
  versions.Write(versions.Reuse());
  NoProgress progress;
  const auto& chunks = versions.image.chunks;
  const auto kept =
      FindKeptChunks(versions.slot.Sub(0, chunks.front().length + kBlockSize), chunks, progress);
  CHECK(kept.front());
  CHECK(std::ranges::count(kept, true) == 1);
}
