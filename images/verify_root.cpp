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

[[noreturn]] void RefuseDisk(const std::string& what) {
  throw Error(ErrorKind::kVerification, "what is on the disk is not what was written: " + what);
}

// Reads blocks of data with the part of the tree's lowest level that is for them, and compares.
class DataCheck {
 public:
  // Both live longer than this.
  DataCheck(const Region& slot, const RootDescription& root)
      : slot_(slot),
        root_(root),
        leaves_(root.size + VerityLevels(root.size).back().offset),
        hasher_(root.verity.salt) {}

  // `offset` is a multiple of kReadPiece, so that what is for it begins with a block of the tree.
  void Check(Bytes offset) {
    const auto blocks = piece_.data.span().first(std::min(kReadPiece, root_.size - offset));
    slot_.Read(offset, blocks);
    const auto digests = std::span(piece_.digests).first(blocks.size() / kBlockSize);
    hasher_.HashAll(blocks, digests);
    const Bytes length = digests.size() * kVerityDigestSize;
    const auto expected = expected_.span().first(RoundUp(length, kBlockSize));
    slot_.Read(leaves_ + offset / kBlockSize * kVerityDigestSize, expected);
    for (std::size_t i = 0; i < digests.size(); ++i) {
      const auto* entry = expected.data() + i * kVerityDigestSize;
      if (std::memcmp(digests[i].bytes.data(), entry, kVerityDigestSize) != 0) {
        RefuseDisk("block " + std::to_string(offset / kBlockSize + i) +
                   " of the root does not have the digest that the verity tree has for it");
      }
    }
  }

 private:
  const Region& slot_;
  const RootDescription& root_;
  Bytes leaves_;
  VerityBlockHasher hasher_;
  PieceRead piece_;
  AlignedBuffer expected_{kReadPiece / kBlockSize * kVerityDigestSize};
};

// A root that is a single block has no tree.
void CheckSingleBlock(const Region& slot, const RootDescription& root) {
  AlignedBuffer block(kBlockSize);
  slot.Read(0, block.span());
  if (VerityBlockHasher(root.verity.salt).Hash(block.span()).Hex() != root.verity.root_hash) {
    RefuseDisk("block 0 of the root does not have its root hash");
  }
}

}  // namespace

void VerifyRoot(const Region& slot, const RootDescription& root, Progress& progress) {
  progress.Begin("reading the root", BytesNeeded(root));
  Bytes done = 0;
  VerifyTree(slot, root, [&](Bytes read) { progress.Update(done = read); });
  if (root.size == kBlockSize) {
    CheckSingleBlock(slot, root);
    progress.End();
    return;
  }
  const auto jobs = (root.size + kReadPiece - 1) / kReadPiece;
  const auto threads = OrderedWork::ReadingThreads();
  OrderedWork work(jobs, threads, threads, [&] {
    const auto check = std::make_shared<DataCheck>(slot, root);
    return [check](std::size_t job, std::size_t /*place*/) { check->Check(job * kReadPiece); };
  });
  for (Bytes at = 0; at < root.size; at += kReadPiece) {
    work.Next();
    work.Release();
    progress.Update(done + std::min(at + kReadPiece, root.size));
  }
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
        const auto block = static_cast<Bytes>(wrong.in1 - digests.begin());
        RefuseDisk("the verity tree does not match in the block at its byte " +
                   std::to_string(level.offset + at + block * kBlockSize));
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
