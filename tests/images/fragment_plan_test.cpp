#include "images/fragment_plan.hpp"

#include "images/text_blob.hpp"
#include "tests/images/support/fragmented_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;
using namespace ros::literals;

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
