#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/block_device.hpp"
#include "base/progress.hpp"
#include "images/chunk_index.hpp"
#include "images/image_config.hpp"
#include "images/verity.hpp"

namespace ros::images {

// Reads a root and its verity tree back from the disk, computes the tree again and compares every
// block of it and the root hash. It may begin while the rest is still being written: a disk that
// has nothing to do while frames are unpacked reads then.
class RootReadBack {
 public:
  // So much is synced and then read at a time: few enough syncs, and reads in a row.
  static constexpr Bytes kStretch = Bytes{64} << 20U;

  // `slot` begins with the root, and has room for both. `stretch` is at least 256 KiB. Takes 1.5
  // MiB while it follows, and 1.1 for each of two threads on a core (8 at most) when it finishes.
  RootReadBack(const Region& slot, const RootDescription& root, Bytes stretch = kStretch);
  RootReadBack(const RootReadBack&) = delete;
  RootReadBack& operator=(const RootReadBack&) = delete;
  RootReadBack(RootReadBack&&) = delete;
  RootReadBack& operator=(RootReadBack&&) = delete;
  // Ends in the middle.
  ~RootReadBack();

  // The root is written up to `end`, and so is what a VerityTree gave out for that. Where this is
  // another stretch, a thread syncs the slot and reads it back. Throws what that has found
  // meanwhile, as Finish.
  void Follow(Bytes end);

  // All is written and synced: reads what is left. Throws kVerification saying where the first
  // difference is, and kFailed where the disk cannot be read.
  void Finish(Progress& progress);

 private:
  void Run();
  // Waits for a stretch, and returns where it ends; 0 where there is none any more.
  Bytes NextStretch();
  void Stop();
  void ReadRest(Progress& progress);
  void ThrowFailure();
  void Compare(Bytes offset, ByteSpan blocks);
  [[noreturn]] void RefuseTree(Bytes at) const;
  [[nodiscard]] Bytes LengthAt(Bytes offset) const;

  Region slot_;
  RootDescription root_;
  Bytes stretch_;
  AlignedBuffer tree_blocks_;
  VerityTree tree_;
  Bytes done_ = 0;  // of the root, read back; of the thread while there is one

  std::mutex mutex_;  // of what is below
  std::condition_variable changed_;
  Bytes written_ = 0;
  bool stop_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

// Reads image and tree back as a whole: RootReadBack::Finish.
void VerifyRoot(const Region& slot, const RootDescription& root, Progress& progress);

// Throws kDoesNotFit where the slot is too small for the root and its tree.
void CheckRootFits(const Region& slot, const RootDescription& root);

// Throws kVerification where the root hash is another than the config's.
void CheckRootHash(const std::string& found, const std::string& expected);

}  // namespace ros::images
