#include "images/root_read_back.hpp"

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "images/ordered_work.hpp"

namespace ros::images {
namespace {

// What is read by one request, when nothing else is left to do and meanwhile.
constexpr Bytes kReadPiece = Bytes{1} << 20U;
constexpr Bytes kFollowPiece = Bytes{256} << 10U;
// Results that wait for their turn, beyond one in the works on each thread.
constexpr std::size_t kWaitingReads = 2;

// A piece as it was read.
struct PieceRead {
  explicit PieceRead(Bytes length = kReadPiece) : data(length), digests(length / kBlockSize) {}

  AlignedBuffer data;
  std::vector<keys::Digest> digests;

  // Reads one and returns the digests of its blocks.
  std::span<const keys::Digest> Read(const Region& slot,
                                     const ByteRange& range,
                                     VerityBlockHasher& hasher) {
    const auto blocks = data.span().first(range.length);
    slot.Read(range.offset, blocks);
    const auto found = std::span(digests).first(range.length / kBlockSize);
    hasher.HashAll(blocks, found);
    return found;
  }
};

// A thread that reads the disk waits half of the time, so that there are two for each core.
std::size_t ReadBackThreads() {
  constexpr std::size_t kMost = 8;
  return std::min(2 * OrderedWork::DefaultThreads(), kMost);
}

}  // namespace

RootReadBack::RootReadBack(const Region& slot, const RootDescription& root, Bytes stretch)
    : slot_(slot),
      root_(root),
      stretch_(std::max(stretch, kFollowPiece)),
      tree_blocks_(kMaxVerityPiece),
      tree_(root.size, root.verity.salt, [this](Bytes offset, ByteSpan blocks) {
        Compare(offset, blocks);
      }) {
  CheckRootFits(slot, root);
}

RootReadBack::~RootReadBack() {
  Stop();
}

void RootReadBack::Follow(Bytes end) {
  const std::lock_guard lock(mutex_);
  ThrowFailure();
  written_ = end;
  if (thread_.joinable()) {
    changed_.notify_one();
  } else if (end >= stretch_) {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error&) {
      stretch_ = root_.size + 1;  // Finish does all of it.
    }
  }
}

void RootReadBack::Run() {
  try {
    VerityBlockHasher hasher(root_.verity.salt);
    PieceRead place(kFollowPiece);
    while (const auto end = NextStretch()) {
      slot_.Sync();
      while (done_ < end) {
        tree_.Add(place.Read(slot_, {.offset = done_, .length = kFollowPiece}, hasher));
        done_ += kFollowPiece;
        const std::lock_guard lock(mutex_);
        if (stop_) {
          return;
        }
      }
    }
  } catch (...) {  // Thrown again by whoever follows or finishes.
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

Bytes RootReadBack::NextStretch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || written_ - done_ >= stretch_; });
  return stop_ ? 0 : RoundDown(written_, kFollowPiece);
}

void RootReadBack::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

void RootReadBack::ThrowFailure() {
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void RootReadBack::Finish(Progress& progress) {
  Stop();
  ThrowFailure();
  progress.Begin(done_ == 0 ? "reading the root back" : "reading back the rest of the root",
                 root_.size - done_);
  ReadRest(progress);
  CheckRootHash(tree_.Finish(), root_.verity.root_hash);
  progress.End();
}

void RootReadBack::ReadRest(Progress& progress) {
  const auto first = done_;
  const auto jobs = (root_.size - first + kReadPiece - 1) / kReadPiece;
  const auto threads = ReadBackThreads();
  std::vector<PieceRead> places(std::min<std::size_t>(jobs, threads + kWaitingReads));
  OrderedWork work(jobs, places.size(), threads, [&] {
    const auto hasher = std::make_shared<VerityBlockHasher>(root_.verity.salt);
    return [&, hasher](std::size_t job, std::size_t place) {
      const auto offset = first + job * kReadPiece;
      places[place].Read(slot_, {.offset = offset, .length = LengthAt(offset)}, *hasher);
    };
  });
  while (done_ < root_.size) {
    const auto length = LengthAt(done_);
    tree_.Add(std::span(places[work.Next()].digests).first(length / kBlockSize));
    work.Release();
    done_ += length;
    progress.Update(done_ - first);
  }
}

Bytes RootReadBack::LengthAt(Bytes offset) const {
  return std::min(kReadPiece, root_.size - offset);
}

void RootReadBack::Compare(Bytes offset, ByteSpan blocks) {
  const auto found = tree_blocks_.span().first(blocks.size());
  slot_.Read(root_.size + offset, found);
  const auto difference = std::mismatch(blocks.begin(), blocks.end(), found.begin());
  if (difference.first != blocks.end()) {
    RefuseTree(offset + static_cast<Bytes>(difference.first - blocks.begin()));
  }
}

// `at` is where the tree is not what the data asks for.
void RootReadBack::RefuseTree(Bytes at) const {
  constexpr Bytes kDigestSize = 32;
  const auto leaves = VerityLeafOffset(root_.size);
  throw Error(
      ErrorKind::kVerification,
      "what is on the disk is not what was written: the verity tree does not match at "
      "its byte " +
          std::to_string(at) +
          (at < leaves ? ""
                       : ", which is for block " + std::to_string((at - leaves) / kDigestSize)));
}

void VerifyRoot(const Region& slot, const RootDescription& root, Progress& progress) {
  RootReadBack(slot, root).Finish(progress);
}

void CheckRootFits(const Region& slot, const RootDescription& root) {
  const auto needed = BytesNeeded(root);
  if (slot.length() < needed) {
    throw Error(ErrorKind::kDoesNotFit,
                "the root image needs " + std::to_string(needed) + " bytes (" +
                    FormatBytes(needed) + ") with its verity tree, but the slot has " +
                    std::to_string(slot.length()) + " (" + FormatBytes(slot.length()) + ")");
  }
}

void CheckRootHash(const std::string& found, const std::string& expected) {
  if (found != expected) {
    throw Error(ErrorKind::kVerification,
                "the root image has the verity root hash " + found + " instead of " + expected);
  }
}

}  // namespace ros::images
