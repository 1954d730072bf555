#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "keys/digest.hpp"
#include "registry/repository.hpp"

namespace ros::registry {

// Fetches ranges of a blob on a thread of its own, ahead of those who read them, as far as its
// memory reaches: network, unpacking and writing overlap.
class BlobStream {
 public:
  // What is kept that has come and was not read.
  static constexpr Bytes kWindow = Bytes{4} << 20U;
  // The longest piece that may be read at once.
  static constexpr Bytes kMaxPiece = kWindow / 2;

  // Reads the ranges; what Repository::ReadRanges does. Called on the thread, and returns or throws
  // soon after `cancelled` answers yes.
  using Fetch = std::function<void(const std::function<bool()>& cancelled, const BodySink& sink)>;

  // `ranges` ascend and do not touch.
  BlobStream(std::vector<ByteRange> ranges, Fetch fetch);
  BlobStream(const BlobStream&) = delete;
  BlobStream& operator=(const BlobStream&) = delete;
  BlobStream(BlobStream&&) = delete;
  BlobStream& operator=(BlobStream&&) = delete;
  // Ends the thread.
  ~BlobStream();

  // Whether these bytes are in one of the ranges and were not read yet.
  [[nodiscard]] bool Has(const ByteRange& range) const;

  // Waits for these bytes, which it Has, and gives them away: each is read once. Any thread may
  // read, as long as what is asked for goes forward as a whole: a piece is not asked for more than
  // a window behind one that nobody asks for. Throws what ended the fetching.
  void Read(Bytes offset, MutableByteSpan into);

  // Ends the fetching; who waits in Read fails. For whoever has to wait for those readers.
  void Abandon();

 private:
  // Where a byte of the blob is in the row of all ranges; none where it is in none.
  [[nodiscard]] const ByteRange* RangeOf(Bytes offset) const;
  [[nodiscard]] Bytes PlaceOf(const ByteRange& range, Bytes offset) const;
  void Run();
  void Put(ByteSpan piece);
  // Waits until all before this place has come.
  void WaitFor(Bytes end);
  // Waits for room, and returns how much there is.
  [[nodiscard]] Bytes WaitForRoom();
  // Whether fetching goes on: for who waits, or when there is room for more than a little. A thread
  // that wakes for each small piece costs more than the piece.
  [[nodiscard]] bool HasRoom() const;
  void Release(Bytes place, Bytes length);

  std::vector<ByteRange> ranges_;
  std::vector<Bytes> places_;  // of the ranges, in the row of all of them
  Fetch fetch_;
  std::vector<std::byte> window_;  // a ring; as long as all ranges where that is less

  mutable std::mutex mutex_;
  std::condition_variable come_;     // for who reads
  std::condition_variable room_;     // for the thread
  Bytes begin_ = 0;                  // before this place everything was read
  Bytes end_ = 0;                    // up to this place everything has come
  std::map<Bytes, Bytes> released_;  // read out of turn: place and length
  std::multiset<Bytes> wanted_;      // up to where it has to have come for those who wait
  bool stop_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace ros::registry
