#include "images/file_delta.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <optional>

#include "base/file.hpp"
#include "images/repacked_blob.hpp"
#include "images/verified_image.hpp"
#include "packing/lz4_legacy.hpp"
#include "tests/delta/support/changed_program.hpp"
#include "tests/images/support/error_of.hpp"
#include "tests/images/support/fake_image.hpp"
#include "tests/images/support/remote_image.hpp"
#include "tests/packing/support/packed_kernel.hpp"

using namespace ros;
using namespace ros::images;
using namespace ros::images::fakes;
using delta::fakes::MakeProgram;
using packing::fakes::MakeLz4Kernel;

namespace {

constexpr std::size_t kKernelContent = 3'000'000;

std::optional<MadeFileDelta> MakeDeltaOf(const std::string& base, const std::string& target) {
  const TempDirectory work("ros-test");
  NoProgress progress;
  return MakeFileDelta(
      {.base_name = "the old one", .base = base, .target = target}, work.path(), progress);
}

// The same program with more in front, and a byte in each thousand another one.
std::string NextProgram() {
  auto program = MakeProgram(kKernelContent, 1);
  for (std::size_t at = 0; at < program.size(); at += 1000) {
    program[at] = static_cast<char>(program[at] ^ 1);
  }
  return MakeProgram(50'000, 9) + program;
}

std::string HashOf(const std::string& content) {
  return keys::Sha256Of(AsBytes(content)).Hex();
}

// An image whose kernel is made of an older one.
class KernelImage {
 public:
  KernelImage() {
    parts_.kernel = MakeLz4Kernel(NextProgram());
    MakeOf(base_);
  }

  // Its delta is of another base.
  void MakeOf(const std::string& base) {
    base_ = base;
    const auto made = MakeDeltaOf(base_, parts_.kernel).value();
    parts_.kernel_delta =
        FakeDelta{.base = HashOf(base_), .index = made.index, .patches = made.patches};
    Write();
  }

  [[nodiscard]] FakeParts& parts() { return parts_; }

  [[nodiscard]] std::string& base() { return base_; }

  // The image anew, after a change.
  void Write() {
    Assemble(parts_, {}).WriteArchive(directory_.path() / "new.oci");
    file_ = OpenImage(directory_.path() / "new.oci");
    remote_.emplace(*file_);
    delta_.reset();
  }

  // The image with patches that do not have their digest.
  void Damage() {
    auto image = Assemble(parts_, {});
    image.Blob(keys::Sha256Of(AsBytes(parts_.kernel_delta->patches)))[5] ^= 1;
    image.WriteArchive(directory_.path() / "damaged.oci");
    file_ = OpenImage(directory_.path() / "damaged.oci");
    remote_.emplace(*file_);
  }

  [[nodiscard]] std::unique_ptr<Blob> OpenKernel() {
    const auto manifest = InspectImage(*file_).manifest;
    const auto* layers = FindFileDelta(manifest.kernel_deltas, parts_.kernel_delta->base);
    REQUIRE(layers != nullptr);
    delta_ = ReadFileDelta(*file_, *layers);
    return MakeRepackedBlob({.whole = remote_->OpenBlob(manifest.kernel.digest),
                             .patches = remote_->OpenBlob(delta_->patches.digest),
                             .delta = &*delta_,
                             .base = {[this](Bytes offset, MutableByteSpan into) {
                                        std::memcpy(
                                            into.data(), base_.data() + offset, into.size());
                                      },
                                      base_.size()}});
  }

  [[nodiscard]] Bytes read() const { return remote_->read(); }

 private:
  static std::string MakeBase() { return MakeLz4Kernel(MakeProgram(kKernelContent, 1)); }

  TempDirectory directory_;
  std::string base_ = MakeBase();
  FakeParts parts_ = MakeParts();
  std::unique_ptr<ImageSource> file_;
  std::optional<RemoteImage> remote_;
  std::optional<Delta> delta_;
};

std::string ReadAll(Blob& blob) {
  constexpr Bytes kPiece = 100'003;
  blob.Announce({{.offset = 0, .length = blob.size()}});
  std::string content(blob.size(), '?');
  for (Bytes at = 0; at < content.size(); at += kPiece) {
    blob.ReadAt(at,
                AsWritableBytes(content).subspan(at, std::min<Bytes>(kPiece, content.size() - at)));
  }
  return content;
}

}  // namespace

TEST_CASE("MakeFileDelta: what a kernel is made of costs little, however it is packed",
          "[images]") {
  const auto old = MakeLz4Kernel(MakeProgram(kKernelContent, 1));
  const auto next = MakeLz4Kernel(NextProgram());
  const auto made = MakeDeltaOf(old, next);
  REQUIRE(made);
  CHECK(made->index.size() + made->patches.size() < next.size() / 5);
  const auto again = MakeDeltaOf(old, next);
  CHECK(again->index == made->index);
  CHECK((again->patches == made->patches));
}

TEST_CASE("MakeFileDelta: an initrd that only lost a little needs hardly a patch", "[images]") {
  const auto content = MakeProgram(kKernelContent, 1);
  const auto made = MakeDeltaOf(packing::PackLz4(AsBytes(content)),
                                packing::PackLz4(AsBytes(content).first(kKernelContent - 10)));
  REQUIRE(made);
  CHECK(made->index.size() + made->patches.size() < 2000);
}

TEST_CASE("MakeFileDelta: none where it spares nothing, or does not come back", "[images]") {
  const auto old = MakeLz4Kernel(MakeProgram(200'000, 1));
  CHECK_FALSE(MakeDeltaOf(old, MakeLz4Kernel(MakeProgram(200'000, 2))));
  // A block of literals alone, which this packer does not make.
  auto stored = old.substr(0, 3000) + std::string("\x02\x21\x4c\x18\x05\x01\0\0\xF0\xF4", 10) +
                std::string(15 + 244, 'a');
  StoreLe32(AsWritableBytes(stored), 0x248, 3000 - 4 * 512);
  StoreLe32(AsWritableBytes(stored), 0x24c, static_cast<std::uint32_t>(stored.size() - 3000));
  CHECK_FALSE(MakeDeltaOf(old, stored));
  CHECK_FALSE(MakeDeltaOf(stored, old));
  const auto plain = MakeProgram(200'000, 1);
  CHECK_FALSE(MakeDeltaOf(plain, plain + "more"));
}

TEST_CASE("RepackedBlob: is the file, and only patches are read of the image", "[images]") {
  KernelImage image;
  const auto blob = image.OpenKernel();
  CHECK(blob->size() == image.parts().kernel.size());
  CHECK((ReadAll(*blob) == image.parts().kernel));
  CHECK(image.read() == image.parts().kernel_delta->patches.size());
}

TEST_CASE("RepackedBlob: of an empty file it is a kernel packed anew", "[images]") {
  KernelImage image;
  INFO("whose digits LZ4 hardly packs, and LZMA does");
  image.parts().kernel = MakeLz4Kernel(ToHex(AsBytes(MakeProgram(kKernelContent, 1))));
  image.MakeOf("");
  const auto packed = image.parts().kernel_delta->patches.size();
  CHECK(packed < image.parts().kernel.size() / 10 * 7);
  CHECK((ReadAll(*image.OpenKernel()) == image.parts().kernel));
  CHECK(image.read() == packed);
}

TEST_CASE("RepackedBlob: is read in order alone", "[images]") {
  KernelImage image;
  const auto blob = image.OpenKernel();
  std::string piece(10, '?');
  blob->ReadAt(0, AsWritableBytes(piece));
  CHECK_THROWS_WITH(blob->ReadAt(0, AsWritableBytes(piece)), Catch::Contains("in order alone"));
}

TEST_CASE("RepackedBlob: where the older file is not what it was, the image has it", "[images]") {
  KernelImage image;
  SECTION("other bytes of it") {
    image.base()[40'000] ^= 1;
  }
  SECTION("another length") {
    image.base() = MakeLz4Kernel(MakeProgram(500'000, 1));
  }
  SECTION("something that is not packed") {
    image.base() = std::string(100, 'x');
  }
  const auto blob = image.OpenKernel();
  CHECK_FALSE((ReadAll(*blob) == image.parts().kernel));
  REQUIRE(blob->Distrust());
  CHECK((ReadAll(*blob) == image.parts().kernel));
  CHECK_FALSE(blob->Distrust());
}

TEST_CASE("RepackedBlob: patches of another form are no way out of its header", "[images]") {
  KernelImage image;
  // Signed all the same: it makes a form that says less than the kernel is long.
  const auto made = MakeDeltaOf(image.base(), MakeLz4Kernel(NextProgram().substr(0, 400'000)));
  image.parts().kernel_delta->index = made.value().index;
  image.parts().kernel_delta->patches = made->patches;
  image.Write();
  const auto blob = image.OpenKernel();
  const auto content = ReadAll(*blob);
  CHECK(content.ends_with(std::string(1000, '\0')));
  REQUIRE(blob->Distrust());
  CHECK((ReadAll(*blob) == image.parts().kernel));
}

TEST_CASE("RepackedBlob: a patch that is not what was signed is no way to the file", "[images]") {
  KernelImage image;
  image.Damage();
  const auto blob = image.OpenKernel();
  CHECK((ReadAll(*blob) != image.parts().kernel));
  REQUIRE(blob->Distrust());
  CHECK((ReadAll(*blob) == image.parts().kernel));
}

TEST_CASE("ReadFileDelta: refuses what no kernel has", "[images]") {
  KernelImage image;
  const auto refuse = [&](const std::string& index, const char* why) {
    image.parts().kernel_delta->index = index;
    image.Write();
    CheckError(ErrorKind::kVerification, why, [&] { (void)image.OpenKernel(); });
  };
  const auto good = image.parts().kernel_delta->index;
  auto none = good;
  StoreLe32(AsWritableBytes(none), 12, 0);
  refuse(none, "0 chunks are no kernel or initrd");
  auto many = good;
  StoreLe32(AsWritableBytes(many), 12, 1025);
  refuse(many, "1025 chunks are no kernel or initrd");
  refuse("ROSDELTA", "the delta index: it is cut short after 8 bytes");
  // A frame, and a patch, since a layer has one byte at least.
  image.parts().kernel_delta->patches = "x";
  const DeltaIndex frames{.base_size = kMaxChunkLength,
                          .chunks = {DeltaChunk(), {.kind = DeltaChunk::Kind::kPatch}},
                          .patches = {{.base = {{.offset = 0, .length = kBlockSize}},
                                       .packed_digest = keys::Sha256Of(AsBytes("x")),
                                       .packed_length = 1}}};
  const std::vector<Chunk> units(2, {.length = static_cast<std::uint32_t>(kMaxChunkLength)});
  refuse(WriteDeltaIndex(frames, units), "a chunk of a kernel or initrd has no frame");
}
