#include "images/chunk_cutter.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/chunk_index.hpp"
#include "images/erofs_image.hpp"
#include "images/erofs_reader.hpp"
#include "tests/images/support/small_root.hpp"

namespace ros::images {
namespace {

// A made-up image: each block is known by a number, its content.
struct Model {
  std::vector<std::vector<std::uint64_t>> files;

  [[nodiscard]] std::vector<std::uint64_t> Blocks() const {
    std::vector<std::uint64_t> blocks;
    for (const auto& file : files) {
      blocks.insert(blocks.end(), file.begin(), file.end());
    }
    return blocks;
  }

  [[nodiscard]] std::vector<std::uint32_t> Cut() const {
    std::vector<ImageSpan> spans;
    std::vector<bool> marks;
    for (const auto& file : files) {
      spans.push_back({marks.size(), file.size(), ImageSpan::Kind::kFile});
      for (const auto block : file) {
        marks.push_back(block % 32 == 0);
      }
    }
    return CutChunks(spans, marks);
  }

  // The contents of the chunks.
  [[nodiscard]] std::multiset<std::vector<std::uint64_t>> Chunks() const {
    const auto blocks = Blocks();
    std::multiset<std::vector<std::uint64_t>> chunks;
    auto begin = blocks.begin();
    for (const auto length : Cut()) {
      chunks.emplace(begin, begin + length / kBlockSize);
      begin += length / kBlockSize;
    }
    CHECK(begin == blocks.end());
    return chunks;
  }
};

std::vector<std::uint64_t> MakeFile(std::mt19937_64& random, std::size_t blocks) {
  std::vector<std::uint64_t> file(blocks);
  std::generate(file.begin(), file.end(), random);
  return file;
}

// Sizes as in a system: many small files, a few large ones. About 400 MiB.
Model MakeModel() {
  std::mt19937_64 random(42);
  Model model;
  for (int i = 0; i < 8000; ++i) {
    const bool large = i % 200 == 100;
    model.files.push_back(MakeFile(random, large ? 300 + random() % 2000 : 1 + random() % 12));
  }
  return model;
}

double Reused(const Model& before, const Model& after) {
  const auto old_chunks = before.Chunks();
  const auto new_chunks = after.Chunks();
  const auto reused = std::count_if(new_chunks.begin(), new_chunks.end(), [&](const auto& chunk) {
    return old_chunks.count(chunk) != 0;
  });
  return static_cast<double>(reused) / static_cast<double>(new_chunks.size());
}

TEST_CASE("CutChunks: chunks are whole blocks within the limits and cover the image", "[images]") {
  const Model model = MakeModel();
  const auto lengths = model.Cut();
  CHECK(std::accumulate(lengths.begin(), lengths.end(), Bytes{0}) ==
        model.Blocks().size() * kBlockSize);
  std::size_t small = 0;
  for (const auto length : lengths) {
    REQUIRE(length > 0);
    REQUIRE(length % kBlockSize == 0);
    REQUIRE(length <= kMaxChunkLength);
    small += length < kMinChunkBlocks * kBlockSize ? 1 : 0;
  }
  // Short chunks only before and after large files.
  CHECK(small <= 2 * 40);
  const double mean =
      static_cast<double>(model.Blocks().size() * kBlockSize) / static_cast<double>(lengths.size());
  CHECK(mean > 150'000);
  CHECK(mean < 350'000);
}

TEST_CASE("CutChunks: a change in one file keeps the other chunks", "[images]") {
  const Model before = MakeModel();
  std::mt19937_64 random(7);
  for (const std::size_t changed :
       {std::size_t{0}, std::size_t{100}, std::size_t{4000}, std::size_t{7999}}) {
    Model after = before;
    after.files[changed][0] = random();
    CHECK(Reused(before, after) > 0.99);
    after.files[changed] = MakeFile(random, before.files[changed].size() + 3);
    CHECK(Reused(before, after) > 0.98);
  }
}

TEST_CASE("CutChunks: comes back into step after files were put in or taken out", "[images]") {
  const Model before = MakeModel();
  std::mt19937_64 random(8);
  Model after = before;
  after.files.insert(after.files.begin() + 3000, MakeFile(random, 5));
  CHECK(Reused(before, after) > 0.99);
  after.files.insert(after.files.begin() + 5050, MakeFile(random, 900));
  CHECK(Reused(before, after) > 0.98);
  after.files.erase(after.files.begin() + 1000, after.files.begin() + 1010);
  CHECK(Reused(before, after) > 0.97);
}

TEST_CASE("CutChunks: a growing large file keeps its beginning", "[images]") {
  Model before;
  std::mt19937_64 random(9);
  before.files = {MakeFile(random, 20'000)};
  Model after = before;
  const auto more = MakeFile(random, 100);
  after.files[0].insert(after.files[0].begin() + 10'000, more.begin(), more.end());
  CHECK(Reused(before, after) > 0.96);
}

TEST_CASE("CutChunks: unmarked content is cut at the limit", "[images]") {
  const std::vector<bool> marks(1000, false);
  CHECK(CutChunks({{0, 1000, ImageSpan::Kind::kMetadata}}, marks) ==
        std::vector<std::uint32_t>{1U << 20U, 1U << 20U, 1U << 20U, 232U << 12U});
  CHECK(CutChunks({}, {}).empty());
}

TEST_CASE("IsMarked: one block in 32, and never zeros", "[images]") {
  const std::string noise = testing::Noise(4096 * 4096, 5);
  int marked = 0;
  for (std::size_t offset = 0; offset < noise.size(); offset += 4096) {
    marked += IsMarked(AsBytes(noise).subspan(offset, 4096)) ? 1 : 0;
  }
  CHECK(marked > 90);
  CHECK(marked < 170);
  CHECK_FALSE(IsMarked(AsBytes(std::string(4096, '\0'))));
}

TEST_CASE("MapSpans: a file is one span, metadata comes first", "[images]") {
  const TempDirectory directory;
  const auto root = directory.path() / "root";
  testing::PutFile(root / "a", testing::Noise(10'000, 1));
  testing::PutFile(root / "b", testing::Noise(4096, 2));
  testing::PutFile(root / "c-empty", "");
  testing::PutFile(root / "d-same-as-b", testing::Noise(4096, 2));
  testing::PutFile(root / "e", testing::Noise(4096 * 300, 3));
  const auto image = directory.path() / "image";
  MakeErofs(root, image, {1'700'000'000, {}});
  const auto spans = MapSpans(image);
  REQUIRE(spans.size() == 4);
  CHECK(spans[0].kind == ImageSpan::Kind::kMetadata);
  CHECK(spans[1] == ImageSpan{spans[0].count, 3, ImageSpan::Kind::kFile});
  CHECK(spans[2].count == 1);
  CHECK(spans[3].count == 300);
  CHECK(ScanImage(image).marks.size() == spans[3].first + spans[3].count);
}

}  // namespace
}  // namespace ros::images
