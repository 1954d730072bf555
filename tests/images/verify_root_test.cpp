#include "images/verify_root.hpp"

#include <vector>

#include "base/error.hpp"
#include "images/chunk_index.hpp"
#include "images/verity.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/support/memory_disk.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

// A root and its tree on a disk that has just room for them.
class Bench {
 public:
  explicit Bench(Bytes blocks) {
    root_.size = blocks * kBlockSize;
    root_.verity.salt = std::string(64, 'a');
    disk_ = std::make_shared<testing::MemoryDisk>(BytesNeeded(root_));
    std::vector<std::byte> data(root_.size);
    for (std::size_t i = 0; i < data.size(); i += 61) {
      data[i] = static_cast<std::byte>(i / 61);
    }
    disk_->Write(0, data);
    std::vector<keys::Digest> digests(blocks);
    VerityBlockHasher(root_.verity.salt).HashAll(data, digests);
    VerityTree tree(root_.size, root_.verity.salt, [this](Bytes offset, ByteSpan part) {
      disk_->Write(root_.size + offset, part);
    });
    tree.Add(digests);
    root_.verity.root_hash = tree.Finish();
  }

  void Verify() { VerifyRoot(Region(disk_), root_, progress_); }

  // Returns how much of it was read.
  Bytes VerifyTree() const {
    Bytes read = 0;
    images::VerifyTree(Region(disk_), root_, [&](Bytes now) { read = now; });
    return read;
  }

  void ChangeByte(Bytes offset) {
    std::vector<std::byte> byte(1);
    disk_->Read(offset, byte);
    byte[0] ^= std::byte{1};
    disk_->Write(offset, byte);
  }

  [[nodiscard]] Bytes size() const { return root_.size; }

  [[nodiscard]] Bytes tree_size() const { return VerityTreeSize(root_.size); }

 private:
  RootDescription root_;
  std::shared_ptr<testing::MemoryDisk> disk_;
  NoProgress progress_;
};

}  // namespace

TEST_CASE("VerifyRoot: finds one changed byte anywhere in image and tree", "[images]") {
  Bench bench(2000);
  REQUIRE(bench.tree_size() == 17 * kBlockSize);
  for (const Bytes at : {Bytes{0}, bench.size() / 2, bench.size() - 1}) {
    INFO(at);
    bench.ChangeByte(at);
    CheckError(ErrorKind::kVerification,
               "not what was written: block " + std::to_string(at / kBlockSize) + " of the root",
               [&] { bench.Verify(); });
    bench.ChangeByte(at);
  }
  for (const Bytes at : {Bytes{0}, Bytes{3 * kBlockSize + 7}, bench.tree_size() - 1}) {
    INFO(at);
    bench.ChangeByte(bench.size() + at);
    CheckError(ErrorKind::kVerification,
               "at its byte " + std::to_string(RoundDown(at, kBlockSize)),
               [&] { bench.Verify(); });
    bench.ChangeByte(bench.size() + at);
  }
  bench.Verify();
}

// 2 blocks have a tree of one, 16385 one of three levels and more than one piece.
TEST_CASE("VerifyTree: finds one changed byte anywhere in the tree, and reads no data",
          "[images]") {
  Bench bench(GENERATE(as<Bytes>(), 2, 129, 2000, 16385));
  bench.ChangeByte(bench.size() / 2);
  const auto tree = bench.tree_size();
  CHECK(bench.VerifyTree() == tree);
  for (const Bytes at : {Bytes{0}, tree / 2, tree - kBlockSize, tree - 1}) {
    INFO(at);
    bench.ChangeByte(bench.size() + at);
    CheckError(ErrorKind::kVerification,
               "what is on the disk is not what was written: the verity tree does not match in the "
               "block at its byte " +
                   std::to_string(RoundDown(at, kBlockSize)),
               [&] { bench.VerifyTree(); });
    bench.ChangeByte(bench.size() + at);
  }
  bench.VerifyTree();
}

TEST_CASE("VerifyTree: a root of one block has none", "[images]") {
  const Bench bench(1);
  CHECK(bench.tree_size() == 0);
  CHECK(bench.VerifyTree() == 0);
}

TEST_CASE("VerifyRoot: a root of one block has its root hash", "[images]") {
  Bench bench(1);
  bench.Verify();
  bench.ChangeByte(7);
  CheckError(ErrorKind::kVerification, "block 0 of the root", [&] { bench.Verify(); });
}
