#include "images/root_fragments.hpp"

#include <algorithm>
#include <optional>

#include "base/file.hpp"
#include "images/fragment_plan.hpp"
#include "images/root_read_back.hpp"
#include "images/root_writer.hpp"
#include "images/text_blob.hpp"
#include "registry/blob_stream.hpp"
#include "tests/delta/support/changed_program.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/warnings.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;
using namespace ros::literals;
using delta::fakes::MakeNoise;
using delta::fakes::MakeProgram;

namespace {

// A disk that can be lost, as far as reading goes.
class OldDisk final : public BlockDevice {
 public:
  explicit OldDisk(Bytes size) : disk_(size) {}

  [[nodiscard]] const std::string& name() const override { return disk_.name(); }

  [[nodiscard]] Bytes size() const override { return disk_.size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return disk_.sector_size(); }

  void Read(Bytes offset, MutableByteSpan into) const override {
    if (is_lost) {
      throw Error(ErrorKind::kFailed, "a sector cannot be read");
    }
    disk_.Read(offset, into);
  }

  void Write(Bytes offset, ByteSpan data) override { disk_.Write(offset, data); }

  void Sync() override {}

  bool is_lost = false;

 private:
  testing::MemoryDisk disk_;
};

// Gives an image the fragments of those chunks that an older root does not have.
FragmentLayer Divide(FakeParts& parts,
                     const std::vector<Chunk>& older,
                     const std::filesystem::path& directory) {
  NoProgress progress;
  const TempDirectory work(directory, "work");
  WriteFileAtomically(work.path() / "root", AsBytes(parts.root));
  const auto output = work.path() / "fragments";
  auto layer = MakeFragments(
      older, {.root = work.path() / "root", .chunks = parts.chunks}, output, progress);
  parts.fragments = FakeFragments{.index = WriteFragmentIndex(layer.index, parts.chunks),
                                  .layer = ReadFile(output, 1_GiB)};
  CHECK(parts.fragments->layer.size() == layer.size);
  CHECK(keys::Sha256Of(AsBytes(parts.fragments->layer)) == layer.digest);
  return layer;
}

// A machine with a root of its own, and an image of a root of which much is in there, moved by
// bytes that were put in, and cut at other places: no chunk is the same.
class Versions {
 public:
  Versions() {
    const auto program = MakeProgram(3_MiB, 1);
    old_root_ = MakeNoise(1_MiB, 1) + program;
    auto root = "put in" + old_root_.substr(0, 700'001) + MakeNoise(50'000, 2) +
                old_root_.substr(700'001, 2'000'000) + "and here" + old_root_.substr(2'700'001);
    root.resize((root.size() / kBlockSize) * kBlockSize);
    parts_ = MakePartsOf(root, 8);
    old_disk_->Write(0, AsBytes(old_root_));
    layer_ = Divide(parts_, {}, directory_.path());
  }

  [[nodiscard]] const FragmentLayer& layer() const { return layer_; }

  FakeParts& parts() { return parts_; }

  std::shared_ptr<OldDisk> old_disk() { return old_disk_; }

  // Looks for what the old root has.
  void Plan() {
    Assemble(parts_, {}).WriteArchive(directory_.path() / "new.oci");
    file_ = OpenImage(directory_.path() / "new.oci");
    source_.emplace(*file_, RemoteImage::Way::kNetwork, costs_);
    image_ = InspectImage(*file_);
    PlanAnew();
    CHECK(source_->announced() == source_->read());
  }

  // The same of a source that is there.
  void PlanAnew() {
    plan_ = PlanRoot(image_.chunks, {}, kept_);
    frames_ = plan_.fetched;
    const auto fragments = ReadFragments(*file_, image_.manifest.fragments.value(), image_.chunks);
    fragments_ =
        PlanFragments({.source = *source_, .chunks = image_.chunks, .fragments = fragments},
                      {.slot = Region(old_disk_), .size = old_root_.size()},
                      plan_,
                      warnings_);
  }

  // Makes the new root in a slot; tells the bytes that were read of the image for it.
  Bytes Write() {
    const auto before = source_->read();
    const auto announced = source_->announced();
    const RootReuse reuse{
        .plan = plan_, .old_root = Region(old_disk_), .fragments = &fragments_.value()};
    WriteRoot(*source_, image_, Region(disk_), warnings_, &reuse);
    VerifyRoot(Region(disk_), image_.config.root, warnings_);
    std::string written(parts_.root.size(), '\0');
    disk_->Read(0, AsWritableBytes(written));
    CHECK((written == parts_.root));
    // What is announced and not read would hold up what comes behind it.
    CHECK(source_->announced() - announced == plan_.fetched);
    return source_->read() - before;
  }

  // From now on half of the fragments' layer is all there is of it.
  void CutFragments() {
    const auto digest = image_.manifest.fragments->fragments.digest;
    cut_.emplace(*file_, digest);
    source_.emplace(*cut_);
  }

  // The same of a source with these costs: what is to be fetched by runs of fragments.
  void PlanAt(const RangeCosts& costs) {
    costs_ = costs;
    Plan();
  }

  // The old root cannot be read, or can be again.
  void Lose(bool is_lost) { old_disk_->is_lost = is_lost; }

  // The first fragment that is fetched of a chunk, a packed one, is another one with that one's
  // digest.
  void GarbleOne() {
    for (auto& chunk : fragments_->chunks) {
      Bytes place = chunk.offset;
      std::size_t i = 0;
      for (; i < chunk.fragments.size() && !IsFetched(chunk, i); ++i) {
        place += chunk.fragments[i].packed_length;
      }
      if (i == chunk.fragments.size() || chunk.fragments[i].packed_length == kFragmentLength) {
        continue;
      }
      std::string packed(chunk.fragments[i].packed_length, '\0');
      file_->OpenBlob(fragments_->layer.digest)->ReadAt(place + 1, AsWritableBytes(packed));
      chunk.fragments[i].digest = FragmentDigest(AsBytes(packed));
      ++chunk.offset;
      return;
    }
    FAIL("no chunk begins with a packed fragment");
  }

  // The first chunk's content is in its place already.
  void KeepFirst() {
    disk_->Write(0, AsBytes(parts_.root).first(parts_.chunks[0].length));
    kept_.resize(parts_.chunks.size());
    kept_[0] = true;
  }

  [[nodiscard]] const RootPlan& plan() const { return plan_; }

  // What would be fetched without fragments.
  [[nodiscard]] Bytes frames() const { return frames_; }

  [[nodiscard]] const FragmentPlan& fragments() const { return fragments_.value(); }

  [[nodiscard]] const std::string& warnings() const { return warnings_.text; }

 private:
  TempDirectory directory_;
  std::string old_root_;
  FakeParts parts_;
  FragmentLayer layer_;
  std::unique_ptr<ImageSource> file_;
  RangeCosts costs_;
  std::optional<CutImage> cut_;
  std::optional<RemoteImage> source_;
  VerifiedImage image_;
  RootPlan plan_;
  Bytes frames_ = 0;
  std::vector<bool> kept_;
  std::optional<FragmentPlan> fragments_;
  testing::Warnings warnings_;
  std::shared_ptr<OldDisk> old_disk_ = std::make_shared<OldDisk>(16_MiB);
  std::shared_ptr<testing::MemoryDisk> disk_ = std::make_shared<testing::MemoryDisk>(16_MiB);
};

bool IsOf(const PlannedChunk& chunk, ChunkOrigin origin) {
  return chunk.origin == origin;
}

std::size_t Count(const RootPlan& plan, ChunkOrigin origin) {
  return static_cast<std::size_t>(std::ranges::count_if(
      plan.chunks, [&](const PlannedChunk& chunk) { return IsOf(chunk, origin); }));
}

}  // namespace

TEST_CASE("MakeFragments: of what an older root does not have, always the same", "[images]") {
  const TempDirectory directory;
  auto parts = MakePartsOf(MakeNoise(2_MiB, 1));
  REQUIRE(parts.chunks.size() > 3);
  std::vector<Chunk> older = parts.chunks;
  older.erase(older.begin() + 2);
  const auto layer = Divide(parts, older, directory.path());
  REQUIRE(layer.index.size() == 1);
  CHECK(layer.index.front().chunk == 2);
  CHECK(layer.divided == parts.chunks[2].length);
  CHECK(Divide(parts, older, directory.path()).digest == layer.digest);
  CHECK(Divide(parts, parts.chunks, directory.path()).index.empty());
}

TEST_CASE("WriteRoot: by fragments, of a root whose bytes have moved", "[images]") {
  Versions versions;
  versions.Plan();
  CHECK(Count(versions.plan(), ChunkOrigin::kImage) == 0);
  CHECK(Count(versions.plan(), ChunkOrigin::kFragments) == versions.parts().chunks.size());
  // 50,000 bytes are new, and the blocks around four places.
  CHECK(versions.plan().fetched < 90'000);
  CHECK(versions.frames() > 1'500'000);
  CHECK(versions.plan().copied + versions.plan().unpacked == versions.parts().root.size());
  CHECK(versions.Write() == versions.plan().fetched);
  CHECK(versions.warnings().empty());
}

namespace {

// What a layer sends for these fragments, where gaps come along, in how many runs.
std::pair<Bytes, std::size_t> SentFor(const FragmentPlan& plan, Bytes gap) {
  std::vector<ByteRange> runs;
  for (const auto& chunk : plan.chunks) {
    Bytes place = chunk.offset;
    for (std::size_t i = 0; i < chunk.fragments.size(); ++i) {
      const Bytes length = chunk.fragments[i].packed_length;
      if (IsFetched(chunk, i) && !runs.empty() && place - runs.back().End() <= gap) {
        runs.back().length = place + length - runs.back().offset;
      } else if (IsFetched(chunk, i)) {
        runs.push_back({.offset = place, .length = length});
      }
      place += length;
    }
  }
  Bytes sent = 0;
  for (const auto& run : runs) {
    sent += run.length;
  }
  return {sent, runs.size()};
}

Bytes FramesIn(const RootPlan& plan, const std::vector<Chunk>& chunks) {
  Bytes frames = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    frames += IsOf(plan.chunks[i], ChunkOrigin::kImage) ? chunks[i].packed_length : 0;
  }
  return frames;
}

}  // namespace

TEST_CASE("PlanFragments: tells what comes between fragments too, and takes fewer then",
          "[images]") {
  Versions versions;
  const std::string other(kBlockSize, '\xee');
  for (Bytes at = 0; at < 4_MiB; at += 64_KiB) {
    versions.old_disk()->Write(at, AsBytes(other));
  }
  const auto sent = [&](Bytes gap) {
    const auto [bytes, runs] = SentFor(versions.fragments(), gap);
    CHECK(versions.plan().fetched == bytes + FramesIn(versions.plan(), versions.parts().chunks));
    return runs;
  };
  versions.PlanAt({.gap = 1_KiB, .range = 200});
  const auto several = versions.plan().fetched;
  CHECK(sent(1_KiB) > 50);
  versions.PlanAt({.gap = 64_KiB, .range = 1_KiB});
  CHECK(sent(64_KiB) < 20);
  CHECK(versions.plan().fetched > several + 500'000);
  // A range costs more than any frame has: what is left needs none.
  versions.PlanAt({.gap = 0, .range = 1_GiB});
  CHECK(sent(0) == 0);
  CHECK(Count(versions.plan(), ChunkOrigin::kFragments) < 6);
}

TEST_CASE("WriteRoot: what the slot holds is not looked for", "[images]") {
  Versions versions;
  versions.KeepFirst();
  versions.Plan();
  CHECK(IsOf(versions.plan().chunks[0], ChunkOrigin::kSlot));
  CHECK(versions.fragments().chunks.size() == versions.parts().chunks.size() - 1);
  CHECK(versions.Write() == versions.plan().fetched);
}

TEST_CASE("PlanFragments: leaves to frames what they bring by fewer bytes", "[images]") {
  Versions versions;
  const std::string nothing(8_MiB, '\xee');
  versions.old_disk()->Write(0, AsBytes(nothing));
  versions.Plan();
  // Of the program, which packs; noise has the same bytes either way.
  CHECK(Count(versions.plan(), ChunkOrigin::kImage) > 3);
  CHECK(versions.plan().copied == 0);
  CHECK(versions.plan().fetched <= versions.frames());
  CHECK(versions.Write() == versions.plan().fetched);
}

TEST_CASE("WriteRoot: where the old root is not what it was, frames are fetched", "[images]") {
  Versions versions;
  versions.Plan();
  const std::string other(kBlockSize, '\xee');
  versions.old_disk()->Write(8 * kBlockSize, AsBytes(other));
  CHECK(versions.Write() > versions.plan().fetched);
  CHECK_THAT(versions.warnings(),
             Catch::StartsWith("1 chunk of the root could not be put together of fragments"));
}

TEST_CASE("WriteRoot: a fragment that is not what was signed gives way to the frame", "[images]") {
  Versions versions;
  versions.Plan();
  const auto& chunks = versions.fragments().chunks;
  Bytes place = 0;
  for (const auto& chunk : chunks) {
    Bytes at = chunk.offset;
    for (std::size_t i = 0; i < chunk.fragments.size(); ++i) {
      place = IsFetched(chunk, i) ? at : place;
      at += chunk.fragments[i].packed_length;
    }
  }
  REQUIRE(place > 0);
  versions.parts().fragments->layer[place] ^= 1;
  versions.Plan();
  CHECK(versions.Write() > versions.plan().fetched);
  CHECK_THAT(versions.warnings(),
             Catch::StartsWith("parts of ") &&
                 Catch::Contains(" that did not come as they were signed: 1; more was fetched"));
}

TEST_CASE("WriteRoot: fragments that end too early give way to frames", "[images]") {
  Versions versions;
  versions.Plan();
  versions.CutFragments();
  CHECK(versions.Write() > versions.plan().fetched);
  CHECK_THAT(versions.warnings(), Catch::Contains(" that did not come as they were signed: "));
}

TEST_CASE("PlanFragments: refuses a layer of another size", "[images]") {
  Versions versions;
  versions.Plan();
  versions.CutFragments();
  CHECK_THROWS_WITH(versions.PlanAnew(), Catch::Contains(": the fragments have "));
}

TEST_CASE("PlanFragments: a table that is not what was signed leaves its chunk to the frame",
          "[images]") {
  Versions versions;
  versions.parts().fragments->layer[5] ^= 1;
  versions.Plan();
  CHECK(IsOf(versions.plan().chunks[0], ChunkOrigin::kImage));
  CHECK(Count(versions.plan(), ChunkOrigin::kImage) == 1);
  CHECK_THAT(versions.warnings(),
             Catch::StartsWith("tables of fragments of ") &&
                 Catch::Contains(" that are not what was signed: 1; more is fetched"));
  CHECK(versions.Write() == versions.plan().fetched);
}

TEST_CASE("PlanFragments: what of the old root cannot be read has nothing", "[images]") {
  Versions versions;
  versions.Lose(true);
  versions.Plan();
  CHECK(versions.plan().copied == 0);
  versions.Lose(false);
  CHECK(versions.Write() == versions.plan().fetched);
}

TEST_CASE("WriteRoot: an old root that cannot be read any more leaves all to frames", "[images]") {
  Versions versions;
  versions.Plan();
  versions.Lose(true);
  CHECK(versions.Write() > versions.frames());
}

TEST_CASE("WriteRoot: a fragment of the right digest that does not unpack gives way to the frame",
          "[images]") {
  Versions versions;
  versions.Plan();
  versions.GarbleOne();
  CHECK(versions.Write() > versions.plan().fetched);
  CHECK_THAT(versions.warnings(),
             Catch::StartsWith("1 chunk of the root could not be put together of fragments"));
}

namespace {

// A root that cannot be packed, every other chunk of which is divided, and an old root that has
// half of it: more comes of both streams than they may hold.
class LongImage {
 public:
  LongImage() {
    std::vector<Chunk> frames;
    for (std::size_t i = 0; i < parts_.chunks.size(); i += 2) {
      frames.push_back(parts_.chunks[i]);
    }
    Divide(parts_, frames, directory_.path());
    auto old_root = parts_.root;
    constexpr Bytes kHalf = 64_KiB;
    for (Bytes at = 0; at < old_root.size(); at += 2 * kHalf) {
      old_root.replace(at, kHalf, kHalf, '\xee');
    }
    old_disk_->Write(0, AsBytes(old_root));
    WriteArchive("right.oci");
  }

  FakeFragments& fragments() { return parts_.fragments.value(); }

  [[nodiscard]] const std::string& root() const { return parts_.root; }

  [[nodiscard]] const std::string& warnings() const { return warnings_.text; }

  void WriteArchive(const std::string& name) const {
    Assemble(parts_, {}).WriteArchive(directory_.path() / name);
  }

  // The same with fragments that have not their digests.
  void WriteDamagedArchive(const std::vector<Bytes>& places) const {
    auto image = Assemble(parts_, {});
    auto& layer = image.Blob(keys::Sha256Of(AsBytes(parts_.fragments->layer)));
    for (const auto place : places) {
      layer[place] ^= 1;
    }
    image.WriteArchive(directory_.path() / "damaged.oci");
  }

  // The first byte of every fragment that is fetched.
  [[nodiscard]] std::vector<Bytes> Fetched() const {
    std::vector<Bytes> places;
    for (const auto& chunk : fragments_.chunks) {
      Bytes place = chunk.offset;
      for (std::size_t i = 0; i < chunk.fragments.size(); ++i) {
        if (IsFetched(chunk, i)) {
          places.push_back(place);
        }
        place += chunk.fragments[i].packed_length;
      }
    }
    return places;
  }

  // What a slot holds afterwards, where what is wrong may be had from another archive.
  std::string Written(const std::string& name, const std::string& elsewhere = {}) {
    const auto file = OpenImage(directory_.path() / name);
    const auto other = elsewhere.empty() ? nullptr : OpenImage(directory_.path() / elsewhere);
    const StreamedImage source(*file, other.get());
    const auto image = InspectImage(source);
    auto plan = PlanRoot(image.chunks, {}, {});
    const auto fragments = ReadFragments(source, image.manifest.fragments.value(), image.chunks);
    fragments_ = PlanFragments({.source = source, .chunks = image.chunks, .fragments = fragments},
                               {.slot = Region(old_disk_), .size = parts_.root.size()},
                               plan,
                               warnings_);
    CHECK(fragments_.chunks.size() > image.chunks.size() / 3);
    CHECK(plan.fetched > 3 * registry::BlobStream::kWindow);
    const RootReuse reuse{.plan = plan, .old_root = Region(old_disk_), .fragments = &fragments_};
    const auto disk = std::make_shared<testing::MemoryDisk>(BytesNeeded(image.config.root));
    WriteRoot(source, image, Region(disk), warnings_, &reuse);
    std::string root(parts_.root.size(), '\0');
    disk->Read(0, AsWritableBytes(root));
    return root;
  }

 private:
  TempDirectory directory_;
  FakeParts parts_ = MakePartsOf(MakeNoise(20_MiB, 1));
  FragmentPlan fragments_;
  testing::Warnings warnings_;
  std::shared_ptr<testing::MemoryDisk> old_disk_ = std::make_shared<testing::MemoryDisk>(32_MiB);
};

}  // namespace

TEST_CASE("WriteRoot: frames and fragments come in two streams, each longer than it may hold",
          "[images]") {
  LongImage image;
  CHECK((image.Written("right.oci") == image.root()));
  CHECK(image.warnings().empty());
  const auto fetched = image.Fetched();
  REQUIRE(fetched.size() * kFragmentLength > registry::BlobStream::kWindow);
  SECTION("with fragments that are wrong while others wait for later ones") {
    image.WriteDamagedArchive({fetched[2], fetched[fetched.size() / 2]});
    CHECK((image.Written("damaged.oci") == image.root()));
    CHECK_THAT(image.warnings(),
               Catch::Contains(" that did not come as they were signed: 2; more "));
  }
  SECTION("with one that is right elsewhere") {
    image.WriteDamagedArchive({fetched[2]});
    CHECK((image.Written("damaged.oci", "right.oci") == image.root()));
    CHECK(image.warnings().empty());
  }
  SECTION("with more that are right elsewhere than are asked for one by one") {
    image.WriteDamagedArchive(fetched);
    CHECK((image.Written("damaged.oci", "right.oci") == image.root()));
    CHECK_THAT(image.warnings(), Catch::Contains(" that did not come as they were signed: "));
  }
  SECTION("with tables that are right elsewhere") {
    image.WriteDamagedArchive({0, 5'000, 9'000, 50'000});
    CHECK((image.Written("damaged.oci", "right.oci") == image.root()));
    CHECK(image.warnings().empty());
  }
}

namespace {

// An image that has a layer of fragments alone.
class LayerAlone final : public ImageSource {
 public:
  explicit LayerAlone(std::string layer)
      : layer_(std::make_shared<const std::string>(std::move(layer))) {}

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] std::string ReadIndex() const override { return {}; }

  [[nodiscard]] std::unique_ptr<Blob> OpenBlob(const keys::Digest& /*digest*/) const override {
    return std::make_unique<TextBlob>(name_, layer_);
  }

  [[nodiscard]] bool HasBlob(const keys::Digest& /*digest*/) const override { return true; }

 private:
  std::string name_ = "image";
  std::shared_ptr<const std::string> layer_;
};

}  // namespace

TEST_CASE("PlanFragments: looks for 256 MiB of chunks, and leaves what is beyond to frames",
          "[images]") {
  constexpr std::size_t kLooked = 256;
  const std::vector<Chunk> chunks(kLooked + 3,
                                  {.length = kMaxChunkLength, .packed_length = 900'000});
  const FragmentTable table{
      .blocks = std::vector<std::uint64_t>(kMaxChunkLength / kBlockSize, 1),
      .fragments = std::vector<Fragment>(FragmentCount(kMaxChunkLength), {.packed_length = 1})};
  const auto raw = WriteFragmentTable(table);
  FragmentIndex index;
  std::string layer;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    index.push_back({.chunk = i,
                     .table_digest = keys::Sha256Of(AsBytes(raw)),
                     .fragments_size = table.fragments.size()});
    layer += raw;
  }
  layer.resize(PlaceFragments(index, chunks));
  const LayerAlone file(layer);
  const RemoteImage source(file);
  const Fragments fragments{.layer = {.size = layer.size()}, .index = index};
  auto plan = PlanRoot(chunks, {}, {});
  testing::Warnings warnings;
  const auto disk = std::make_shared<testing::MemoryDisk>(1_MiB);
  const auto found = PlanFragments({.source = source, .chunks = chunks, .fragments = fragments},
                                   {.slot = Region(disk), .size = disk->size()},
                                   plan,
                                   warnings);
  CHECK(source.read() == kLooked * raw.size() + 1);
  CHECK(found.chunks.size() == kLooked);
  CHECK(Count(plan, ChunkOrigin::kImage) == chunks.size() - kLooked);
}
