#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/block_device.hpp"
#include "base/progress.hpp"
#include "images/checksum.hpp"
#include "images/chunk_index.hpp"
#include "images/image_config.hpp"

namespace ros::images {

// Reads a root back from the disk and compares it with what was written, by the checksums of its
// pieces, and its verity tree by the root hash. It may begin while the rest is still being written:
// a disk that has nothing to do while frames are unpacked reads then.
// Whoever computes a piece's checksum before the digests of its blocks knows that what was read
// back has the root hash: what changes in memory before the checksum makes the digests wrong, what
// changes behind it is not what is read back.
class RootReadBack {
 public:
  static constexpr Bytes kMaxPiece = kMaxChunkLength;
  // So much is synced and then read at a time: few enough syncs, and reads in a row.
  static constexpr Bytes kStretch = Bytes{64} << 20U;

  // `slot` begins with the root, and has room for both, else kDoesNotFit is thrown. Takes one
  // MiB while it follows, and for each of two threads on a core (8 at most) when it finishes; and
  // some 50 bytes for each piece.
  RootReadBack(const Region& slot, const RootDescription& root, Bytes stretch = kStretch);
  RootReadBack(const RootReadBack&) = delete;
  RootReadBack& operator=(const RootReadBack&) = delete;
  RootReadBack(RootReadBack&&) = delete;
  RootReadBack& operator=(RootReadBack&&) = delete;
  // Ends in the middle.
  ~RootReadBack();

  // The next `length` bytes of the root, at most kMaxPiece, are written, with this checksum. Where
  // another stretch is complete, a thread syncs the slot and reads it back. Throws as
  // CheckFollowed.
  void Follow(Bytes length, Checksum checksum);

  // Throws what has been found meanwhile, as Finish.
  void CheckFollowed();

  // Root and tree are written and synced: reads what is left. Throws kVerification saying where the
  // first difference is, and kFailed where the disk cannot be read or a piece was never followed.
  void Finish(Progress& progress);

 private:
  struct Piece {
    Bytes offset = 0;
    Bytes length = 0;
    Checksum checksum = 0;
  };

  void Run();
  // Waits until another stretch is written, and returns how many pieces are; none at the end.
  std::optional<std::size_t> NextStretch();
  void Stop();
  // All pieces that are left, the first of them at `begin`.
  void ReadRest(Bytes begin, Progress& progress);
  [[nodiscard]] Piece PieceAt(std::size_t index) const;
  // Throws where the disk has something else.
  void Read(const Piece& piece, AlignedBuffer& buffer) const;

  Region slot_;
  RootDescription root_;

  mutable std::mutex mutex_;  // of what is below
  std::condition_variable changed_;
  Bytes stretch_;
  std::vector<Piece> pieces_;  // that are written
  Bytes written_ = 0;
  std::size_t done_ = 0;  // pieces that were read back; the thread's alone while there is one
  bool stop_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace ros::images
