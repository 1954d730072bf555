#include "images/root_image.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/images/support/fake_image.hpp"

namespace ros::images {
namespace {

// An image whose root we know.
struct Known {
  keys::PrivateKey key = keys::PrivateKey::Generate(keys::KeyType::kEcdsaP256);
  fakes::FakeParts parts = fakes::MakeParts(Bytes{6} << 20U);
  TempDirectory directory;
  std::filesystem::path path = directory.path() / "image.oci";

  void Write() const {
    std::vector<keys::PrivateKey> keys;
    keys.push_back(key);
    fakes::Assemble(parts, {.keys = std::move(keys)}).WriteArchive(path);
  }

  [[nodiscard]] VerifiedImage Verify(const ImageSource& source) const {
    keys::TrustStore trust;
    trust.Add(key.Public());
    return VerifyImage(source, trust, SignaturePolicy::kRequired);
  }
};

std::string ReadText(RootImage& root, Bytes offset, Bytes length) {
  std::string text(length, '\0');
  root.Read(offset, AsWritableBytes(text));
  return text;
}

}  // namespace

TEST_CASE("RootImage: any range is what the root has there", "[images]") {
  const Known known;
  known.Write();
  const auto source = OpenImage(known.path);
  const auto image = known.Verify(*source);
  RootImage root(*source, image);
  REQUIRE(root.size() == known.parts.root.size());
  CHECK(ReadText(root, 0, root.size()) == known.parts.root);
  CHECK(ReadText(root, root.size(), 0).empty());
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const Bytes offset = random() % root.size();
    const Bytes length = std::min<Bytes>(random() % 10'000, root.size() - offset);
    CHECK(ReadText(root, offset, length) == known.parts.root.substr(offset, length));
  }
}

TEST_CASE("RootImage: beyond the end is refused", "[images]") {
  const Known known;
  known.Write();
  const auto source = OpenImage(known.path);
  const auto image = known.Verify(*source);
  RootImage root(*source, image);
  CHECK_THROWS_AS(ReadText(root, root.size() - 1, 2), Error);
  CHECK_THROWS_AS(ReadText(root, ~Bytes{0}, 2), Error);
}

TEST_CASE("RootImage: a chunk that is not the signed one is refused, the others are read",
          "[images]") {
  Known known;
  const auto last = known.parts.chunks.back();
  known.parts.layer[known.parts.layer.size() - last.packed_length / 2] ^= 1;
  known.Write();
  const auto source = OpenImage(known.path);
  const auto image = known.Verify(*source);
  RootImage root(*source, image);
  CHECK(ReadText(root, 0, 4096) == known.parts.root.substr(0, 4096));
  CHECK_THROWS_WITH(ReadText(root, root.size() - 10, 10), Catch::Contains("chunk"));
}

}  // namespace ros::images
