#include "images/root_writer.hpp"

#include <fcntl.h>

#include "base/file.hpp"
#include "images/verify_root.hpp"
#include "images/verity.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/support/memory_disk.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;

namespace {

constexpr Bytes kMargin = Bytes{1} << 20U;

// An image and a disk that was in use before, with room around the slot.
class Bench {
 public:
  explicit Bench(const FakeParts& parts) {
    Assemble(parts, {}).WriteLayout(directory_.path() / "image");
    source_ = OpenImage(directory_.path() / "image");
    image_ = InspectImage(*source_);
    const auto size = 2 * kMargin + BytesNeeded(image_.config.root);
    WriteFull(
        OpenFile(disk(), O_WRONLY | O_CREAT).get(), 0, AsBytes(std::string(size, '\xcc')), "disk");
    slot_ = Region(OpenBlockDevice(disk(), DeviceAccess::kWrite), kMargin, size - 2 * kMargin);
  }

  void Write() { WriteRoot(*source_, image_, slot_, progress_); }

  void Verify() { VerifyRoot(slot_, image_.config.root, progress_); }

  [[nodiscard]] std::string Disk() const { return ReadFile(disk(), Bytes{1} << 30U); }

  void ChangeByte(Bytes offset) {
    std::string byte(1, Disk()[kMargin + offset]);
    byte[0] = static_cast<char>(byte[0] ^ 1);
    slot_.Write(offset, AsBytes(byte));
  }

  [[nodiscard]] Region& slot() { return slot_; }

 private:
  [[nodiscard]] std::filesystem::path disk() const { return directory_.path() / "disk"; }

  TempDirectory directory_;
  std::unique_ptr<ImageSource> source_;
  VerifiedImage image_;
  Region slot_;
  NoProgress progress_;
};

}  // namespace

TEST_CASE("WriteRoot: image and tree are there, and nothing else is touched", "[images]") {
  const auto blocks = GENERATE(as<Bytes>(), 1, 2, 129, 2000);
  const auto parts = MakeParts(blocks * kBlockSize);
  Bench bench(parts);
  bench.Write();
  bench.Verify();
  const auto disk = bench.Disk();
  const std::string margin(kMargin, '\xcc');
  CHECK((disk.substr(0, kMargin) == margin));
  CHECK((disk.substr(kMargin, parts.root.size()) == parts.root));
  CHECK((disk.substr(disk.size() - kMargin) == margin));
  if (blocks > 1) {
    // The top block of the tree hashes to the root hash.
    VerityBlockHasher hasher(parts.config.root.verity.salt);
    const auto top = AsBytes(disk).subspan(kMargin + parts.root.size(), kBlockSize);
    CHECK(hasher.Hash(top).Hex() == parts.config.root.verity.root_hash);
  }
}

TEST_CASE("WriteRoot: a slot that is too small is not touched", "[images]") {
  Bench bench(MakeParts(200 * kBlockSize));
  const auto before = bench.Disk();
  bench.slot() = bench.slot().Sub(0, bench.slot().length() - kBlockSize);
  CheckError(ErrorKind::kDoesNotFit, "the root image needs", [&] { bench.Write(); });
  CheckError(ErrorKind::kDoesNotFit, "the root image needs", [&] { bench.Verify(); });
  CHECK((bench.Disk() == before));
}

TEST_CASE("WriteRoot: wrong content is refused, and the chunk named", "[images]") {
  auto parts = MakeParts(2000 * kBlockSize);
  REQUIRE(parts.chunks.size() > 3);
  SECTION("a frame with other content than its index and the root hash say") {
    const auto right = parts.chunks;
    const auto at = right[0].length + right[1].length;
    parts.root[at] = static_cast<char>(parts.root[at] ^ 1);
    PackRoot(parts);
    for (std::size_t i = 0; i < right.size(); ++i) {
      parts.chunks[i].digest = right[i].digest;
    }
    PackIndex(parts);
    Bench bench(parts);
    CheckError(ErrorKind::kVerification,
               "/image: chunk 2 of the root layer: its content does not have the digest",
               [&] { bench.Write(); });
  }
  SECTION("a frame with other content than the root hash says, and its index with it") {
    parts.root[5] = static_cast<char>(parts.root[5] ^ 1);
    PackRoot(parts);
    Bench bench(parts);
    CheckError(ErrorKind::kVerification, "the verity root hash", [&] { bench.Write(); });
  }
  SECTION("frames that are cut differently than the index says") {
    ++parts.chunks[0].packed_length;
    --parts.chunks[1].packed_length;
    PackIndex(parts);
    Bench bench(parts);
    CheckError(ErrorKind::kVerification,
               "chunk 0 of the root layer: its frame does not have the digest of the index",
               [&] { bench.Write(); });
  }
}

TEST_CASE("WriteRoot: a write that fails ends the work", "[images]") {
  class FullDisk final : public BlockDevice {
   public:
    [[nodiscard]] const std::string& name() const override { return name_; }

    [[nodiscard]] Bytes size() const override { return Bytes{1} << 30U; }

    [[nodiscard]] std::uint32_t sector_size() const override { return 512; }

    void Read(Bytes /*offset*/, MutableByteSpan /*into*/) const override {
      throw Error(ErrorKind::kFailed, "cannot read");
    }

    void Write(Bytes offset, ByteSpan /*data*/) override {
      if (offset > 0) {
        throw Error(ErrorKind::kFailed, "no more");
      }
    }

    void Sync() override {}

   private:
    std::string name_ = "full";
  };

  Bench bench(MakeParts(2000 * kBlockSize));
  bench.slot() = Region(std::make_shared<FullDisk>());
  CheckError(ErrorKind::kFailed, "no more", [&] { bench.Write(); });
  CheckError(ErrorKind::kFailed, "cannot read", [&] { bench.Verify(); });
}

TEST_CASE("WriteRoot: a write that did not come to the disk is found", "[images]") {
  // Its third write and all behind it are taken and lost.
  class ForgetfulDisk final : public BlockDevice {
   public:
    [[nodiscard]] const std::string& name() const override { return disk_.name(); }

    [[nodiscard]] Bytes size() const override { return disk_.size(); }

    [[nodiscard]] std::uint32_t sector_size() const override { return disk_.sector_size(); }

    void Read(Bytes offset, MutableByteSpan into) const override { disk_.Read(offset, into); }

    void Write(Bytes offset, ByteSpan data) override {
      if (++writes_ < 3) {
        disk_.Write(offset, data);
      }
    }

    void Sync() override {}

   private:
    testing::MemoryDisk disk_{Bytes{16} << 20U};
    int writes_ = 0;
  };

  Bench bench(MakeParts(2000 * kBlockSize));
  bench.slot() = Region(std::make_shared<ForgetfulDisk>());
  CheckError(ErrorKind::kVerification, "what is on the disk is not what was written", [&] {
    bench.Write();
  });
}
