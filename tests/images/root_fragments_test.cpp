#include "images/root_fragments.hpp"

#include "images/verity.hpp"
#include "registry/blob_stream.hpp"
#include "tests/images/support/fragmented_image.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;
using namespace ros::literals;
using delta::fakes::MakeNoise;

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

TEST_CASE("WriteRoot: what the slot holds is not looked for", "[images]") {
  Versions versions;
  versions.KeepFirst();
  versions.Plan();
  CHECK(IsOf(versions.plan().chunks[0], ChunkOrigin::kSlot));
  CHECK(versions.fragments().chunks.size() == versions.parts().chunks.size() - 1);
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
