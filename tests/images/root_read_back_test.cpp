#include "images/root_read_back.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "images/verity.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/support/memory_disk.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

constexpr Bytes kMiB = Bytes{1} << 20U;
// More than one piece of the tree's lowest level: that is compared while the root is written.
constexpr Bytes kSize = 37 * kMiB + 3 * kBlockSize;
constexpr Bytes kStretch = 4 * kMiB;

// Tells what is read and synced, and may lose a write or fail.
class WatchedDisk final : public BlockDevice {
 public:
  explicit WatchedDisk(Bytes size) : disk_(size) {}

  [[nodiscard]] const std::string& name() const override { return disk_.name(); }

  [[nodiscard]] Bytes size() const override { return disk_.size(); }

  [[nodiscard]] std::uint32_t sector_size() const override { return 512; }

  void Read(Bytes offset, MutableByteSpan into) const override {
    disk_.Read(offset, into);
    const std::lock_guard lock(mutex_);
    reads_.push_back({.offset = offset, .length = into.size()});
    changed_.notify_all();
  }

  void Write(Bytes offset, ByteSpan data) override {
    if (!lost_ || offset > *lost_ || offset + data.size() <= *lost_) {
      disk_.Write(offset, data);
    }
    const std::lock_guard lock(mutex_);
    written_ += data.size();
  }

  void Sync() override {
    const std::lock_guard lock(mutex_);
    synced_ = written_;
    if (fails_) {
      throw Error(ErrorKind::kFailed, "cannot sync");
    }
  }

  // The write with this byte does not come to the disk.
  void Lose(Bytes byte) { lost_ = byte; }

  void FailToSync() { fails_ = true; }

  [[nodiscard]] Bytes synced() const {
    const std::lock_guard lock(mutex_);
    return synced_;
  }

  [[nodiscard]] std::vector<ByteRange> Reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }

  void WaitForRead(Bytes begin, Bytes end) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return std::ranges::any_of(
          reads_, [&](const ByteRange& read) { return read.offset >= begin && read.offset < end; });
    });
  }

 private:
  testing::MemoryDisk disk_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::vector<ByteRange> reads_;
  Bytes written_ = 0;
  Bytes synced_ = 0;
  std::optional<Bytes> lost_;
  bool fails_ = false;
};

std::string MakeRoot() {
  std::string root(kSize, '\0');
  for (std::size_t i = 0; i < root.size(); i += 61) {
    root[i] = static_cast<char>(i / 61);
  }
  return root;
}

// A root, and a disk that it is written to piece by piece.
class Bench {
 public:
  Bench() : root_(MakeRoot()) {
    description_.size = kSize;
    description_.verity.salt = std::string(64, 'a');
    VerityTree tree(kSize, description_.verity.salt, [](Bytes /*offset*/, ByteSpan /*blocks*/) {});
    tree.Add(Digests(0, kSize));
    description_.verity.root_hash = tree.Finish();
    disk_ = std::make_shared<WatchedDisk>(BytesNeeded(description_));
    tree_.emplace(kSize, description_.verity.salt, [this](Bytes offset, ByteSpan blocks) {
      disk_->Write(kSize + offset, blocks);
    });
  }

  // As far as that, and not what is written already.
  void WriteTo(Bytes end) {
    for (; written_ < end; written_ += std::min(kMiB, kSize - written_)) {
      const auto length = std::min(kMiB, kSize - written_);
      disk_->Write(written_, AsBytes(root_).subspan(written_, length));
      tree_->Add(Digests(written_, length));
    }
    if (written_ == kSize) {
      CHECK(tree_->Finish() == description_.verity.root_hash);
    }
  }

  [[nodiscard]] RootReadBack ReadBack() const { return {Region(disk_), description_, kStretch}; }

  [[nodiscard]] WatchedDisk& disk() const { return *disk_; }

  NoProgress progress;

 private:
  [[nodiscard]] std::vector<keys::Digest> Digests(Bytes offset, Bytes length) const {
    std::vector<keys::Digest> digests(length / kBlockSize);
    VerityBlockHasher(description_.verity.salt)
        .HashAll(AsBytes(root_).subspan(offset, length), digests);
    return digests;
  }

  std::string root_;
  RootDescription description_;
  std::shared_ptr<WatchedDisk> disk_;
  std::optional<VerityTree> tree_;
  Bytes written_ = 0;
};

// As a writer that is told at one of its next pieces.
void FollowUntilItThrows(RootReadBack& read_back, Bytes end) {
  for (;;) {
    read_back.Follow(end);
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("RootReadBack: follows what is written and synced, and reads each byte once",
          "[images]") {
  Bench bench;
  auto read_back = bench.ReadBack();
  bench.WriteTo(kStretch - kMiB);
  read_back.Follow(kStretch - kMiB);
  CHECK(bench.disk().Reads().empty());
  bench.WriteTo(kStretch);
  read_back.Follow(kStretch);
  bench.disk().WaitForRead(kStretch - kMiB, kStretch);
  CHECK(bench.disk().synced() >= kStretch);
  // Between two pieces, as chunks end.
  bench.WriteTo(35 * kMiB);
  read_back.Follow(35 * kMiB - kBlockSize);
  bench.disk().WaitForRead(kSize, kSize + VerityTreeSize(kSize));
  bench.WriteTo(kSize);
  read_back.Follow(kSize);
  read_back.Finish(bench.progress);
  Bytes end = 0;
  auto reads = bench.disk().Reads();
  std::ranges::sort(reads, {}, &ByteRange::offset);
  for (const auto& read : reads) {
    CHECK(read.offset == end);
    end = read.End();
  }
  CHECK(end == kSize + VerityTreeSize(kSize));
}

TEST_CASE("RootReadBack: tells what is left to read", "[images]") {
  class Told final : public Progress {
   public:
    void Begin(std::string_view step, Bytes total) override {
      begun.emplace_back(step);
      totals.push_back(total);
    }

    void Update(Bytes done) override { last = done; }

    void End() override { ++ended; }

    void Warn(std::string_view /*message*/) override {}

    std::vector<std::string> begun;
    std::vector<Bytes> totals;
    Bytes last = 0;
    int ended = 0;
  };

  Told told;
  {
    Bench bench;
    bench.WriteTo(kSize);
    auto read_back = bench.ReadBack();
    read_back.Finish(told);
  }
  Bench bench;
  bench.WriteTo(kSize);
  auto read_back = bench.ReadBack();
  read_back.Follow(kStretch);
  bench.disk().WaitForRead(0, kStretch);
  read_back.Finish(told);
  CHECK(told.begun ==
        std::vector<std::string>{"reading the root back", "reading back the rest of the root"});
  CHECK(told.totals[0] == kSize);
  CHECK(told.totals[1] < kSize);
  CHECK(told.totals[1] == told.last);
  CHECK(told.ended == 2);
}

TEST_CASE("RootReadBack: what the disk lost ends the writing", "[images]") {
  Bench bench;
  const auto lost = GENERATE(as<Bytes>(), 3 * kMiB + 5, 31 * kMiB + 5);
  bench.disk().Lose(lost);
  auto read_back = bench.ReadBack();
  bench.WriteTo(36 * kMiB);
  read_back.Follow(36 * kMiB);
  bench.disk().WaitForRead(kSize, kSize + VerityTreeSize(kSize));
  CheckError(ErrorKind::kVerification,
             "which is for block " + std::to_string(lost / kMiB * (kMiB / kBlockSize)),
             [&] { FollowUntilItThrows(read_back, 36 * kMiB); });
  CheckError(ErrorKind::kVerification, "what is on the disk is not what was written", [&] {
    read_back.Finish(bench.progress);
  });
}

TEST_CASE("RootReadBack: what the disk lost behind what was followed is found at the end",
          "[images]") {
  Bench bench;
  const auto lost = GENERATE(as<Bytes>(), kSize - 1, kSize + VerityTreeSize(kSize) - 1, kSize);
  bench.disk().Lose(lost);
  auto read_back = bench.ReadBack();
  bench.WriteTo(kSize);
  read_back.Follow(kStretch);
  CheckError(ErrorKind::kVerification, "what is on the disk is not what was written", [&] {
    read_back.Finish(bench.progress);
  });
}

TEST_CASE("RootReadBack: a sync that fails is told", "[images]") {
  Bench bench;
  bench.disk().FailToSync();
  auto read_back = bench.ReadBack();
  bench.WriteTo(kSize);
  CheckError(ErrorKind::kFailed, "cannot sync", [&] { FollowUntilItThrows(read_back, kSize); });
  CheckError(ErrorKind::kFailed, "cannot sync", [&] { read_back.Finish(bench.progress); });
  CHECK(bench.disk().Reads().empty());
}

TEST_CASE("RootReadBack: may end in the middle", "[images]") {
  Bench bench;
  {
    auto read_back = bench.ReadBack();
    bench.WriteTo(kSize);
    read_back.Follow(kSize);
    bench.disk().WaitForRead(0, kSize);
  }
  CHECK(bench.disk().synced() >= kSize);
}
