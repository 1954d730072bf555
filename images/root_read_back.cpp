#include "images/root_read_back.hpp"

#include <memory>
#include <system_error>

#include "base/error.hpp"
#include "images/chunk_index.hpp"
#include "images/ordered_work.hpp"
#include "images/verify_root.hpp"
#include "images/verity.hpp"

namespace ros::images {

RootReadBack::RootReadBack(const Region& slot, const RootDescription& root, Bytes stretch)
    : slot_(slot), root_(root), stretch_(stretch) {
  CheckRootFits(slot, root);
}

RootReadBack::~RootReadBack() {
  Stop();
}

void RootReadBack::Follow(Bytes length, Checksum checksum) {
  CheckFollowed();
  if (length > kMaxPiece) {
    throw Error(ErrorKind::kFailed, "a piece of a root of " + std::to_string(length) + " bytes");
  }
  const std::lock_guard lock(mutex_);
  pieces_.push_back({.offset = written_, .length = length, .checksum = checksum});
  written_ += length;
  if (thread_.joinable()) {
    changed_.notify_one();
  } else if (written_ >= stretch_) {
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error&) {
      stretch_ = root_.size + 1;  // Finish does all of it.
    }
  }
}

void RootReadBack::CheckFollowed() {
  const std::lock_guard lock(mutex_);
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

void RootReadBack::Run() {
  try {
    AlignedBuffer buffer(kMaxPiece);
    while (const auto end = NextStretch()) {
      slot_.Sync();
      while (done_ < *end) {
        Read(PieceAt(done_), buffer);
        const std::lock_guard lock(mutex_);
        ++done_;
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

std::optional<std::size_t> RootReadBack::NextStretch() {
  std::unique_lock lock(mutex_);
  const auto is_complete = [this] {
    return done_ < pieces_.size() && written_ - pieces_[done_].offset >= stretch_;
  };
  changed_.wait(lock, [&] { return stop_ || is_complete(); });
  return stop_ ? std::nullopt : std::optional(pieces_.size());
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

void RootReadBack::Finish(Progress& progress) {
  Stop();
  CheckFollowed();
  if (written_ != root_.size) {
    throw Error(ErrorKind::kFailed,
                "of a root of " + std::to_string(root_.size) + " bytes " +
                    std::to_string(written_) + " were written");
  }
  const auto begin = done_ < pieces_.size() ? pieces_[done_].offset : written_;
  progress.Begin(done_ == 0 ? "reading the root back" : "reading back the rest of the root",
                 BytesNeeded(root_) - begin);
  ReadRest(begin, progress);
  VerifyTree(slot_, root_, [&](Bytes read) { progress.Update(written_ - begin + read); });
  progress.End();
}

void RootReadBack::ReadRest(Bytes begin, Progress& progress) {
  const auto threads = OrderedWork::ReadingThreads();
  const auto jobs = pieces_.size() - done_;
  OrderedWork work(jobs, threads, threads, [this] {
    const auto buffer = std::make_shared<AlignedBuffer>(kMaxPiece);
    return [this, buffer](std::size_t job, std::size_t /*place*/) {
      Read(pieces_[done_ + job], *buffer);
    };
  });
  for (std::size_t job = 0; job < jobs; ++job) {
    work.Next();
    work.Release();
    const auto& piece = pieces_[done_ + job];
    progress.Update(piece.offset + piece.length - begin);
  }
}

RootReadBack::Piece RootReadBack::PieceAt(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return pieces_[index];
}

void RootReadBack::Read(const Piece& piece, AlignedBuffer& buffer) const {
  const auto blocks = buffer.span().first(piece.length);
  slot_.Read(piece.offset, blocks);
  if (ChecksumOf(blocks) != piece.checksum) {
    throw Error(ErrorKind::kVerification,
                "what is on the disk is not what was written: bytes " +
                    std::to_string(piece.offset) + " to " +
                    std::to_string(piece.offset + piece.length) +
                    " of the root read back differently; the disk is failing, or has less room "
                    "than it says");
  }
}

}  // namespace ros::images
