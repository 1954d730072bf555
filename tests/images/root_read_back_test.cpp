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
// More than one piece of the tree's lowest level.
constexpr Bytes kSize = 37 * kMiB + 3 * kBlockSize;
constexpr Bytes kStretch = 4 * kMiB;
constexpr Bytes kHalf = 20 * kMiB;

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
    reads_unsynced_ = reads_unsynced_ || (offset < kSize && offset + into.size() > synced_);
    changed_.notify_all();
  }

  void Write(Bytes offset, ByteSpan data) override {
    if (!lost_ || offset > *lost_ || offset + data.size() <= *lost_) {
      disk_.Write(offset, data);
    }
    const std::lock_guard lock(mutex_);
    written_ = offset < kSize ? offset + data.size() : written_;
  }

  // What is written while it is held is not covered by it.
  void Sync() override {
    std::unique_lock lock(mutex_);
    synced_ = written_;
    is_syncing_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !holds_sync_; });
    is_syncing_ = false;
    if (fails_) {
      throw Error(ErrorKind::kFailed, "cannot sync");
    }
  }

  // The next one waits until it is released.
  void HoldSync() { holds_sync_ = true; }

  void WaitForSync() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_syncing_; });
  }

  void ReleaseSync() {
    const std::lock_guard lock(mutex_);
    holds_sync_ = false;
    changed_.notify_all();
  }

  // The write with this byte does not come to the disk.
  void Lose(Bytes byte) { lost_ = byte; }

  void ChangeBit(Bytes byte) {
    std::vector<std::byte> found(1);
    disk_.Read(byte, found);
    found[0] ^= std::byte{1};
    disk_.Write(byte, found);
  }

  void FailToSync() { fails_ = true; }

  // Whether a byte of the root was read that no sync had covered.
  [[nodiscard]] bool ReadsUnsynced() const {
    const std::lock_guard lock(mutex_);
    return reads_unsynced_;
  }

  [[nodiscard]] std::vector<ByteRange> Reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }

  // For one that ends behind `byte`.
  void WaitForRead(Bytes byte) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return std::ranges::any_of(reads_, [&](const ByteRange& read) { return read.End() > byte; });
    });
  }

 private:
  testing::MemoryDisk disk_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::vector<ByteRange> reads_;
  mutable bool reads_unsynced_ = false;
  Bytes written_ = 0;  // of the root
  Bytes synced_ = 0;
  bool holds_sync_ = false;
  bool is_syncing_ = false;
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

  // As far as that, and not what is written already; `read_back` is told.
  void WriteTo(RootReadBack& read_back, Bytes end) {
    while (written_ < end) {
      const auto length = std::min(kMiB, end - written_);
      const auto piece = AsBytes(root_).subspan(written_, length);
      disk_->Write(written_, piece);
      tree_->Add(Digests(written_, length));
      read_back.Follow(length, ChecksumOf(piece));
      written_ += length;
    }
    if (written_ == kSize) {
      CHECK(tree_->Finish() == description_.verity.root_hash);
      disk_->Sync();
    }
  }

  [[nodiscard]] RootReadBack ReadBack(Bytes stretch = kStretch) const {
    return {Region(disk_), description_, stretch};
  }

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
void CheckUntilItThrows(RootReadBack& read_back) {
  for (;;) {
    read_back.CheckFollowed();
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("RootReadBack: follows what is written and synced, and reads each byte once",
          "[images]") {
  Bench bench;
  auto read_back = bench.ReadBack();
  bench.WriteTo(read_back, kStretch - kBlockSize);
  CHECK(bench.disk().Reads().empty());
  bench.disk().HoldSync();
  bench.WriteTo(read_back, kStretch);
  bench.disk().WaitForSync();
  bench.WriteTo(read_back, 2 * kStretch - kMiB);
  bench.disk().ReleaseSync();
  bench.disk().WaitForRead(kStretch - kBlockSize);
  // Pieces end where chunks do.
  bench.WriteTo(read_back, 35 * kMiB - kBlockSize);
  bench.disk().WaitForRead(30 * kMiB);
  bench.WriteTo(read_back, kSize);
  read_back.Finish(bench.progress);
  CHECK_FALSE(bench.disk().ReadsUnsynced());
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
      begun += step;
      announced += total;
    }

    void Update(Bytes done) override { last = done; }

    void End() override { ++ended; }

    void Warn(std::string_view /*message*/) override {}

    std::string begun;
    Bytes announced = 0;
    Bytes last = 0;
    int ended = 0;
  };

  // All of it, what is behind one stretch, nothing.
  const auto stretch = GENERATE(as<Bytes>(), kSize + 1, kHalf, kBlockSize);
  Bench bench;
  auto read_back = bench.ReadBack(stretch);
  bench.WriteTo(read_back, kHalf);
  if (stretch <= kHalf) {
    bench.disk().WaitForRead(kHalf - kBlockSize);
  }
  bench.WriteTo(read_back, kSize);
  if (stretch < kHalf) {
    bench.disk().WaitForRead(kSize - kBlockSize);
  }
  Told told;
  read_back.Finish(told);
  CHECK(told.begun ==
        (stretch > kHalf ? "reading the root back" : "reading back the rest of the root"));
  const auto before = stretch > kHalf ? 0 : stretch == kHalf ? kHalf : kSize;
  CHECK(told.announced == kSize + VerityTreeSize(kSize) - before);
  CHECK(told.last == told.announced);
  CHECK(told.ended == 1);
}

TEST_CASE("RootReadBack: what the disk lost ends the writing", "[images]") {
  Bench bench;
  const auto lost = GENERATE(as<Bytes>(), 3 * kMiB + 5, 31 * kMiB + 5);
  bench.disk().Lose(lost);
  auto read_back = bench.ReadBack();
  const auto piece = lost / kMiB * kMiB;
  const auto message = "what is on the disk is not what was written: bytes " +
                       std::to_string(piece) + " to " + std::to_string(piece + kMiB);
  CheckError(ErrorKind::kVerification, message, [&] {
    bench.WriteTo(read_back, 36 * kMiB);
    CheckUntilItThrows(read_back);
  });
  CheckError(ErrorKind::kVerification, message, [&] { read_back.Finish(bench.progress); });
}

TEST_CASE("RootReadBack: finds one bit that changed after it was written", "[images]") {
  const auto leaves = VerityLevels(kSize).back().offset;
  const auto tree = VerityTreeSize(kSize);
  const auto changed = GENERATE_COPY(
      as<Bytes>(), kSize / 2, kSize - 1, kSize, kSize + leaves + kBlockSize + 5, kSize + tree - 1);
  INFO(changed);
  Bench bench;
  auto read_back = bench.ReadBack(kSize + 1);
  bench.WriteTo(read_back, kSize);
  bench.disk().ChangeBit(changed);
  const auto place = changed < kSize ? "bytes " + std::to_string(RoundDown(changed, kMiB)) + " to"
                                     : "the verity tree does not match in the block at its byte " +
                                           std::to_string(RoundDown(changed - kSize, kBlockSize));
  CheckError(ErrorKind::kVerification,
             "what is on the disk is not what was written: " + place,
             [&] { read_back.Finish(bench.progress); });
}

TEST_CASE("RootReadBack: what the disk lost behind what was followed is found at the end",
          "[images]") {
  Bench bench;
  const auto lost = GENERATE(as<Bytes>(), kSize - 1, kSize + VerityTreeSize(kSize) - 1, kSize);
  bench.disk().Lose(lost);
  auto read_back = bench.ReadBack();
  bench.WriteTo(read_back, kSize);
  CheckError(ErrorKind::kVerification, "what is on the disk is not what was written", [&] {
    read_back.Finish(bench.progress);
  });
}

TEST_CASE("RootReadBack: what was not followed was not compared", "[images]") {
  Bench bench;
  auto read_back = bench.ReadBack();
  bench.WriteTo(read_back, kSize - kBlockSize);
  CheckError(ErrorKind::kFailed, "were written", [&] { read_back.Finish(bench.progress); });
}

TEST_CASE("RootReadBack: a sync that fails is told", "[images]") {
  Bench bench;
  bench.disk().FailToSync();
  auto read_back = bench.ReadBack();
  CheckError(ErrorKind::kFailed, "cannot sync", [&] {
    bench.WriteTo(read_back, kSize - kBlockSize);
    CheckUntilItThrows(read_back);
  });
  CheckError(ErrorKind::kFailed, "cannot sync", [&] { read_back.Finish(bench.progress); });
  CHECK(bench.disk().Reads().empty());
}

TEST_CASE("RootReadBack: may end in the middle", "[images]") {
  Bench bench;
  {
    auto read_back = bench.ReadBack();
    bench.WriteTo(read_back, kSize);
    bench.disk().WaitForRead(0);
  }
  CHECK_FALSE(bench.disk().ReadsUnsynced());
}
