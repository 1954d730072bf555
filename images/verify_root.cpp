#include "images/verify_root.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "images/chunk_index.hpp"
#include "images/ordered_work.hpp"
#include "images/verity.hpp"

namespace ros::images {
namespace {

// What is read by one request.
constexpr Bytes kReadPiece = Bytes{1} << 20U;
// Results that wait for their turn, beyond one in the works on each thread.
constexpr std::size_t kWaitingReads = 2;

// A verity tree that is computed from its lowest level's digests, and compared with the disk's.
class TreeComparison {
 public:
  TreeComparison(const Region& slot, const RootDescription& root)
      : slot_(slot),
        root_(root),
        on_disk_(kMaxVerityPiece),
        tree_(root.size, root.verity.salt, [this](Bytes offset, ByteSpan blocks) {
          Compare(offset, blocks);
        }) {}

  void Add(std::span<const keys::Digest> digests) { tree_.Add(digests); }

  void Finish() { CheckRootHash(tree_.Finish(), root_.verity.root_hash); }

 private:
  void Compare(Bytes offset, ByteSpan blocks) {
    const auto found = on_disk_.span().first(blocks.size());
    slot_.Read(root_.size + offset, found);
    const auto difference = std::mismatch(blocks.begin(), blocks.end(), found.begin());
    if (difference.first != blocks.end()) {
      RefuseTree(offset + static_cast<Bytes>(difference.first - blocks.begin()));
    }
  }

  // `at` is where the tree is not what the data asks for.
  [[noreturn]] void RefuseTree(Bytes at) const {
    const auto leaves = VerityLevels(root_.size).back().offset;
    throw Error(ErrorKind::kVerification,
                "what is on the disk is not what was written: the verity tree does not match at "
                "its byte " +
                    std::to_string(at) +
                    (at < leaves ? ""
                                 : ", which is for block " +
                                       std::to_string((at - leaves) / kVerityDigestSize)));
  }

  const Region& slot_;
  const RootDescription& root_;
  AlignedBuffer on_disk_;
  VerityTree tree_;
};

// Blocks of data as they were read, and their digests.
struct PieceRead {
  AlignedBuffer data{kReadPiece};
  std::vector<keys::Digest> digests = std::vector<keys::Digest>(kReadPiece / kBlockSize);
};

// Those that blocks of a tree hold. Behind a level's last one are zeros, which no block is for.
void AppendDigests(ByteSpan blocks, std::vector<keys::Digest>& digests) {
  for (Bytes at = 0; at < blocks.size(); at += kVerityDigestSize) {
    std::memcpy(digests.emplace_back().bytes.data(), blocks.data() + at, kVerityDigestSize);
  }
}

[[noreturn]] void RefuseTreeBlock(Bytes at) {
  throw Error(ErrorKind::kVerification,
              "what is on the disk is not what was written: the verity tree does not match in the "
              "block at its byte " +
                  std::to_string(at));
}

}  // namespace

void VerifyRoot(const Region& slot, const RootDescription& root, Progress& progress) {
  CheckRootFits(slot, root);
  progress.Begin("reading the root", root.size);
  TreeComparison tree(slot, root);
  const auto length_at = [&](Bytes offset) { return std::min(kReadPiece, root.size - offset); };
  const auto jobs = (root.size + kReadPiece - 1) / kReadPiece;
  const auto threads = OrderedWork::ReadingThreads();
  std::vector<PieceRead> places(std::min<std::size_t>(jobs, threads + kWaitingReads));
  OrderedWork work(jobs, places.size(), threads, [&] {
    const auto hasher = std::make_shared<VerityBlockHasher>(root.verity.salt);
    return [&, hasher](std::size_t job, std::size_t place) {
      const auto offset = job * kReadPiece;
      auto& read = places[place];
      const auto blocks = read.data.span().first(length_at(offset));
      slot.Read(offset, blocks);
      hasher->HashAll(blocks, std::span(read.digests).first(blocks.size() / kBlockSize));
    };
  });
  for (Bytes done = 0; done < root.size;) {
    const auto length = length_at(done);
    tree.Add(std::span(places[work.Next()].digests).first(length / kBlockSize));
    work.Release();
    done += length;
    progress.Update(done);
  }
  tree.Finish();
  progress.End();
}

void VerifyTree(const Region& slot,
                const RootDescription& root,
                const std::function<void(Bytes)>& on_read) {
  CheckRootFits(slot, root);
  VerityBlockHasher hasher(root.verity.salt);
  PieceRead piece;
  Bytes done = 0;
  // What the blocks of a level must have, as the one above it says.
  std::vector<keys::Digest> expected = {keys::Digest::ParseHex(root.verity.root_hash)};
  const auto levels = VerityLevels(root.size);
  for (const auto& level : levels) {
    std::vector<keys::Digest> below;
    for (Bytes at = 0; at < level.length; at += kReadPiece) {
      const auto blocks = piece.data.span().first(std::min(kReadPiece, level.length - at));
      slot.Read(root.size + level.offset + at, blocks);
      const auto digests = std::span(piece.digests).first(blocks.size() / kBlockSize);
      hasher.HashAll(blocks, digests);
      const auto wrong = std::ranges::mismatch(
          digests, std::span(expected).subspan(at / kBlockSize, digests.size()));
      if (wrong.in1 != digests.end()) {
        RefuseTreeBlock(level.offset + at +
                        static_cast<Bytes>(wrong.in1 - digests.begin()) * kBlockSize);
      }
      if (&level != &levels.back()) {
        AppendDigests(blocks, below);
      }
      on_read(done += blocks.size());
    }
    expected = std::move(below);
  }
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
