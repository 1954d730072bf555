#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "images/fragment_plan.hpp"
#include "images/root_fragments.hpp"
#include "images/root_writer.hpp"
#include "images/verify_root.hpp"
#include "tests/delta/support/changed_program.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/warnings.hpp"

namespace ros::images::fakes {

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
inline FragmentLayer Divide(FakeParts& parts,
                            const std::vector<Chunk>& older,
                            const std::filesystem::path& directory) {
  NoProgress progress;
  const TempDirectory work(directory, "work");
  WriteFileAtomically(work.path() / "root", AsBytes(parts.root));
  const auto output = work.path() / "fragments";
  auto layer = MakeFragments(
      older, {.root = work.path() / "root", .chunks = parts.chunks}, output, progress);
  parts.fragments = FakeFragments{.index = WriteFragmentIndex(layer.index, parts.chunks),
                                  .layer = ReadFile(output, Bytes{1} << 30U)};
  CHECK(parts.fragments->layer.size() == layer.size);
  CHECK(keys::Sha256Of(AsBytes(parts.fragments->layer)) == layer.digest);
  return layer;
}

// A machine with a root of its own, and an image of a root of which much is in there, moved by
// bytes that were put in, and cut at other places: no chunk is the same.
class Versions {
 public:
  Versions() {
    const auto program = delta::fakes::MakeProgram(Bytes{3} << 20U, 1);
    old_root_ = delta::fakes::MakeNoise(Bytes{1} << 20U, 1) + program;
    auto root = "put in" + old_root_.substr(0, 700'001) + delta::fakes::MakeNoise(50'000, 2) +
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
  std::shared_ptr<OldDisk> old_disk_ = std::make_shared<OldDisk>(Bytes{16} << 20U);
  std::shared_ptr<testing::MemoryDisk> disk_ =
      std::make_shared<testing::MemoryDisk>(Bytes{16} << 20U);
};

inline bool IsOf(const PlannedChunk& chunk, ChunkOrigin origin) {
  return chunk.origin == origin;
}

inline std::size_t Count(const RootPlan& plan, ChunkOrigin origin) {
  return static_cast<std::size_t>(std::ranges::count_if(
      plan.chunks, [&](const PlannedChunk& chunk) { return IsOf(chunk, origin); }));
}

}  // namespace ros::images::fakes
