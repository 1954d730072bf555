#include "registry/blob_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace ros::registry {
namespace {

// Fetching rests until this part of the window is free.
constexpr Bytes kRoomParts = 4;

// Copies between a ring and a piece, whichever of them is written.
template <typename Copy>
void ForRing(Bytes ring_size, Bytes place, Bytes length, Copy copy) {
  const auto at = place % ring_size;
  const auto first = std::min(length, ring_size - at);
  copy(at, Bytes{0}, first);
  if (first < length) {
    copy(Bytes{0}, first, length - first);
  }
}

}  // namespace

BlobStream::BlobStream(std::vector<ByteRange> ranges, Fetch fetch)
    : ranges_(std::move(ranges)), fetch_(std::move(fetch)) {
  Bytes place = 0;
  for (const auto& range : ranges_) {
    places_.push_back(place);
    place += range.length;
  }
  window_.resize(std::min(kWindow, place));
  thread_ = std::thread([this] { Run(); });
}

BlobStream::~BlobStream() {
  Abandon();
  thread_.join();
}

void BlobStream::Abandon() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  come_.notify_all();
  room_.notify_one();
}

const ByteRange* BlobStream::RangeOf(Bytes offset) const {
  const auto behind = std::ranges::upper_bound(ranges_, offset, {}, &ByteRange::offset);
  if (behind == ranges_.begin()) {
    return nullptr;
  }
  const auto& range = *std::prev(behind);
  return offset < range.End() ? &range : nullptr;
}

Bytes BlobStream::PlaceOf(const ByteRange& range, Bytes offset) const {
  return places_[static_cast<std::size_t>(&range - ranges_.data())] + offset - range.offset;
}

bool BlobStream::Has(const ByteRange& wanted) const {
  const auto* const range = RangeOf(wanted.offset);
  if (range == nullptr || wanted.End() > range->End() || wanted.length == 0 ||
      wanted.length > kMaxPiece) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  const auto place = PlaceOf(*range, wanted.offset);
  const auto behind = released_.upper_bound(place + wanted.length - 1);
  const bool was_read =
      behind != released_.begin() && std::prev(behind)->first + std::prev(behind)->second > place;
  return place >= begin_ && !was_read;
}

void BlobStream::Read(Bytes offset, MutableByteSpan into) {
  const auto place = PlaceOf(*RangeOf(offset), offset);
  WaitFor(place + into.size());
  // Without the lock: what has come stays where it is until it is released.
  ForRing(window_.size(), place, into.size(), [&](Bytes at, Bytes done, Bytes length) {
    std::memcpy(into.data() + done, window_.data() + at, length);
  });
  std::unique_lock lock(mutex_);
  Release(place, into.size());
  if (HasRoom()) {
    lock.unlock();
    room_.notify_one();
  }
}

void BlobStream::WaitFor(Bytes end) {
  std::unique_lock lock(mutex_);
  const auto is_over = [&] { return end_ >= end || failure_ || stop_; };
  if (!is_over()) {
    const auto wanted = wanted_.insert(end);
    room_.notify_one();
    come_.wait(lock, is_over);
    wanted_.erase(wanted);
  }
  if (end_ >= end) {
    return;
  }
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  throw Error(ErrorKind::kFailed, "it is not fetched any more");
}

void BlobStream::Release(Bytes place, Bytes length) {
  released_.emplace(place, length);
  while (!released_.empty() && released_.begin()->first == begin_) {
    begin_ += released_.begin()->second;
    released_.erase(released_.begin());
  }
}

bool BlobStream::HasRoom() const {
  const Bytes room = window_.size() - (end_ - begin_);
  return room > 0 && (!wanted_.empty() || room >= window_.size() / kRoomParts);
}

Bytes BlobStream::WaitForRoom() {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return stop_ || HasRoom(); });
  if (stop_) {
    throw Error(ErrorKind::kFailed, "nobody reads it any more");
  }
  return window_.size() - (end_ - begin_);
}

void BlobStream::Put(ByteSpan piece) {
  while (!piece.empty()) {
    const auto length = std::min<Bytes>(piece.size(), WaitForRoom());
    // Without the lock: no other thread moves the end, or reads behind it.
    ForRing(window_.size(), end_, length, [&](Bytes at, Bytes done, Bytes part) {
      std::memcpy(window_.data() + at, piece.data() + done, part);
    });
    piece = piece.subspan(length);
    std::unique_lock lock(mutex_);
    end_ += length;
    if (!wanted_.empty() && *wanted_.begin() <= end_) {
      lock.unlock();
      come_.notify_all();
    }
  }
}

void BlobStream::Run() {
  std::exception_ptr failure;
  try {
    fetch_(
        [this] {
          const std::lock_guard lock(mutex_);
          return stop_;
        },
        [this](ByteSpan piece) { Put(piece); });
    // For who reads more than has come.
    throw Error(ErrorKind::kFailed, "the blob has ended");
  } catch (...) {  // a thread's end, as main is the program's
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  come_.notify_all();
}

}  // namespace ros::registry
