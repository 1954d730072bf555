// What an image has for machines that run an older one.
#include <algorithm>
#include <catch2/catch.hpp>
#include <tuple>
#include <vector>

#include "base/error.hpp"
#include "delta/patch.hpp"
#include "images/chunk_index.hpp"
#include "images/file_delta.hpp"
#include "images/fragment_index.hpp"
#include "images/verified_image.hpp"
#include "tests/images/support/workshop.hpp"
#include "tests/packing/support/packed_kernel.hpp"

namespace ros::images {
namespace {

using testing::ManifestOf;
using testing::Noise;
using testing::PutFile;
using testing::Workshop;

// VERSION.oci of what the workshop's root is now.
BuildOptions OptionsOf(const Workshop& workshop, const std::string& version) {
  auto options = workshop.options(version + ".oci");
  options.version = version;
  return options;
}

TEST_CASE("BuildImage: deltas of kernel and initrd, one for each older one", "[images]") {
  const Workshop workshop;
  const auto kernel = workshop.root() / "boot/vmlinuz-6.1.0-9";
  const auto module = workshop.root() / "usr/lib/modules/6.1.0-9/kernel/erofs.ko";
  const auto content = Noise(200'000, 1);
  const auto build = [&](const std::string& version, const std::vector<std::string>& older) {
    auto options = OptionsOf(workshop, version);
    for (const auto& name : older) {
      options.delta_from.push_back(workshop.path(name + ".oci"));
    }
    return workshop.Build(options);
  };
  PutFile(kernel, packing::fakes::MakeLz4Kernel(content));
  PutFile(module,
          "\x7f"
          "ELF" +
              content);
  (void)build("1", {});
  PutFile(workshop.root() / "more", "another root, the same kernel and initrd");
  const auto same = build("2", {"1"});
  CHECK(same.deltas.at(0).kernel == 0);
  CHECK(same.deltas.at(0).initrd == 0);
  PutFile(kernel, packing::fakes::MakeLz4Kernel("what is new" + content));
  PutFile(module,
          "\x7f"
          "ELF new" +
              content);
  const auto next = build("3", {"1", "2"});

  const auto source = OpenImage(workshop.path("3.oci"));
  const auto manifest = ManifestOf(*source);
  CHECK(manifest.deltas.size() == 2);
  const auto old = ManifestOf(*OpenImage(workshop.path("1.oci")));
  for (const auto& [deltas, base, size] :
       {std::tuple(manifest.kernel_deltas, old.kernel, next.deltas.at(0).kernel),
        std::tuple(manifest.initrd_deltas, old.initrd, next.deltas.at(0).initrd)}) {
    REQUIRE(deltas.size() == 1);
    CHECK(deltas.front().base == base.digest.Hex());
    CHECK(deltas.front().index.size + deltas.front().patches.value().size == size);
    CHECK(size < 3000);
    CHECK_NOTHROW(ReadFileDelta(*source, deltas.front()));
  }
  CHECK(next.deltas.at(1).kernel == next.deltas.at(0).kernel);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto base =
        ManifestOf(*OpenImage(workshop.path(std::to_string(i + 1) + ".oci"))).root_index;
    const auto found =
        std::ranges::find(manifest.root_index_patches, base.digest.Hex(), &IndexPatch::base);
    REQUIRE(found != manifest.root_index_patches.end());
    CHECK(found->patch.size == next.deltas.at(i).root_index);
    const auto older = OpenImage(workshop.path(std::to_string(i + 1) + ".oci"));
    std::string made(manifest.root_index.size, '\0');
    delta::ApplyPatch(AsBytes(ReadBlob(*older, base, kMaxIndexSize)),
                      AsBytes(ReadBlob(*source, found->patch, kMaxIndexSize)),
                      AsWritableBytes(made));
    CHECK(keys::Sha256Of(AsBytes(made)) == manifest.root_index.digest);
  }
  // An image of the same root has the index, and needs no patch.
  auto options = workshop.options("again.oci");
  options.version = "3";
  options.delta_from = {workshop.path("3.oci")};
  CHECK(workshop.Build(options).deltas.at(0).root_index == 0);
  CHECK(ManifestOf(*OpenImage(workshop.path("again.oci"))).root_index_patches.empty());
  // A kernel that has nothing in common with the other one is fetched.
  PutFile(kernel, packing::fakes::MakeLz4Kernel(Noise(200'000, 2)));
  const auto other = build("4", {"3"});
  CHECK(other.deltas.at(0).kernel == other.kernel_size);
  CHECK(ManifestOf(*OpenImage(workshop.path("4.oci"))).kernel_deltas.empty());
}

TEST_CASE("BuildImage: fragments of what has changed since an older image", "[images]") {
  const Workshop workshop;
  (void)workshop.Build(OptionsOf(workshop, "1"));
  PutFile(workshop.root() / "more", Noise(300'000, 1));
  auto options = OptionsOf(workshop, "2");
  options.delta_since = workshop.path("1.oci");
  const auto built = workshop.Build(options);
  REQUIRE(built.fragments);
  CHECK(built.fragments->version == "1");
  CHECK(built.fragments->divided >= 300'000);
  CHECK(built.fragments->size > 300'000);
  const auto source = OpenImage(workshop.path("2.oci"));
  const auto image = InspectImage(*source);
  const auto layers = image.manifest.fragments.value();
  CHECK(layers.fragments.size == built.fragments->size);
  const auto raw = ReadBlob(*source, layers.index, MaxFragmentIndexSize(image.chunks.size()));
  Bytes divided = 0;
  for (const auto& chunk : ParseFragmentIndex(AsBytes(raw), image.chunks, layers.fragments.size)) {
    divided += image.chunks[chunk.chunk].length;
  }
  CHECK(divided == built.fragments->divided);
  NoProgress progress;
  CheckBlobs(*source, image, progress);
  // In the archive they are behind the root, for who reads a pipe.
  const auto archive = ReadFile(workshop.path("2.oci"), Bytes{1} << 30U);
  CHECK(archive.find("blobs/sha256/" + image.manifest.root.digest.Hex()) <
        archive.find("blobs/sha256/" + layers.fragments.digest.Hex()));

  // Of the same root there is nothing to divide.
  options = workshop.options("again.oci");
  options.version = "2";
  options.delta_since = workshop.path("2.oci");
  CHECK_FALSE(workshop.Build(options).fragments);
  CHECK_FALSE(ManifestOf(*OpenImage(workshop.path("again.oci"))).fragments);
  options.delta_since = workshop.path("none.oci");
  CHECK_THROWS_WITH(workshop.Build(options), Catch::Contains("none.oci"));
}

TEST_CASE("BuildImage: with fragments, kernel and initrd packed anew where they are new",
          "[images]") {
  const Workshop workshop;
  const auto kernel = workshop.root() / "boot/vmlinuz-6.1.0-9";
  const auto module = workshop.root() / "usr/lib/modules/6.1.0-9/kernel/erofs.ko";
  // LZ4 finds nothing in it, and LZMA half of it.
  std::string digits = Noise(300'000, 1);
  std::ranges::transform(digits, digits.begin(), [](char c) { return "0123456789abcdef"[c & 15]; });
  PutFile(kernel, packing::fakes::MakeLz4Kernel(Noise(1000, 2)));
  (void)workshop.Build(OptionsOf(workshop, "1"));
  PutFile(kernel, packing::fakes::MakeLz4Kernel(digits));
  PutFile(workshop.root() / "more", Noise(300'000, 1));
  auto options = OptionsOf(workshop, "2");
  options.delta_since = workshop.path("1.oci");
  const auto built = workshop.Build(options);
  REQUIRE(built.fragments);
  CHECK(built.fragments->kernel < built.kernel_size / 10 * 7);
  CHECK(built.fragments->initrd == 0);
  const auto source = OpenImage(workshop.path("2.oci"));
  const auto manifest = ManifestOf(*source);
  CHECK(manifest.initrd_deltas.empty());
  REQUIRE(manifest.kernel_deltas.size() == 1);
  const auto& delta = manifest.kernel_deltas.front();
  CHECK(delta.base == kEmptyBase);
  CHECK(delta.index.size + delta.patches.value().size == built.fragments->kernel);
  CHECK_NOTHROW(ReadFileDelta(*source, delta));
  // Of a root that is the same too, where nothing is divided.
  PutFile(kernel, packing::fakes::MakeLz4Kernel(digits + "more"));
  options.output = workshop.path("other.oci");
  options.delta_since = workshop.path("2.oci");
  const auto other = workshop.Build(options);
  REQUIRE(other.fragments);
  CHECK(other.fragments->divided == 0);
  CHECK(other.fragments->kernel > 0);
  CHECK_FALSE(ManifestOf(*OpenImage(options.output)).fragments);
  CHECK(ManifestOf(*OpenImage(options.output)).kernel_deltas.size() == 1);
  options.delta_since = workshop.path("1.oci");
  // Whose initrd is new gets that too, and one that is hardly shorter is fetched as it is.
  PutFile(module,
          "\x7f"
          "ELF" +
              digits);
  PutFile(kernel, packing::fakes::MakeLz4Kernel(Noise(300'000, 3)));
  options.output = workshop.path("3.oci");
  const auto next = workshop.Build(options);
  REQUIRE(next.fragments);
  CHECK(next.fragments->kernel == next.kernel_size);
  CHECK(next.fragments->initrd < next.initrd_size);
  CHECK(ManifestOf(*OpenImage(options.output)).initrd_deltas.size() == 1);
}

}  // namespace
}  // namespace ros::images
